package relay

import (
	"context"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Reader is a position in a stream. It reads one session: the one in being when it was made, else the next one. One
// goroutine calls Next and First; the other methods may be called from any.
type Reader struct {
	stream  *Stream
	session *session // the same for good
	tally   *tally
	maxLag  time.Duration
	edge    media.Time
	bell    bell   // says: look again
	first   uint64 // sequence number of the first frame of the last batch; used by the reading goroutine only

	// Guarded by stream.mu, as what session and tally hold:
	next    uint64 // sequence number of the next frame to read; below the window when that frame is gone
	joining bool   // it has no position yet: the newest group was cut when it came
	skipped int    // frames jumped over that Next did not tell of yet
	closed  bool
	queue   *waiters // where it waits; nil or another wave: nowhere
	wave    uint64   // see waiters

	gathering *gathering // nil: it does not collect
	ripe      uint64     // sequence number; frames in front of it are not held back any more
}

// Subscribe makes a reader for the output of that name, under which it is counted. It starts at the start of the newest
// group; where there is no session, at the first frame of the next one; where the byte bound has cut the newest group, at
// the next key frame. When it lags more than maxLag it jumps forward; 0: [DefaultMaxLag]. The caller closes it.
func (s *Stream) Subscribe(output string, maxLag time.Duration) *Reader {
	return s.subscribe(output, maxLag, nil, (*window).newestStart)
}

// SubscribeOldest is [Stream.Subscribe] for an output that wants the past too, as far as the window has it: it starts at the start of
// the oldest group. Where that lags more than maxLag the reader jumps forward at once.
func (s *Stream) SubscribeOldest(output string, maxLag time.Duration) *Reader {
	return s.subscribe(output, maxLag, nil, (*window).oldestStart)
}

// subscribe makes a reader of a session, nil for the one in being or to come, that starts where start says.
func (s *Stream) subscribe(output string, maxLag time.Duration, of *session, start func(*window) (seq uint64, ok bool)) *Reader {
	if maxLag <= 0 {
		maxLag = DefaultMaxLag
	}
	r := &Reader{stream: s, maxLag: maxLag, bell: newBell()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.session = of; of == nil {
		r.session = s.session
	}
	at, ok := start(&r.session.window)
	if !ok {
		at, r.joining = r.session.entries.tail, r.session.entries.len() > 0
	}
	r.next, r.edge = at, r.session.newest
	r.tally = s.tallyLocked(output)
	r.tally.readers[r] = struct{}{}
	s.readers++
	s.wantLocked()
	return r
}

// Next returns the frames that wait, at least one, with at most maxBytes of data in all but always one. It waits while
// there are none. The frames follow each other in the stream without a gap, and fs is dst[:0] with them appended, so that a
// dst with room makes it work without allocation.
//
// skipped counts the frames in front of the batch that the reader did not get, since it was late or they have left the
// window. Frames from before the reader's start do not count.
//
// It returns [ErrEnded] when all of an ended session is read, together with what was skipped at its end; [ErrClosed] on a
// closed reader; ctx's error when ctx ends, whether there are frames or not.
func (r *Reader) Next(ctx context.Context, dst []*media.Frame, maxBytes int) (fs []*media.Frame, skipped int, err error) {
	for {
		if err = ctx.Err(); err != nil {
			r.unwait()
			return dst[:0], 0, err
		}
		fs, skipped, err = r.take(dst[:0], maxBytes)
		if err != nil || len(fs) > 0 {
			return fs, skipped, err
		}
		r.bell.heed(ctx)
		<-r.bell.rung
	}
}

// First returns the sequence number of the first frame of the last batch, the others follow it one by one: where
// [Derived.At] finds what belongs to them. It rises over all sessions of a stream.
func (r *Reader) First() uint64 { return r.first }

// Edge gives the decode time of the newest frame of the session when the reader came: what is newer came after it. It is 0 where there was
// no frame yet.
func (r *Reader) Edge() media.Time { return r.edge }

// WantKey asks the publisher for a key frame, and says whether that is any use: it has no effect where nobody publishes the reader's
// session, and few protocols can ask an encoder.
func (r *Reader) WantKey() bool {
	p, heeds := r.heard()
	if p == nil {
		return false
	}
	select {
	case p.keyWanted <- struct{}{}:
	default:
	}
	return heeds
}

// MayWantKey says whether WantKey is any use.
func (r *Reader) MayWantKey() bool {
	_, heeds := r.heard()
	return heeds
}

// heard gives who publishes the reader's session, nil where nobody does, and whether wishes for key frames are met.
func (r *Reader) heard() (p *Publisher, heeds bool) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	if p = r.stream.publisher; p == nil || r.session != r.stream.session {
		return nil, false
	}
	return p, p.heeds
}

// AwaitsKey says whether the reader cannot go on before the next key frame: the byte bound has cut the newest group, and
// the reader had no position or has lost it.
func (r *Reader) AwaitsKey() bool {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	w := &r.session.window
	return w.starts.len() == 0 && (r.joining || r.next < w.entries.head)
}

// Lag returns how much older the next frame to read is than the newest one, by decode time; 0 when all is read.
func (r *Reader) Lag() time.Duration {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.lagLocked()
}

// Unsent counts frames that were handed over, and that the output could not send whole.
func (r *Reader) Unsent(frames int) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.tally.Unsent += uint64(frames)
}

