package transcode

import (
	"context"
	"log/slog"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	owes       = 500 * media.Millisecond  // of what it was given, a child that hangs
	keyWait    = time.Second              // for a key frame, once a picture was lost
	headroom   = 1000 * media.Millisecond // in front of a child's first time, for what encoders put before it
	margin     = 250 * media.Millisecond  // that a new child has to catch up with the pictures
	marginMost = 2000 * media.Millisecond
	firstPause = 100 * time.Millisecond // between children that bring nothing, doubled each time
	longPause  = 5 * time.Second
	enough     = 10      // frames that a child brings before it is one that worked
	maxQueue   = 1 << 12 // frames that wait for a child, and of a group that is kept for the next one
	maxBytes   = 32 << 20
	maxPending = 1 << 10 // frames that a child may owe
	soundKept  = 50      // frames of sound that are kept for the next child
)

// lane codes one track of a stage's source. It keeps one child running while there is something to code:
//
//	           a frame to start at                a frame comes back
//	resting ───────────────────────▶ starting ─────────────────────▶ coding
//	   ▲                                 │                              │
//	   └──────── pause ◀─────────────────┴── it died, hangs, is late ◀──┘
//
// The stage's mutex guards all that is below done.
type lane struct {
	stage *stage
	slot  slot
	wake  chan struct{} // capacity 1; says: look at queue again
	done  chan struct{} // closed when the lane's goroutine is gone

	lot     assignment
	fresh   bool         // nothing that it is about has come yet
	first   media.Time   // of pictures: where the first child of the assignment begins, until it does; or never
	turn    int          // how often the assignment changed, so that what an old child brings is known
	made    *media.Track // what the child makes of it; nil until it told
	queue   []arrival    // to be written to the child
	group   []arrival    // pictures from the last key frame on, for the next child
	bytes   int          // of data in group
	running bool         // a child is there, or about to be
	child   *child       // nil: none
	ending  bool         // the source has ended: the child is to bring what it has
	run     progress
	loss    loss
}

// assignment is what a lane is to do.
type assignment struct {
	conversion
	source *media.Track
	clock  bool // overlays stand in front of its frames
}

// arrival is a frame of the source with the time it came.
type arrival struct {
	*media.Frame
	at time.Time
}

// progress is how far the child is.
type progress struct {
	begin   media.Time   // of pictures: the first that it codes
	due     media.Time   // the newest time that it was given, or is to be: a pipe may be full
	back    media.Time   // the newest that came back
	moved   time.Time    // when it did, or the child started
	pending []arrival    // what it was given and did not bring back
	keys    []media.Time // of sound that overlays stand in front of: where groups start
}

// loss is what is missing of the pictures.
type loss struct {
	key   bool // only a key frame may follow
	since time.Time
	times int // children in a row that came too late
}

// job is what one child does.
type job struct {
	assignment
	turn  int
	base  media.Time // media time that is the child's 0
	from  media.Time // of pictures, in the child's time: the first that is coded
	tally *tally
	log   *slog.Logger
}

