package whep

import (
	"sync"
	"time"
)

// When a viewer cannot keep up. A tenth is what congestion control takes for too much (draft-ietf-rmcat-gcc-02 §6); less is repaired, and
// more often is.
const (
	heavyLoss   = 0.1              // of packets, with a picture that is lost
	ruinousLoss = 0.3              // likewise, in any case: browsers complain after 3 s without a picture
	heavyFor    = 2 * time.Second  // that reports tell of it; half of it where pictures have rested lately
	shortRest   = time.Second      // without pictures, so that what waits on the way is gone
	longestRest = 8 * time.Second  // each is twice as long as the one before,
	calm        = 20 * time.Second // unless there was none for so long
)

// strain judges by what a viewer says whether her network carries the pictures. Over TCP writes wait for her, and the stream's reader
// skips; over UDP all is sent, and what is too much is lost, sound too.
//
// She cannot keep up where one report after the other tells of ruinous loss, or of heavy loss while she complains of a picture that
// repair did not bring back. Pictures then rest, and begin anew at a key frame; those in between would be of no use to her. Her estimate
// of the bandwidth takes no part: it begins low, and falls with each join.
type strain struct {
	mu       sync.Mutex
	heavy    spell         // as reports tell of loss
	ruinous  spell         // likewise
	lost     time.Time     // the newest complaint that a picture is lost
	rest     time.Duration // the last one
	until    time.Time     // its end
	breaking bool          // a rest has begun that nobody has taken note of
}

// report takes what share of the packets was lost between two times.
func (s *strain) report(loss float64, from, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from.Before(s.until) {
		return
	}
	s.heavy.note(loss >= heavyLoss, from)
	s.ruinous.note(loss >= ruinousLoss, from)
	s.judge(now)
}

// complain takes the word that a picture is lost, and says whether a key frame is any use now.
func (s *strain) complain(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = now
	s.judge(now)
	return !now.Before(s.until)
}

// judge begins a rest where it is time.
func (s *strain) judge(now time.Time) {
	lately := !s.until.IsZero() && now.Sub(s.until) < calm
	enough := heavyFor
	if lately {
		enough /= 2
	}
	if !s.ruinous.lasts(enough, now) && (!s.heavy.lasts(enough, now) || s.lost.Before(s.heavy.since)) {
		return
	}
	if s.rest = min(2*s.rest, longestRest); !lately {
		s.rest = shortRest
	}
	s.until, s.breaking = now.Add(s.rest), true
	s.heavy, s.ruinous = spell{}, spell{}
}

// spell is how long something is so.
type spell struct{ since time.Time } // zero: it is not

func (s *spell) note(is bool, from time.Time) {
	switch {
	case !is:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = from
	}
}

func (s *spell) lasts(long time.Duration, now time.Time) bool {
	return !s.since.IsZero() && now.Sub(s.since) >= long
}

// breaks says, once for each rest, that it has begun.
func (s *strain) breaks() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := s.breaking
	s.breaking = false
	return begun
}

// rests says whether pictures rest.
func (s *strain) rests(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.until)
}
