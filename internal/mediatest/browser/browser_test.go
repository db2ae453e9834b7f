//go:build linux

package browser

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// sampleDate is the date of the first picture.
var sampleDate = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// sample makes an HLS folder of counted pictures, with a date range at picture 75, and serves it.
func sample(t *testing.T, clip mediatest.Counted) (address string) {
	t.Helper()
	dir := t.TempDir()
	p := mediatest.FFmpeg(t, "-i", clip.File(t), "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", filepath.Join(dir, "main.m3u8"))
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Fatalf("ffmpeg: exit %d", code)
	}
	name := filepath.Join(dir, "main.m3u8")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	state := base64.RawURLEncoding.EncodeToString([]byte(`{"v":1,"seq":7,"show":[{"slot":"main","product":{"title":"Φόρεμα"}}]}`))
	head := fmt.Sprintf("#EXT-X-DATERANGE:ID=\"x-7\",START-DATE=%q,X-SIMULCART-OVERLAY=%q\n", sampleDate.Add(2500*time.Millisecond).Format(time.RFC3339Nano), state)
	segments := strings.Split(string(text), "#EXTINF")
	for i := range segments[1:] { // the pictures of clips have a key frame each second
		segments[i] += head + "#EXT-X-PROGRAM-DATE-TIME:" + sampleDate.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano) + "\n"
		head = ""
	}
	if err := os.WriteFile(name, []byte(strings.Join(segments, "#EXTINF")), 0o600); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/main.m3u8"
}

// A viewer sees nearly each picture, each at its time, and the state at its picture.
func TestPlay(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs Chromium")
	}
	clip := mediatest.Counted{Pictures: 120, Rate: 30, BFrames: true}
	r := NewPage(t).Play(t, Wish{Address: sample(t, clip), Seconds: 30}).Report(t)
	if !r.Ended || len(r.Console) > 0 || r.First < 0 {
		t.Errorf("ended %v, console %q, first picture after %v ms", r.Ended, r.Console, r.First)
	}
	if len(r.Pictures) < clip.Pictures/4 {
		t.Errorf("%d pictures of %d", len(r.Pictures), clip.Pictures)
	}
	for _, p := range r.Pictures {
		if zero := r.Pictures[0].Time - float64(r.Pictures[0].Number)/30; math.Abs(p.Time-zero-float64(p.Number)/30) > 0.002 {
			t.Errorf("picture %d at %.3f s, the first one, %d, at %.3f s", p.Number, p.Time, r.Pictures[0].Number, r.Pictures[0].Time)
		}
	}
	if len(r.Ranges) != 1 || !strings.Contains(r.Ranges[0].Text, `"Φόρεμα"`) {
		t.Fatalf("date ranges: %+v", r.Ranges)
	}
	if at := 2.5 + r.Pictures[0].Time - float64(r.Pictures[0].Number)/30; math.Abs(r.Ranges[0].Time-at) > 0.002 {
		t.Errorf("the date range begins at %.3f s, its picture is at %.3f s", r.Ranges[0].Time, at)
	}
	t.Logf("%d pictures, the first after %.0f ms, latency samples %d", len(r.Pictures), r.First, len(r.Latency))
}

// A stop of the media clock is seen.
func TestStall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs Chromium")
	}
	address := sample(t, mediatest.Counted{Pictures: 120, Rate: 30})
	to, err := url.Parse(strings.TrimSuffix(address, "/main.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "2.m4s") {
			time.Sleep(8 * time.Second)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer s.Close()
	r := NewPage(t).Play(t, Wish{Address: s.URL + "/main.m3u8", Seconds: 30}).Report(t)
	if len(r.Stalls) == 0 || r.Stalls[0].Took < 300 {
		t.Errorf("stalls: %+v, want one", r.Stalls)
	}
}
