//go:build linux

package accept_test

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/overlay"
)

// encoderDelayGoal is how far the measured delay may be off: a change as of what was seen is then at most one picture off.
const encoderDelayGoal = 33 * time.Millisecond

// TestEncoderDelay compares how long pictures take from a browser that publishes to the stream with what the stream's status says of it, and looks
// at which picture a change takes effect as of what was seen. The truth is known since all run on one clock: the browser notes when it painted
// each picture.
func TestEncoderDelay(t *testing.T) {
	realPeers(t)
	for _, way := range pick(t, []time.Duration{40 * time.Millisecond}, []time.Duration{0, 40 * time.Millisecond, 100 * time.Millisecond}) {
		t.Run(way.String(), func(t *testing.T) { measureEncoderDelay(t, way) })
	}
}

func measureEncoderDelay(t *testing.T, way time.Duration) {
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true}
	_, port, err := net.SplitHostPort(mediatest.FreeAddrs(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	g.partners = fmt.Sprintf("webrtc: {udp: \":%s\", tcp: off}\n", port)
	g.start(t, s)
	g.stock(t, s)
	trouble := mediatest.Trouble{Delay: way}
	network := mediatest.NewNetwork(t, "127.0.0.1:"+port, trouble, trouble)
	publisher := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whip/maria", Token: s.key(), Seconds: 120, Publish: true, Via: network.Addr})
	g.awaitState(t, s, "live")
	g.show(t, s, `{"action":"show","product":"red"}`)
	watch := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whep/maria", Seconds: 5, Channel: true})
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if p := g.publisher(t, s).WebRTC.Publishers; p.Delay > 0 && p.Trip > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the delay, and the way there and back, are not known: %s", g.page(t, g.http, "/v1/streams/"+s.id))
		}
	}
	var told, newest []moment
	for range pick(t, 40, 400) {
		time.Sleep(57 * time.Millisecond)
		st := g.publisher(t, s)
		told = append(told, moment{time.Now(), st.Overlays.Delay})
		newest = append(newest, moment{time.Now(), st.Session.Media})
	}
	var clicks []click
	for i := range pick(t, 10, 40) {
		at := time.Now()
		c := g.show(t, s, fmt.Sprintf(`{"action":"show","product":"red","style":"e%d","at":"seen"}`, i))
		if c.At == nil {
			t.Fatalf("change %d: %+v", i, c)
		}
		clicks = append(clicks, click{at, *c.At})
		time.Sleep(71 * time.Millisecond)
	}
	st := g.publisher(t, s)
	r := watch.Report(t)
	publisher.Signal(syscall.SIGTERM)
	p := publisher.Report(t)
	joined(t, p)
	joined(t, r)
	taken := paintedAt(t, p, r)
	var truth, off []time.Duration
	for i, at := range newest {
		truth = append(truth, at.wall.Sub(taken(at.seconds))-time.Second/60) // half an interval since the newest picture, on average
		off = append(off, time.Duration(told[i].seconds*float64(time.Second)))
	}
	var apart []time.Duration // from the click to the picture that has the change
	for _, c := range clicks {
		apart = append(apart, taken(float64(c.at)/90000).Sub(c.wall).Abs())
	}
	timeFigure(t, fmt.Sprintf("encoder_delay_seen_off_%dms", way.Milliseconds()), quantile(apart, 0.5), encoderDelayGoal)
	is, says := quantile(truth, 0.5), quantile(off, 0.5)
	figure(t, fmt.Sprintf("encoder_delay_true_%dms", way.Milliseconds()), is.Seconds()*1000, fmt.Sprintf("ms; told %.0f ms, there and back %.0f ms", says.Seconds()*1000, st.WebRTC.Publishers.Trip*1000))
	timeFigure(t, fmt.Sprintf("encoder_delay_off_%dms", way.Milliseconds()), max(says-is, is-says), encoderDelayGoal)
}

// moment is a time of day with a number of seconds that was told then.
type moment struct {
	wall    time.Time
	seconds float64
}

// click is a change as of what the creator saw at a time of day, and the media time at which it took effect, in ticks.
type click struct {
	wall time.Time
	at   int64
}

// publisherStatus is what the API tells of a stream's publisher.
type publisherStatus struct {
	Session struct {
		Media float64 `json:"media_time_seconds"`
	} `json:"session"`
	Overlays struct {
		Delay float64 `json:"encoder_delay_seconds"`
	} `json:"overlays"`
	WebRTC struct {
		Publishers struct {
			Trip  float64 `json:"trip_seconds"`
			Delay float64 `json:"delay_seconds"`
		} `json:"publishers"`
	} `json:"webrtc"`
}

func (g *gateway) publisher(t *testing.T, s stream) (st publisherStatus) {
	t.Helper()
	if err := json.Unmarshal([]byte(g.page(t, g.http, "/v1/streams/"+s.id)), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// paintedAt says when the picture of a media time was painted, by the numbers of the pictures that a viewer saw and by an overlay state, which
// has media time and RTP timestamp of one picture.
func paintedAt(t *testing.T, published, seen *browser.PeerReport) func(media float64) time.Time {
	t.Helper()
	if len(seen.States) == 0 {
		t.Fatal("the viewer got no state")
	}
	state, err := overlay.ParseMessage([]byte(seen.States[0].Text))
	if err != nil {
		t.Fatal(err)
	}
	var rtp struct{ RTP uint32 }
	if err := json.Unmarshal([]byte(seen.States[0].Text), &rtp); err != nil {
		t.Fatal(err)
	}
	painted := make(map[int]float64)
	for _, p := range published.Sent {
		painted[p.Number] = p.Wall
	}
	var zeros []float64 // time of day of media time 0 by each picture, in ms
	for _, p := range seen.Pictures {
		if wall, known := painted[p.Number]; known {
			zeros = append(zeros, wall-float64(state.At+int64(int32(p.RTP-rtp.RTP)))/90)
		}
	}
	if len(zeros) < 10 {
		t.Fatalf("%d pictures were seen", len(zeros))
	}
	slices.Sort(zeros)
	zero := zeros[len(zeros)/2]
	return func(media float64) time.Time { return time.UnixMicro(int64(1000 * (zero + 1000*media))) }
}
