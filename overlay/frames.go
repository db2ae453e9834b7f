package overlay

import (
	"cmp"
	"slices"

	"github.com/simulcart/simulcart/media"
)

// plan is a state that is on its way to the log, and how to take it back.
type plan struct {
	taken   []*change
	receipt Receipt
	undo    session // as it was before
	repeat  []byte  // the state's form from its second copy on
}

// before gives the overlay frame that belongs in front of f; nil where none does, which costs next to nothing. Once it is
// written, or cannot be, [Timeline.after] is called.
func (t *Timeline) before(f *media.Frame) *media.Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.session
	if s.stream == "" {
		return nil
	}
	r := s.clock.role(f)
	if r == bystander {
		return nil
	}
	c, wanted := t.carrierLocked(f)
	takes := wanted && t.takesLocked(&c)
	clock := s.clock
	s.clock.pass(f, r)
	if takes && t.writeLocked(f, &c, &clock) {
		return t.frameLocked(f)
	}
	if s.state == nil || f.PTS < s.state.At || !f.Key && f.DTS-s.carried < repeatLatest {
		return nil
	}
	t.stats.Repeats++
	return t.frameLocked(f)
}

// frameLocked is the state as a frame in front of f. In front of a key frame it starts the group.
func (t *Timeline) frameLocked(f *media.Frame) *media.Frame {
	s := &t.session
	s.carried = f.DTS
	t.stats.Bytes += uint64(len(s.data))
	return &media.Frame{Track: t.trackLocked(), PTS: f.PTS, DTS: f.DTS, Key: f.Key, Data: s.data}
}

// carrierLocked looks at f as the carrier of a new state; wanted says whether anything waits for one.
func (t *Timeline) carrierLocked(f *media.Frame) (c carrier, wanted bool) {
	s := &t.session
	if len(t.queue) == 0 && len(t.waiting) == 0 && s.cards.expiry() < 0 {
		return c, false
	}
	return carrier{
		pts: f.PTS, dts: f.DTS, half: s.clock.half(),
		fresh: !s.clock.started || f.PTS > s.clock.max,
		rises: s.state == nil || f.PTS > s.state.At,
	}, true
}

// takesLocked decides whether the carrier takes a new state. One whose time matches is taken, with all that is due before
// it. What has passed, and what is wanted now, takes a frame that is newer than all before it. Nothing is taken while
// an earlier picture is still to come that something waits for, since states keep their order; what this makes miss its own
// frame is late.
func (t *Timeline) takesLocked(c *carrier) bool {
	t.dropStrictLocked(c)
	var have [passed + 1]bool
	var matching []*bool
	look := func(due media.Time, missed *bool) {
		st := c.standing(due, *missed)
		have[st] = true
		if st == matched {
			matching = append(matching, missed)
		}
	}
	for _, w := range t.queue {
		if w.due > c.pts+c.half {
			break
		}
		look(w.due, &w.missed)
	}
	for i := range t.session.cards {
		if card := &t.session.cards[i]; card.Until != 0 {
			look(card.Until, &card.missed)
		}
	}
	if !c.rises || have[open] {
		for _, missed := range matching {
			*missed = true
		}
		return false
	}
	return have[matched] || c.fresh && (have[passed] || len(t.waiting) > 0)
}

// dropStrictLocked refuses the changes that would be late and rather not be.
func (t *Timeline) dropStrictLocked(c *carrier) {
	if len(t.queue) == 0 || t.queue[0].due > c.pts-c.half {
		return
	}
	t.queue = slices.DeleteFunc(t.queue, func(w *change) bool {
		late := w.Strict && c.standing(w.due, w.missed) == passed
		if late {
			t.stats.Refused++
			t.finishLocked(w, Refused, ErrPast)
			t.notifyLocked()
		}
		return late
	})
}

// writeLocked makes the state that the carrier takes; false where nothing came of it.
func (t *Timeline) writeLocked(f *media.Frame, c *carrier, clock *frameClock) bool {
	s := &t.session
	p := &plan{undo: *s}
	p.undo.clock = *clock
	at := c.pts
	run := replay{cards: s.cards, queue: t.queue, products: t.products, limit: c.pts + c.half, at: &at}
	for run.next() {
		if run.err == nil && run.due <= c.pts-c.half && !run.seen() {
			p.receipt.Late = true
		}
		t.settleLocked(p, &run)
	}
	t.queue = run.queue
	if c.fresh {
		run.queue, run.limit = t.waitingLocked(run.meta != ""), never
		for run.next() {
			t.settleLocked(p, &run)
		}
	}
	t.fitLocked(p, &run)
	if run.done == 0 {
		return false
	}
	return t.planLocked(f, p, &run)
}

