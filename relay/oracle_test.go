package relay

import (
	"context"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

// modelSession is a session that forgets nothing: what has left the window is told by an index.
type modelSession struct {
	number uint64
	base   uint64 // sequence number of all[0]
	all    []modelFrame
	oldest int // what is before all[oldest] has left the window
	cuts   uint64
	tracks []*media.Track
	wall   time.Time
	ended  bool
}

type modelFrame struct {
	*media.Frame
	start bool
}

func (s *modelSession) append(f *media.Frame, maxAge media.Time, maxBytes int) {
	before, held := s.all, len(s.starts()) > 0
	start := len(before) == 0
	if f.Key && len(before) > 0 {
		last := before[len(before)-1]
		first := !slices.ContainsFunc(before, func(f modelFrame) bool { return f.Key })
		start = (!last.Key || last.Track.Codec != media.Overlay) && (!first || !held)
	}
	s.all = append(s.all, modelFrame{f, start})

	for {
		later := slices.DeleteFunc(s.starts(), func(i int) bool { return i == s.oldest })
		if len(later) == 0 || s.all[later[0]].DTS > f.DTS-maxAge && s.bytes() <= maxBytes {
			break
		}
		s.oldest = later[0]
	}
	held = len(s.starts()) > 0
	for s.bytes() > maxBytes && s.oldest < len(s.all)-1 {
		s.oldest++
	}
	if held && len(s.starts()) == 0 {
		s.cuts++
	}
}

// starts returns the start points that are in the window.
func (s *modelSession) starts() (at []int) {
	for i := s.oldest; i < len(s.all); i++ {
		if s.all[i].start {
			at = append(at, i)
		}
	}
	return at
}

func (s *modelSession) bytes() (n int) {
	for _, f := range s.all[s.oldest:] {
		n += len(f.Data)
	}
	return n
}

// modelReader is a reader with what it should do next to it.
type modelReader struct {
	*Reader
	session *modelSession
	output  *Counters
	maxLag  media.Time
	next    int // in session.all; -1: no position yet
	skipped int // not told yet
	closed  bool
}

// read is what Next should do.
func (r *modelReader) read(maxBytes int) (fs []*media.Frame, skipped int, err error) {
	s := r.session
	if r.closed {
		return nil, 0, ErrClosed
	}
	starts := s.starts()
	if r.next < 0 && len(starts) > 0 {
		r.next = starts[0]
	}
	switch {
	case r.next < 0:
	case r.next < s.oldest && len(starts) > 0:
		r.output.SkippedGone += r.jump(starts[len(starts)-1])
	case r.next < s.oldest && s.ended:
		r.output.SkippedGone += r.jump(len(s.all))
	case r.lag() > r.maxLag && len(starts) > 0 && starts[len(starts)-1] > r.next:
		r.output.SkippedLate += r.jump(starts[len(starts)-1])
	}
	for bytes := 0; r.next >= s.oldest && r.next < len(s.all); r.next++ {
		f := s.all[r.next].Frame
		bytes += len(f.Data)
		if len(fs) > 0 && bytes > maxBytes {
			break
		}
		fs = append(fs, f)
		r.output.Frames++
		r.output.Bytes += uint64(len(f.Data))
	}
	switch {
	case len(fs) > 0:
	case s.ended:
		err = ErrEnded
	default:
		return nil, 0, context.Canceled
	}
	skipped, r.skipped = r.skipped, 0
	return fs, skipped, err
}

func (r *modelReader) jump(to int) uint64 {
	n := to - r.next
	r.next = to
	r.skipped += n
	r.output.Skipped += uint64(n)
	r.output.Skips++
	return uint64(n)
}

func (r *modelReader) lag() media.Time {
	all := r.session.all
	next := max(r.next, r.session.oldest)
	if r.next < 0 || next == len(all) {
		return 0
	}
	return max(0, all[len(all)-1].DTS-all[next].DTS)
}
