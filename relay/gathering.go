package relay

import (
	"slices"
	"time"
)

// gathering is where readers wait that collect frames for the same time. They are woken together: to wake each by a timer of its own costs
// more than what it does then. The stream's mutex guards it.
//
//	frames    ─┬──┬──┬──┬──┬──┬──┬──┬──┬────────────┬──┬──┬──
//	woken      ▲        ▲        ▲        ▲         ▲        ▲
//	           └─every──┴─every──┴─every──┘         └─every──┘
type gathering struct {
	waiters
	every time.Duration
	next  time.Time   // they are not woken earlier
	armed bool        // the timer runs
	timer *time.Timer // nil before it is first needed
	spare []*Reader   // nil while the timer wakes
}

// gatheringLocked finds the gathering for a time, or makes it.
func (s *Stream) gatheringLocked(every time.Duration) *gathering {
	for _, g := range s.gatherings {
		if g.every == every {
			return g
		}
	}
	g := &gathering{every: every}
	s.gatherings = append(s.gatherings, g)
	return g
}

// openLocked says whether readers may go on now; if not, they are woken when they may.
func (s *Stream) openLocked(g *gathering, now time.Time) bool {
	if g.armed {
		return false
	}
	wait := g.next.Sub(now)
	if wait <= 0 {
		g.next = now.Add(g.every)
		return true
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
	g.armed, g.next = false, time.Now().Add(g.every)
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

// gatheredLocked adds to woken those readers whose time has come, now that there is a frame.
func (s *Stream) gatheredLocked(woken []*Reader, now time.Time) []*Reader {
	for _, g := range s.gatherings {
		if len(g.list) > 0 && s.openLocked(g, now) {
			ripe := g.takeRipe(g.spare)
			woken = append(woken, ripe...)
			g.spare = slices.Delete(ripe, 0, len(ripe))
		}
	}
	return woken
}

// Collect lets Next gather frames for so long before it returns them, from now on; 0: it returns them at once. Readers of a stream that
// collect for the same time do it together. Frames older than that, by decode time, are not held back, nor is the end of a session.
func (r *Reader) Collect(every time.Duration) {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.gathering = nil
	if every > 0 {
		r.gathering = r.stream.gatheringLocked(every)
	}
}

// collects gives for how long.
func (r *Reader) collects() time.Duration {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	if r.gathering == nil {
		return 0
	}
	return r.gathering.every
}

// gathersLocked says whether the reader has to wait though there are frames, and lets it.
func (r *Reader) gathersLocked() bool {
	g := r.gathering
	if g == nil || r.next < r.ripe || r.session.ended || r.lagLocked() >= g.every {
		return false
	}
	g.add(r)
	if !r.stream.openLocked(g, time.Now()) {
		return true
	}
	r.unqueueLocked()
	return false
}