// waitingLocked takes what waits for the next frame out of its queue: all of it up to the first text that would be one too many.
func (t *Timeline) waitingLocked(hasText bool) (queue []*change) {
	for i, c := range t.waiting {
		if c.Action == Annotate && hasText {
			queue, t.waiting = t.waiting[:i:i], t.waiting[i:]
			return queue
		}
		hasText = hasText || c.Action == Annotate
	}
	queue, t.waiting = t.waiting, nil
	return queue
}

// fitLocked refuses a text that has no room beside the cards that came since it was taken.
func (t *Timeline) fitLocked(p *plan, run *replay) {
	if run.meta == "" {
		return
	}
	err := t.roomLocked(run.cards, run.meta)
	if err == nil {
		return
	}
	i := slices.IndexFunc(p.taken, func(c *change) bool { return c.Action == Annotate })
	t.stats.Refused++
	t.finishLocked(p.taken[i], Refused, err)
	p.taken = slices.Delete(p.taken, i, i+1)
	run.meta = ""
	run.done--
}

// settleLocked takes note of one step of a replay.
func (t *Timeline) settleLocked(p *plan, run *replay) {
	switch {
	case run.change == nil:
	case run.err != nil:
		t.stats.Refused++
		t.finishLocked(run.change, Refused, run.err)
	default:
		p.taken = append(p.taken, run.change)
	}
}

// planLocked puts a new state in place of the last one.
func (t *Timeline) planLocked(f *media.Frame, p *plan, run *replay) bool {
	s := &t.session
	state := &State{Stream: s.stream, Seq: 1, At: f.PTS, Late: p.receipt.Late, Meta: run.meta, Cards: run.cards.plain()}
	if s.state != nil {
		state.Seq = s.state.Seq + 1
	}
	data := mustEncode(state)
	p.repeat = data
	if state.Meta != "" {
		plain := *state
		plain.Meta = ""
		p.repeat = mustEncode(&plain)
	}
	p.receipt = Receipt{Seq: state.Seq, At: f.PTS, DTS: f.DTS, Frame: s.clock.frames, Late: state.Late}
	s.cards, s.state, s.data, s.plan = run.cards, state, data, p
	return true
}

// mustEncode gives the neutral form of a state that the timeline made.
func mustEncode(s *State) []byte {
	data, err := EncodeState(s)
	if err != nil {
		panic("overlay: cards within their limits make a state beyond its own: " + err.Error())
	}
	return data
}

// after says whether the frame that before gave was written. Where it was not, nothing has happened.
func (t *Timeline) after(written bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.session
	p := s.plan
	if p == nil {
		return
	}
	if !written {
		t.undoLocked()
		return
	}
	s.plan, s.data = nil, p.repeat
	t.stats.States++
	t.stats.Changes += uint64(len(p.taken))
	if s.state.Late {
		t.stats.Late++
	}
	s.history = append(s.history, s.state)
	if len(s.history) > pastStates {
		s.history = slices.Delete(s.history, 0, pastStates/2)
	}
	for _, c := range p.taken {
		c.receipt, c.from, c.until = p.receipt, p.receipt.At, 0
		if c.Action == Show || c.Action == Update {
			c.until = c.end(c.from)
		}
		t.finishLocked(c, Written, nil)
	}
	t.notifyLocked()
}

// undoLocked takes back a state that was not written: its changes wait again.
func (t *Timeline) undoLocked() {
	p := t.session.plan
	if p == nil {
		return
	}
	history := t.session.history
	t.session = p.undo
	t.session.history = history
	for _, c := range p.taken {
		if c.timed {
			t.queue = append(t.queue, c)
		} else {
			t.waiting = append(t.waiting, c)
		}
	}
	t.sortLocked()
	slices.SortFunc(t.waiting, func(a, b *change) int { return cmp.Compare(a.order, b.order) })
}

func (t *Timeline) trackLocked() *media.Track {
	if t.track == nil {
		t.track = &media.Track{ID: TrackID, Codec: media.Overlay}
	}
	return t.track
}
