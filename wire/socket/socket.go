// Package socket reads and writes TCP sockets, and sends from UDP sockets, without a word to the scheduler.
//
// A call through package net is announced to Go's scheduler, since a call may block, and that wakes the runtime's monitor thread, which
// then looks every 20 µs whether it does. A program that sleeps between frames pays for this with each frame: a sixth of what it costs to
// relay a stream to 20 × 5 outputs, a third where frames are collected. Sockets of Go never block, so that nothing is missed:
//
//	Read, Write ──▶ net.TCPConn: deadlines, closing, who waits ──▶ read(2), writev(2), unannounced
//	Send ──▶ net.UDPConn: closing ──▶ sendmsg(2), unannounced ──▶ no room: net.UDPConn, which waits
//
// The monitor also interrupts goroutines that compute for 10 ms, if it is awake: any timer and any other call to the system wakes it.
// Elsewhere than on Linux all goes through package net. The race detector sees the calls of package net alone, so that it gets those.
package socket

import (
	"context"
	"fmt"
	"net"
)

// Dial connects over TCP. Errors are those of the dialer.
func Dial(ctx context.Context, d *net.Dialer, address string) (*Conn, error) {
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	t, is := nc.(*net.TCPConn)
	if !is {
		_ = nc.Close()
		return nil, fmt.Errorf("dial tcp %s: connected by a %T", address, nc)
	}
	return newConn(t), nil
}

// Wrap gives a TCP connection as a [*Conn], and any other as it is. Nobody else may use nc then.
func Wrap(nc net.Conn) net.Conn {
	if t, is := nc.(*net.TCPConn); is {
		return newConn(t)
	}
	return nc
}

// NewListener gives a listener whose connections are wrapped, see [Wrap].
func NewListener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Wrap(nc), nil
}
