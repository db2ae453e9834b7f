// Package ingest is the way in: it admits publishers, decides which one has a stream, holds a session while its encoder is
// gone, and puts every frame on the session's timeline. The protocols live in the folders below.
//
// The flow of a frame:
//
//  1. a protocol (ingest/rtmp) reads it, with the publisher's own times, and calls [Publication.WriteFrame];
//  2. the publication holds the first ones until the line begins (see timeline), then turns their times into media time;
//  3. it goes into the stream's log, for every output to read.
package ingest

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// What a publisher may be told. Each says what to do about it.
var (
	ErrUnknownStream = errors.New("no such stream")
	ErrBusy          = errors.New("another encoder is publishing to this stream: stop it first, or set policy: takeover")
	ErrContested     = errors.New("two encoders take this stream from each other: stop one of them, the other is kept for 30 s")
	ErrFenced        = errors.New("another encoder took this stream over")
	ErrNoKeyFrame    = errors.New("no key frame came within 20 s, so the encoder before keeps the stream: set a key frame interval of 2 s, and start again")
	ErrKeyChanged    = errors.New("the stream key was changed: use the new one")
	ErrRemoved       = errors.New("the stream was removed from the configuration")
	ErrDraining      = errors.New("the server is shutting down: connect again in a moment")
)

// Policy says what becomes of a stream's publisher when another one comes with the same key. The set is closed.
type Policy uint8

// The policies.
const (
	Takeover Policy = iota // the new one takes the stream, from its first key frame on
	Reject                 // the new one is refused while the old one is there
)

// EndPolicy says what a clean end by the encoder does to the session. The set is closed.
type EndPolicy uint8

// The end policies.
const (
	EndSession  EndPolicy = iota // ends it at once
	HoldSession                  // holds it, as after a loss
)

// Options are a stream's settings. The zero value ends sessions with their publisher.
type Options struct {
	Hold   time.Duration // how long a session outlives its publisher, 0 to 30 min
	OnEnd  EndPolicy
	Policy Policy

	Timeline      *overlay.Timeline // of the stream's overlays, the same as long as the stream is known; nil: one that nobody else has
	TrustOverlays bool              // what the encoder sends under our name become cues; else it is taken out
}

// Gate admits publishers to streams. Set the fields before use; it is safe for use by several goroutines.
type Gate struct {
	Hub *relay.Hub
	Log *slog.Logger

	mu       sync.Mutex
	entries  map[string]*entry
	draining bool
}

// Applicant is a publisher at the gate, its key already checked.
type Applicant struct {
	Stream   string
	Protocol string // "rtmp", "rtmps", "whip", "card"
	Remote   string // address and port
	Software string // what it says it is
	StandIn  bool   // it gives way to any other publisher, and comes only when none was there for the hold time
}

// Configure makes a stream known, or changes its options; sessions go on.
func (g *Gate) Configure(stream string, o Options) {
	g.mu.Lock()
	if g.entries == nil {
		g.entries = make(map[string]*entry)
	}
	e := g.entries[stream]
	if e == nil {
		e = &entry{gate: g, name: stream}
		g.entries[stream] = e
	}
	g.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if o.Timeline == nil {
		o.Timeline = e.options.Timeline
	}
	if o.Timeline == nil {
		o.Timeline = &overlay.Timeline{}
	}
	e.options = o
	if e.session != nil {
		o.Timeline.Begin(e.session.id)
	}
}

// Remove makes a stream unknown and ends its session.
func (g *Gate) Remove(stream string) {
	g.mu.Lock()
	e := g.entries[stream]
	delete(g.entries, stream)
	g.mu.Unlock()
	if e != nil {
		e.close(ErrRemoved)
	}
}

// Dismiss takes a stream from its publisher, who is told the reason. The session is held for another one. A stand-in stays.
func (g *Gate) Dismiss(stream string, reason error) {
	g.mu.Lock()
	e := g.entries[stream]
	g.mu.Unlock()
	if e == nil {
		return
	}
	e.mu.Lock()
	p, waiting := e.current, e.waiting
	e.mu.Unlock()
	if waiting != nil {
		e.leave(waiting, false, reason)
	}
	if p != nil && !p.applicant.StandIn {
		e.leave(p, false, reason)
	}
}

