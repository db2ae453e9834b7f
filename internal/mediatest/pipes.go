package mediatest

import (
	"net"
	"sync"
)

// Pipes is a listener without a network, for servers on the fake clock: who dials sends the server's end of a net.Pipe to it.
type Pipes struct {
	Dials chan net.Conn

	closed chan struct{}
	once   sync.Once
}

// NewPipes gives a listener.
func NewPipes() *Pipes { return &Pipes{Dials: make(chan net.Conn), closed: make(chan struct{})} }

// Accept waits for who dials.
func (l *Pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-l.Dials:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *Pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is no address.
func (l *Pipes) Addr() net.Addr { return Address("pipes") }

// Address is where a client says that it is.
type Address string

// Network is TCP's.
func (a Address) Network() string { return "tcp" }

// String gives host and port.
func (a Address) String() string { return string(a) }

// PipeFrom gives both ends of a connection from an address: the client's, and the server's.
func PipeFrom(from Address) (ours, theirs net.Conn) {
	ours, theirs = net.Pipe()
	return ours, pipeEnd{theirs, from}
}

// pipeEnd is the server's end of a pipe.
type pipeEnd struct {
	net.Conn
	from Address
}

func (e pipeEnd) RemoteAddr() net.Addr { return e.from }
