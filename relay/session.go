package relay

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

// session is one publish of a stream, from accept to end. The stream holds the one that is in being or to come; one that
// has ended is held by the readers that still drain it, and by nobody else.
type session struct {
	facts
	window
	ended bool // nothing is written any more

	picture  uint64    // sequence number behind the newest picture; 0 before the first
	pictured time.Time // when that was written
}

// facts are what is known of a session beside its frames. The stream keeps them after its end.
type facts struct {
	number uint64         // from 1; 0 before the session begins
	tracks []*media.Track // never changed, only replaced
	wall   time.Time      // wall time of media time 0; zero where it is not known
	origin media.Time     // DTS of the first frame; 0 before it. Of a rendition: that of the session it is made of
	root   uint64         // of a rendition: number of the session that it is made of, in the stream that nobody made; else 0
	newest media.Time     // DTS of the last frame; 0 before it
}

// newSession makes the session to come, whose frames are numbered from base.
func newSession(base uint64, maxAge media.Time, maxBytes int) *session {
	return &session{window: window{
		maxAge: maxAge, maxBytes: maxBytes,
		entries: ring[entry]{head: base, tail: base},
	}}
}

func (s *session) append(f *media.Frame, now time.Time) {
	if s.entries.len() == 0 && s.root == 0 {
		s.origin = f.DTS
	}
	s.newest = f.DTS
	s.window.append(f)
	if f.Track.Codec.IsVideo() {
		s.picture, s.pictured = s.entries.tail, now
	}
}

func (f *facts) wallAt(t media.Time) time.Time {
	if f.wall.IsZero() {
		return time.Time{}
	}
	return f.wall.Add(t.Duration())
}
