package rtc

import (
	"net"
	"net/http"
	"net/netip"
)

// Visitor is a peer that is not connected yet, as a lobby has it.
type Visitor struct {
	from net.Addr
	peer *Peer
}

// Visitor gives the peer that a request has made.
func (p *Peer) Visitor(r *http.Request) Visitor {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Visitor{&net.TCPAddr{}, p}
	}
	return Visitor{net.TCPAddrFromAddrPort(at), p}
}

// RemoteAddr is where the peer comes from.
func (v Visitor) RemoteAddr() net.Addr { return v.from }

// Close ends the peer; its owner notices by [Peer.Gone].
func (v Visitor) Close() error {
	v.peer.Leave()
	return nil
}