func newLane(s *stage, at slot) *lane {
	return &lane{stage: s, slot: at, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// assignLocked gives the lane another track or conversion; none lets it rest. What the old child still has is lost.
func (l *lane) assignLocked(a assignment) {
	if a.conversion != l.lot.conversion {
		l.made = nil
	}
	l.lot, l.fresh, l.first = a, true, never
	l.turn++
	l.queue, l.group, l.bytes = nil, nil, 0
	l.run, l.loss = progress{}, loss{}
	l.stage.merger.forsake(l.slot)
	if l.child != nil {
		l.child.kill()
	}
	l.signal()
}

// feedLocked hands a frame of the source to the child, or keeps it for the next one.
func (l *lane) feedLocked(f *media.Frame, now time.Time) {
	a := arrival{f, now}
	if f.Track.Codec.IsVideo() && !l.keep(a) {
		return
	}
	if l.lot.clock && f.Key && f.Track.Codec.IsAudio() {
		l.run.keys = append(l.run.keys, f.PTS)
	}
	l.queue = append(l.queue, a)
	l.run.due = max(l.run.due, f.PTS)
	switch {
	case l.running && len(l.queue) > maxQueue:
		l.queue = nil
		if l.child != nil {
			l.child.kill() // it takes nothing
		}
	case !l.running && f.Track.Codec.IsVideo():
		l.queue = nil // the next child gets the group
	case !l.running && len(l.queue) > soundKept:
		l.queue = l.queue[1:]
	}
	l.signal()
}

// keep keeps a picture for the next child; false where it has none to start at.
func (l *lane) keep(a arrival) bool {
	if a.Key {
		l.group, l.bytes = nil, 0
	} else if len(l.group) == 0 {
		return l.running
	}
	l.group = append(l.group, a)
	l.bytes += len(a.Data)
	if len(l.group) > maxQueue || l.bytes > maxBytes {
		l.group, l.bytes = nil, 0
	}
	return true
}

// signal tells the lane's goroutine, or what feeds its child, to look again.
func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// work keeps a child running until ctx ends, or the source has ended and the child has brought all.
func (l *lane) work(ctx context.Context) {
	defer close(l.done)
	pause := time.Duration(0)
	for ctx.Err() == nil {
		j, ok := l.takeUp()
		if !ok {
			if l.over() {
				return
			}
			select {
			case <-l.wake:
			case <-ctx.Done():
			}
			continue
		}
		frames, err := l.once(ctx, j)
		switch {
		case l.over() || ctx.Err() != nil:
			return
		case err == nil: // it was given something else to do
			pause = 0
			continue
		case frames >= enough:
			pause = 0
		default:
			pause = min(max(2*pause, firstPause), longPause)
		}
		j.log.Warn("child is started again", "pause", pause, "frames", frames, "err", err)
		j.tally.restarts.Add(1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// over says whether the source has ended.
func (l *lane) over() bool {
	l.stage.mu.Lock()
	defer l.stage.mu.Unlock()
	return l.ending
}

// takeUp gives the next child's job; false where there is nothing to start one for.
func (l *lane) takeUp() (j job, ok bool) {
	s := l.stage
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.lot.conversion == none || l.ending {
		return j, false
	}
	pictures := l.lot.source.Codec.IsVideo()
	if pictures {
		l.queue = append([]arrival(nil), l.group...)
	}
	if len(l.queue) == 0 {
		return j, false
	}
	l.running = true
	j = job{
		assignment: l.lot, turn: l.turn, base: l.queue[0].DTS - headroom,
		tally: s.tallies[l.lot.conversion], log: s.log.With("conversion", l.lot.String()),
	}
	l.run = progress{begin: never, back: never, due: l.queue[len(l.queue)-1].PTS, moved: time.Now(), keys: l.run.keys}
	if pictures {
		l.beginLocked()
		j.from = l.run.begin - j.base
	}
	return j, true
}

// beginLocked says which picture is the first to be coded, and has the other track wait for it: at the start of a rendition the newest
// there was, behind a change of tracks the first one, later one that is still to come when the child is up to it, so that it is not too late.
func (l *lane) beginLocked() {
	m := l.stage.merger
	wait, begin := patience, l.run.due+min(margin<<min(l.loss.times, 8), marginMost)
	from := begin
	switch {
	case m.cursor == never:
		wait, begin = beginPatience, l.queue[0].PTS
		from = never // sound in front of the first picture waits for it too, so that all tracks are there at once
		if edge := l.stage.reader.Edge(); edge > begin {
			begin, m.floor = edge, edge
			from = begin
		}
	case l.first > m.cursor:
		wait, begin, from = startPatience, l.first, l.first
	}
	l.first, l.loss.key = never, false
	l.run.begin = begin
	m.expect(l.slot, from, wait)
}

// hold makes c the lane's child; false where the assignment has changed meanwhile.
func (l *lane) hold(j job, c *child) bool {
	l.stage.mu.Lock()
	defer l.stage.mu.Unlock()
	if l.turn != j.turn {
		return false
	}
	l.child = c
	return true
}

// drop notes that the lane has no child any more.
func (l *lane) drop(j job, spent time.Duration) {
	j.tally.end(spent)
	s := l.stage
	s.mu.Lock()
	defer s.mu.Unlock()
	l.running, l.child = false, nil
	if l.turn == j.turn {
		l.queue = nil
		s.merger.forsake(l.slot)
		s.merger.flush(time.Now())
	}
}

// current says whether the lane still has the job's assignment.
func (l *lane) current(j job) bool {
	l.stage.mu.Lock()
	defer l.stage.mu.Unlock()
	return l.turn == j.turn
}

// checkLocked kills a child that hangs, which is one that brings nothing though it was given enough, and one that cannot go on since a
// picture was lost.
func (l *lane) checkLocked(now time.Time) {
	if l.child == nil {
		return
	}
	limit := patience
	switch {
	case l.run.back == never && l.stage.merger.cursor == never:
		limit = beginPatience
	case l.run.back == never:
		limit = startPatience
	}
	hangs := now.Sub(l.run.moved) > limit && l.run.due-max(l.run.back, l.run.begin) > owes
	late := l.loss.key && now.Sub(l.loss.since) > keyWait
	if late {
		l.loss.times++
	}
	if hangs || late {
		l.child.kill()
	}
}
