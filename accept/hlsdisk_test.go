//go:build linux

package accept_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// TestHLSDisk has a window that memory does not hold: each segment from the begin on can be fetched, with the bytes that it had when it was
// new, whole and in pieces, for each view; memory does not grow with the window, and no file stays behind.
func TestHLSDisk(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 12, 200)
	s := stream{id: "maria", public: true}
	token, folder := key("tsl"), t.TempDir()
	g := &gateway{tokens: true, partners: fmt.Sprintf("hls: {segment: 2s, part: 200ms, window: 30m, folder: %q}\n"+
		"partners:\n  tsl: {token: %q, streams: [maria], protocols: [hls], view: {currency: USD}}\n", folder, token)}
	g.start(t, s)
	g.stock(t, s)
	mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 30, KBits: 3000, BFrames: 3}), g.publishURL(s))
	g.awaitState(t, s, "live")
	stop, partner := follower(t, g.hlsURL(s, ""), 0), follower(t, g.hlsURL(s, token), 0)
	shop := g.changes(t, s, 5*time.Second)
	time.Sleep(time.Duration(seconds) * time.Second * 2 / 3)
	rss, err := g.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(seconds) * time.Second / 3)
	now, err := g.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	figure(t, "hls_disk_memory_growth", float64(now-rss)/(1<<20), "MiB in the last third")
	if most := int64(24 << 20); now-rss > most {
		t.Errorf("memory grew by %d bytes, want at most %d", now-rss, most)
	}
	shop()
	for name, r := range map[string]*hls.Recording{"neutral": stop(), "partner": partner()} {
		judge(t, "hls_disk_"+name, r)
		secret := ""
		if name == "partner" {
			secret = token
		}
		refetch(t, name, newSipper(t, g.hlsURL(s, secret)), r, seconds)
	}
	if got := g.drain(t); got > drainGoal {
		t.Errorf("drain took %v", got)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

// refetch fetches everything that a follower was given again.
func refetch(t *testing.T, name string, p *sipper, r *hls.Recording, seconds int) {
	t.Helper()
	var took []time.Duration
	fetched := 0
	for n, s := range r.Segments() {
		b := r.Bodies[s.URI]
		if b == nil {
			continue // the newest one
		}
		begin := time.Now()
		if got := p.get(t, s.URI); !bytes.Equal(got, b.Bytes) {
			t.Errorf("%s: segment %d has other bytes than when it was new", name, n)
		}
		took = append(took, time.Since(begin))
		fetched++
		from, to := len(b.Bytes)/3, len(b.Bytes)*2/3
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.media.JoinPath("../"+s.URI).String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var piece bytes.Buffer
		_, err = piece.ReadFrom(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusPartialContent || !bytes.Equal(piece.Bytes(), b.Bytes[from:to]) {
			t.Errorf("%s: a piece of segment %d: status %d, %v, or other bytes", name, n, resp.StatusCode, err)
		}
	}
	if fetched < seconds/2-5 {
		t.Errorf("%s: %d segments were fetched again", name, fetched)
	}
	figure(t, "hls_disk_"+name+"_fetch_p99", quantile(took, 0.99).Seconds()*1000, fmt.Sprintf("ms, of %d segments", fetched))
}
