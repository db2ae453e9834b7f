//go:build linux

package accept_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

// soundWithin is how far the sound of a recording may be from its picture.
const soundWithin = 20 * time.Millisecond

// TestWHIPOBS replays OBS Studio's WHIP output, which nobody can ask for key frames and which tells the times of its tracks poorly or not at
// all: nginx-rtmp records every picture from a key frame on, with its sound, until OBS stops.
func TestWHIPOBS(t *testing.T) {
	realPeers(t)
	t.Run("reports", func(t *testing.T) { replayOBS(t, true) })
	t.Run("no_reports", func(t *testing.T) { replayOBS(t, false) })
}

func replayOBS(t *testing.T, reports bool) {
	name := fmt.Sprintf("whipobs_reports_%v", reports)
	n := mediatest.Nginx(t)
	clip := mediatest.Counted{Pictures: pick(t, 8, 120) * 30, Rate: 30, Group: pick(t, 60, 250), Grain: 40, Beeps: true}
	x := startExchange(t, clip, destination{name: "nginx", url: "rtmp://" + n.Addr + "/live"})
	source := readClip(t, clip)
	b := peer.PublishOBS(t, x.at("whip"), x.key(), reports)
	source.interleave(b)
	time.Sleep(500 * time.Millisecond) // what is under way
	if d := x.destination(t, x.stream, "nginx"); d.State != "live" || d.Attempts != 1 {
		t.Errorf("the destination: %+v", d)
	}
	b.Stop()
	x.awaitState(t, x.stream, "idle")
	file := n.Recording(t, "nginx")
	mediatest.Decode(t, file)
	numbers := mediatest.Numbers(t, file)
	if len(numbers) == 0 || numbers[0]%clip.Group != 0 || numbers[0] > clip.Group || numbers[len(numbers)-1] != clip.Pictures-1 {
		t.Fatalf("%d pictures, want those from the first or second key frame to %d: %v", len(numbers), clip.Pictures-1, numbers)
	}
	lossFigure(t, name, numbers, clip) // a machine that is very busy loses a packet now and then
	inSync(t, name, mediatest.Beats(t, file, clip.Rate), len(numbers)/clip.Rate-2)
}

// inSync checks that there are so many beeps, each near its picture.
func inSync(t *testing.T, name string, beats []mediatest.Beat, least int) {
	t.Helper()
	if len(beats) < least {
		t.Fatalf("%d beeps, want %d", len(beats), least)
	}
	var apart []time.Duration
	for _, b := range beats {
		apart = append(apart, b.Apart)
	}
	slices.Sort(apart)
	figure(t, name+"_sound_behind_p50", float64(apart[len(apart)/2].Microseconds())/1000, fmt.Sprintf("ms, from %v to %v, %d beeps", apart[0], apart[len(apart)-1], len(apart)))
	if apart[0] < -soundWithin || apart[len(apart)-1] > soundWithin {
		t.Errorf("%s: the sound is from %v to %v behind its pictures, want %v at most: %v", name, apart[0], apart[len(apart)-1], soundWithin, beats)
	}
}

// interleave hands the frames to OBS's output as libobs does: each once it is encoded, and one of the other track with a later time is there.
func (e *encoded) interleave(b *peer.OBS) {
	ready := func(f *media.Frame) media.Time {
		if f.Track.Codec.IsVideo() {
			return f.DTS + 33*media.Millisecond
		}
		return f.DTS + 27*media.Millisecond
	}
	began := time.Now()
	due := media.Time(0)
	for i, f := range e.frames {
		due = max(due, ready(f))
		for _, g := range e.frames[i+1:] {
			if g.Track != f.Track && g.DTS > f.DTS {
				due = max(due, ready(g))
				break
			}
		}
		time.Sleep(time.Until(began.Add(due.Duration())))
		b.Write(f)
	}
}