// Withheld counts frames that were handed over, and that the output left out up to a key frame, since the way to its peer loses too much.
func (r *Reader) Withheld(frames int) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.tally.Withheld += uint64(frames)
}

// Session is the number of the session that the reader reads; 0 before that begins.
func (r *Reader) Session() uint64 {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.session.number
}

// Tracks is [Stream.Tracks] of the reader's session, which may have ended.
func (r *Reader) Tracks() []*media.Track {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.session.tracks
}

// Wall is [Stream.Wall] of the reader's session, which may have ended.
func (r *Reader) Wall(t media.Time) time.Time {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.session.wallAt(t)
}

// Origin is [Stream.Origin] of the reader's session, which may have ended.
func (r *Reader) Origin() media.Time {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.session.origin
}

// Close takes the reader off the stream and makes a Next that waits return [ErrClosed]. It is idempotent.
func (r *Reader) Close() {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	delete(r.tally.readers, r)
	s.readers--
	s.unwantLocked()
	r.unqueueLocked()
	r.bell.ring()
	r.bell.drop()
}

// take appends the frames that wait to dst. Where there are none and some may come, the reader is among the waiters then.
func (r *Reader) take(dst []*media.Frame, maxBytes int) (fs []*media.Frame, skipped int, err error) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	switch {
	case r.closed:
		return dst, 0, ErrClosed
	case r.settleLocked():
		if r.gathersLocked() {
			return dst, 0, nil
		}
		dst = r.readLocked(dst, maxBytes)
	case r.session.ended:
		r.abandonLocked()
		err = ErrEnded
	default:
		r.awaitLocked()
		return dst, 0, nil
	}
	skipped, r.skipped = r.skipped, 0
	return dst, skipped, err
}

// awaitLocked puts the reader among those that wait for a frame.
func (r *Reader) awaitLocked() {
	if r.gathering != nil {
		r.gathering.add(r)
		return
	}
	r.stream.waiters.add(r)
}

// settleLocked finds where the reader goes on and says whether there is a frame.
func (r *Reader) settleLocked() bool {
	w := &r.session.window
	if r.joining {
		start, ok := w.oldestStart()
		if !ok {
			return false
		}
		r.next, r.joining = start, false
	}
	start, ok := w.newestStart()
	switch {
	case r.next < w.entries.head:
		if !ok {
			return false
		}
		r.tally.SkippedGone += r.jumpLocked(start)
	case ok && start > r.next && r.lagLocked() > r.maxLag:
		r.tally.SkippedLate += r.jumpLocked(start)
	}
	return r.next < w.entries.tail
}

// readLocked appends the frames at the reader's position to dst, one at least, and moves behind them.
func (r *Reader) readLocked(dst []*media.Frame, maxBytes int) []*media.Frame {
	w := &r.session.window
	r.first = r.next
	bytes := 0
	for ; r.next < w.entries.tail; r.next++ {
		f := w.frame(r.next)
		if r.next > r.first && len(f.Data) > maxBytes-bytes {
			break
		}
		bytes += len(f.Data)
		dst = append(dst, f)
	}
	r.tally.Frames += r.next - r.first
	r.tally.Bytes += uint64(bytes)
	return dst
}

// restore undoes the reading of the last frames of the last batch, and of its first ones the counting: those were not wanted.
func (r *Reader) restore(unwanted, unread []*media.Frame) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.first += uint64(len(unwanted))
	r.next -= uint64(len(unread))
	r.tally.Frames -= uint64(len(unwanted) + len(unread))
	for _, fs := range [][]*media.Frame{unwanted, unread} {
		for _, f := range fs {
			r.tally.Bytes -= uint64(len(f.Data))
		}
	}
}

// abandonLocked skips what is left of an ended session behind a lost position: there is nothing to go on at.
func (r *Reader) abandonLocked() {
	if tail := r.session.entries.tail; !r.joining && r.next < tail {
		r.tally.SkippedGone += r.jumpLocked(tail)
	}
}

// jumpLocked moves the reader forward to seq and returns how many frames it skips.
func (r *Reader) jumpLocked(seq uint64) uint64 {
	n := seq - r.next
	r.next = seq
	r.skipped += int(n)
	r.tally.Skipped += n
	r.tally.Skips++
	return n
}

// lagLocked is Lag; a reader whose position is gone is as late as the oldest frame that is left.
func (r *Reader) lagLocked() time.Duration {
	w := &r.session.window
	next := max(r.next, w.entries.head)
	if r.joining || next == w.entries.tail {
		return 0
	}
	return max(0, (r.session.newest - w.frame(next).DTS).Duration())
}

// unwait takes the reader from among the waiters, if it is there.
func (r *Reader) unwait() {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.unqueueLocked()
}
