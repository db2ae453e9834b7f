package overlay

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
)

// TrackID is the ID of the track that overlay frames have.
const TrackID = 255

const (
	pastStates = 256   // that At knows
	pastCues   = 1_024 // that Cue knows, and that are recognised when they are asked for again
)

// Timeline holds one stream's products, what is visible, and the changes to come. It outlives sessions and publishers. The
// zero value is ready; it is safe for use by several goroutines, and calls nobody.
//
// A session is the life of one public stream id, from Begin to End. Within it, states are numbered from 1, and media time goes
// on over takeovers, losses and jumps of the publisher's clock, and with it all cues. What waits for a media time or is visible
// ends with the session; what was asked for while there was none, and what waits for a time of day, is for the next one.
type Timeline struct {
	mu       sync.Mutex
	products map[string]*Product
	queue    []*change // that wait for a media time, by that time and their arrival
	waiting  []*change // that wait for the next frame, by arrival
	known    map[string]*change
	past     []*change // that are known, but not pending
	orders   uint64    // given so far
	limiter  limiter
	delay    media.Time // the encoder's, as it was set; 0: as measured
	measured media.Time // 0: nobody knows
	line     line
	session  session
	stats    Stats
	changed  chan struct{} // closed at the next change; nil where nobody asked
	track    *media.Track
}

// session is what belongs to one public stream id.
type session struct {
	stream  string // empty: there is none
	clock   frameClock
	cards   cards
	state   *State // the last one; nil before the first
	data    []byte // its neutral form
	carried media.Time
	history []*State
	plan    *plan // a state on its way to the log
}

// line turns times of day into media times.
type line struct {
	known bool
	at    media.Time
	wall  time.Time
}

// Stats counts what a timeline did, since the program began.
type Stats struct {
	Changes uint64 // that were written
	States  uint64 // written, without repeats
	Repeats uint64
	Late    uint64 // states that were late
	Refused uint64 // changes that could not be carried out when their time came
	Bytes   uint64 // of overlay frames, neutral form
}

// Begin starts a session with a public id, 1 to 16 of A-Za-z0-9_-, and ends the one before. With the id of the session that
// is on, it does nothing.
func (t *Timeline) Begin(stream string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session.stream == stream {
		return
	}
	t.endLocked()
	t.session = session{stream: stream}
	t.notifyLocked()
}

// End ends the session. It is idempotent.
func (t *Timeline) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endLocked()
}

func (t *Timeline) endLocked() {
	if t.session.stream == "" {
		return
	}
	t.undoLocked()
	for _, c := range t.waiting {
		t.finishLocked(c, Ended, nil)
	}
	t.waiting = nil
	t.queue = slices.DeleteFunc(t.queue, func(c *change) bool {
		if c.When.Clock == Wall {
			c.due, c.missed = never, false
			return false
		}
		t.finishLocked(c, Ended, nil)
		return true
	})
	t.line = line{}
	t.session = session{}
	t.notifyLocked()
}

// SetWall tells that the media time at is shown at a time of day. It is called when a session's line begins, and when it is
// moved: what waits for a time of day moves with it, what waits for a media time does not.
func (t *Timeline) SetWall(at media.Time, wall time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line = line{known: true, at: at, wall: wall}
	for _, c := range t.queue {
		if c.When.Clock == Wall {
			c.due = t.line.media(c.When.Wall)
		}
	}
	t.sortLocked()
}

// media gives the media time of a time of day; never where it is out of range or not known.
func (l *line) media(wall time.Time) media.Time {
	if !l.known {
		return never
	}
	due := l.at + media.Time(wall.Sub(l.wall))
	if !isTime(due) && due > 0 {
		return never
	}
	return max(due, -maxTime)
}

// SetEncoderDelay sets how long a picture takes from the creator's eyes to the stream, for changes as of what was seen; 0: as measured.
func (t *Timeline) SetEncoderDelay(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delay = media.Time(d)
}

// MeasureDelay tells how long a picture of the publisher that is there takes; 0: nobody knows. What is set counts more.
func (t *Timeline) MeasureDelay(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.measured = media.Time(d)
}

// EncoderDelay gives what a change as of what was seen waits.
func (t *Timeline) EncoderDelay() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.delayLocked().Duration()
}

func (t *Timeline) delayLocked() media.Time { return cmp.Or(t.delay, t.measured) }

