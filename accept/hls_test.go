//go:build linux

package accept_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// hlsURL gives the address of a stream's multivariant playlist.
func (g *gateway) hlsURL(s stream, token string) string {
	address := "http://" + g.http + "/hls/" + s.id + "/index.m3u8"
	if token != "" {
		address += "?token=" + url.QueryEscape(token)
	}
	return address
}

// variants loads a multivariant playlist, when there is one, and gives the addresses of its media playlists.
func variants(t testing.TB, index string) (*hls.Index, []string) {
	t.Helper()
	var body []byte
	mediatest.Within(t, patience, "a playlist", func() bool {
		resp, err := http.Get(index)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, err = io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK
	})
	x := hls.ParseIndex(string(body))
	base, err := url.Parse(index)
	if err != nil || len(x.Variants) == 0 {
		t.Fatalf("multivariant playlist: %v, %s", err, body)
	}
	var all []string
	for _, v := range x.Variants {
		to, err := base.Parse(v.URI)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, to.String())
	}
	return x, all
}

// follower records a playlist until stop is called, which gives the recording.
func follower(t testing.TB, index string, number int) (stop func() *hls.Recording) {
	t.Helper()
	x, all := variants(t, index)
	f := hls.Follower{URL: all[number], Slack: time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan *hls.Recording, 1)
	go func() {
		r, err := f.Follow(ctx)
		if err != nil {
			t.Errorf("follow: %v", err)
		}
		done <- r
	}()
	t.Cleanup(cancel)
	return func() *hls.Recording {
		cancel()
		r := <-done
		if number == 0 {
			r.Index = x
		}
		return r
	}
}

// judge fails the test for each breach of the rules, and prints how many there are.
func judge(t testing.TB, name string, r *hls.Recording) {
	t.Helper()
	found := hls.Check(r)
	report(t, name, found)
	figure(t, name+"_violations", float64(len(found)), fmt.Sprintf("in %d versions of the playlist, %d resources and %d later fetches", len(r.Versions), len(r.Bodies), len(r.Again)))
	if len(r.Versions) < 20 || len(r.Bodies) < 20 {
		t.Errorf("%s: %d versions and %d resources are too few to judge", name, len(r.Versions), len(r.Bodies))
	}
}

// report fails the test for each breach, and prints the first of each rule.
func report(t testing.TB, name string, found []hls.Fault) {
	t.Helper()
	said := make(map[hls.Rule]int)
	for _, f := range found {
		if said[f.Rule]++; said[f.Rule] <= 3 {
			t.Errorf("%s: %v", name, f)
		}
	}
	for rule, n := range said {
		if n > 3 {
			t.Errorf("%s: %d breaches of %q in all", name, n, rule)
		}
	}
}

// probe asks what no client asks.
func probe(t testing.TB, index, origin string, private bool) {
	t.Helper()
	_, all := variants(t, index)
	p := hls.Prober{Index: index, Media: all[0], Origin: origin, Foreign: "https://elsewhere.example.com", Private: private}
	found, err := p.Probe(t.Context())
	if err != nil {
		t.Error(err)
	}
	report(t, "probe", found)
}

// TestHLS lets ffmpeg, mpv, VLC, GStreamer and hls.js in Chromium play a stream, with low latency where they can and without, while a
// checker follows the playlist by the rules of the draft and overlays change.
func TestHLS(t *testing.T) {
	realPeers(t)
	span := pick(t, 8*time.Second, 60*time.Second)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: fmt.Sprintf("hls: {segment: 2s, part: 200ms, window: 12s, origins: [%q]}\n", page.Origin)}
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: pick(t, 80, 300) * 30, Rate: 30, BFrames: true}
	p := mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	stop := follower(t, g.hlsURL(s, ""), 0)
	shop := g.changes(t, s, 3*time.Second)
	probe(t, g.hlsURL(s, ""), page.Origin, false)
	time.Sleep(7 * time.Second) // into the stream
	g.view(t, s, "hls", clip, span)
	for name, low := range map[string]bool{"hls.js": false, "hls.js_low_latency": true} {
		r := page.Play(t, browser.Wish{Address: g.hlsURL(s, ""), Seconds: int(span.Seconds()), LowLatency: low}).Report(t)
		checkWatching(t, name, r, span)
	}
	shop()
	if p.Exited() {
		t.Error("the publisher has ended before the players")
	}
	judge(t, "hls", stop())
}

// hlsPlayers are those whose pictures can be read back.
var hlsPlayers = []mediatest.Player{mediatest.FFmpegPlayer, mediatest.MPVPlayer, mediatest.VLCPlayer, mediatest.GStreamerPulls}

