//go:build linux

package accept_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/overlay"
)

// renderedGoal is how many frames a card may be from its picture on a viewer's screen, for 95 of 100 changes.
const renderedGoal = 1

// TestHLSRendered measures skew on the screen: a page in Chromium that plays with hls.js and draws what holds at the picture of each
// frame callback shows each change at the picture at which it is due, by emsg and by date ranges.
func TestHLSRendered(t *testing.T) {
	realPeers(t)
	seconds, changes := pick(t, 16, 80), pick(t, 20, 200)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: fmt.Sprintf("hls: {segment: 2s, part: 200ms, origins: [%q]}\n", page.Origin)}
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: seconds * 30, Rate: 30, BFrames: true}
	p := mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	g.show(t, s, `{"action":"show","product":"red","style":"e0"}`)
	play := page.Play(t, browser.Wish{Address: g.hlsURL(s, ""), Seconds: seconds + 10, LowLatency: true})
	time.Sleep(5 * time.Second) // until it plays
	from := source{Counted: clip}
	wishes := g.learn(t, s, g.wish(t, s, from, 1, changes, clip.Pictures-4*clip.Second()))
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	checkAnswers(t, wishes)
	r := play.Report(t)
	for _, e := range r.Errors {
		if e.Fatal {
			t.Errorf("hls.js: %+v", e)
		}
	}
	figure(t, "hls_rendered_pictures", float64(len(r.Pictures)), fmt.Sprintf("presented, %d stalls", len(r.Stalls)))
	for carriage, states := range map[string][]browser.State{"emsg": r.Events, "daterange": r.Ranges} {
		rendered(t, carriage, states, r.Pictures, wishes)
	}
}

// rendered compares, for each change, the number in the first picture with which a page draws its state with the number of the picture
// at which it is due.
func rendered(t *testing.T, carriage string, states []browser.State, pictures []browser.Picture, wishes []*wish) {
	t.Helper()
	known := make(map[int64][]browser.State) // by seq
	for _, s := range states {
		m, err := overlay.ParseMessage([]byte(s.Text))
		if err != nil {
			t.Errorf("%s: %v: %q", carriage, err, s.Text)
			continue
		}
		known[m.Seq] = append(known[m.Seq], s)
	}
	drawn := make([]int64, len(pictures)) // the state on each picture
	for i, p := range pictures {
		for seq, all := range known {
			if seq > drawn[i] && slices.ContainsFunc(all, func(s browser.State) bool { return s.Time <= p.Due+0.001 && s.At <= p.At }) {
				drawn[i] = seq
			}
		}
	}
	numbers := make([]int, len(pictures))
	for i, p := range pictures {
		numbers[i] = p.Number
	}
	checkDrawn(t, "hls_rendered_"+carriage, drawn, numbers, wishes)
}

// checkDrawn compares the numbers of pictures that a page put on screen, and the states that it drew on them, with what was asked for. Not
// all pictures come on screen: a state is late by what was shown without it, early by what was shown with it.
func checkDrawn(t *testing.T, name string, drawn []int64, numbers []int, wishes []*wish) {
	t.Helper()
	var off []int
	missing, before := 0, 0
	for _, w := range wishes {
		i := slices.IndexFunc(drawn, func(seq int64) bool { return seq >= *w.Seq })
		switch {
		case i == 0 || i > 0 && drawn[i-1] == 0: // the page began with it, or later
			before++
		case i < 0 || drawn[i] != *w.Seq:
			missing++
			t.Logf("%s: change %s, state %d, due at picture %d, was never drawn", name, w.style, *w.Seq, w.number)
		default:
			skew := max(0, numbers[i-1]-w.number+1, w.number-numbers[i])
			if off = append(off, skew); skew > renderedGoal {
				t.Logf("%s: change %s is due at picture %d, drawn at %d, and not at %d", name, w.style, w.number, numbers[i], numbers[i-1])
			}
		}
	}
	if len(off) < len(wishes)*2/3 {
		t.Fatalf("%s: %d changes of %d were drawn, %d before the first picture, %d never", name, len(off), len(wishes), before, missing)
	}
	slices.Sort(off)
	p95, worst := off[min(len(off)-1, len(off)*95/100)], off[len(off)-1]
	figure(t, name+"_p95", float64(p95), fmt.Sprintf("frames, of %d changes, %d overtaken before they were drawn", len(off), missing))
	figure(t, name+"_worst", float64(worst), "frames")
	if p95 > renderedGoal {
		t.Errorf("%s: p95 is %d frames, want at most %d", name, p95, renderedGoal)
	}
}
