//go:build linux

package accept_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
)

// TestWHEPNarrow lets Chromium watch through a network that carries two thirds of the stream for a while: the pictures rest and go on at
// key frames, so that there is sound, and all is well again when the network is.
func TestWHEPNarrow(t *testing.T) {
	realPeers(t)
	seconds, narrow := pick(t, 18, 60), pick(t, 6*time.Second, 40*time.Second)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	section := withWebRTC(t)
	var port int
	if _, err := fmt.Sscanf(section, "webrtc: {udp: \":%d\"", &port); err != nil {
		t.Fatal(err)
	}
	g := &gateway{partners: section}
	g.start(t, s)
	network := mediatest.NewNetwork(t, fmt.Sprintf("127.0.0.1:%d", port), mediatest.Trouble{}, mediatest.Trouble{Delay: 10 * time.Millisecond})
	mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 20, KBits: 2500, KeyInterval: 2}), g.publishURL(s))
	g.awaitState(t, s, "live")
	watch := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whep/maria", Seconds: seconds, Via: network.Addr})
	mediatest.Within(t, patience, "a viewer", func() bool {
		return strings.Contains(g.page(t, g.metrics, "/metrics"), `simulcart_webrtc_peers{side="whep",state="connected",stream="maria"} 1`)
	})
	time.Sleep(2 * time.Second)
	before := network.Down.Sent()
	network.Down.Limit(200_000)
	time.Sleep(narrow)
	network.Down.Limit(0)
	rate := float64(network.Down.Sent()-before) / narrow.Seconds()
	r := watch.Report(t)
	joined(t, r)
	metrics := g.page(t, g.metrics, "/metrics")
	skips := sample(t, metrics, `simulcart_webrtc_skips_total{stream="maria"}`)
	if withheld := sample(t, metrics, `simulcart_feed_skipped_frames_total{partner="",protocol="whep",reason="withheld",stream="maria"}`); skips == 0 || withheld < 30*skips {
		t.Errorf("%d skips, %d pictures withheld; want one a second and more", skips, withheld)
	}
	lost := r.Count("audio", "packetsLost") / (narrow.Seconds() * 50) // of 20 ms
	figure(t, "whep_narrow_skips", float64(skips), fmt.Sprintf("in %v; %.0f datagrams a second were sent, %v", narrow, rate, network))
	figure(t, "whep_narrow_sound_lost", 100*lost, fmt.Sprintf("%% of that time, %.0f PLI, pictures stood still for %.1f s", r.Count("video", "pliCount"), r.Count("video", "totalFreezesDuration")))
	if lost > pick(t, 0.7, 0.4) {
		t.Error("the sound is lost with the pictures")
	}
	last := 0
	for i, p := range r.Pictures {
		if i > 0 && int32(p.RTP-r.Pictures[i-1].RTP) <= 0 {
			t.Errorf("picture %d goes back", i)
		}
		if p.At > float64(seconds-3)*1000 {
			last++
		}
	}
	if last < 45 {
		t.Errorf("%d pictures in the last 3 s", last)
	}
}
