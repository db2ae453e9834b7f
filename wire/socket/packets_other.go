//go:build !linux || 386 || s390x || race

package socket

import (
	"net"
	"net/netip"
)

// Packets sends datagrams from a UDP socket. Any goroutine may do so.
type Packets struct{ conn *net.UDPConn }

// NewPackets makes one of a socket that listens. Who made the socket closes it.
func NewPackets(conn *net.UDPConn) *Packets { return &Packets{conn} }

// Send sends b to an address, with control messages (cmsg(3)), or none. Where the kernel has no room it waits.
func (p *Packets) Send(b, control []byte, to netip.AddrPort) error {
	_, _, err := p.conn.WriteMsgUDPAddrPort(b, control, to)
	return err
}
