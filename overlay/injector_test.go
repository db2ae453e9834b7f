package overlay_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// reordered gives n frames in decode order as an encoder with B-frames sends them over RTMP: times in milliseconds, the first
// picture at 0, each 48th a key frame that nothing behind it reaches over.
func reordered(n, numerator, denominator, bframes int, pyramid bool) []*media.Frame {
	track := &media.Track{ID: 1, Codec: media.H264, ClockRate: 90000}
	when := func(i int) media.Time {
		return media.FromTicks(int64(i*1000*denominator+numerator/2)/int64(numerator), 1000)
	}
	var order []int
	for base := 0; base < n; base += 48 {
		order = append(order, base)
		for i := base + 1; i < base+48; i += bframes + 1 {
			last := min(i+bframes, base+47)
			order = append(order, last)
			middle := -1
			if pyramid && last-i >= 2 {
				middle = (i + last) / 2
				order = append(order, middle)
			}
			for b := i; b < last; b++ {
				if b != middle {
					order = append(order, b)
				}
			}
		}
	}
	delay := 0
	if bframes > 0 {
		delay = 1
	}
	if pyramid {
		delay = 2
	}
	fs := make([]*media.Frame, len(order))
	for i, p := range order {
		fs[i] = &media.Frame{Track: track, PTS: when(p), DTS: when(i+1000*numerator) - when(1000*numerator+delay), Key: p%48 == 0}
	}
	return fs
}

// A change for a media time is in front of exactly the picture of that time, at all rates and orders, wherever in the
// frame's time it lies.
func TestScheduledTakesItsPicture(t *testing.T) {
	rates := map[string][2]int{"25": {25, 1}, "29.97": {30000, 1001}, "30": {30, 1}, "50": {50, 1}, "59.94": {60000, 1001}, "60": {60, 1}}
	for name, rate := range rates {
		for bframes := range 5 {
			for _, pyramid := range []bool{false, true} {
				if pyramid && bframes < 2 {
					continue
				}
				t.Run(fmt.Sprint(name, " fps, ", bframes, " B-frames, pyramid ", pyramid), func(t *testing.T) {
					scheduled(t, reordered(480, rate[0], rate[1], bframes, pyramid), media.Time(time.Second)*media.Time(rate[1])/media.Time(rate[0]))
				})
			}
		}
	}
}

func scheduled(t *testing.T, fs []*media.Frame, length media.Time) {
	r := newRig(t)
	wanted := map[media.Time]*overlay.Ticket{}
	var order []media.Time
	for i := 20; i < 470; i += 11 { // one each 11 frames, and further than the reordering goes
		due := fs[i].PTS
		wanted[due] = r.apply(at(show("AB"[i%2:i%2+1]), due+media.Time(i%9-4)*length/10))
		order = append(order, due)
	}
	states := 0
	var last *overlay.State
	for _, f := range fs {
		r.write(f)
		s := r.front()
		if s == nil {
			continue
		}
		if last != nil && s.Seq == last.Seq { // a repeat
			if !f.Key {
				t.Errorf("repeated at %v, no key frame", f.PTS)
			}
			continue
		}
		ticket := wanted[f.PTS]
		if ticket == nil || s.At != f.PTS || s.Late || last != nil && (s.Seq != last.Seq+1 || s.At <= last.At) {
			t.Errorf("at %v: got %+v", f.PTS, s)
			continue
		}
		if got := ticket.Cue(); !done(ticket) || got.Receipt.Seq != s.Seq || got.Receipt.At != f.PTS || got.Receipt.DTS != f.DTS {
			t.Errorf("at %v: got %+v", f.PTS, got)
		}
		states++
		last = s
	}
	if states != len(order) {
		t.Errorf("got %d states, want %d", states, len(order))
	}
}

// A change for now takes the next frame in decode order whose picture is newer than all before it.
func TestNowTakesTheNewestPicture(t *testing.T) {
	for _, bframes := range []int{0, 1, 2, 3} {
		for _, pyramid := range []bool{false, bframes > 1} {
			fs := reordered(96, 30, 1, bframes, pyramid)
			for i := range 60 {
				r := newRig(t)
				r.write(fs[:i]...)
				var newest media.Time = -1
				for _, f := range fs[:i] {
					newest = max(newest, f.PTS)
				}
				ticket := r.apply(show("A"))
				for _, f := range fs[i:] {
					s := r.write(f)
					if f.PTS <= newest {
						if s != nil {
							t.Fatalf("%d B-frames, change before frame %d: taken by %v, not newer than %v", bframes, i, f.PTS, newest)
						}
						continue
					}
					if s == nil || s.At != f.PTS || !done(ticket) || s.Late {
						t.Fatalf("%d B-frames, change before frame %d: not taken by %v", bframes, i, f.PTS)
					}
					break
				}
			}
		}
	}
}

