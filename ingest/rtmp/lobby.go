package rtmp

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"net/netip"
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

	mu        sync.Mutex
	waiting   list.List // of *place, oldest first
	byAddress map[netip.Addr]int
}

// place is one connection's place in the lobby.
type place struct {
	lobby   *Lobby
	conn    net.Conn
	address netip.Addr
	element *list.Element
	gone    bool
	dropped bool
}

// enter takes a connection in, or refuses it.
func (l *Lobby) enter(conn net.Conn) (*place, error) {
	p := &place{lobby: l, conn: conn, address: addressOf(conn)}
	l.mu.Lock()
	if l.byAddress == nil {
		l.byAddress = make(map[netip.Addr]int)
	}
	most := orDefault(l.PerAddress, defaultPerAddress)
	if !p.address.IsLoopback() && l.byAddress[p.address] >= most {
		l.mu.Unlock()
		return nil, fmt.Errorf("%d connections from this address wait to show a key already", most)
	}
	var oldest *place
	if l.waiting.Len() >= orDefault(l.InAll, defaultInAll) {
		oldest = l.waiting.Front().Value.(*place)
		oldest.dropped = true
		oldest.leaveLocked()
	}
	l.byAddress[p.address]++
	p.element = l.waiting.PushBack(p)
	l.mu.Unlock()
	if oldest != nil {
		_ = oldest.conn.Close()
	}
	return p, nil
}

// leave gives the place back; it is idempotent.
func (p *place) leave() {
	p.lobby.mu.Lock()
	defer p.lobby.mu.Unlock()
	p.leaveLocked()
}

func (p *place) leaveLocked() {
	if p.gone {
		return
	}
	p.gone = true
	p.lobby.waiting.Remove(p.element)
	if p.lobby.byAddress[p.address]--; p.lobby.byAddress[p.address] == 0 {
		delete(p.lobby.byAddress, p.address)
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

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
