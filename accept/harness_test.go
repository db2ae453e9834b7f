//go:build linux

package accept_test

import (
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestHarness proves the proofs: with no simulcart between them, real encoders, nginx-rtmp and players must compare
// as the same, and a spoilt recording must not.
func TestHarness(t *testing.T) {
	realPeers(t)
	n, r := mediatest.Nginx(t), mediatest.NewReceiver(t)
	proxy := mediatest.NewProxy(t, n.Addr)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 3})
	sound := mediatest.Media(t, mediatest.Clip{Seconds: 4})
	peers := map[string]*mediatest.Process{
		"plain":   mediatest.Publish(t, clip, n.URL("plain")),
		"tls":     mediatest.Publish(t, clip, "rtmps://"+n.TLSAddr+"/live/tls"),
		"proxied": mediatest.Publish(t, clip, proxy.URL("proxied")),
		"raw":     mediatest.Publish(t, clip, r.URL("raw")),
		"gst":     mediatest.GStreamerPublish(t, mediatest.RTMPSink, sound, n.URL("gst")),
		"gst2":    mediatest.GStreamerPublish(t, mediatest.RTMP2Sink, sound, n.URL("gst2")),
	}
	for name, p := range peers {
		if code := p.Wait(t, patience); code != 0 {
			t.Errorf("publish %s: exit %d", name, code)
		}
	}
	published := mediatest.Published(t, clip)
	for _, k := range []string{"plain", "tls", "proxied"} {
		same(t, k, published, mediatest.Tags(t, n.Recording(t, k)))
	}
	same(t, "raw", published, r.Sessions("raw")[0].Tags())
	for _, k := range []string{"gst", "gst2"} {
		same(t, k, mediatest.Published(t, sound), mediatest.Tags(t, n.Recording(t, k)))
	}
	spoilt := mediatest.Tags(t, n.Recording(t, "plain"))
	spoilt[len(spoilt)/2].Body[9] ^= 1
	if _, err := mediatest.Same(published, spoilt); err == nil {
		t.Error("a recording with one bit changed compares as the same")
	}
}

// same compares a recording whole with what was published.
func same(t testing.TB, name string, published, recorded []mediatest.Tag) mediatest.Match {
	t.Helper()
	m, err := mediatest.Same(published, recorded)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return m
	}
	t.Logf("%s: %d pictures and %d sound frames are the same, clock ahead by %d ms, jitter %d ms", name, m.Video, m.Audio, m.Offset, m.Spread)
	return m
}
