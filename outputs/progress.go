package outputs

import (
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	stallAfter      = 2 * time.Second  // nothing taken for so long is a stall
	slowFor         = 30 * time.Second // a destination that skipped counts as slow for so long
	defaultPatience = 10 * time.Second
)

// Waiter tells what a socket still holds; [*socket.Conn] is one, and so is [*Socket].
type Waiter interface {
	// Unacked gives the bytes that the peer's machine has not acknowledged; false where the system does not say.
	Unacked() (bytes int, ok bool)
	// Unsent gives those of them that were not even sent; false where the system does not say.
	Unsent() (bytes int, ok bool)
	// Acked gives the bytes that the peer's machine has acknowledged since the socket was connected; false where the system
	// does not say. It rises during a write, too.
	Acked() (bytes uint64, ok bool)
}

// Progress is what is known of one destination: its output reports here, its [Runner] watches it, and the status is read
// from it. The zero value is an idle destination.
type Progress struct {
	mu        sync.Mutex
	state     State
	since     time.Time
	socket    Waiter
	published time.Time // when the peer's consent was asked for or given, on this connection
	writing   bool
	first     media.Time // DTS of the first frame of the write under way
	ledger    ledger
	sent      uint64    // bytes, on this connection
	taken     uint64    // of these, acknowledged when last looked at
	acked     uint64    // bytes that the system counted as acknowledged, when last looked at
	moved     time.Time // when the peer last took something, or had nothing to take
	skippedAt time.Time
	lack      string // what the peer does not get of the stream; "": nothing
	record    record
}

// record outlives connections.
type record struct {
	cause    Cause
	detail   string
	attempt  int
	next     time.Time
	lastLive time.Time
	attempts uint64
	failures [causes]uint64
}

// Enter moves to a state of the opening: Connecting, Handshaking, Publishing. Later states follow from what the peer takes.
func (p *Progress) Enter(s State) { p.enter(s, time.Now()) }

func (p *Progress) enter(s State, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enterLocked(s, now)
}

func (p *Progress) enterLocked(s State, now time.Time) {
	if p.state == s && !p.since.IsZero() {
		return
	}
	switch s {
	case Idle:
		p.socket, p.record.next = nil, time.Time{}
	case Publishing: // the time of the opening is no stall
		p.published, p.moved = now, now
	case Live:
		p.record.attempt, p.record.cause, p.record.detail = 0, NoCause, ""
	}
	if p.state == Live || s == Live {
		p.record.lastLive = now
	}
	p.state, p.since = s, now
}

// Connected gives the socket of this attempt.
func (p *Progress) Connected(w Waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.socket, p.writing, p.ledger, p.sent, p.taken, p.acked, p.moved = w, false, nil, 0, 0, 0, time.Now()
	p.lack = ""
}

// Writing says that a write begins whose first frame has that DTS. The write may block.
func (p *Progress) Writing(first media.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing, p.first = true, first
}

// Wrote says that the write is done, and how many bytes it was.
func (p *Progress) Wrote(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += uint64(bytes)
	p.ledger.add(written{p.sent, p.first})
	p.writing = false
}

// Skipped says that the reader jumped forward.
func (p *Progress) Skipped() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skippedAt = time.Now()
}

// Lack says what of the stream the peer does not get, in words; "" for nothing. It holds for this connection.
func (p *Progress) Lack(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lack = what
}

// takenLocked gives the bytes of this connection's writes that the peer's machine has.
func (p *Progress) takenLocked(unacked int) uint64 { return p.sent - min(p.sent, uint64(unacked)) }

// unackedLocked gives the socket's bytes; without a socket, or where the system does not say, nothing waits.
func (p *Progress) unackedLocked() int {
	if p.socket == nil {
		return 0
	}
	n, _ := p.socket.Unacked()
	return n
}

// watch looks at the socket and moves the state. held says that the publisher is gone. It returns [StalledPeer] once the
// peer has taken nothing for patience.
func (p *Progress) watch(now time.Time, held bool, patience time.Duration) Cause {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.connected() || p.socket == nil {
		return NoCause
	}
	unacked := p.unackedLocked()
	acked, _ := p.socket.Acked()
	busy := unacked > 0 || p.writing
	taken := p.takenLocked(unacked)
	p.ledger.take(taken)
	if taken > p.taken || acked != p.acked || !busy {
		p.taken, p.acked, p.moved = max(p.taken, taken), acked, now
	}
	still := now.Sub(p.moved)
	switch {
	case still >= patience:
		return StalledPeer
	case still >= stallAfter:
		p.enterLocked(Stalled, now)
	case held && !busy && p.state != Publishing:
		p.enterLocked(Holding, now)
	case p.taken > 0 && (!held || p.state != Holding):
		p.enterLocked(Live, now)
	}
	return NoCause
}

// lagLocked gives the age of the oldest media that the peer's machine has not taken: newest is the stream's newest DTS, behind
// what the reader has not read yet. The bytes of a write under way that are in the socket cannot be told from those of the
// writes before, so that it may be too much by what a socket holds.
func (p *Progress) lagLocked(newest media.Time, behind time.Duration) time.Duration {
	if !p.state.connected() {
		return 0
	}
	lag := behind
	if p.writing {
		lag = max(lag, (newest - p.first).Duration())
	}
	if i := p.ledger.waiting(p.takenLocked(p.unackedLocked())); i < len(p.ledger) {
		lag = max(lag, (newest - p.ledger[i].first).Duration())
	}
	return lag
}

// Status is the truth about one destination, at one moment.
type Status struct {
	State    State
	Since    time.Time
	Cause    Cause  // why it failed, until it is live again; Slow while it is live but too slow, CodecMismatch while it lacks a track
	Detail   string // the peer's own words, and the fix
	Attempt  int    // connection attempts since it was last live
	Next     time.Time
	LastLive time.Time
	Attempts uint64
	Failures [causes]uint64 // by [Cause]
	Lag      time.Duration
	Unsent   int // bytes that wait in the socket
}

// Status gives the state. newest is the stream's newest DTS, behind what the output's reader has not read yet.
func (p *Progress) Status(newest media.Time, behind time.Duration) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.record
	st := Status{
		State: p.state, Since: p.since, Cause: r.cause, Detail: r.detail, Attempt: r.attempt, Next: r.next,
		LastLive: r.lastLive, Attempts: r.attempts, Failures: r.failures, Lag: p.lagLocked(newest, behind),
	}
	now := time.Now()
	if p.state.connected() && p.socket != nil {
		st.Unsent, _ = p.socket.Unsent()
	}
	switch p.state {
	case Live, Holding:
		if p.state == Live {
			st.LastLive = now
		}
		if p.lack != "" {
			st.Cause, st.Detail = CodecMismatch, p.lack
		}
		if !p.skippedAt.IsZero() && now.Sub(p.skippedAt) < slowFor {
			st.Cause, st.Detail = Slow, "the destination takes less than the stream brings: frames were skipped up to a key frame; lower the bitrate"
		}
	case Stalled:
		st.Cause, st.Detail = StalledPeer, "the destination has taken nothing for "+now.Sub(p.moved).Round(time.Second).String()
	}
	return st
}
