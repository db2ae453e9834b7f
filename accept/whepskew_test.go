//go:build linux

package accept_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/sei"
)

// TestWHEPSkew measures skew over WHEP, by the data channel, by SEI, and on the screen of a page in Chromium, while the same changes
// travel over RTMP, pushed and played, over RTSP and over HLS: of an encoder with pictures in order, of one with B-frames, which WHEP
// gets coded again, and of one that publishes over WHIP.
func TestWHEPSkew(t *testing.T) {
	realPeers(t)
	sources := []struct {
		name    string
		bFrames bool
		whip    bool
	}{{"whep_b_frames", true, false}, {"whep_whip", false, true}, {"whep_in_order", false, false}}
	for _, s := range sources[:pick(t, 1, len(sources))] {
		t.Run(s.name, func(t *testing.T) { skewOverWHEP(t, s.name, s.bFrames, s.whip) })
	}
}

func skewOverWHEP(t *testing.T, name string, bFrames, whip bool) {
	seconds, changes := pick(t, 11, 75), pick(t, 8, 200)
	page := browser.NewPage(t)
	e := newEverywhere(t, withWebRTC(t))
	clip := mediatest.Counted{Pictures: seconds * 30, Rate: 30, BFrames: bFrames}
	var over func()
	if whip {
		over = publishClip(t, "http://"+e.http+"/whip/maria", e.s.key(), clip.File(t))
	} else {
		p := mediatest.Publish(t, clip.File(t), e.publishURL(e.s))
		over = func() {
			if code := p.Wait(t, time.Minute); code != 0 {
				t.Errorf("publisher: exit %d", code)
			}
		}
	}
	e.awaitState(t, e.s, "live")
	watch := page.Peer(t, browser.PeerWish{Address: "http://" + e.http + "/whep/maria", Seconds: seconds + 5, Channel: true, Renders: true})
	e.pull(t)
	viewer := peer.Play(t, "http://"+e.http+"/whep/maria", true, peer.Options{})
	mediatest.Within(t, patience, "both viewers", func() bool {
		return strings.Contains(e.page(t, e.metrics, "/metrics"), `simulcart_webrtc_peers{side="whep",state="connected",stream="maria"} 2`)
	})
	from := source{Counted: clip}
	wishes := e.learn(t, e.s, e.wish(t, e.s, from, 1, changes, clip.Pictures-3*clip.Second()))
	over()
	mediatest.Within(t, patience, "the end of the show", func() bool { return e.status(t, e.s).State == "idle" })
	watch.Signal(syscall.SIGTERM) // it says what it saw
	e.check(t, name, wishes, map[string]*recording{"whep": readViewer(t, viewer)})
	drawnOverWHEP(t, name, watch.Report(t), wishes)
}

// publishClip publishes the pictures of a clip over WHIP at their pace, as an encoder does that heeds no wishes. It gives what waits for
// the end.
func publishClip(t *testing.T, at, key, file string) (over func()) {
	t.Helper()
	tracks, frames := readFrames(t, file)
	i := slices.IndexFunc(tracks, func(t *media.Track) bool { return t.Codec.IsVideo() })
	p := peer.Publish(t, at, peer.Options{Token: key}, tracks[i])
	done := make(chan struct{})
	go func() {
		defer close(done)
		begin := time.Now()
		for _, f := range frames {
			if f.Track.Codec.IsVideo() {
				time.Sleep(time.Until(begin.Add(f.DTS.Duration())))
				p.Write(f)
			}
		}
	}()
	return func() {
		<-done
		time.Sleep(200 * time.Millisecond) // for what is asked for again
		p.Delete()
	}
}

// readViewer reads what a viewer over WHEP got.
func readViewer(t *testing.T, v *peer.Player) *recording {
	t.Helper()
	r := &recording{name: "whep", numbers: make(map[int64]int), seen: make(map[string][]sighting)}
	got := v.Frames("video")
	if len(got) == 0 {
		t.Fatal("no picture came over WHEP")
	}
	ms := func(timestamp uint32) int64 { // of a time that is far enough back
		return milliseconds(int64(int32(timestamp-got[0].Timestamp))+90_000*1000, 90_000)
	}
	r.head = ms(got[0].Timestamp)
	var stream bytes.Buffer
	for i, f := range got {
		pts := ms(f.Timestamp)
		if f.Gap || i > 0 && pts <= r.times[i-1] {
			t.Errorf("whep: picture %d at %d ms, a gap before it: %t", i, pts, f.Gap)
		}
		r.times = append(r.times, pts)
		for payload, err := range sei.Payloads(media.H264, f.Data) {
			if err != nil {
				t.Errorf("whep: %v", err)
			}
			r.see(t, "sei", pts, payload)
		}
		for unit, err := range nal.Units(f.Data) {
			if err != nil {
				t.Fatal(err)
			}
			stream.Write(append([]byte{0, 0, 0, 1}, unit...))
		}
	}
	for _, text := range v.Messages() {
		timestamp, m := timed(t, text)
		r.see(t, "channel", ms(timestamp)+milliseconds(m.Now-m.At, 90_000), []byte(text))
	}
	path := filepath.Join(t.TempDir(), "whep.h264")
	if err := os.WriteFile(path, stream.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	numbers := mediatest.Numbers(t, path)
	if len(numbers) != len(r.times) {
		t.Fatalf("whep: %d pictures were decoded of %d", len(numbers), len(r.times))
	}
	for i, n := range numbers {
		r.numbers[r.times[i]] = n
		if n != numbers[0]+i {
			t.Errorf("whep: picture %d has the number %d, want %d", i, n, numbers[0]+i)
		}
	}
	return r
}

// timed reads a message of the data channel, with the timestamp of the picture at which its state begins.
func timed(t *testing.T, text string) (timestamp uint32, m *overlay.Message) {
	t.Helper()
	m, err := overlay.ParseMessage([]byte(text))
	var more struct {
		RTP *uint32 `json:"rtp"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &more)
	}
	if err != nil || more.RTP == nil {
		t.Fatalf("%v: %s", err, text)
	}
	return *more.RTP, m
}

// drawnOverWHEP checks what a page drew that goes by the timestamps of the frame callback.
func drawnOverWHEP(t *testing.T, name string, r *browser.PeerReport, wishes []*wish) {
	t.Helper()
	if r.Status != 201 || len(r.Wrong) > 0 {
		t.Fatalf("POST %d: %v %v", r.Status, r.Wrong, r.Console)
	}
	drawn, numbers := make([]int64, len(r.Pictures)), make([]int, len(r.Pictures))
	for i, p := range r.Pictures {
		numbers[i] = p.Number
	}
	for _, s := range r.States {
		timestamp, m := timed(t, s.Text)
		for i, p := range r.Pictures {
			if s.At <= p.At && int32(p.RTP-timestamp) >= 0 {
				drawn[i] = max(drawn[i], m.Seq)
			}
		}
	}
	figure(t, name+"_pictures", float64(len(r.Pictures)), fmt.Sprintf("put on screen, %d states", len(r.States)))
	checkDrawn(t, name+"_rendered", drawn, numbers, wishes)
}
