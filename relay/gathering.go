package relay

import (
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

// gathering is where readers wait that hold frames back in the same way. They are woken together: to wake each by a timer of its own costs
// more than what it does then. The stream's mutex guards it.
//
//	Collect, pictures    ─┬──┬──┬──┬──┬──┬──┬──┬──┬────────────┬──┬──┬──
//	         woken        ▲        ▲        ▲        ▲         ▲        ▲
//	                      └─every──┴─every──┴─every──┘         └─every──┘
//
//	GatherSound, pictures ─┬───────────┬───────────┬──────────────────────
//	             sound     │  ┬    ┬   │ ┬    ┬    │ ┬    ┬    ┬    ┬    ┬
//	             woken     ▲           ▲           ▲  └─every──▲    ▲    ▲
type gathering struct {
	waiters
	every time.Duration // from one time that they are woken to the next; how long sound is held back at most
	sound bool          // only what is no picture is held back, while there are pictures
	next  time.Time     // of those who collect: when they are woken again, or with the picture that comes about then
	armed bool          // the timer runs
	timer *time.Timer   // nil before it is first needed
	spare []*Reader     // nil while the timer wakes
}

const (
	soundWaits    = 50 * time.Millisecond  // for a picture
	withoutMotion = 200 * time.Millisecond // without a picture: none is waited for

	// Who collects is woken with a picture that comes by so much of the time early, or late: then it has waited for nothing, and the
	// program is awake.
	earlyShare = 8
	lateShare  = 4
)

// gatheringLocked finds a gathering, or makes it.
func (s *Stream) gatheringLocked(every time.Duration, sound bool) *gathering {
	for _, g := range s.gatherings {
		if g.every == every && g.sound == sound {
			return g
		}
	}
	g := &gathering{every: every, sound: sound}
	s.gatherings = append(s.gatherings, g)
	return g
}

// advance notes that they are woken, now: about when they were to be, or after a pause.
func (g *gathering) advance(now time.Time) {
	if g.next = g.next.Add(g.every); g.next.Sub(now) < g.every/2 {
		g.next = now.Add(g.every)
	}
}

// goesWithPicture says whether they are woken with a picture that comes now.
func (g *gathering) goesWithPicture(now time.Time) bool {
	return g.sound || g.armed && g.next.Sub(now) <= g.every/earlyShare
}

// openLocked says whether readers may go on now, though there is no picture for them; if not, they are woken when they may.
func (s *Stream) openLocked(g *gathering, now time.Time) bool {
	if g.armed {
		return false
	}
	wait, moves := g.next.Sub(now), now.Sub(s.session.pictured) <= withoutMotion
	switch {
	case g.sound && !moves:
		return true
	case g.sound:
		wait = g.every
	case wait <= 0:
		g.advance(now)
		return true
	case moves:
		wait += g.every / lateShare
	}
	g.armed = true
	if g.timer == nil {
		g.timer = time.AfterFunc(wait, func() { s.ripen(g) })
	} else {
		g.timer.Reset(wait)
	}
	return false
}

// ripen wakes who waits.
func (s *Stream) ripen(g *gathering) {
	s.mu.Lock()
	g.armed = false
	if now := time.Now(); !now.Before(g.next) { // else they were woken with a picture just now
		g.advance(now)
	}
	woken := g.takeRipe(g.spare)
	g.spare = nil
	s.mu.Unlock()
	wakeAll(woken)
	s.mu.Lock()
	defer s.mu.Unlock()
	g.spare = woken
}

// takeRipe is take, for readers that may read what there is.
func (g *gathering) takeRipe(spare []*Reader) []*Reader {
	taken := g.take(spare)
	for _, r := range taken {
		r.ripe = r.session.entries.tail
	}
	return taken
}

// gatheredLocked adds to woken those readers whose time has come, now that there is frame f.
func (s *Stream) gatheredLocked(woken []*Reader, f *media.Frame, now time.Time) []*Reader {
	for _, g := range s.gatherings {
		switch {
		case len(g.list) == 0:
			continue
		case f.Track.Codec.IsVideo() && g.goesWithPicture(now):
			g.advance(now)
			if g.armed {
				g.armed = !g.timer.Stop()
			}
		case !s.openLocked(g, now):
			continue
		}
		ripe := g.takeRipe(g.spare)
		woken = append(woken, ripe...)
		g.spare = slices.Delete(ripe, 0, len(ripe))
	}
	return woken
}

// Collect lets Next gather frames for so long before it returns them, from now on; 0: it returns them at once. It returns them with a picture,
// if one comes by up to a quarter of that time later. Readers of a stream that collect for the same time do it together. Frames older
// than that, by decode time, are not held back, nor is the end of a session.
func (r *Reader) Collect(every time.Duration) { r.gather(every, false) }

// GatherSound lets Next return pictures at once, and what is no picture with the next one, from now on: with sound a stream has two or three
// times as many frames. It waits 50 ms at most, and not at all where no picture has come for 200 ms.
func (r *Reader) GatherSound() { r.gather(soundWaits, true) }

func (r *Reader) gather(every time.Duration, sound bool) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.gathering = nil
	if every > 0 {
		r.gathering = r.stream.gatheringLocked(every, sound)
	}
}

// gatherLike holds frames back as another reader does.
func (r *Reader) gatherLike(other *Reader) {
	other.stream.mu.Lock()
	g := other.gathering
	other.stream.mu.Unlock()
	if g != nil {
		r.gather(g.every, g.sound)
	}
}

// gathersLocked says whether the reader has to wait though there are frames, and lets it.
func (r *Reader) gathersLocked() bool {
	g := r.gathering
	switch {
	case g == nil, r.next < r.ripe, r.session.ended, r.lagLocked() >= g.every:
		return false
	case g.sound && r.next < r.session.picture:
		return false
	}
	g.add(r)
	if !r.stream.openLocked(g, time.Now()) {
		return true
	}
	r.unqueueLocked()
	return false
}
