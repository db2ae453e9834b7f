package access

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrFull says that a contract has all the connections that it may have.
var ErrFull = errors.New("all connections of the contract are in use")

// Protocol is how a stream is pulled. The set is closed.
type Protocol uint8

// The protocols.
const (
	RTMP Protocol = iota + 1
	RTSP
	HLS
	WHEP
	protocols
)

var protocolNames = [...]string{"none", "rtmp", "rtsp", "hls", "whep"}

// String gives the word of the configuration.
func (p Protocol) String() string { return protocolNames[p] }

// ParseProtocol reads a word of the configuration.
func ParseProtocol(word string) (Protocol, error) {
	if i := slices.Index(protocolNames[:], word); i > 0 {
		return Protocol(i), nil
	}
	return 0, fmt.Errorf("%q is no protocol: rtmp, rtsp, hls or whep", word)
}

// Object is what an action is about. The zero value is the node.
type Object struct {
	Stream string
	Over   Protocol // for Play: how
}

// Contract is what a partner may pull.
type Contract struct {
	Partner        string // the partner's name
	Digest         Digest // of its token
	Login          Login  // the same for RTSP, where the partner's name is the user
	Streams        []string
	Protocols      []Protocol
	MaxConnections int       // at once, over all streams and protocols; 0: no bound
	Expires        time.Time // zero: never
}

// gap is why the contract is not good for an object; 0 where it is.
func (c *Contract) gap(o Object, now time.Time) Cause {
	switch {
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return CauseExpired
	case !slices.Contains(c.Streams, o.Stream):
		return CauseStream
	case !slices.Contains(c.Protocols, o.Over):
		return CauseProtocol
	}
	return 0
}

// SetContracts takes the partners' contracts as they are from now on. What runs under one that is gone, or does not cover it any
// more, is ended.
func (r *Registry) SetContracts(contracts []Contract) {
	byToken, byPartner := make(map[Digest]*Contract, len(contracts)), make(map[string]*Contract, len(contracts))
	for i := range contracts {
		c := contracts[i]
		if !c.Digest.IsZero() {
			byToken[c.Digest], byPartner[c.Partner] = &c, &c
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byToken, r.contracts = byToken, byPartner
	r.forgetRefusalsLocked()
	r.reviewLocked()
}

// IdentifyViewer finds whose secret this is: a partner's token, a link, or a stream key, whose holder may look at her own stream.
// An unknown one is anybody, and noted as such.
func (r *Registry) IdentifyViewer(secret string) Principal {
	if secret == "" {
		return Principal{}
	}
	digest := DigestOf(secret)
	r.mu.RLock()
	c := r.byToken[digest]
	r.mu.RUnlock()
	if c != nil && c.Digest.Equal(digest) {
		return Principal{Partner: c.Partner, token: digest}
	}
	if l, ok := r.openLink(secret); ok {
		return Principal{link: l}
	}
	who := r.Identify(secret)
	who.Unknown = who.Stream == ""
	return who
}

// Pass is the right to pull a stream, for as long as it is used.
type Pass struct {
	registry *Registry
	who      Principal
	what     Object
	expires  time.Time   // zero: never
	timer    *time.Timer // nil: it does not expire
	done     chan struct{}
}

// Admit is [Registry.Authorize] for Play, and counts a refusal. It is for protocols that ask before they open a pass.
func (r *Registry) Admit(p Principal, o Object) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.admitLocked(p, o, time.Now())
}

func (r *Registry) admitLocked(p Principal, o Object, now time.Time) error {
	if cause := r.playLocked(p, o, now); cause != 0 {
		r.refuseLocked(p, o, cause)
		return fmt.Errorf("%s: %w", Play, ErrDenied)
	}
	return nil
}

// Open gives a pass, which the caller closes. The error is [ErrDenied] or [ErrFull], and is counted.
func (r *Registry) Open(p Principal, o Object) (*Pass, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if err := r.admitLocked(p, o, now); err != nil {
		return nil, err
	}
	pass := &Pass{registry: r, who: p, what: o, done: make(chan struct{})}
	if c := r.contracts[p.Partner]; c != nil {
		if c.MaxConnections > 0 && r.used[p.Partner] >= c.MaxConnections {
			r.refuseLocked(p, o, CauseFull)
			return nil, fmt.Errorf("%w: %d", ErrFull, c.MaxConnections)
		}
		if r.used == nil {
			r.used = make(map[string]int)
		}
		r.used[p.Partner]++
	}
	pass.armLocked(now)
	if r.passes == nil {
		r.passes = make(map[*Pass]bool)
	}
	r.passes[pass] = true
	return pass, nil
}

// armLocked has the pass reviewed when its right expires, as that is now.
func (p *Pass) armLocked(now time.Time) {
	expires := p.who.link.expires
	if c := p.registry.contracts[p.who.Partner]; c != nil {
		expires = c.Expires
	}
	if until := p.who.until; !until.IsZero() && (expires.IsZero() || until.Before(expires)) {
		expires = until
	}
	switch {
	case expires.Equal(p.expires):
		return
	case p.timer != nil:
		p.timer.Stop()
	}
	if p.timer, p.expires = nil, expires; !expires.IsZero() {
		p.timer = time.AfterFunc(expires.Sub(now), p.registry.review)
	}
}

// Partner is whose contract it is; "" for links, keys and public streams.
func (p *Pass) Partner() string { return p.who.Partner }

// Done is closed when the right is gone: expired, revoked, or the stream is not public any more.
func (p *Pass) Done() <-chan struct{} { return p.done }

// Close gives the pass back. It is idempotent.
func (p *Pass) Close() {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.closeLocked()
}

func (p *Pass) closeLocked() {
	r := p.registry
	if !r.passes[p] {
		return
	}
	delete(r.passes, p)
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.who.Partner != "" {
		if r.used[p.who.Partner]--; r.used[p.who.Partner] == 0 {
			delete(r.used, p.who.Partner)
		}
	}
}

// review ends what is not allowed any more.
func (r *Registry) review() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reviewLocked()
}

func (r *Registry) reviewLocked() {
	now := time.Now()
	for p := range r.passes {
		if r.authorizeLocked(p.who, Play, p.what, now) != nil {
			p.closeLocked()
			close(p.done)
			continue
		}
		p.armLocked(now)
	}
}

// Connections counts a partner's open passes.
func (r *Registry) Connections(partner string) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.used[partner]
}
