//go:build linux

package m3u8_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// packets gives what ffprobe finds of a playlist, packet by packet. Anything that it says besides is an error.
func packets(t *testing.T, path string) string {
	t.Helper()
	var said strings.Builder
	cmd := exec.Command("ffprobe", "-v", "warning", "-show_entries", "packet=stream_index,pts,dts,size,flags,data_hash", "-show_data_hash", "MD5", "-of", "compact", path)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("ffprobe %s: %v: %s", filepath.Base(path), err, said.String())
	}
	return string(out)
}

// The same media by ffmpeg's playlist, by ours that was read of it, with all the tags around that it does not know, and by a multivariant
// playlist of ours.
func TestFFprobeReadsOurs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	mediatest.Need(t, "ffmpeg", "ffprobe")
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2})
	for name, flags := range map[string]string{"a file for each segment": "independent_segments", "one file": "single_file"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			theirs := filepath.Join(dir, "theirs.m3u8")
			made := mediatest.FFmpeg(t, "-i", clip, "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0",
				"-hls_segment_type", "fmp4", "-hls_flags", flags, theirs)
			if code := made.Wait(t, time.Minute); code != 0 {
				t.Fatalf("ffmpeg: exit %d: %s", code, made.Log())
			}
			b, err := os.ReadFile(theirs)
			if err != nil {
				t.Fatal(err)
			}
			m, err := m3u8.ParseMedia(b)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Segments) != 2 || m.Map == nil || (m.Segments[1].Range.Length > 0) != (flags == "single_file") {
				t.Fatalf("got %+v", m)
			}
			want := packets(t, theirs)
			m.IndependentSegments, m.PartTarget = true, 2*time.Second
			m.ServerControl = m3u8.ServerControl{CanBlockReload: true, CanSkipUntil: 12 * time.Second, CanSkipDateRanges: true, PartHoldBack: 6 * time.Second}
			m.DateRanges = []m3u8.DateRange{overlay("a", at(10, 0, 1, 0))}
			for i := range m.Segments {
				s := &m.Segments[i]
				s.ProgramDateTime = at(10, 0, 2*i, 0)
				s.Parts = []m3u8.Part{{URI: s.URI, Duration: s.Duration, Range: s.Range, Independent: true}}
			}
			write(t, filepath.Join(dir, "ours.m3u8"), m.Validate, m.Append)
			if got := packets(t, filepath.Join(dir, "ours.m3u8")); got != want || strings.Count(got, "\n") < 200 {
				t.Errorf("ours: got %d bytes of packets, want %d\n%.2000s", len(got), len(want), got)
			}
			all := m3u8.Multivariant{NoClosedCaptions: true, IndependentSegments: true, Variants: []m3u8.Variant{{
				URI: "ours.m3u8", Bandwidth: 1_500_000, Codecs: []string{"avc1.64001e", "mp4a.40.2"}, Width: 640, Height: 360, FrameRate: 30,
			}}}
			write(t, filepath.Join(dir, "all.m3u8"), all.Validate, all.Append)
			if got := packets(t, filepath.Join(dir, "all.m3u8")); got != want {
				t.Errorf("by the multivariant playlist: got %d bytes of packets, want %d", len(got), len(want))
			}
		})
	}
}

// write makes a file of a playlist that keeps the rules.
func write(t *testing.T, path string, validate func() error, appendTo func([]byte) ([]byte, error)) {
	t.Helper()
	if err := validate(); err != nil {
		t.Fatal(err)
	}
	b, err := appendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
