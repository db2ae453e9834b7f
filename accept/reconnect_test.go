//go:build linux

package accept_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// takeoverGoal is how soon after its publish command a second encoder must have the stream.
const takeoverGoal = 100 * time.Millisecond

// TestReconnect kills the publisher with signal 9 and publishes again after a while: no destination disconnects, and
// the output's clock goes on.
func TestReconnect(t *testing.T) {
	realPeers(t)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 30, BFrames: 3})
	n, r := mediatest.Nginx(t), mediatest.NewReceiver(t)
	s := stream{id: "maria", destinations: []destination{
		{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "maria"},
		{name: "raw", url: "rtmp://" + r.Addr + "/live", key: "maria"},
	}}
	g := serve(t, s)
	p := mediatest.Publish(t, clip, g.publishURL(s))
	g.awaitLive(t, s)
	gaps := pick(t, []time.Duration{time.Second}, []time.Duration{time.Second, 5 * time.Second, 30 * time.Second})
	for _, gap := range gaps {
		time.Sleep(3 * time.Second)
		p.Kill()
		g.awaitState(t, s, "holding")
		begin := time.Now()
		time.Sleep(gap)
		before := len(r.Sessions("maria")[0].Tags()) // all that was published before the gap is out by now
		p = mediatest.Publish(t, clip, g.publishURL(s))
		g.awaitState(t, s, "live")
		g.awaitLive(t, s)
		mediatest.Within(t, patience, "media after the gap", func() bool { return len(r.Sessions("maria")[0].Tags()) > before+10 })
		checkGap(t, fmt.Sprintf("reconnect_step_after_%v", gap), r.Sessions("maria")[0].Tags(), before, time.Since(begin))
	}
	time.Sleep(2 * time.Second)
	p.Kill()
	g.awaitState(t, s, "holding")
	g.drain(t)
	if got := len(r.Sessions("maria")); got != 1 {
		t.Errorf("raw destination: %d connections, want 1", got)
	}
	for name, tags := range map[string][]mediatest.Tag{"raw": r.Sessions("maria")[0].Tags(), "nginx": mediatest.Tags(t, n.Recording(t, "maria"))} {
		if err := mediatest.Rising(tags); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// checkGap checks that the clock of the output went on by the time that passed, and begins again with a key frame.
func checkGap(t *testing.T, name string, tags []mediatest.Tag, before int, passed time.Duration) {
	t.Helper()
	last := mediatest.CodedTags(tags[:before])
	next := mediatest.CodedTags(tags[before:])
	if len(last) == 0 || len(next) == 0 {
		t.Fatalf("media around the gap: %d and %d payloads", len(last), len(next))
	}
	step := time.Duration(next[0].Time-last[len(last)-1].Time) * time.Millisecond
	figure(t, name, step.Seconds(), "s")
	if step <= 0 || step > passed+2*time.Second {
		t.Errorf("output time steps by %v over a gap of about %v", step, passed)
	}
	for _, g := range next {
		if g.Type == mediatest.VideoTag {
			if !g.Key() {
				t.Error("the first picture after the gap is no key frame")
			}
			return
		}
	}
}

// TestTakeover lets a second encoder publish with the same key while the first one's connection is still open, and a third one, whose first
// key frame comes after seconds: each is accepted at once, and has the stream from its key frame on. The pictures go on meanwhile, late
// frames of the one before go nowhere, and the destination stays.
func TestTakeover(t *testing.T) {
	realPeers(t)
	tags := mediatest.Published(t, mediatest.Media(t, mediatest.Clip{Seconds: 30, KeyInterval: 4}))
	r := mediatest.NewReceiver(t)
	s := stream{id: "maria", destinations: []destination{{name: "raw", url: "rtmp://" + r.Addr + "/live", key: "maria"}}}
	g := serve(t, s)
	old, _ := mediatest.Publisher(t, g.rtmp, s.key())
	stopOld := feed(t, old, tags)
	defer stopOld()
	g.awaitLive(t, s)
	time.Sleep(time.Second)
	for i, next := range []struct {
		name string
		tags []mediatest.Tag
		span time.Duration // up to its key frame, and a while
	}{{"takeover_picture_gap", tags, 1500 * time.Millisecond}, {"takeover_picture_gap_late_key_frame", withoutFirstKey(tags), 5500 * time.Millisecond}} {
		began := time.Now()
		c, took := mediatest.Publisher(t, g.rtmp, s.key())
		timeFigure(t, "takeover", took, takeoverGoal)
		defer feed(t, c, next.tags)()
		mediatest.Within(t, patience, "the takeover", func() bool { return g.status(t, s).Ingest.Takeovers == i+1 })
		time.Sleep(time.Until(began.Add(next.span)))
		timeFigure(t, next.name, pictureGap(r.Sessions("maria")[0], began), resumeGoal)
	}
	if got := g.status(t, s); got.State != "live" || got.Ingest.Takeovers != 2 {
		t.Errorf("got state %s and %d takeovers, want live and 2", got.State, got.Ingest.Takeovers)
	}
	sessions := r.Sessions("maria")
	if len(sessions) != 1 {
		t.Fatalf("destination: %d connections, want 1", len(sessions))
	}
	if err := mediatest.Rising(sessions[0].Tags()); err != nil {
		t.Error(err)
	}
}

// withoutFirstKey leaves the first key frame out, so that nothing can be decoded before the second.
func withoutFirstKey(tags []mediatest.Tag) []mediatest.Tag {
	first := slices.IndexFunc(tags, func(g mediatest.Tag) bool { return g.Coded() && g.Key() })
	return slices.Delete(slices.Clone(tags), first, first+1)
}

// pictureGap gives the longest time that a destination was without pictures since then.
func pictureGap(s *mediatest.Session, since time.Time) time.Duration {
	gap, last := time.Duration(0), since
	tags, arrived := s.Tags(), s.Arrivals()
	for i, g := range tags[:min(len(tags), len(arrived))] {
		if g.Type != mediatest.VideoTag || !g.Coded() || arrived[i].Before(since) {
			continue
		}
		gap, last = max(gap, arrived[i].Sub(last)), arrived[i]
	}
	return max(gap, time.Since(last))
}
