package relay

import (
	"cmp"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Publisher writes the frames of a stream. It is a [media.Writer]. One goroutine writes; the other methods may be called
// from any.
type Publisher struct {
	stream    *Stream
	keyWanted chan struct{} // capacity 1

	woken []*Reader // room for the readers to wake; used by WriteFrame only

	// guarded by stream.mu
	epoch uint64 // 0: it never had the stream
	heeds bool   // wishes for key frames are met
	gone  error  // why it may not write, nil while it may
}

// Epoch is the number of this publisher among all that the stream ever had, from 1; 0 before [Publisher.Take].
func (p *Publisher) Epoch() uint64 {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	return p.epoch
}

// Take makes a candidate the stream's publisher, as [Stream.Publish] does. One that has, or had, the stream changes nothing by it: it gets
// nil while it may write, else why it may not.
func (p *Publisher) Take(tracks []*media.Track) error {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	if p.epoch > 0 {
		return p.gone
	}
	return p.stream.takeLocked(p, tracks)
}

// WriteFrame appends f to the stream. It never waits for a reader. Frames come in decode order across all tracks. It
// returns [ErrFenced] when another publisher took over or after Leave, and [ErrEnded] after the session ended; the frame
// is not written then, nor is any later one. A candidate gets [ErrFenced] until it takes the stream.
func (p *Publisher) WriteFrame(f *media.Frame) error {
	s, now := p.stream, time.Now()
	s.mu.Lock()
	if err := p.gone; err != nil {
		s.mu.Unlock()
		return err
	}
	s.session.append(f, now)
	s.lastWrite = now
	p.woken = s.gatheredLocked(s.waiters.take(p.woken), f, now)
	s.mu.Unlock()
	wakeAll(p.woken)
	return nil
}

// SetTracks says what the tracks are from now on, with what belongs to none of the frames, such as a [media.Metadata]
// track. It has no effect once the publisher may not write.
func (p *Publisher) SetTracks(tracks []*media.Track) {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	if p.gone == nil {
		p.stream.session.tracks = slices.Clone(tracks)
	}
}

// SetWall draws the line between the session's time and the wall clock: media time t was at wall time at. It has no effect
// once the publisher may not write.
func (p *Publisher) SetWall(t media.Time, at time.Time) {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	if p.gone == nil {
		p.stream.session.wall = at.Add(-t.Duration()).Round(0) // without the monotonic reading, which knows no dates
	}
}

// MadeOf says that the session is a rendition of the one that r reads, on the same timeline: it has that one's origin, and a [Follower] of
// that one may read it. It is said before the first frame, and has no effect once the publisher may not write.
func (p *Publisher) MadeOf(r *Reader) {
	r.stream.mu.Lock()
	of := r.session.facts
	r.stream.mu.Unlock()
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	if p.gone == nil {
		p.stream.session.origin, p.stream.session.root = of.origin, cmp.Or(of.root, of.number)
	}
}

// KeyWanted receives when a reader needs a key frame. Wishes that come faster than they are received are one wish. Who calls it says
// that the wishes will be met: see [Reader.WantKey].
func (p *Publisher) KeyWanted() <-chan struct{} {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	p.heeds = true
	return p.keyWanted
}

// IgnoreWishes takes back what KeyWanted says: wishes for key frames are not met from now on.
func (p *Publisher) IgnoreWishes() {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	p.heeds = false
}

// Leave says that the publisher is gone while the session stays, for it or another one to come back. It is idempotent, and
// has no effect on the publisher that took over.
func (p *Publisher) Leave() {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	p.stream.fenceLocked(p, ErrFenced)
}

// End ends the session: readers read what is in the window, then get [ErrEnded]. It is idempotent, and has no effect once
// the publisher was fenced or has left.
func (p *Publisher) End() {
	s := p.stream
	s.mu.Lock()
	var woken []*Reader
	if p.gone == nil {
		woken = s.endLocked()
	}
	s.mu.Unlock()
	wakeAll(woken)
}