// Apply takes a change. It is carried out when its time comes, and after all that is due before it; the ticket tells when.
// The error is [Faults], [*RateError], or one of this package's. now is by any clock that does not step.
func (t *Timeline) Apply(c Change, now time.Time) (*Ticket, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before := t.known[c.ID]; before != nil {
		if c = c.complete(); !before.same(&c) {
			return nil, fmt.Errorf("change %s: %w", c.ID, ErrConflict)
		}
		return &Ticket{t, before}, nil
	}
	if err := t.admitLocked(now); err != nil {
		return nil, err
	}
	entry := &change{Change: c.complete()}
	t.scheduleLocked(entry)
	if err := t.checkLocked(entry); err != nil {
		return nil, err
	}
	return t.acceptLocked(entry), nil
}

// complete fills in what a show leaves to us.
func (c Change) complete() Change {
	if c.Action == Show {
		if c.Slot == "" {
			c.Slot = defaultSlot
		}
		if c.Style == "" {
			c.Style = defaultStyle
		}
	}
	if c.Pos != nil {
		pos := *c.Pos
		c.Pos = &pos
	}
	return c
}

// admitLocked refuses what is too much.
func (t *Timeline) admitLocked(now time.Time) error {
	if wait := t.limiter.take(now); wait > 0 {
		return &RateError{wait}
	}
	if len(t.queue)+len(t.waiting) >= MaxScheduled {
		return ErrFull
	}
	return nil
}

// scheduleLocked finds out when a change is due.
func (t *Timeline) scheduleLocked(c *change) {
	switch c.When.Clock {
	case Media:
		c.timed, c.due = true, c.When.Media
	case Wall:
		c.timed, c.due = true, t.line.media(c.When.Wall)
	case Seen:
		delay := t.delayLocked()
		c.timed = delay > 0 && t.session.clock.started
		c.due = t.session.clock.newest + delay
	}
}

// checkLocked refuses what could not be carried out, as far as one can know.
func (t *Timeline) checkLocked(c *change) error {
	if p := c.product(t.products); c.Action == Show {
		if p == nil {
			return fmt.Errorf("product %s: %w", quote(c.Product), ErrNoProduct)
		}
		if err := showable(p); err != nil {
			return err
		}
	}
	if c.timed && c.Strict && t.isPastLocked(c.due) {
		return ErrPast
	}
	if c.due == never {
		return nil
	}
	limit := t.session.clock.newest
	if c.timed {
		limit = c.due
	}
	forecast := t.forecastLocked(limit, true)
	cs, err := forecast.cards.apply(c, limit, t.products)
	if err != nil || c.Action != Annotate {
		return err
	}
	return t.roomLocked(cs, c.Text)
}

// roomLocked says whether a text has room beside cards on the wire, in the neutral view: a [*SizeError] where it has none.
func (t *Timeline) roomLocked(cs cards, text string) error {
	w := (&View{}).Apply(&State{Stream: t.session.stream, Seq: maxSeq, At: maxTime, Late: true, Meta: text, Cards: cs.plain()})
	if w.Counts.NoMeta == 0 {
		return nil
	}
	return &SizeError{"state with its metadata", len(w.AppendRTP(nil, maxTime, 1<<32-1)) + len(appendMeta(nil, text)), MaxWireState}
}

// isPastLocked says whether no picture of a media time can come any more.
func (t *Timeline) isPastLocked(due media.Time) bool {
	s := &t.session
	half := s.clock.half()
	return s.clock.started && due <= s.clock.dts+half || s.state != nil && due <= s.state.At+half
}

// acceptLocked puts a change in its queue.
func (t *Timeline) acceptLocked(c *change) *Ticket {
	t.orders++
	c.order = t.orders
	for c.ID == "" {
		if id := "c" + strconv.FormatUint(c.order, 10); t.known[id] == nil {
			c.ID = id
			break
		}
		t.orders++
		c.order = t.orders
	}
	c.done = make(chan struct{})
	if t.known == nil {
		t.known = make(map[string]*change)
	}
	t.known[c.ID] = c
	if c.timed {
		t.queue = append(t.queue, c)
		t.sortLocked()
	} else {
		t.waiting = append(t.waiting, c)
	}
	t.notifyLocked()
	return &Ticket{t, c}
}

func (t *Timeline) sortLocked() {
	slices.SortFunc(t.queue, func(a, b *change) int {
		if a.due != b.due {
			return cmp.Compare(a.due, b.due)
		}
		return cmp.Compare(a.order, b.order)
	})
}

// finishLocked ends a change's wait, and forgets the oldest one that is over.
func (t *Timeline) finishLocked(c *change, p Progress, err error) {
	c.finish(p, err)
	t.past = append(t.past, c)
	if len(t.past) > pastCues {
		delete(t.known, t.past[0].ID)
		t.past = t.past[1:]
	}
}

// notifyLocked wakes who waits for anything to change.
func (t *Timeline) notifyLocked() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}
