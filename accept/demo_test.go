//go:build linux

package accept_test

import (
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// demoHold is how long the demonstration waits for an encoder that is gone.
const demoHold = 30 * time.Second

// TestDemo runs what `make run` starts: the test card plays to both sandboxes, gives way to a real encoder without a takeover or a
// reconnect, and comes back only when the encoder was gone for the hold time.
func TestDemo(t *testing.T) {
	realPeers(t)
	s := stream{id: "live", destinations: []destination{{name: "tiktok"}, {name: "talkshoplive"}}}
	addrs := mediatest.FreeAddrs(t, 3)
	g := &gateway{rtmp: addrs[0], http: addrs[1], metrics: addrs[2], tokens: true}
	g.Process = mediatest.Start(t, mediatest.Command{Name: "simulcart", Path: binary(t), Args: []string{
		"demo", "--rtmp", g.rtmp, "--http", g.http, "--metrics", g.metrics, "--key", s.key(), "--token", adminToken,
	}})
	mediatest.Listening(t, g.http)
	publishes := func(software string) func() bool {
		return func() bool {
			session := g.status(t, s).Session
			return session != nil && session.Publisher != nil && strings.Contains(session.Publisher.Software, software)
		}
	}
	mediatest.Within(t, patience, "the test card", publishes("test card"))
	g.awaitLive(t, s)
	p := mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 8}), g.publishURL(s))
	mediatest.Within(t, patience, "the encoder", publishes("Lavf"))
	time.Sleep(2 * time.Second) // in which the card asks for the stream again
	got := g.status(t, s)
	if !publishes("Lavf")() || got.State != "live" || got.Ingest.Takeovers != 0 {
		t.Errorf("got state %s and %d takeovers, want the encoder live, and none", got.State, got.Ingest.Takeovers)
	}
	for _, d := range got.Destinations {
		if d.State != "live" || d.Attempts != 1 {
			t.Errorf("%s: got %s after %d attempts, want live after one", d.Name, d.State, d.Attempts)
		}
	}
	p.Kill()
	g.awaitState(t, s, "holding")
	if full(t) {
		time.Sleep(demoHold - 5*time.Second)
		if got := g.status(t, s).State; got != "holding" {
			t.Errorf("state %s before the hold time was over, want holding", got)
		}
		mediatest.Within(t, patience, "the test card again", publishes("test card"))
		g.awaitLive(t, s)
	}
	g.drain(t)
}