// Drain refuses publishers from now on and ends all sessions, so that destinations get their last frames and a clean end.
func (g *Gate) Drain() {
	g.mu.Lock()
	g.draining = true
	entries := make([]*entry, 0, len(g.entries))
	for _, e := range g.entries {
		entries = append(entries, e)
	}
	g.mu.Unlock()
	for _, e := range entries {
		e.close(ErrDraining)
	}
}

// Ask says whether [Gate.Admit] would refuse an applicant now. It changes nothing, for protocols with a long way from the request to the
// first media.
func (g *Gate) Ask(a Applicant) error {
	e, err := g.entry(a.Stream)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refusalLocked(a, time.Now())
}

// Admit lets a publisher onto its stream: begins a session, continues a held one, or takes it over, at once or once it can be shown (see
// takeover). The error is one of this package's, and is meant to be shown to the person at the encoder.
func (g *Gate) Admit(a Applicant) (*Publication, error) {
	e, err := g.entry(a.Stream)
	if err != nil {
		return nil, err
	}
	got, err := e.admit(a, time.Now())
	if err != nil {
		if !a.StandIn { // which asks each second
			g.Log.Warn("publisher refused", "stream", a.Stream, "remote", a.Remote, "protocol", a.Protocol, "err", err)
		}
		return nil, err
	}
	g.say(got)
	return got.p, nil
}

// say logs what became of a publisher that was let in.
func (g *Gate) say(got admission) {
	a, before := got.p.applicant, got.before
	log := g.Log.With("stream", a.Stream, "remote", a.Remote, "protocol", a.Protocol)
	if lost := got.displaced; lost != nil {
		lost.entry.sayFailed(lost, ErrFenced)
	}
	switch {
	case got.waits:
		log.Info("publisher waits for its first key frame to take the stream over", "software", a.Software, "before", before.applicant.Remote)
	case before != nil && !before.applicant.StandIn:
		log.Info("publisher takes the stream over", "software", a.Software, "before", before.applicant.Remote)
	case got.held:
		log.Info("publisher continues the held session", "software", a.Software)
	default:
		log.Info("publisher accepted", "software", a.Software)
	}
	if got.damped {
		log.Warn("publishers take the stream from each other, this one is kept", "keep", dampKeep)
	}
}

// entry finds a stream's entry.
func (g *Gate) entry(stream string) (*entry, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[stream]
	switch {
	case g.draining:
		return nil, ErrDraining
	case e == nil:
		return nil, fmt.Errorf("%q: %w", stream, ErrUnknownStream)
	}
	return e, nil
}

// entry is one stream at the gate: who publishes, and the session as long as there is one.
type entry struct {
	gate *Gate
	name string

	// Taken before the relay's own lock, which calls nothing of ours: a frame's place on the line and in the log is one step,
	// and a publisher that was fenced has written nothing afterwards.
	mu        sync.Mutex
	options   Options
	current   *Publication
	waiting   *Publication // takes the stream over from current; nil where current is
	session   *session
	counters  Counters
	takeovers []time.Time // those that count, within dampWindow
	keepUntil time.Time
	realLeft  time.Time // when a publisher that is no stand-in left last
	closed    error     // why nobody is admitted any more
}

// session is one publish of the stream, from its acceptance to its end.
type session struct {
	id        string
	since     time.Time
	line      timeline
	video     meter
	audio     meter
	tracks    []*media.Track
	adopted   adopted
	hold      *time.Timer // runs while the publisher is gone
	holdUntil time.Time
}

// admission is what an applicant got.
type admission struct {
	p         *Publication
	before    *Publication // whose place it takes, or waits for; nil: nobody's
	displaced *Publication // that waited for the same; nil: none
	waits     bool         // it has not taken it yet
	held      bool         // it continues a session whose publisher was gone
	damped    bool         // it is kept for dampKeep
}

// admit decides on an applicant.
func (e *entry) admit(a Applicant, now time.Time) (got admission, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.refusalLocked(a, now); err != nil {
		return got, err
	}
	p := newPublication(e, a, e.gate.Hub.Stream(e.name).Candidate(), now)
	displaced := e.waiting
	if displaced != nil {
		e.failLocked(displaced, ErrFenced)
	}
	if e.isRelayingLocked(now) {
		e.waitLocked(p)
		return admission{p: p, before: e.current, displaced: displaced, waits: true}, nil
	}
	got, err = e.takeLocked(p, now)
	got.displaced = displaced
	return got, err
}

