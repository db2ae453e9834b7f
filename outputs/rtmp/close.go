package rtmp

import (
	"io"
	"net"
	"time"

	"github.com/simulcart/simulcart/wire/gather"
)

// closeTimeout is how long a clean end may take, from the last flush until the peer closes.
const closeTimeout = 2 * time.Second

// A clean end of a connection, within closeTimeout, which the caller sets as its deadline:
//
//  1. halfClose says that nothing more follows. What was written still reaches the peer.
//  2. listen reads on, and ends when it has something to answer; drain reads the rest, until the peer has read the end and
//     closes in turn.
//  3. abort closes.
//
// Who closes at once instead answers bytes of the peer with a reset, which destroys what it has not read.

// halfClose says that nothing more follows, in TLS's words too.
func halfClose(nc net.Conn) {
	if secure, ok := nc.(*gather.TLS); ok {
		_ = secure.CloseWrite()
		nc = secure.NetConn()
	}
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// drain reads what the peer still says until it closes.
func drain(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }

// abort closes at once. TLS's farewell is left out: a peer that takes nothing would hold it up.
func abort(nc net.Conn) {
	if secure, ok := nc.(*gather.TLS); ok {
		nc = secure.NetConn()
	}
	_ = nc.Close()
}
