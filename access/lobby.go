package access

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Bounds of the lobby where none are given.
const (
	DefaultPerAddress = 64
	DefaultInAll      = 1024
)

// ErrEvicted is the end of a connection that lost its place in the [Lobby].
var ErrEvicted = errors.New("too many connections wait to be let in: the oldest was dropped")

// Lobby bounds the connections that have not shown what they may, over all protocols that share it. The zero value has the default bounds.
type Lobby struct {
	PerAddress int // from one address, loopback exempt; 0 means 64
	InAll      int // 0 means 1,024; one more drops the oldest

	mu      sync.Mutex
	waiting []*Place // oldest first
}

// Visitor is who may wait in a lobby: a connection, as a rule.
type Visitor interface {
	RemoteAddr() net.Addr
	Close() error // is called when the place is lost
}

// Place is one visitor's place in the lobby.
type Place struct {
	lobby   *Lobby
	conn    Visitor
	address netip.Addr
	dropped bool // for a newer one; guarded by lobby.mu
}

// Enter takes a connection in, or refuses it. For it the oldest one may lose its place, and is closed.
func (l *Lobby) Enter(conn Visitor) (*Place, error) {
	p := &Place{lobby: l, conn: conn, address: addressOf(conn)}
	oldest, err := l.add(p)
	if oldest != nil {
		_ = oldest.conn.Close()
	}
	return p, err
}

// add gives p a place; oldest is the one that lost its own for it.
func (l *Lobby) add(p *Place) (oldest *Place, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if most := cmp.Or(l.PerAddress, DefaultPerAddress); !p.address.IsLoopback() && l.countLocked(p.address) >= most {
		return nil, fmt.Errorf("%d connections from this address wait to be let in already", most)
	}
	if len(l.waiting) >= cmp.Or(l.InAll, DefaultInAll) {
		oldest = l.waiting[0]
		oldest.dropped = true
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	l.waiting = append(l.waiting, p)
	return oldest, nil
}

// countLocked gives how many of an address wait.
func (l *Lobby) countLocked(address netip.Addr) (n int) {
	for _, p := range l.waiting {
		if p.address == address {
			n++
		}
	}
	return n
}

// Leave gives the place back; it is idempotent.
func (p *Place) Leave() {
	p.lobby.mu.Lock()
	defer p.lobby.mu.Unlock()
	if i := slices.Index(p.lobby.waiting, p); i >= 0 {
		p.lobby.waiting = slices.Delete(p.lobby.waiting, i, i+1)
	}
}

// Evicted says whether the connection was dropped for a newer one.
func (p *Place) Evicted() bool {
	p.lobby.mu.Lock()
	defer p.lobby.mu.Unlock()
	return p.dropped
}

// addressOf gives the peer's address without port; the zero address where it has none.
func addressOf(conn Visitor) netip.Addr {
	ap, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return ap.Addr().Unmap().WithZone("")
}
