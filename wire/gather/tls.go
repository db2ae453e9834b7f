package gather

import (
	"crypto/tls"
	"net"
	"sync"

	"github.com/simulcart/simulcart/wire/socket"
)

const (
	recordSize = 16 << 10  // the most that a record holds, RFC 8446 §5.1
	holdSize   = 256 << 10 // sealed bytes that wait for the end of a write; more go out before it
)

// TLS is a TLS connection whose writes reach the socket whole. [tls.Conn] writes each record by itself.
type TLS struct {
	*tls.Conn
	below   *below
	writing sync.Mutex
}

// Client is [tls.Client], over nc as [socket.Wrap] gives it.
func Client(nc net.Conn, config *tls.Config) *TLS {
	b := &below{Conn: socket.Wrap(nc)}
	return &TLS{Conn: tls.Client(b, config), below: b}
}

// Server is [tls.Server], over nc as [socket.Wrap] gives it.
func Server(nc net.Conn, config *tls.Config) *TLS {
	b := &below{Conn: socket.Wrap(nc)}
	return &TLS{Conn: tls.Server(b, config), below: b}
}

// NewListener is [tls.NewListener], with connections that are a *TLS.
func NewListener(l net.Listener, config *tls.Config) net.Listener { return &listener{l, config} }

type listener struct {
	net.Listener
	config *tls.Config
}

func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Server(nc, l.config), nil
}

// NetConn gives the connection below TLS.
func (c *TLS) NetConn() net.Conn { return c.below.Conn }

// Write writes b. Once a write has failed, none succeeds any more.
func (c *TLS) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.below.hold()
	n, err := c.Conn.Write(b)
	if sent := c.below.release(); err == nil && sent != nil {
		return 0, sent
	}
	return n, err
}

// writePieces is [Write].
func (c *TLS) writePieces(pieces net.Buffers) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.below.hold()
	err := c.seal(pieces)
	if sent := c.below.release(); err == nil {
		err = sent
	}
	return err
}

// seal fills records with pieces.
func (c *TLS) seal(pieces net.Buffers) error {
	spared := borrow()
	defer giveBack(spared)
	plain := spared[:recordSize]
	n := 0
	for _, p := range pieces {
		for len(p) > 0 {
			k := copy(plain[n:], p)
			n, p = n+k, p[k:]
			if n < recordSize {
				continue
			}
			if _, err := c.Conn.Write(plain); err != nil {
				return err
			}
			n = 0
		}
	}
	if n == 0 {
		return nil
	}
	_, err := c.Conn.Write(plain[:n])
	return err
}

// below is the connection as TLS writes to it. What is written during a hold waits for its end. TLS writes by itself too, a handshake or
// an answer to one: this goes out at once, or with what is held.
type below struct {
	net.Conn

	mu      sync.Mutex
	holding bool
	held    []byte // one of spare; nil but for a hold
	err     error  // of a write; bytes are missing then, and nothing may follow
}

// Write holds b, or writes it.
func (b *below) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return 0, b.err
	case !b.holding:
		return b.Conn.Write(p)
	}
	b.held = append(b.held, p...)
	if len(b.held) >= holdSize {
		b.flush()
	}
	return len(p), b.err
}

// hold begins a hold.
func (b *below) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding, b.held = true, borrow()
}

// release ends it, and gives the error of what was written.
func (b *below) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	giveBack(b.held)
	b.holding, b.held = false, nil
	return b.err
}

// flush writes what is held.
func (b *below) flush() {
	if b.err == nil && len(b.held) > 0 {
		_, b.err = b.Conn.Write(b.held)
	}
	b.held = b.held[:0]
}
