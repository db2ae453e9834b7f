package hls

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// What ffmpeg writes as HLS is read as ffmpeg means it.
func TestReadFFmpeg(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	clip := mediatest.Counted{Pictures: 120, Rate: 30, BFrames: true}
	dir := t.TempDir()
	p := mediatest.FFmpeg(t, "-i", clip.File(t), "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod",
		"-hls_segment_type", "fmp4", "-hls_segment_options", "movflags=+default_base_moof", filepath.Join(dir, "main.m3u8"))
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Fatalf("ffmpeg: exit %d: %s", code, p.Log())
	}
	file := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	list := Parse(string(file("main.m3u8")))
	if len(list.Segments) != 4 || !list.Ended || list.Target != time.Second {
		t.Fatalf("playlist: %d segments, ended %v, target %v, faults %v", len(list.Segments), list.Ended, list.Target, list.faults)
	}
	in, err := ReadInit(file(list.Segments[0].Map))
	if err != nil {
		t.Fatal(err)
	}
	picture, sound := in.Track("vide"), in.Track("soun")
	if picture == nil || sound == nil || picture.Width != 256 || picture.Height != 128 || sound.Codec != "mp4a.40.2" || picture.Codec[:7] != "avc1.64" || !slices.Contains(in.Brands, "iso5") {
		t.Fatalf("init: %v, %+v, %+v", in.Brands, picture, sound)
	}
	pictures, end := 0, int64(0)
	for i, s := range list.Segments {
		m, err := ReadMedia(file(s.URI), in)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := m.Of("vide")
		a, found := m.Of("soun")
		if took := picture.ticks(v.End() - v.Time); i < 3 && apart(took, s.Duration) > tolerance || !found || len(a.Samples) < 40 {
			t.Errorf("segment %d takes %v, EXTINF says %v; %d pieces of sound", i, took, s.Duration, len(a.Samples))
		}
		if i > 0 && v.Time != end || !v.Samples[0].Sync || v.Samples[1].Sync || v.First() <= v.Time {
			t.Errorf("segment %d begins at %d, the one before it ends at %d; first shown %d", i, v.Time, end, v.First())
		}
		pictures, end = pictures+len(v.Samples), v.End()
		if size := len(v.Samples[0].Data); size < 50 || v.Samples[0].Data[0] != 0 {
			t.Errorf("segment %d: the first picture has %d bytes", i, size)
		}
	}
	if pictures != clip.Pictures {
		t.Errorf("%d pictures, want %d", pictures, clip.Pictures)
	}
}
