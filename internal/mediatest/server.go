package mediatest

import (
	"net"
	"sync"
	"testing"
)

// server accepts connections on loopback until the test ends.
type server struct {
	addr string
	wg   sync.WaitGroup // the accept loop and one goroutine for each connection

	mu       sync.Mutex
	listener net.Listener // nil while the port is closed
	conns    map[net.Conn]bool
}

// serve starts a server on a free port; handle owns each connection, which is closed when handle returns.
func serve(t testing.TB, handle func(net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", FreeAddrs(t, 1)[0])
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	s := &server{addr: l.Addr().String(), listener: l, conns: map[net.Conn]bool{}}
	s.wg.Go(func() { s.accept(l, handle) })
	t.Cleanup(func() {
		s.close()
		s.cut()
		s.wg.Wait()
	})
	return s
}

func (s *server) accept(l net.Listener, handle func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !s.add(conn, l) {
			_ = conn.Close()
			return
		}
		s.wg.Go(func() {
			defer s.remove(conn)
			handle(conn)
		})
	}
}

// add notes a connection, unless its listener is closed already.
func (s *server) add(conn net.Conn, l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != l {
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *server) remove(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// close closes the port; connections stay.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
		s.listener = nil
	}
}

// reopen opens the port again.
func (s *server) reopen(handle func(net.Conn)) error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = l
	s.wg.Go(func() { s.accept(l, handle) })
	return nil
}

// cut resets all connections: the peer sees RST, not a proper end.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		reset(conn)
	}
}

// reset closes a TCP connection with RST.
func reset(conn net.Conn) {
	if c, is := conn.(*net.TCPConn); is {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
