//go:build linux

package floor

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A loop writes to all outputs by itself, one behind the other, as a server without a goroutine for each would. What a socket does not take
// at once is written by a goroutine, and the output gets nothing else meanwhile: it is a floor for outputs that keep up.
type loop struct{ sockets []*socket }

// socket is one output of a loop.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn
	rest chan struct{} // closed when the rest of a write is out; nil: there is none
	left []byte
}

func (l *loop) add(conn net.Conn) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return net.UnknownNetworkError("no socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	l.sockets = append(l.sockets, &socket{conn: conn, raw: raw})
	return nil
}

// write writes messages to all outputs.
func (l *loop) write(messages [][]byte) {
	for _, s := range l.sockets {
		s.write(messages)
	}
}

func (l *loop) close() {
	for _, s := range l.sockets {
		_ = s.conn.Close()
	}
}

func (s *socket) write(messages [][]byte) {
	if s.rest != nil {
		<-s.rest
		s.rest = nil
	}
	n := 0
	_ = s.raw.Write(func(fd uintptr) bool { // of a broken connection: the outputs are counted at the other end
		n, _ = unix.Writev(int(fd), messages)
		return true
	})
	s.left = s.left[:0]
	for _, m := range messages {
		if done := min(max(n, 0), len(m)); done < len(m) {
			s.left = append(s.left, m[done:]...)
		}
		n -= len(m)
	}
	if len(s.left) > 0 {
		rest := make(chan struct{})
		s.rest = rest
		go func() {
			defer close(rest)
			_, _ = s.conn.Write(s.left)
		}()
	}
}
