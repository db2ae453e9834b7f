//go:build linux

package accept_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// The goals: what a frame may take through simulcart without collecting, and by how much bad neighbours may move that.
const (
	delayGoal    = 5 * time.Millisecond
	movementGoal = 5 * time.Millisecond
	soundGoal    = 50 * time.Millisecond // it waits for the next picture
)

// TestDelay measures how long frames take from the publisher's write to a destination's read, first among nine good
// destinations, then with five bad ones beside them: one stalls, one trickles, one resets, one sends garbage, one is silent.
func TestDelay(t *testing.T) {
	tags := mediatest.Published(t, mediatest.Media(t, mediatest.Clip{Seconds: pick(t, 5, 20), KBits: 2500}))
	quiet := delays(t, tags)
	stall, trickle := mediatest.NewProxy(t, mediatest.NewSink(t).Addr), mediatest.NewProxy(t, mediatest.NewSink(t).Addr)
	stall.Stall(200 << 10)
	trickle.Trickle(20_000)
	loud := delays(
		t, tags,
		destination{name: "stalls", url: "rtmp://" + stall.Addr + "/live"},
		destination{name: "trickles", url: "rtmp://" + trickle.Addr + "/live"},
		destination{name: "resets", url: "rtmp://" + mediatest.ResetLoop(t) + "/live"},
		destination{name: "garbage", url: "rtmp://" + mediatest.Garbage(t) + "/live"},
		destination{name: "silent", url: "rtmp://" + mediatest.Silent(t) + "/live"},
	)
	figure(t, "delay_p50", quantile(quiet.pictures, 0.5).Seconds()*1000, "ms")
	timeFigure(t, "delay_p99", quantile(quiet.pictures, 0.99), delayGoal)
	figure(t, "delay_sound_p50", quantile(quiet.sound, 0.5).Seconds()*1000, "ms, up to the next picture")
	timeFigure(t, "delay_sound_p99", quantile(quiet.sound, 0.99), soundGoal)
	timeFigure(t, "delay_p99_moved_by_bad_neighbours", max(0, quantile(loud.pictures, 0.99)-quantile(quiet.pictures, 0.99)), movementGoal)
}

// delayed is how long frames took.
type delayed struct{ pictures, sound []time.Duration }

// delays publishes tags to nine good destinations that collect nothing, with others beside them, and gives each frame's delay
// at each of the nine. No frame may be missing.
func delays(t *testing.T, tags []mediatest.Tag, others ...destination) delayed {
	t.Helper()
	const good = 9
	r := mediatest.NewReceiver(t)
	s := stream{id: "maria", destinations: others}
	for i := range good {
		s.destinations = append(s.destinations, destination{name: fmt.Sprintf("good%d", i), url: "rtmp://" + r.Addr + "/live", coalesce: "0s"})
	}
	g := serve(t, s)
	c, _ := mediatest.Publisher(t, g.rtmp, s.key())
	sent := feedStamped(t, c, tags)
	want := 0
	for _, tag := range tags {
		if tag.Coded() {
			want++
		}
	}
	var all delayed
	for i := range good {
		name := fmt.Sprintf("good%d", i)
		mediatest.Within(t, patience, name+" to have all frames", func() bool {
			return coded(r, name) >= want
		})
		all.match(t, r.Sessions(name)[0], tags, sent)
	}
	c.Close()
	g.drain(t)
	return all
}

// coded counts the coded payloads that a destination got on its only connection.
func coded(r *mediatest.Receiver, name string) int {
	sessions := r.Sessions(name)
	if len(sessions) == 0 {
		return 0
	}
	return len(mediatest.CodedTags(sessions[0].Tags()))
}

// feedStamped sends tags at their time, and gives when each was written.
func feedStamped(t *testing.T, c *mediatest.Client, tags []mediatest.Tag) []time.Time {
	t.Helper()
	sent := make([]time.Time, len(tags))
	begin := time.Now()
	for i, g := range tags {
		time.Sleep(time.Until(begin.Add(time.Duration(g.Time) * time.Millisecond)))
		sent[i] = time.Now()
		if err := c.Send(1, g); err != nil {
			t.Fatalf("send tag %d: %v", i, err)
		}
	}
	return sent
}

// match matches what a session got with what was sent, by payload and in order. The first second, in which destinations
// connect, is left out.
func (d *delayed) match(t *testing.T, s *mediatest.Session, tags []mediatest.Tag, sent []time.Time) {
	t.Helper()
	got, arrived := s.Tags(), s.Arrivals()
	next := map[uint8]int{} // by type: where the search goes on
	for i, g := range got {
		if !g.Coded() {
			continue
		}
		j := next[g.Type]
		for j < len(tags) && (tags[j].Type != g.Type || !bytes.Equal(tags[j].Body, g.Body)) {
			j++
		}
		if j == len(tags) {
			t.Fatalf("payload %d was never sent, or out of order", i)
		}
		next[g.Type] = j + 1
		took := arrived[i].Sub(sent[j])
		switch {
		case tags[j].Time < 1000:
		case g.Type == mediatest.VideoTag:
			d.pictures = append(d.pictures, took)
		default:
			d.sound = append(d.sound, took)
		}
	}
}
