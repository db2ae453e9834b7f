package ingest

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

// How a publisher takes a stream that another one has (DESIGN.md, Sessions):
//
//	                                        its first key frame,
//	       Admit: the old one delivers      or the end of the old one
//	  ──────────────────────────▶ waiting ───────────────────────────▶ current ──▶ over
//	                                 │                                   ▲
//	                                 │ it leaves, or is ended:           │
//	                                 │ another comes, or waitToTake      │
//	                                 ▼                                   │
//	                               over       Admit: nobody does ────────┘
//
// What has no key frame cannot be shown. So the old publisher is relayed while the new one waits, and is fenced and told in the same step in
// which the new one's key frame begins the line. One at most waits: the newest.

// waitToTake is how long a publisher may wait to take a stream over, from its admission: some 15 s to its first media, as all have, and a
// group of an encoder that cannot be asked for a key frame.
const waitToTake = 20 * time.Second

// active says who delivers: whose last media came within this time.
const active = 2 * time.Second

// Takeover damping (DESIGN.md, Sessions). Takeovers of publishers that deliver nothing do not count.
const (
	dampCount  = 3                // takeovers within dampWindow before the publisher is kept
	dampWindow = 30 * time.Second //
	dampKeep   = 30 * time.Second // how long it is kept then
)

// claim is what a publisher brings that waits to take the stream over.
type claim struct {
	tracks []*media.Track // nil: not announced
	delay  time.Duration  // of its pictures; 0: not known
	limit  *time.Timer    // ends the wait
}

// settle ends the wait.
func (c *claim) settle() {
	if c.limit != nil {
		c.limit.Stop()
	}
	*c = claim{}
}

// isRelayingLocked says whether the current publisher delivers what outputs can show.
func (e *entry) isRelayingLocked(now time.Time) bool {
	p := e.current
	return p != nil && (p.aligned || p.opening.isReady()) && now.Sub(p.lastMedia) <= active
}

// waitLocked lets p wait for the stream that current has.
func (e *entry) waitLocked(p *Publication) {
	e.waiting = p
	p.claim.limit = time.AfterFunc(waitToTake, func() { e.giveUp(p) })
}

// giveUp ends p, if it still waits.
func (e *entry) giveUp(p *Publication) {
	e.mu.Lock()
	waits := e.waiting == p
	if waits {
		e.failLocked(p, ErrNoKeyFrame)
	}
	e.mu.Unlock()
	if waits {
		e.sayFailed(p, ErrNoKeyFrame)
	}
}

// failLocked ends p, which waits. reason is why it is made to; nil: it has left.
func (e *entry) failLocked(p *Publication, reason error) {
	e.waiting = nil
	e.counters.FailedTakeovers++
	p.leaveLocked(reason)
}

// sayFailed logs that a publisher which waited did not take the stream over.
func (e *entry) sayFailed(p *Publication, reason error) {
	log := e.gate.Log.With("stream", e.name, "remote", p.applicant.Remote)
	if reason == nil {
		log.Info("publisher left before it took the stream over")
		return
	}
	log.Warn("publisher did not take the stream over", "err", reason)
}

// succeedLocked gives p, which waited, the stream of a publisher that has ended by itself: as at a reconnect.
func (e *entry) succeedLocked(p *Publication, now time.Time) admission {
	p.opening.past = e.session.line.at
	got, err := e.takeLocked(p, now)
	if err != nil { // the stream is gone
		e.failLocked(p, err)
		return admission{}
	}
	got.held = true
	return got
}

// awaitLocked holds f, and takes the stream over once there is something to show.
func (p *Publication) awaitLocked(f *media.Frame, now time.Time) (got admission, err error) {
	e := p.entry
	if f.Track.Codec == media.Data {
		e.counters.Dropped[DropData]++
		return got, nil
	}
	p.lastMedia = now
	if p.opening.isFull() {
		p.opening.dropOldest()
		e.counters.Dropped[DropBeforeKey]++
	}
	if !p.opening.hold(f, now) {
		e.counters.Dropped[DropBeforeKey]++
		return got, nil
	}
	if !p.opening.isReady() {
		return got, nil
	}
	e.counters.Dropped[DropBeforeKey] += uint64(p.opening.skipSound())
	if got, err = e.takeLocked(p, now); err != nil {
		e.failLocked(p, err)
		return admission{}, err
	}
	return got, p.beginLocked()
}

// takeLocked gives p the stream, and ends who has it.
func (e *entry) takeLocked(p *Publication, now time.Time) (got admission, err error) {
	s, tracks := e.session, p.claim.tracks
	if tracks == nil && s != nil { // those of the publisher before, until this one has announced its own
		tracks = s.tracks
	}
	if err := p.out.Take(tracks); err != nil {
		return got, err
	}
	got.p, got.before = p, e.current
	switch {
	case s == nil:
		s = &session{id: newSessionID(), since: now}
		e.session = s
		e.options.Timeline.Begin(s.id)
		e.counters.Sessions++
	case s.hold != nil:
		s.hold.Stop()
		s.hold, got.held = nil, true
	}
	s.tracks, s.video, s.audio = tracks, meter{}, meter{}
	e.options.Timeline.MeasureDelay(p.claim.delay)
	if got.before != nil {
		got.damped = e.countLocked(got.before, now)
		got.before.leaveLocked(ErrFenced)
	}
	p.claim.settle()
	e.current, e.waiting = p, nil
	return got, nil
}

// countLocked counts that the stream was taken from a publisher; damped says that it is one too many, and the last one for a while.
func (e *entry) countLocked(from *Publication, now time.Time) (damped bool) {
	if from.applicant.StandIn {
		return false
	}
	e.counters.Takeovers++
	if now.Sub(from.lastMedia) > active {
		return false
	}
	for len(e.takeovers) > 0 && now.Sub(e.takeovers[0]) > dampWindow {
		e.takeovers = e.takeovers[1:]
	}
	e.takeovers = append(e.takeovers, now)
	if len(e.takeovers) < dampCount {
		return false
	}
	e.takeovers, e.keepUntil = nil, now.Add(dampKeep)
	return true
}
