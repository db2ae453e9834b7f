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

// seatPatience is how long a page may take on a slow machine to notice, to ask again and to play.
const seatPatience = 40 * time.Second

// TestWatchPage lets a viewer sit in front of the page /watch through what goes wrong in a show: another encoder takes the stream over,
// the gateway is killed and comes back, and WebRTC cannot be reached.
func TestWatchPage(t *testing.T) {
	realPeers(t)
	t.Run("takeover and restart", watchThroughRestart)
	t.Run("without WebRTC", watchWithoutWebRTC)
}

func watchThroughRestart(t *testing.T) {
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: withWebRTC(t)}
	g.start(t, s)
	clip := mediatest.Counted{Pictures: 60 * 30, Rate: 30}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	g.stock(t, s)
	seat := browser.Sit(t, "http://"+g.http+"/watch/maria")
	playing := func(connections int) func(browser.Look) bool {
		return func(l browser.Look) bool {
			return l.Status == "playing" && l.Transport == "whep" && l.Connections == connections && l.Pictures > 30
		}
	}
	seat.Await(t, "at first", seatPatience, playing(1))
	g.show(t, s, `{"action":"show","product":"red"}`)
	seat.Await(t, "a card", patience, func(l browser.Look) bool { return l.Cards == 1 })

	reordered := mediatest.Counted{Pictures: 60 * 30, Rate: 30, BFrames: true}
	before := seat.Look().Pictures
	mediatest.Publish(t, reordered.File(t), g.publishURL(s))
	mediatest.Within(t, patience, "the takeover", func() bool { return g.status(t, s).Ingest.Takeovers == 1 })
	seat.Await(t, "behind the takeover", seatPatience, func(l browser.Look) bool { return l.Pictures > before+60 })
	if l := seat.Look(); l.Connections != 1 || l.Cards != 1 {
		t.Errorf("behind the takeover the page says %+v", l)
	}

	g.Kill()
	g.again(t)
	begin := time.Now()
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	seat.Await(t, "behind the restart", seatPatience, playing(2))
	figure(t, "watch_page_back", time.Since(begin).Seconds(), "s from the new publisher to 30 pictures, when the gateway was killed")
	if l := seat.Look(); l.Cards != 0 || l.Message != "" {
		t.Errorf("behind the restart the page says %+v", l)
	}
}

func watchWithoutWebRTC(t *testing.T) {
	s := stream{id: "maria", public: true}
	section := strings.TrimSuffix(withWebRTC(t), "}\n")
	g := &gateway{tokens: true, partners: fmt.Sprintf("%s, public_addresses: [\"192.0.2.1\"]}\nhls: {segment: 1s, part: 200ms}\n", section)} // RFC 5737: nobody is there
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: 60 * 30, Rate: 30}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	g.show(t, s, `{"action":"show","product":"red"}`)
	seat := browser.Sit(t, "http://"+g.http+"/watch/maria")
	seat.Await(t, "the page", seatPatience, func(l browser.Look) bool { return l.Status != "" })
	took := seat.Await(t, "without WebRTC", seatPatience, func(l browser.Look) bool {
		return l.Status == "playing" && l.Transport == "hls.js" && l.Pictures > 10 && l.Cards == 1
	})
	figure(t, "watch_page_falls_back", took.Seconds(), "s to 10 pictures by HLS")
	mediatest.Within(t, patience, "the viewer's session to be over", func() bool {
		return strings.Contains(g.page(t, g.metrics, "/metrics"), `simulcart_webrtc_peers{side="whep",state="opening",stream="maria"} 0`)
	})
}
