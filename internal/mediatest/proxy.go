package mediatest

import (
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"testing"
	"time"
)

// smallWindow is the receive buffer of a connection through a [Proxy]: small, so that a sender soon feels that nobody reads.
const smallWindow = 32 << 10

// Proxy passes connections on to a server, and fails on demand in the ways that networks and platforms fail. Its methods may be called
// at any time.
type Proxy struct {
	Addr string

	target string
	server *server

	mu    sync.Mutex
	wake  *sync.Cond // limit changed, or the test is over
	limit int64      // bytes from the client to pass on per connection; then it stops reading
	rate  int        // bytes a second from the client; 0: as fast as they come
	held  bool       // nothing is read from the server
	over  bool
}

// NewProxy starts a proxy in front of the server at target.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, limit: math.MaxInt64}
	p.wake = sync.NewCond(&p.mu)
	p.server = serve(t, p.pass)
	p.Addr = p.server.addr
	t.Cleanup(func() { // before the server waits for its connections
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		p.wake.Broadcast()
	})
	return p
}

// URL gives the publish URL of a key through the proxy.
func (p *Proxy) URL(key string) string { return "rtmp://" + p.Addr + "/live/" + key }

// Stall makes the proxy stop reading from each client after so many bytes of a connection; the connections stay open.
func (p *Proxy) Stall(after int64) { p.setLimit(after) }

// Resume ends a stall.
func (p *Proxy) Resume() { p.setLimit(math.MaxInt64) }

func (p *Proxy) setLimit(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
	p.wake.Broadcast()
}

// Trickle makes the proxy read so many bytes a second from each client; 0 lifts that.
func (p *Proxy) Trickle(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = bytesPerSecond
}

// Hold makes the proxy stop reading from the server, or go on.
func (p *Proxy) Hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.wake.Broadcast()
}

// Cut resets all connections of clients; the server behind sees them end.
func (p *Proxy) Cut() { p.server.cut() }

// Close closes the port: who dials is refused. Connections stay; see [Proxy.Cut].
func (p *Proxy) Close() { p.server.close() }

// Open opens the port again.
func (p *Proxy) Open(t testing.TB) {
	t.Helper()
	if err := p.server.reopen(p.pass); err != nil {
		t.Errorf("open the port again: %v", err) // not Fatalf: tests open ports from several goroutines
	}
}

// pass serves one client.
func (p *Proxy) pass(client net.Conn) {
	if c, is := client.(*net.TCPConn); is {
		_ = c.SetReadBuffer(smallWindow)
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	if c, is := server.(*net.TCPConn); is {
		_ = c.SetReadBuffer(smallWindow)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		p.back(client, server)
		_ = client.Close()
	})
	p.forward(server, client)
	_ = server.Close()
	wg.Wait()
}

// forward passes on what the client sends, as the faults of the moment allow.
func (p *Proxy) forward(server, client net.Conn) {
	buf := make([]byte, 8<<10)
	for passed := int64(0); ; {
		room, pause := p.allowance(passed, len(buf))
		if room == 0 {
			return
		}
		n, err := client.Read(buf[:room])
		if n > 0 {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
			passed += int64(n)
		}
		if err != nil {
			return
		}
		time.Sleep(time.Duration(n) * pause)
	}
}

// back passes on what the server says, until either side ends.
func (p *Proxy) back(client, server net.Conn) {
	buf := make([]byte, 8<<10)
	for {
		p.mu.Lock()
		for p.held && !p.over {
			p.wake.Wait()
		}
		p.mu.Unlock()
		n, err := server.Read(buf)
		if _, failed := client.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

// allowance waits until more than passed bytes may be read, and says how many at once, and how long one byte takes; no
// bytes at the end of the test.
func (p *Proxy) allowance(passed int64, most int) (room int, perByte time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.limit <= passed && !p.over {
		p.wake.Wait()
	}
	if p.over {
		return 0, 0
	}
	if p.rate > 0 {
		return min(most, max(1, p.rate/20)), time.Second / time.Duration(p.rate)
	}
	return int(min(int64(most), p.limit-passed)), 0
}

// ResetLoop starts a server that takes every connection and resets it at once. It gives its address.
func ResetLoop(t testing.TB) string {
	t.Helper()
	return serve(t, reset).addr
}

// Garbage starts a server that answers every connection with bytes that are no RTMP. It gives its address.
func Garbage(t testing.TB) string {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		line := []byte("HTTP/1.1 400 Bad Request\r\n\r\n\xff\x00\xaa\x55")
		for sent := 0; sent < 64<<10; sent += len(line) {
			if _, err := conn.Write(line); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, conn) // leaves the ending to the peer
	}).addr
}

// Silent starts a server that takes every connection and never says a word. It gives its address.
func Silent(t testing.TB) string {
	t.Helper()
	return serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }).addr
}

// String names the proxy in messages.
func (p *Proxy) String() string { return fmt.Sprintf("proxy %s to %s", p.Addr, p.target) }
