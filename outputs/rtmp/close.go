package rtmp

import (
	"crypto/tls"
	"net"
	"time"
)

// closeTimeout is how long a clean end may take, from the last flush until the peer closes.
const closeTimeout = 2 * time.Second

// halfClose says that nothing more follows, in TLS's words too. What was written still reaches the peer. Who closes at once
// instead, with bytes in its receive buffer, sends a reset that may overtake them; so the caller goes on reading until the
// peer closes, for [closeTimeout] at most.
func halfClose(nc net.Conn) {
	if secure, ok := nc.(*tls.Conn); ok {
		_ = secure.CloseWrite()
		nc = secure.NetConn()
	}
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// abort closes at once. TLS's farewell is left out: a peer that takes nothing would hold it up.
func abort(nc net.Conn) {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	_ = nc.Close()
}
