//go:build !linux || 386 || s390x

package socket

import "net"

// Conn is a TCP connection. As with any [net.Conn], all methods may be called at once.
type Conn struct{ *net.TCPConn }

func newConn(t *net.TCPConn) *Conn { return &Conn{t} }

// WriteBuffers writes all pieces behind each other, with nothing of another goroutine between them, and empties the list. The pieces
// themselves stay as they are. An error means that not all were written.
func (c *Conn) WriteBuffers(pieces *net.Buffers) error {
	_, err := pieces.WriteTo(c.TCPConn)
	return err
}

// Unacked does not know: what was written counts as taken.
func (c *Conn) Unacked() (bytes int, ok bool) { return 0, false }

// Unsent does not know.
func (c *Conn) Unsent() (bytes int, ok bool) { return 0, false }

// Acked does not know: only writes that are done count as progress.
func (c *Conn) Acked() (bytes uint64, ok bool) { return 0, false }
