//go:build linux

package id3_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/id3"
)

// ffprobe finds the text in a tag of ours in front of MP3.
func TestFFprobeReadsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	mediatest.Need(t, "ffmpeg", "ffprobe")
	path := filepath.Join(t.TempDir(), "sound.mp3")
	made := mediatest.FFmpeg(t, "-f", "lavfi", "-i", "anullsrc", "-t", "0.5", "-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0", path)
	if code := made.Wait(t, time.Minute); code != 0 {
		t.Fatalf("ffmpeg: exit %d: %s", code, made.Log())
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const value = `{"v":1,"stream":"k3v9x2","seq":1842}`
	tag, err := id3.Text{Description: "simulcart.overlay", Value: value}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(tag, sound...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format_tags=simulcart.overlay", "-of", "default=nk=1:nw=1", path).CombinedOutput()
	if err != nil || string(out) != value+"\n" {
		t.Errorf("got %q, error %v, want %q", out, err, value)
	}
}
