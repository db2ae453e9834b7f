//go:build linux

package accept_test

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestRelay publishes with ffmpeg, with and without B-frames, to two nginx-rtmp servers, one of them behind TLS: every
// payload arrives as it was published, in order, none missing, with its time.
func TestRelay(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 8, 30)
	first, second := mediatest.Nginx(t), mediatest.Nginx(t)
	cases := []struct {
		stream stream
		clip   mediatest.Clip
	}{
		{stream{id: "plain"}, mediatest.Clip{Seconds: seconds}},
		{stream{id: "bframes"}, mediatest.Clip{Seconds: seconds, BFrames: 3}},
	}
	var streams []stream
	for i := range cases {
		s := &cases[i].stream
		s.destinations = []destination{
			{name: "tiktok", platform: "tiktok", url: "rtmp://" + first.Addr + "/live", key: s.id},
			{name: "talkshoplive", platform: "talkshoplive", url: "rtmps://" + second.TLSAddr + "/live", key: s.id, ca: second.CA.CAFile},
		}
		streams = append(streams, *s)
	}
	g := serve(t, streams...)
	publishers := map[string]*mediatest.Process{}
	for _, c := range cases {
		publishers[c.stream.id] = mediatest.Publish(t, mediatest.Media(t, c.clip), g.publishURL(c.stream))
	}
	for _, c := range cases {
		g.awaitLive(t, c.stream)
		if got := g.status(t, c.stream); got.State != "live" {
			t.Errorf("state of %s: got %s, want live", c.stream.id, got.State)
		}
	}
	for id, p := range publishers {
		if code := p.Wait(t, time.Duration(seconds)*time.Second+patience); code != 0 {
			t.Errorf("publish %s: exit %d", id, code)
		}
	}
	for _, c := range cases {
		published := mediatest.Published(t, mediatest.Media(t, c.clip))
		for name, n := range map[string]*mediatest.NginxRTMP{"plain": first, "TLS": second} {
			rec := n.Recording(t, c.stream.id)
			m := same(t, c.stream.id+" to "+name, published, mediatest.Tags(t, rec))
			if got := mediatest.Decode(t, rec); got != m.Video {
				t.Errorf("%s to %s: %d pictures decoded, want %d", c.stream.id, name, got, m.Video)
			}
			figure(t, "relay_jitter_"+c.stream.id+"_"+name, float64(m.Spread), "ms")
		}
		g.awaitState(t, c.stream, "idle")
	}
}