// A change for now waits for a scheduled one that is due before its frame, so that states keep their order.
func TestNowWaitsForScheduled(t *testing.T) {
	fs := reordered(48, 25, 1, 2, false) // decoded: 0, 3, 1, 2, 6, 4, 5, …
	r := newRig(t)
	r.write(fs[0])
	first := r.apply(at(show("A"), fs[2].PTS)) // picture 1
	second := r.apply(show("B"))
	var seen []string
	for _, f := range fs[1:5] {
		if s := r.write(f); s != nil {
			seen = append(seen, fmt.Sprint(int(s.At/ms), " ", cardsOf(s)))
		}
	}
	if got, want := fmt.Sprint(seen), "[40 main:A 240 main:B]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !done(first) || !done(second) || first.Cue().Receipt.Frame != 3 || second.Cue().Receipt.Frame != 5 {
		t.Errorf("got %+v and %+v", first.Cue().Receipt, second.Cue().Receipt)
	}
}

// Two pictures of one reordered group cannot both begin a state in the order of decoding: the later one waits, and is late.
func TestScheduledWithinOneReorderedGroup(t *testing.T) {
	fs := reordered(48, 25, 1, 2, false)
	r := newRig(t)
	r.write(fs[0])
	r.apply(at(show("A"), 40*ms))
	r.apply(at(show("B"), 120*ms))
	var seen []string
	for _, f := range fs[1:8] {
		if s := r.write(f); s != nil {
			seen = append(seen, fmt.Sprint(int(s.At/ms), " ", cardsOf(s), " ", s.Late))
		}
	}
	if got, want := fmt.Sprint(seen), "[40 main:A false 240 main:B true]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A state that was written for a later picture leaves no way back: what was wanted for an earlier one is late.
func TestScheduledBehindTheLastState(t *testing.T) {
	fs := reordered(48, 25, 1, 2, false)
	r := newRig(t)
	r.apply(show("A"))
	r.write(fs[0])
	r.apply(show("B"))
	r.write(fs[1]) // picture 3
	late := r.apply(at(show("C"), 40*ms))
	r.write(fs[2:5]...)
	if got := late.Cue(); got.Receipt.At != 240*ms || !got.Receipt.Late {
		t.Errorf("got %+v, want late at 240ms", got.Receipt)
	}
}

func TestLateAndStrict(t *testing.T) {
	r := newRig(t)
	r.video(0, 10)
	c := at(show("A"), 100*ms)
	c.Strict = true
	r.refuse(c, overlay.ErrPast)
	c.When.Media = 360 * ms // that frame has just gone
	r.refuse(c, overlay.ErrPast)
	late := r.apply(at(show("A"), 100*ms))
	if s := r.write(frame(10)); s == nil || !s.Late || s.At != 400*ms || !late.Cue().Receipt.Late {
		t.Errorf("got %+v, want a late state", s)
	}
	// A hole swallows the frames of two changes.
	strict := at(show("B"), 520*ms)
	strict.Strict = true
	dropped := r.apply(strict)
	taken := r.apply(at(show("C"), 600*ms))
	if s := r.write(frame(20)); s == nil || !s.Late || s.At != 800*ms || cardsOf(s) != "main:C" {
		t.Errorf("got %+v, want a late state", s)
	}
	if got := dropped.Cue(); got.Progress != overlay.Refused || got.Err == nil || !done(dropped) {
		t.Errorf("got %+v, want it refused", got)
	}
	if got := taken.Cue(); got.Progress != overlay.Written {
		t.Errorf("got %+v, want it written", got)
	}
	if got := r.line.Stats(); got.Late != 2 || got.Refused != 1 || got.States != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestRepeats(t *testing.T) {
	r := newRig(t)
	r.video(0, 10)
	if len(r.out) != 10 {
		t.Fatal("a stream without overlays has overlay frames")
	}
	r.apply(show("A"))
	first := r.video(10, 11)
	var repeats []int
	for n := 11; n < 60; n++ {
		if s := r.write(frame(n)); s != nil {
			if s.Seq != first.Seq || s.At != first.At {
				t.Errorf("got %+v, want a repeat of %+v", s, first)
			}
			repeats = append(repeats, n)
		}
	}
	for n := 60; n < 160; n++ { // without key frames
		f := frame(n)
		f.Key = false
		if r.write(f) != nil {
			repeats = append(repeats, n)
		}
	}
	if got, want := fmt.Sprint(repeats), "[25 50 100 150]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := r.line.Stats(); got.Repeats != 4 || got.States != 1 || got.Bytes == 0 {
		t.Errorf("got %+v", got)
	}
}

// Without video, sound is the clock, and its groups begin with the state.
func TestSoundAlone(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	first := r.write(sound(0, true))
	if first == nil || first.At != 0 {
		t.Fatalf("got %+v, want a state at 0", first)
	}
	scheduled := r.apply(at(show("B"), 430*ms))
	for n := 1; n < 100; n++ {
		r.write(sound(media.Time(n)*20*ms, false))
	}
	if got := scheduled.Cue().Receipt; got.At != 420*ms && got.At != 440*ms || got.Late {
		t.Errorf("got %+v, want 420ms or 440ms", got)
	}
	if s := r.write(sound(2000*ms, true)); s == nil || s.Seq != 2 {
		t.Errorf("got %+v, want the group to start with the state", s)
	}
	if s := r.write(&media.Frame{Track: video25, PTS: 2010 * ms, DTS: 2010 * ms, Key: true}); s == nil || s.Seq != 2 {
		t.Errorf("got %+v, want video to be the clock from now on", s)
	}
	r.apply(show("C"))
	if s := r.write(sound(2020*ms, false)); s != nil {
		t.Errorf("got %+v in front of sound", s)
	}
}

// After a second without video a state goes in front of the next frame of sound.
func TestVideoGone(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	if s := r.write(sound(-20*ms, false)); s != nil {
		t.Errorf("got %+v before the first picture", s)
	}
	r.video(0, 2)
	r.apply(show("B"))
	if s := r.write(sound(1039*ms, false)); s != nil {
		t.Errorf("got %+v within a second", s)
	}
	s := r.write(sound(1040*ms, false))
	if s == nil || s.At != 1040*ms || cardsOf(s) != "main:B" {
		t.Errorf("got %+v, want the change", s)
	}
	if s := r.write(sound(3100*ms, false)); s == nil || s.Seq != 2 {
		t.Errorf("got %+v, want a repeat after 2 s", s)
	}
	r.apply(show("C"))
	if s := r.write(frame(100)); cardsOf(s) != "main:C" {
		t.Errorf("got %s, want the video to be the clock again", cardsOf(s))
	}
	// No picture at all so far, and no group of sound.
	r = newRig(t)
	r.apply(show("A"))
	if s := r.write(sound(0, false), sound(900*ms, false)); s != nil {
		t.Errorf("got %+v", s)
	}
	if s := r.write(sound(1000*ms, false)); cardsOf(s) != "main:A" {
		t.Errorf("got %s, want the change", cardsOf(s))
	}
}

func TestOtherTracksPass(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	meta := &media.Frame{Track: &media.Track{ID: 3, Codec: media.Metadata}}
	if s := r.write(meta); s != nil || r.out[0] != meta {
		t.Errorf("got %+v, want it passed", s)
	}
	r.line.End()
	if s := r.write(frame(0)); s != nil {
		t.Errorf("got %+v without a session", s)
	}
}

// A publisher that is fenced while a state is on its way leaves it to the next one, which goes on in the same timeline.
func TestTakeover(t *testing.T) {
	r := newRig(t)
	r.video(0, 10)
	now := r.apply(show("A"))
	timed := r.apply(at(show("B"), 400*ms))
	hidden := r.apply(at(overlay.Change{Action: overlay.Hide}, 2000*ms))
	r.deny = 1
	if err := r.in.WriteFrame(frame(10)); !errors.Is(err, errFenced) {
		t.Fatalf("got %v, want the writer's error", err)
	}
	if s, _ := r.line.Current(); s.Seq != 0 || done(now) || done(timed) || r.line.At(10_000*ms).Seq != 0 {
		t.Errorf("got %+v, want nothing written", s)
	}
	r.takeOver()
	r.line.Begin("session1") // the same session: nothing changes
	s := r.write(&media.Frame{Track: video25, PTS: 900 * ms, DTS: 900 * ms, Key: true})
	if s == nil || s.Seq != 1 || cardsOf(s) != "main:A" || !s.Late || !done(now) || !done(timed) {
		t.Errorf("got %+v", s)
	}
	for n := 1; n < 40; n++ {
		r.write(&media.Frame{Track: video25, PTS: media.Time(900+n*40) * ms, DTS: media.Time(900+n*40) * ms})
	}
	if got := hidden.Cue().Receipt; got.At != 1980*ms && got.At != 2020*ms {
		t.Errorf("got %+v, want the cue at its media time", got)
	}
}

func TestNoAllocation(t *testing.T) {
	r := newRig(t)
	r.in.Next = discard{}
	r.apply(at(show("A"), 1e15))
	f, s := frame(1), sound(0, false)
	got := testing.AllocsPerRun(1000, func() {
		f.PTS, f.DTS, s.PTS, s.DTS = f.PTS+40*ms, f.DTS+40*ms, f.PTS, f.DTS
		_, _ = r.in.WriteFrame(f), r.in.WriteFrame(s)
	})
	if got != 0 {
		t.Errorf("got %v allocations for frames where nothing happens, want 0", got)
	}
}

type discard struct{}

func (discard) WriteFrame(*media.Frame) error { return nil }

func BenchmarkWriteFrame(b *testing.B) {
	for _, name := range []string{"nothing", "scheduled", "repeat 4 cards"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.in.Next = discard{}
			if name == "scheduled" {
				r.apply(at(show("A"), 1e15))
			}
			f := frame(0)
			if name == "repeat 4 cards" {
				for i, slot := range []string{"a", "b", "c", "d"} {
					c := show("ABCD"[i : i+1])
					c.Slot = slot
					r.apply(c)
				}
				r.write(f)
				f = frame(25)
			}
			b.ReportAllocs()
			for b.Loop() {
				f.PTS, f.DTS = f.PTS+40*ms, f.DTS+40*ms
				_ = r.in.WriteFrame(f)
			}
		})
	}
}