// view lets all players but Chromium play for a span of time, at once.
func (g *gateway) view(t *testing.T, s stream, name string, clip mediatest.Counted, span time.Duration) {
	t.Helper()
	begin := time.Now()
	viewers := make(map[mediatest.Player]*mediatest.Viewer)
	for _, player := range hlsPlayers {
		viewers[player] = mediatest.View(t, player, g.hlsURL(s, ""), clip)
	}
	time.Sleep(span)
	for player, v := range viewers {
		checkViewing(t, name+"_"+string(player), v.Judge(begin), span)
	}
}

// TestHLSStart lets players play a stream from the first moment at which it can be played on.
func TestHLSStart(t *testing.T) {
	realPeers(t)
	s := stream{id: "maria", public: true}
	g := &gateway{partners: "hls: {segment: 2s, part: 200ms}\n"}
	g.start(t, s)
	span := pick(t, 8*time.Second, 30*time.Second)
	clip := mediatest.Counted{Pictures: pick(t, 25, 60) * 30, Rate: 30, BFrames: true}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	begin := time.Now()
	variants(t, g.hlsURL(s, ""))
	figure(t, "hls_first_playlist", time.Since(begin).Seconds(), "s")
	g.view(t, s, "hls_start", clip, span)
}

// changes makes a change of what is shown now and then, until it is stopped.
func (g *gateway) changes(t *testing.T, s stream, each time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			body := fmt.Sprintf(`{"action":"show","product":"red","style":"e%d"}`, i)
			if i%4 == 3 {
				body = `{"action":"hide","slot":"main"}`
			}
			if code, answer, err := g.ask(http.MethodPost, g.api(s, "/overlays"), body); err != nil || code/100 != 2 {
				t.Errorf("change %s: %d %s, %v", body, code, answer, err)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(each):
			}
		}
	}()
	t.Cleanup(cancel)
	return func() {
		cancel()
		<-done
	}
}

// checkViewing checks what a player showed in a span of time.
func checkViewing(t testing.TB, name string, v mediatest.Viewing, span time.Duration) {
	t.Helper()
	if len(v.Faults) > 0 {
		t.Errorf("%s: %d pictures are wrong: %v", name, len(v.Faults), v.Faults[:min(3, len(v.Faults))])
	}
	if least := int(span.Seconds()*30) * 7 / 10; v.Pictures < least || v.Missing > 0 {
		t.Errorf("%s: %d pictures, %d missing between them; want at least %d", name, v.Pictures, v.Missing, least)
	}
	if v.Stalls > 0 {
		t.Errorf("%s: %d stalls, the longest of %v", name, v.Stalls, v.Late)
	}
	figure(t, name+"_stalls", float64(v.Stalls), fmt.Sprintf("in %v, %d pictures, the first after %v", span, v.Pictures, v.Start.Round(time.Millisecond)))
}

// checkWatching checks what hls.js showed. It guesses from the age of a playlist which part comes next, up to one and a half target
// durations ahead, and gives such a request up after 0.8 of one; then it asks again at once (hls.js 1.7.4, "CDN Tune-in").
func checkWatching(t testing.TB, name string, r *browser.Report, span time.Duration) {
	t.Helper()
	impatient := 0
	for _, e := range r.Errors {
		switch {
		case strings.HasPrefix(e.Details, "bufferSeekOverHole"):
		case e.Details == "levelLoadTimeOut" && !e.Fatal:
			impatient++
		default:
			t.Errorf("%s: %+v", name, e)
		}
	}
	if most := 1 + int(span/(8*time.Second)); impatient > most {
		t.Errorf("%s: %d playlists were given up, want at most %d", name, impatient, most)
	}
	if len(r.Console) > 0 {
		t.Errorf("%s: the page says %q", name, r.Console)
	}
	for _, stall := range r.Stalls {
		t.Errorf("%s: stall of %.0f ms after %.0f ms", name, stall.Took, stall.At)
	}
	unread := 0
	for _, p := range r.Pictures {
		if p.Number < 0 {
			unread++
		}
	}
	if least := int(span.Seconds()*30) / 2; len(r.Pictures) < least || unread > 0 {
		t.Errorf("%s: %d pictures, %d without a number; want at least %d", name, len(r.Pictures), unread, least)
	}
	var latency []time.Duration
	for _, l := range r.Latency {
		latency = append(latency, time.Duration(l.Latency*float64(time.Second)))
	}
	if len(latency) == 0 {
		t.Fatalf("%s: no picture; errors %+v", name, r.Errors)
	}
	slices.Sort(latency)
	figure(t, "hls_"+name+"_stalls", float64(len(r.Stalls)), fmt.Sprintf("in %v, %d pictures, the first after %.0f ms, latency %v (p50)", span, len(r.Pictures), r.First, latency[len(latency)/2].Round(time.Millisecond)))
}
