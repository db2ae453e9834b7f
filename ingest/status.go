package ingest

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

// Counters count since the process started, over all sessions of a stream.
type Counters struct {
	Bytes       uint64 // of media, accepted
	VideoFrames uint64
	AudioFrames uint64
	Dropped     [drops]uint64 // by [Drop]
	Clamped     uint64        // small steps back in time, evened out
	Takeovers   uint64
	TimeJumps   uint64 // times were re-based
	Sessions    uint64

	FailedTakeovers uint64 // publishers that waited to take the stream over, and never did
}

// Drops gives what was dropped by the reason's label.
func (c *Counters) Drops() map[string]uint64 {
	m := make(map[string]uint64, drops)
	for d, n := range c.Dropped {
		m[Drop(d).String()] = n
	}
	return m
}

// State is how a stream is doing at the gate. The set is closed:
//
//	idle ──▶ live ⇄ stalled
//	 ▲        │ ▲
//	 │        ▼ │
//	 └────── holding
type State uint8

// The states.
const (
	Idle    State = iota // no session
	Live                 // media arrives
	Stalled              // the publisher is connected, but no media came for 2 s
	Holding              // the publisher is gone, the session is kept
)

// String gives the name used in the API and in metrics.
func (s State) String() string { return [...]string{"idle", "live", "stalled", "holding"}[s] }

// stalledAfter is how long a publisher may be silent before its stream counts as stalled.
const stalledAfter = 2 * time.Second

// Status is a stream at the gate, at one moment.
type Status struct {
	State     State
	Session   string // public id, "" when idle
	Since     time.Time
	HoldUntil time.Time // zero unless holding
	Publisher Applicant // zero unless one is connected
	Connected time.Time // since when
	Waiting   Applicant // zero unless one waits to take the stream over
	Waits     time.Time // since when
	Tracks    []*media.Track
	Video     Rates
	Audio     Rates
	Skew      media.Time // newest sound minus newest picture
	Newest    media.Time
	Counters  Counters
}

// Rates is what was measured of one kind of track over the last seconds.
type Rates struct {
	Bits        float64       // a second
	Frames      float64       // a second
	KeyInterval time.Duration // longest of the recent ones
	Reordered   bool          // B-frames
}

// Status gives a stream's state; false where the gate does not know it.
func (g *Gate) Status(stream string) (Status, bool) {
	g.mu.Lock()
	e := g.entries[stream]
	g.mu.Unlock()
	if e == nil {
		return Status{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.statusLocked(time.Now()), true
}

func (e *entry) statusLocked(now time.Time) Status {
	st := Status{Counters: e.counters}
	s := e.session
	if s == nil {
		return st
	}
	st.Session, st.Since, st.Tracks, st.Newest = s.id, s.since, s.tracks, s.line.newest
	st.Video, st.Audio = s.video.ratesNow(now), s.audio.ratesNow(now)
	if s.video.started && s.audio.started {
		st.Skew = s.audio.newest - s.video.newest
	}
	p := e.current
	switch {
	case p == nil:
		st.State, st.HoldUntil = Holding, s.holdUntil
		return st
	case now.Sub(p.lastMedia) >= stalledAfter && now.Sub(p.since) >= stalledAfter:
		st.State = Stalled
	default:
		st.State = Live
	}
	st.Publisher, st.Connected = p.applicant, p.since
	if w := e.waiting; w != nil {
		st.Waiting, st.Waits = w.applicant, w.since
	}
	return st
}

func (m *meter) ratesNow(now time.Time) Rates {
	bits, frames := m.rates(now)
	return Rates{Bits: bits, Frames: frames, KeyInterval: m.keyInterval(), Reordered: m.reorder}
}
