package rtc

import (
	"net"
	"sync"
)

const (
	mostConnections = 2048      // over TCP, those of strangers among them, who are sent away after firstPacket
	mostUnsent      = 128 << 10 // bytes that the kernel keeps for a connection, by its own count: a write soon waits, and who writes knows
)

// bounded is a listener that closes what comes while too many connections are open.
type bounded struct {
	net.Listener
	places chan struct{}
}

func newBounded(l net.Listener, most int) *bounded { return &bounded{l, make(chan struct{}, most)} }

// Accept waits for a connection for which there is a place.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		nc, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.places <- struct{}{}:
			if c, is := nc.(*net.TCPConn); is {
				_ = c.SetWriteBuffer(mostUnsent)
			}
			return &placed{Conn: nc, leave: sync.OnceFunc(func() { <-b.places })}, nil
		default:
			_ = nc.Close()
		}
	}
}

// placed is a connection with a place.
type placed struct {
	net.Conn
	leave func()
}

// Close gives the place back.
func (p *placed) Close() error {
	p.leave()
	return p.Conn.Close()
}