// refusalLocked is why an applicant may not have the stream now.
func (e *entry) refusalLocked(a Applicant, now time.Time) error {
	held := cmp.Or(e.waiting, e.current)
	switch {
	case e.closed != nil:
		return e.closed
	case a.StandIn && (held != nil || !e.realLeft.IsZero() && now.Sub(e.realLeft) < e.options.Hold):
		return ErrBusy
	case held == nil || held.applicant.StandIn:
		return nil
	case e.options.Policy == Reject:
		return ErrBusy
	case now.Before(e.keepUntil):
		return ErrContested
	}
	return nil
}

// leave is the end of a publication: clean says that the encoder ended the stream itself, reason that it was made to.
func (e *entry) leave(p *Publication, clean bool, reason error) {
	gone := e.withdraw(p, clean, reason, time.Now())
	log := e.gate.Log.With("stream", e.name, "remote", p.applicant.Remote)
	if reason != nil {
		log = log.With("err", reason)
	}
	switch {
	case gone.waited:
		e.sayFailed(p, reason)
	case !gone.left: // fenced before
	case gone.next.p != nil:
		log.Info("publisher is gone, the one that waited goes on", "clean", clean)
		e.gate.say(gone.next)
	case gone.held > 0:
		log.Warn("publisher is gone, session held", "clean", clean, "hold", gone.held)
	default:
		log.Info("publisher is gone, session ended", "clean", clean)
	}
}

// departure is what became of the stream when a publisher left.
type departure struct {
	waited bool          // it waited to take the stream over
	left   bool          // it had the stream
	next   admission     // who waited, and has it now
	held   time.Duration // for how long the session is held; 0: it is over
}

// withdraw takes the stream from p, if p has it or waits for it, and hands it on, or ends or holds the session.
func (e *entry) withdraw(p *Publication, clean bool, reason error, now time.Time) (gone departure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == p {
		e.failLocked(p, reason)
		return departure{waited: true}
	}
	if e.current != p {
		return departure{}
	}
	gone.left = true
	e.current = nil
	if !p.applicant.StandIn {
		e.realLeft = now
	}
	p.leaveLocked(reason)
	if w := e.waiting; w != nil {
		if gone.next = e.succeedLocked(w, now); gone.next.p != nil {
			return gone
		}
	}
	hold := e.options.Hold
	if hold <= 0 || clean && e.options.OnEnd == EndSession {
		p.out.End()
		e.forgetLocked()
		return gone
	}
	p.out.Leave()
	s := e.session
	s.holdUntil = now.Add(hold)
	s.hold = time.AfterFunc(hold, func() { e.expire(s) })
	gone.held = hold
	return gone
}

// expire ends a session whose hold time is over. It may come late: when a publisher was back already, or is gone again.
func (e *entry) expire(s *session) {
	e.mu.Lock()
	over := e.session == s && e.current == nil && !time.Now().Before(s.holdUntil)
	if over {
		e.forgetLocked()
		e.gate.Hub.Stream(e.name).EndSession()
	}
	e.mu.Unlock()
	if over {
		e.gate.Log.Warn("session ended, no publisher came back", "stream", e.name)
	}
}

// forgetLocked is the end of the session on this side of the relay.
func (e *entry) forgetLocked() {
	e.session = nil
	e.options.Timeline.End()
}

// close ends the session, whoever publishes, and admits nobody any more.
func (e *entry) close(reason error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = reason
	if p := e.waiting; p != nil {
		e.failLocked(p, reason)
	}
	if p := e.current; p != nil {
		e.current = nil
		p.leaveLocked(reason)
	}
	if s := e.session; s != nil {
		e.forgetLocked()
		if s.hold != nil {
			s.hold.Stop()
		}
		e.gate.Hub.Stream(e.name).EndSession()
	}
}

// newSessionID gives a public id of 10 characters (OVERLAYS.md §1).
func newSessionID() string { return rand.Text()[:10] }
