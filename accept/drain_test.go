//go:build linux

package accept_test

import (
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// drainGoal is how long simulcart may take to leave; it is a promise, so there is no factor on it.
const drainGoal = 10 * time.Second

// TestDrain ends simulcart with SIGTERM in the middle of a stream: publishers that can are asked to reconnect, destinations
// get all that was published and a clean end, and the exit code is 0.
func TestDrain(t *testing.T) {
	realPeers(t)
	tags := mediatest.Published(t, mediatest.Media(t, mediatest.Clip{Seconds: 8, BFrames: 3}))
	n, r := mediatest.Nginx(t), mediatest.NewReceiver(t)
	stall := mediatest.NewProxy(t, n.Addr)
	s := stream{id: "maria", destinations: []destination{
		{name: "raw", url: "rtmp://" + r.Addr + "/live", key: "maria"},
		{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "maria"},
		{name: "stalls", url: "rtmp://" + stall.Addr + "/live"},
		{name: "gone", url: "rtmp://127.0.0.1:9/live"},
	}}
	g := serve(t, s)
	c := mediatest.Dial(t, g.rtmp)
	c.Reconnect = true
	c.Begin(t, s.key())
	stop := feed(t, c, tags)
	g.awaitLive(t, s, "raw", "nginx", "stalls")
	stall.Stall(0) // a destination that takes nothing may not hold up the others' end
	time.Sleep(4 * time.Second)
	stop()

	took := g.drain(t)
	figure(t, "drain", took.Seconds(), "s")
	if took > drainGoal {
		t.Errorf("drain took %v, want at most %v", took, drainGoal)
	}
	if text, _ := c.Last("onStatus"); !slices.Contains(text, "NetConnection.Connect.ReconnectRequest") {
		t.Errorf("the publisher was told %q, want a ReconnectRequest", text)
	}
	session := r.Sessions("maria")[0]
	mediatest.Within(t, patience, "the destination to be left", func() bool { return !session.Ended().IsZero() })
	commands := session.Commands()
	if want := []string{"FCUnpublish", "deleteStream"}; !slices.Equal(commands[max(0, len(commands)-2):], want) {
		t.Errorf("last commands to the destination: got %v, want %v at the end", commands, want)
	}
	checkFlushed(t, tags, session.Tags())
	if err := mediatest.Rising(mediatest.Tags(t, n.Recording(t, "maria"))); err != nil {
		t.Errorf("nginx: %v", err)
	}
}

// checkFlushed checks that the destination got all that the publisher sent before it stopped.
func checkFlushed(t *testing.T, sent, got []mediatest.Tag) {
	t.Helper()
	m, err := mediatest.Part(sent, got)
	if err != nil {
		t.Fatal(err)
	}
	last := mediatest.CodedTags(got)
	t.Logf("%d pictures and %d sound frames were flushed, to %d ms", m.Video, m.Audio, last[len(last)-1].Time)
	if m.First != 0 || last[len(last)-1].Time < 3900 {
		t.Errorf("flushed from picture %d to %d ms, want from the first to at least 3900 ms", m.First, last[len(last)-1].Time)
	}
}
