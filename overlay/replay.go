package overlay

import (
	"cmp"
	"slices"

	"github.com/simulcart/simulcart/media"
)

// replay carries out what is due, step by step: the ends of cards and the changes of a queue, by their media time. At equal
// times the end comes first, so that a card can follow another without a gap.
type replay struct {
	cards    cards
	queue    []*change // what is left
	products map[string]*Product
	limit    media.Time  // what is due later stays; never: no card ends, and all of the queue is carried out
	at       *media.Time // the media time at which all of it happens; nil: each at its own

	// the last step
	change *change // nil: a card ended
	due    media.Time
	err    error // why the change could not be carried out
	done   int   // steps that were

	meta string // of the change that gave one
}

// next carries out one step; false where none is left.
func (r *replay) next() bool {
	r.change, r.err = nil, nil
	var head *change
	if len(r.queue) > 0 && (r.limit == never || r.queue[0].due <= r.limit) {
		head = r.queue[0]
	}
	if i := r.cards.expiry(); i >= 0 && r.limit != never && r.cards[i].Until <= r.limit && (head == nil || r.cards[i].Until <= head.due) {
		r.due = r.cards[i].Until
		r.cards = slices.Delete(slices.Clone(r.cards), i, i+1)
		r.done++
		return true
	}
	if head == nil {
		return false
	}
	r.queue = r.queue[1:]
	r.change, r.due = head, head.due
	at := head.due
	if r.at != nil {
		at = *r.at
	}
	r.cards, r.err = r.cards.apply(head, at, r.products)
	if head.Action == Annotate {
		r.annotate(head)
	}
	if r.err == nil {
		r.done++
	}
	return true
}

// annotate gives the state its text, which can be one only.
func (r *replay) annotate(c *change) {
	if r.meta != "" {
		r.err = ErrMeta
		return
	}
	r.meta = c.Text
}

// seen says whether the last step was a change as of what its caller saw, which is never late.
func (r *replay) seen() bool { return r.change != nil && r.change.When.Clock == Seen }

// all carries out everything up to a media time.
func (r *replay) all(limit media.Time) {
	r.limit = limit
	for r.next() {
		r.change, r.meta = nil, ""
	}
}

// forecastLocked gives what is visible at a media time, by what is known today: what waits for the next frame, where it is
// asked for, comes behind what is due by now.
func (t *Timeline) forecastLocked(limit media.Time, withWaiting bool) *replay {
	s := &t.session
	r := &replay{cards: s.cards, queue: t.queue, products: t.products}
	if withWaiting && len(t.waiting) > 0 {
		newest := s.clock.newest
		r.all(min(newest, limit))
		rest := r.queue
		r.queue, r.at = t.waiting, &newest
		r.all(never)
		r.queue, r.at = rest, nil
	}
	r.all(limit)
	return r
}

// At gives the state at a media time: the one that was written, or for times to come what is scheduled by now, with Seq 0
// where that is not written yet. Changes that wait for the next frame are not in it. Of the past it knows the last 256 states
// of the session; times before them have no cards and Seq 0.
func (t *Timeline) At(at media.Time) State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.session
	if s.state != nil && at < s.state.At {
		i, found := slices.BinarySearchFunc(s.history, at, func(s *State, at media.Time) int { return cmp.Compare(s.At, at) })
		if found {
			return *s.history[i]
		}
		if i == 0 {
			return State{Stream: s.stream}
		}
		return *s.history[i-1]
	}
	r := t.forecastLocked(at, false)
	switch {
	case r.done > 0:
		return State{Stream: s.stream, At: r.due, Cards: r.cards.plain()}
	case s.state == nil:
		return State{Stream: s.stream}
	}
	return *s.state
}
