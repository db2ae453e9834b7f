//go:build linux

package accept_test

import (
	"fmt"
	"math"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
)

// reported is after how many seconds Chromium has sent a report of its sound, and this was moved.
const reported = 5

// TestWHIPSync lets Chromium publish over WHIP, and nginx-rtmp record it with AAC: sound and pictures are together as they were captured, all the
// time, and every picture that Chromium counts as sent is in the recording.
func TestWHIPSync(t *testing.T) {
	realPeers(t)
	span := pick(t, 9*time.Second, 5*time.Minute)
	n, page := mediatest.Nginx(t), browser.NewPage(t)
	s := stream{id: "maria", public: true, destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live"}}}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	publisher := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whip/maria", Token: s.key(), Seconds: int(span.Seconds()) + 60, Publish: true, Beeps: true})
	g.awaitLive(t, s)
	time.Sleep(span)
	publisher.Signal(syscall.SIGTERM)
	r := publisher.Report(t)
	joined(t, r)
	g.awaitState(t, s, "idle")
	file := n.Recording(t, "nginx")
	mediatest.Decode(t, file)
	numbers := mediatest.Numbers(t, file)
	allSent(t, r, numbers)
	captured := captures(r.Captured)
	beats := slices.DeleteFunc(mediatest.Beats(t, file, 30), func(b mediatest.Beat) bool { _, known := captured[b.Number]; return !known })
	for i, b := range beats {
		beats[i].Apart -= captured[b.Number]
	}
	if len(beats) == 0 {
		t.Fatalf("no beep was found that was captured: %v", r.Captured)
	}
	figure(t, "whipsync_sound_behind_at_first", float64(beats[0].Apart.Microseconds())/1000, "ms, before there are reports")
	settled := slices.DeleteFunc(slices.Clone(beats), func(b mediatest.Beat) bool { return b.Number < beats[0].Number+30*reported })
	inSync(t, "whipsync", settled, int(span.Seconds())-reported-2)
}

// captures gives how much later a beep was captured than its picture, by the picture's number.
func captures(c browser.Captured) map[int]time.Duration {
	apart := make(map[int]time.Duration)
	for _, f := range c.Flashes {
		for _, b := range c.Beeps {
			if late := b + c.Sound.Ahead - f[1] - c.Pictures.Ahead; math.Abs(late) < 300 {
				apart[int(f[0])] = time.Duration(late * float64(time.Millisecond))
			}
		}
	}
	return apart
}

// allSent checks that a recording has as many pictures as Chromium says that it sent, between two moments at which it told so.
func allSent(t *testing.T, r *browser.PeerReport, numbers []int) {
	t.Helper()
	within := slices.DeleteFunc(slices.Clone(r.Progress), func(p [2]int) bool { return p[0] < numbers[0]+30 || p[0] > numbers[len(numbers)-1] })
	if len(within) < 2 {
		t.Fatalf("from %d to %d pictures were recorded; Chromium tells %v", numbers[0], numbers[len(numbers)-1], r.Progress)
	}
	first, last := within[0], within[len(within)-1]
	sent, recorded, back := last[1]-first[1], 0, 0
	for i, n := range numbers {
		if n >= first[0] && n < last[0] {
			recorded++
		}
		if i > 0 && n <= numbers[i-1] {
			back++
		}
	}
	figure(t, "whipsync_pictures", float64(recorded), fmt.Sprintf("recorded, %d painted, %d sent by Chromium's own count", last[0]-first[0], sent))
	const underway = 2 // that Chromium has taken, and not sent yet, when it tells
	if recorded < sent-underway || back > 0 {
		t.Errorf("%d pictures were recorded of the %d that were sent, %d go back", recorded, sent, back)
	}
}
