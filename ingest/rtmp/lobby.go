package rtmp

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
	defaultPerAddress = 64
	defaultInAll      = 1024
)

var errEvicted = errors.New("too many connections wait to show a key: the oldest was dropped")

// Lobby bounds the connections that have not shown a key. The zero value has the default bounds.
type Lobby struct {
	PerAddress int // from one address, loopback exempt; 0 means 64
	InAll      int // 0 means 1,024; one more drops the oldest

	mu      sync.Mutex
	waiting []*place // oldest first
}

// place is one connection's place in the lobby.
type place struct {
	lobby   *Lobby
	conn    net.Conn
	address netip.Addr
	dropped bool // for a newer one; guarded by lobby.mu
}

// enter takes a connection in, or refuses it.
func (l *Lobby) enter(conn net.Conn) (*place, error) {
	p := &place{lobby: l, conn: conn, address: addressOf(conn)}
	oldest, err := l.add(p)
	if oldest != nil {
		_ = oldest.conn.Close()
	}
	return p, err
}

// add gives p a place; oldest is the one that lost its own for it.
func (l *Lobby) add(p *place) (oldest *place, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if most := cmp.Or(l.PerAddress, defaultPerAddress); !p.address.IsLoopback() && l.countLocked(p.address) >= most {
		return nil, fmt.Errorf("%d connections from this address wait to show a key already", most)
	}
	if len(l.waiting) >= cmp.Or(l.InAll, defaultInAll) {
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

// leave gives the place back; it is idempotent.
func (p *place) leave() {
	p.lobby.mu.Lock()
	defer p.lobby.mu.Unlock()
	if i := slices.Index(p.lobby.waiting, p); i >= 0 {
		p.lobby.waiting = slices.Delete(p.lobby.waiting, i, i+1)
	}
}

// evicted says whether the connection was dropped for a newer one.
func (p *place) evicted() bool {
	p.lobby.mu.Lock()
	defer p.lobby.mu.Unlock()
	return p.dropped
}

// addressOf gives the peer's address without port; the zero address where it has none.
func addressOf(conn net.Conn) netip.Addr {
	ap, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return ap.Addr().Unmap().WithZone("")
}
