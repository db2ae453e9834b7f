//go:build linux

package accept_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestIsolation has nine good destinations and five bad ones: the good ones lose no frame, the bad ones each say what is wrong, and
// the one that stalled comes back at a key frame.
func TestIsolation(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 10, 40)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: seconds, BFrames: 3, KBits: 2500})
	published := mediatest.Published(t, clip)
	n, stalling := mediatest.Nginx(t), mediatest.NewReceiver(t)
	stall := mediatest.NewProxy(t, stalling.Addr)
	refuser := mediatest.NewRefuser(t, mediatest.Refusal{Code: "NetStream.Publish.BadName", Words: "this key was used yesterday"})
	s := stream{id: "maria"}
	var good []string
	for i := range 9 {
		good = append(good, fmt.Sprintf("good%d", i))
		s.destinations = append(s.destinations, destination{name: good[i], url: "rtmp://" + n.Addr + "/live"})
	}
	s.destinations = append(
		s.destinations,
		destination{name: "stalls", url: "rtmp://" + stall.Addr + "/live"},
		destination{name: "resets", url: "rtmp://" + mediatest.ResetLoop(t) + "/live"},
		destination{name: "refuses", url: "rtmp://" + refuser.Addr + "/live"},
		destination{name: "deadname", url: "rtmp://no-such-platform.invalid/live"},
		destination{name: "garbage", url: "rtmp://" + mediatest.Garbage(t) + "/live"},
	)
	g := serve(t, s)
	p := mediatest.Publish(t, clip, g.publishURL(s))
	g.awaitLive(t, s, append(slices.Clone(good), "stalls")...)
	stall.Stall(0)
	stalled := time.Now()
	for name, want := range map[string]badState{
		"stalls":   {"stalled backoff connecting handshaking publishing", "stalled", ""},
		"resets":   {"backoff rejected connecting handshaking", "tcp handshake", ""},
		"refuses":  {"rejected", "rejected", "this key was used yesterday"},
		"deadname": {"backoff connecting", "dns", "no-such-platform.invalid"},
		"garbage":  {"backoff rejected connecting handshaking", "handshake", ""},
	} {
		d := g.awaitDestination(t, s, name, want.matches)
		t.Logf("%s: %s, cause %s: %s", name, d.State, d.Cause, d.Detail)
	}
	if full(t) {
		time.Sleep(time.Until(stalled.Add(12 * time.Second)))
	}
	stall.Resume()
	d := g.awaitDestination(t, s, "stalls", func(d destinationStatus) bool { return d.State == "live" })
	t.Logf("stalled destination again: %+v", d)
	if code := p.Wait(t, time.Duration(seconds)*time.Second+patience); code != 0 {
		t.Errorf("publish: exit %d", code)
	}
	for _, name := range good {
		same(t, name, published, mediatest.Tags(t, n.Recording(t, name)))
	}
	checkStalled(t, published, stalling.Sessions("stalls"))
}

// badState is what a bad destination must say: one of some states, one of some causes, a detail.
type badState struct{ states, causes, detail string }

func (b badState) matches(d destinationStatus) bool {
	return slices.Contains(strings.Fields(b.states), d.State) && slices.Contains(strings.Fields(b.causes), d.Cause) &&
		strings.Contains(d.Detail, b.detail)
}

// checkStalled checks that whatever the stalled destination missed ends with a key frame.
func checkStalled(t *testing.T, published []mediatest.Tag, sessions []*mediatest.Session) {
	t.Helper()
	for i, session := range sessions {
		tags := mediatest.CodedTags(session.Tags())
		holes, err := mediatest.Holes(published, tags, mediatest.VideoTag)
		if err != nil {
			t.Errorf("stalled destination, connection %d: %v", i, err)
		}
		t.Logf("stalled destination, connection %d: %d payloads, %d holes", i, len(tags), len(holes))
		for _, h := range holes {
			if !h.Resumes.Key() {
				t.Errorf("stalled destination, connection %d: after %d lost pictures it goes on at %d ms without a key frame", i, h.Missing, h.Resumes.Time)
			}
		}
		for _, g := range tags {
			if g.Type == mediatest.VideoTag {
				if !g.Key() {
					t.Errorf("stalled destination, connection %d begins without a key frame", i)
				}
				break
			}
		}
	}
}
