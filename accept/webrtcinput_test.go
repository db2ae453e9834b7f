//go:build linux

package accept_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

// TestWebRTCInput gives WHIP and WHEP bad input, in a network namespace of its own, where other addresses lead to a device that nobody
// listens at: 200 candidates of inner networks, of which none gets a packet, and no name is looked up; and peers that stall behind ICE,
// which keep nobody from other addresses out, and of which nothing stays behind.
func TestWebRTCInput(t *testing.T) {
	realPeers(t)
	if !mediatest.Isolated(t) {
		return
	}
	outside := mediatest.NewOutside(t, "203.0.113.2", "203.0.113.3")
	s, jo := stream{id: "maria", public: true}, stream{id: "jo", public: true}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s, jo)
	base := "http://" + g.http
	clip := mediatest.Clip{Seconds: 10, KBits: 1000, KeyInterval: 1}
	mediatest.PublishLoop(t, mediatest.Media(t, clip), g.publishURL(s))
	opus := &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000}
	publisher := peer.NewPublisher(t, peer.Options{Token: jo.key(), Edit: func(offer string) string { return offer + innerCandidates() }}, opus)
	viewer := peer.NewPlayer(t, true, peer.Options{Edit: func(offer string) string { return offer + innerCandidates() }})
	g.awaitMedia(t, s)

	packets := outside.Watch(t)
	inner := tell(t, publisher.Client, base+"/whip/jo") + tell(t, viewer.Client, base+"/whep/maria")
	mediatest.Within(t, patience, "pictures", func() bool { return len(viewer.Frames("video")) > 30 })
	seen := packets.Stop(t)
	figure(t, "webrtc_inner_candidates", float64(inner), fmt.Sprintf("told; %d packets left the machine, or asked for a name", len(seen)))
	if len(seen) > 0 {
		t.Errorf("packets were sent to %q", seen)
	}
	viewer.Delete()
	publisher.Delete()
	time.Sleep(time.Second) // both are forgotten
	stall(t, g, base)
}

// innerCandidates are 200 addresses of other people's networks.
func innerCandidates() string {
	var b strings.Builder
	for i := range 40 {
		for _, a := range []string{
			fmt.Sprintf("10.1.2.%d", i+1), fmt.Sprintf("192.168.7.%d", i+1), "169.254.169.254", fmt.Sprintf("fd00::%x", i+1),
			fmt.Sprintf("0a1b2c3d-0000-4000-8000-%012d.local", i),
		} {
			fmt.Fprintf(&b, "a=candidate:%d 1 udp 2130706431 %s %d typ host\r\n", i, a, 5000+i)
		}
	}
	return b.String()
}

// tell begins a session whose offer has candidates, tells the same ones again by PATCH, and gives how many.
func tell(t *testing.T, c *peer.Client, at string) int {
	t.Helper()
	c.Connect(at)
	c.Want(http.StatusNoContent, http.MethodPatch, c.Location, "application/trickle-ice-sdpfrag", innerCandidates()+"a=end-of-candidates\r\n", "If-Match", c.ETag)
	return 2 * strings.Count(innerCandidates(), "\n")
}

// stall lets 64 peers of one address do ICE and then nothing. One more of them is sent away, others come in, and nothing stays.
func stall(t *testing.T, g *gateway, base string) {
	t.Helper()
	const at, other = "203.0.113.2", "203.0.113.3"
	offer := peer.NewPlayer(t, false, peer.Options{}).Offer()
	before := g.holds(t)
	rss, err := g.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	var all []*peer.Stalled
	for range 64 {
		all = append(all, peer.Stall(t, base+"/whep/maria", at, peer.Options{}, offer))
	}
	for i, s := range all {
		select {
		case <-s.Checked():
		case <-time.After(patience):
			t.Fatalf("peer %d: POST %d, and no answer to its checks", i, s.Status)
		}
	}
	if s := peer.Stall(t, base+"/whep/maria", at, peer.Options{}, offer); s.Status != http.StatusServiceUnavailable {
		t.Errorf("one more from that address: %d, want 503", s.Status)
	}
	most, err := g.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	if s := peer.Stall(t, base+"/whep/maria", other, peer.Options{}, offer); s.Status != http.StatusCreated {
		t.Errorf("one from another address: %d, want 201", s.Status)
	}
	began := time.Now()
	p := peer.Publish(t, base+"/whip/jo", peer.Options{Token: key("jo")}, &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000})
	v := peer.Play(t, base+"/whep/maria", false, peer.Options{})
	timeFigure(t, "webrtc_others_connect", time.Since(began), 2*time.Second)
	figure(t, "webrtc_stalled_memory", float64(most-rss)/(1<<20), "MiB for 64 peers that stall behind ICE")
	p.Delete()
	v.Delete()
	for _, c := range []*peer.Client{p.Client, v.Client} {
		c.Close()
	}
	for _, s := range all {
		s.Close()
	}
	g.awaitRelease(t, before)
}
