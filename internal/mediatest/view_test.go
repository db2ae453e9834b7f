//go:build linux

package mediatest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The players play a live HLS folder that ffmpeg writes.
func TestView(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs players")
	}
	dir := t.TempDir()
	clip := Counted{Pictures: 20 * 30, Rate: 30, BFrames: true}
	list := filepath.Join(dir, "main.m3u8")
	FFmpeg(t, "-re", "-i", clip.File(t), "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4", list)
	s := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer s.Close()
	Within(t, 10*time.Second, "segments", func() bool {
		_, err := os.Stat(filepath.Join(dir, "main3.m4s"))
		return err == nil
	})
	begin := time.Now()
	viewers := map[Player]*Viewer{}
	for _, p := range []Player{FFmpegPlayer, MPVPlayer, VLCPlayer, GStreamerPulls} {
		viewers[p] = View(t, p, s.URL+"/main.m3u8", clip)
	}
	time.Sleep(14 * time.Second)
	for p, v := range viewers {
		g := v.Judge(begin)
		t.Logf("%s: %+v", p, g)
		if g.Pictures < 4*30 || g.Missing > 0 || len(g.Faults) > 0 {
			t.Errorf("%s: %d pictures, %d missing, faults %v", p, g.Pictures, g.Missing, g.Faults)
		}
	}
}

func TestJudge(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	for name, tt := range map[string]struct {
		seen []Sight
		want Viewing
	}{
		"nothing":        {nil, Viewing{}},
		"in time":        {[]Sight{{0, at(500)}, {10, at(833)}, {20, at(1166)}}, Viewing{Pictures: 3, Missing: 18, Start: 500 * time.Millisecond}},
		"ahead of time":  {[]Sight{{0, at(0)}, {1, at(1)}, {2, at(2)}}, Viewing{Pictures: 3}},
		"a little late":  {[]Sight{{0, at(0)}, {1, at(330)}, {2, at(360)}}, Viewing{Pictures: 3}},
		"one stall":      {[]Sight{{30, at(0)}, {31, at(1033)}, {32, at(1066)}, {33, at(1300)}}, Viewing{Pictures: 4, Stalls: 1, Late: time.Second}},
		"two of them":    {[]Sight{{30, at(0)}, {31, at(1033)}, {32, at(2066)}}, Viewing{Pictures: 3, Stalls: 2, Late: time.Second}},
		"shown again":    {[]Sight{{30, at(0)}, {30, at(900)}, {31, at(933)}, {31, at(950)}, {32, at(966)}}, Viewing{Pictures: 5}},
		"a picture back": {[]Sight{{30, at(0)}, {29, at(1)}}, Viewing{Pictures: 2}},
	} {
		done := make(chan struct{})
		close(done)
		v := &Viewer{Process: &Process{exited: done}, rate: 30, done: done, seen: tt.seen}
		got := v.judge(begin)
		if name == "a picture back" {
			if len(got.Faults) != 1 {
				t.Errorf("%s: faults %v", name, got.Faults)
			}
			continue
		}
		got.Late = got.Late.Round(10 * time.Millisecond)
		if got.Pictures != tt.want.Pictures || got.Missing != tt.want.Missing || got.Stalls != tt.want.Stalls || got.Late != tt.want.Late || got.Start != tt.want.Start {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}
