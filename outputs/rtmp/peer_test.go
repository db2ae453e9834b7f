package rtmp

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/outputs"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

func TestMain(m *testing.M) {
	if os.Getenv(sinkVariable) != "" {
		runSink()
		return
	}
	goleak.VerifyTestMain(m)
}

// A peer is a server side made of wire/rtmp on a loopback socket.
type peer struct {
	t      testing.TB
	url    wire.URL
	visits chan *visit // one for each connection that was accepted

	mu      sync.Mutex
	secure  *tls.Config
	consent func(nc net.Conn, r *wire.Request) error // answers the request; nil: accepts
}

// answers sets how the peer answers from now on.
func (p *peer) answers(secure *tls.Config, consent func(nc net.Conn, r *wire.Request) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secure, p.consent = secure, consent
}

// A visit is one connection of a publisher.
type visit struct {
	nc    net.Conn
	req   *wire.Request
	conn  *wire.Conn
	gate  chan struct{} // what is read passes through here: nothing while it is full
	ended chan struct{} // closed when the connection is read to its end
	err   error         // why it ended; valid when ended is closed

	mu       sync.Mutex
	messages []wire.Message
}

func newPeer(t testing.TB) *peer {
	p := &peer{t: t, visits: make(chan *visit, 100)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	p.url = wire.URL{Host: host, Port: port, App: "live"}
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			all.Go(func() {
				defer nc.Close()
				p.serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, nc := range open {
			_ = nc.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return p
}

func (p *peer) serve(nc net.Conn) {
	p.mu.Lock()
	secure, consent := p.secure, p.consent
	p.mu.Unlock()
	if secure != nil {
		nc = tls.Server(nc, secure)
	}
	hello, err := wire.ReadHello(nc)
	if err != nil || hello.Answer(nc) != nil {
		return
	}
	v := &visit{nc: nc, conn: wire.NewConn(nc), gate: make(chan struct{}, 1), ended: make(chan struct{})}
	if v.req, err = wire.ReadRequest(v.conn, "live"); err != nil {
		return
	}
	if consent != nil {
		err = consent(nc, v.req)
	} else {
		err = v.req.Accept()
	}
	if err != nil {
		return
	}
	v.conn.Authorise()
	p.visits <- v
	v.read()
}

func (v *visit) read() {
	defer close(v.ended)
	for {
		m, err := v.conn.ReadMessage()
		if err != nil {
			v.err = err
			return
		}
		v.mu.Lock()
		v.messages = append(v.messages, m)
		v.mu.Unlock()
		v.gate <- struct{}{}
		<-v.gate
	}
}

// smallBuffer makes the peer's machine hold little.
func (v *visit) smallBuffer() {
	nc := v.nc
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(16 << 10)
	}
}

// stop makes the peer read nothing more than what it is at.
func (v *visit) stop() { v.gate <- struct{}{} }

// resume ends that.
func (v *visit) resume() { <-v.gate }

// got gives what was read so far.
func (v *visit) got() []wire.Message {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]wire.Message(nil), v.messages...)
}

// await waits until done says that what was read is enough.
func (v *visit) await(t testing.TB, what string, done func([]wire.Message) bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-look.C {
		if done(v.got()) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// whole waits for the end of the connection and gives all that came.
func (v *visit) whole(t testing.TB) []wire.Message {
	t.Helper()
	select {
	case <-v.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection does not end")
	}
	if !errors.Is(v.err, io.EOF) {
		t.Errorf("the connection ended with %v, want io.EOF", v.err)
	}
	return v.got()
}

// next waits for the next publisher.
func (p *peer) next() *visit {
	p.t.Helper()
	select {
	case v := <-p.visits:
		return v
	case <-time.After(10 * time.Second):
		p.t.Fatal("nobody came to publish")
		return nil
	}
}

const secretKey = "sk-4f9a-canary"

// push makes a Push to the peer.
func (p *peer) push() *Push {
	return &Push{
		Name: "out", URL: p.url, Key: access.NewSecret(secretKey + "?sig=canary2"), Progress: &outputs.Progress{},
		Dialer: &outputs.Dialer{AllowPrivate: true}, Log: slog.New(slog.DiscardHandler),
	}
}
