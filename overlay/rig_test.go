package overlay_test

import (
	"errors"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

const ms = media.Millisecond

var (
	video25   = &media.Track{ID: 1, Codec: media.H264, ClockRate: 90000, Format: media.Format{FrameRate: 25}}
	audio     = &media.Track{ID: 2, Codec: media.AAC, ClockRate: 48000}
	errFenced = errors.New("fenced")
)

// rig is a timeline with products A to F, an injector, and what came out of it.
type rig struct {
	t    testing.TB
	line *overlay.Timeline
	in   *overlay.Injector
	now  time.Time
	out  []*media.Frame
	deny int // writes of overlay frames that fail
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, line: &overlay.Timeline{}, now: time.Unix(0, 0)}
	r.line.Begin("session1")
	r.takeOver()
	for _, id := range []string{"A", "B", "C", "D", "E", "F"} {
		if _, err := r.line.PutProducts(plain(id)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// takeOver gives the stream to another publisher.
func (r *rig) takeOver() { r.in = &overlay.Injector{Next: r, Timeline: r.line} }

func (r *rig) WriteFrame(f *media.Frame) error {
	if f.Track.Codec == media.Overlay && r.deny > 0 {
		r.deny--
		return errFenced
	}
	r.out = append(r.out, f)
	return nil
}

// apply makes a change that must be taken, with time enough since the last one.
func (r *rig) apply(c overlay.Change) *overlay.Ticket {
	r.t.Helper()
	r.now = r.now.Add(time.Second)
	ticket, err := r.line.Apply(c, r.now)
	if err != nil {
		r.t.Fatalf("%+v: %v", c, err)
	}
	return ticket
}

// refuse makes a change that must be refused.
func (r *rig) refuse(c overlay.Change, want error) {
	r.t.Helper()
	r.now = r.now.Add(time.Second)
	if _, err := r.line.Apply(c, r.now); !errors.Is(err, want) {
		r.t.Errorf("%+v: got %v, want %v", c, err, want)
	}
}

func show(product string) overlay.Change {
	return overlay.Change{Action: overlay.Show, Product: product}
}

func at(c overlay.Change, t media.Time) overlay.Change {
	c.When = overlay.When{Clock: overlay.Media, Media: t}
	return c
}

// write hands frames to the injector and gives the state in front of the last one, nil where there is none.
func (r *rig) write(fs ...*media.Frame) *overlay.State {
	r.t.Helper()
	for _, f := range fs {
		if err := r.in.WriteFrame(f); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.front()
}

// front checks the overlay frame in front of the last frame, and gives its state.
func (r *rig) front() *overlay.State {
	r.t.Helper()
	n := len(r.out)
	if n < 2 || r.out[n-2].Track.Codec != media.Overlay {
		return nil
	}
	o, f := r.out[n-2], r.out[n-1]
	if o.PTS != f.PTS || o.DTS != f.DTS || o.Key != f.Key || o.Track != r.line.Track() {
		r.t.Errorf("the overlay frame %+v is not that of %+v", o, f)
	}
	s, err := overlay.ParseState(o.Data)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// video writes frames of 25 a second, without reordering, from n to before end; frame 0 and each 25th is a key frame.
func (r *rig) video(n, end int) *overlay.State {
	r.t.Helper()
	var s *overlay.State
	for ; n < end; n++ {
		s = r.write(frame(n))
	}
	return s
}

func frame(n int) *media.Frame {
	t := media.Time(n) * 40 * ms
	return &media.Frame{Track: video25, PTS: t, DTS: t, Key: n%25 == 0}
}

func sound(t media.Time, key bool) *media.Frame {
	return &media.Frame{Track: audio, PTS: t, DTS: t, Key: key}
}

// products gives "slot:product" for each card.
func cardsOf(s *overlay.State) (list string) {
	if s == nil {
		return "none"
	}
	for _, c := range s.Cards {
		if list != "" {
			list += " "
		}
		list += c.Slot + ":" + c.Product.ID
	}
	return list
}

func done(t *overlay.Ticket) bool {
	select {
	case <-t.Done():
		return true
	default:
		return false
	}
}
