//go:build linux

package accept_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
)

// TestWHIPRelay lets Chromium publish over WHIP, and nginx-rtmp record what reaches it as TikTok and as a server of which nothing is known:
// H.264 and AAC, whatever Chromium sends, in one connection.
func TestWHIPRelay(t *testing.T) {
	realPeers(t)
	for _, codec := range []string{"H264", "VP8"} {
		t.Run(codec, func(t *testing.T) { relayWHIP(t, codec) })
	}
}

func relayWHIP(t *testing.T, codec string) {
	span := pick(t, 5*time.Second, time.Minute)
	n, page := mediatest.Nginx(t), browser.NewPage(t)
	s := stream{id: "maria", public: true, destinations: []destination{
		{name: "tiktok", platform: "tiktok", url: "rtmp://" + n.Addr + "/live"}, {name: "unknown", url: "rtmp://" + n.Addr + "/live"},
	}}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	publisher := page.Peer(t, browser.PeerWish{
		Address: "http://" + g.http + "/whip/maria", Token: s.key(), Seconds: int(span.Seconds()) + 60, Publish: true, Codec: codec,
	})
	g.awaitState(t, s, "live")
	began := time.Now()
	g.awaitLive(t, s)
	timeFigure(t, "whiprelay_"+codec+"_live", time.Since(began), 3*time.Second)
	time.Sleep(span)
	for _, d := range g.status(t, s).Destinations {
		if d.State != "live" || d.Cause != "" || d.Attempts != 1 {
			t.Errorf("destination: %+v, want it live, at the first attempt", d)
		}
	}
	publisher.Signal(syscall.SIGTERM)
	joined(t, publisher.Report(t))
	g.awaitState(t, s, "idle")
	for _, d := range s.destinations {
		asPlatform(t, "whiprelay_"+codec+"_"+d.name, n.Recording(t, d.name), span)
	}
}

// asPlatform checks that a recording is one that any platform takes: H.264 and AAC, which decode without a fault, in time that rises, for
// so long at least. options are those of [mediatest.Decode].
func asPlatform(t *testing.T, name, path string, span time.Duration, options ...string) {
	t.Helper()
	tags := mediatest.Tags(t, path)
	if err := mediatest.Rising(tags); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for _, g := range tags {
		if g.Type == mediatest.VideoTag && g.Body[0]&0x8F != 7 || g.Type == mediatest.AudioTag && g.Body[0]>>4 != 10 {
			t.Fatalf("%s: a tag of type %d begins with %x, want H.264 and AAC", name, g.Type, g.Body[0])
		}
	}
	for kind, what := range map[uint8]string{mediatest.VideoTag: "pictures", mediatest.AudioTag: "sound"} {
		of := slices.DeleteFunc(mediatest.CodedTags(tags), func(g mediatest.Tag) bool { return g.Type != kind })
		if len(of) == 0 {
			t.Fatalf("%s: no %s", name, what)
		}
		gap := int64(0)
		for i := range of[1:] {
			gap = max(gap, of[i+1].Time-of[i].Time)
		}
		lasts := of[len(of)-1].Time - of[0].Time
		figure(t, name+"_"+what, float64(len(of)), fmt.Sprintf("in %d ms, from %d ms, the longest gap %d ms", lasts, of[0].Time, gap))
		if lasts < span.Milliseconds()*9/10 {
			t.Errorf("%s: %s last %d ms of %v", name, what, lasts, span)
		}
	}
	mediatest.Decode(t, path, options...)
}
