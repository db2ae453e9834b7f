package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

// pipes is a listener without a network, for tests on the fake clock.
type pipes struct {
	arriving chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{arriving: make(chan net.Conn), closed: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-l.arriving:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Addr() net.Addr { return address("pipes") }
func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// end is the server's end of a pipe, from an address.
type end struct {
	net.Conn
	from address
}

func (e end) RemoteAddr() net.Addr { return e.from }

// dial connects from an address.
func (l *pipes) dial(from string) net.Conn {
	ours, theirs := net.Pipe()
	l.arriving <- end{theirs, address(from)}
	return ours
}

// onFakeClock runs a test with a server on pipes.
func onFakeClock(t *testing.T, test func(r *rig, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, l := newRig(t), newPipes()
		defer r.serve(l)()
		test(r, l)
	})
}

// endsAfter reads, and checks when the server closes.
func (r *rig) endsAfter(nc io.Reader, want time.Duration) {
	r.Helper()
	began := time.Now()
	_, _ = io.Copy(io.Discard, nc)
	if got := time.Since(began); got != want {
		r.Errorf("the connection ended after %v, want %v; log:\n%s", got, want, r.log.all())
	}
}

// shake sends C0 and C1, and reads the answer.
func (r *rig) shake(nc net.Conn) {
	r.Helper()
	if _, err := nc.Write(append([]byte{3}, make([]byte, 1536)...)); err != nil {
		r.Fatal(err)
	}
	if _, err := io.ReadFull(nc, make([]byte, 1+2*1536)); err != nil {
		r.Fatal(err)
	}
}

func TestSlowOpening(t *testing.T) {
	trickle := func(nc net.Conn, b []byte, pause time.Duration) {
		for len(b) > 0 {
			time.Sleep(pause)
			if _, err := nc.Write(b[:1]); err != nil {
				return
			}
			b = b[1:]
		}
	}
	for _, tc := range []struct {
		name  string
		begin func(r *rig, nc net.Conn) // at once
		slow  []byte                    // then, a byte each 100 ms
		want  time.Duration
	}{
		{"says nothing", func(*rig, net.Conn) {}, nil, helloTimeout},
		{"C0 and C1 byte by byte", func(*rig, net.Conn) {}, append([]byte{3}, make([]byte, 1536)...), helloTimeout},
		{"no C2", func(r *rig, nc net.Conn) { r.shake(nc) }, nil, handshakeTimeout},
		{"C2 byte by byte", func(r *rig, nc net.Conn) { r.shake(nc) }, make([]byte, 1536), handshakeTimeout},
		{"nothing after the handshake", func(r *rig, nc net.Conn) {
			r.shake(nc)
			_, _ = nc.Write(make([]byte, 1536))
		}, nil, requestTimeout},
		{"connect byte by byte", func(r *rig, nc net.Conn) {
			r.shake(nc)
			_, _ = nc.Write(make([]byte, 1536))
		}, append([]byte{3, 0, 0, 0, 0, 16, 0, 20, 0, 0, 0, 0}, make([]byte, 1000)...), requestTimeout},
		{"connect, then nothing", func(r *rig, nc net.Conn) {
			if _, err := connect(nc, rtmp.Offer{}); err != nil {
				r.Error(err)
			}
		}, nil, requestTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onFakeClock(t, func(r *rig, l *pipes) {
				nc := l.dial("192.0.2.1:5")
				tc.begin(r, nc)
				var slowly sync.WaitGroup
				slowly.Go(func() { trickle(nc, tc.slow, 100*time.Millisecond) })
				r.endsAfter(nc, tc.want)
				_ = nc.Close()
				slowly.Wait()
				synctest.Wait()
				r.counted("slow")
				if got := r.log.all(); !strings.Contains(got, "during=opening err=") {
					r.Errorf("logged %q", got)
				}
			})
		})
	}
}

// frozen is a publisher whose machine has died: it reads and writes nothing any more.
func TestDeadPublisher(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		c := r.mustPublish(l.dial("192.0.2.1:5"), "maria-key")
		r.group(c, 0)
		time.Sleep(deadAfter - 1)
		if st, _ := r.gate.Status("maria"); st.State != ingest.Stalled {
			r.Errorf("state %s, want stalled", st.State)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if st, _ := r.gate.Status("maria"); st.State != ingest.Holding {
			r.Errorf("state %s, want holding", st.State)
		}
		r.logged("nothing was heard of it for 10s")
		r.hit("silence")
	})
}

// One that sends nothing lives by its answers to pings.
func TestPausedPublisher(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		c := r.mustPublish(l.dial("192.0.2.1:5"), "maria-key")
		r.group(c, 0)
		answering := make(chan struct{})
		go func() {
			defer close(answering)
			_, _ = c.ReadMessage()
		}()
		time.Sleep(time.Minute)
		if st, _ := r.gate.Status("maria"); st.State != ingest.Stalled {
			r.Errorf("state %s, want stalled", st.State)
		}
		r.group(c, 60_000)
		if st, _ := r.gate.Status("maria"); st.State != ingest.Live {
			r.Errorf("state %s after the pause, want live", st.State)
		}
		_ = c.Close()
		<-answering
	})
}

// A long message on a slow line is no silence.
func TestSlowMessage(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		c := r.mustPublish(l.dial("192.0.2.1:5"), "maria-key")
		r.group(c, 0)
		listening := make(chan struct{})
		go func() {
			defer close(listening)
			_, _ = io.Copy(io.Discard, c.nc)
		}()
		for _, b := range append([]byte{7, 0, 0, 0, 0, 0, 60, 9, 1, 0, 0, 0}, make([]byte, 60)...) {
			if _, err := c.nc.Write([]byte{b}); err != nil {
				r.Fatalf("write: %v", err)
			}
			time.Sleep(time.Second)
		}
		if st, _ := r.gate.Status("maria"); st.State != ingest.Stalled {
			r.Errorf("state %s, want stalled", st.State)
		}
		_ = c.Close()
		<-listening
	})
}

// An encoder that has ended its stream closes first; one that does not is not waited for long.
func TestCloseAfterTheEnd(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		c := r.mustPublish(l.dial("192.0.2.1:5"), "maria-key")
		r.group(c, 0)
		if err := c.WriteCommand(rtmp.Command{Name: "deleteStream", Args: []any{1.0}}); err != nil {
			r.Fatal(err)
		}
		r.endsAfter(c.nc, awaitTime)
		if st, _ := r.gate.Status("maria"); st.State != ingest.Idle {
			r.Errorf("state %s, want idle", st.State)
		}
	})
}

func TestNoMedia(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		c := r.mustPublish(l.dial("192.0.2.1:5"), "maria-key")
		began := time.Now()
		_, err := c.ReadMessage() // answers pings
		if took := time.Since(began); took != firstMedia || err == nil {
			r.Errorf("ended after %v with %v, want %v", took, err, firstMedia)
		}
		synctest.Wait()
		r.logged(errNoMedia.Error())
		r.hit("first_media")
	})
}

// tap notes when pings come in.
type tap struct {
	net.Conn
	began time.Time
	pings []time.Duration
}

func (p *tap) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	for range bytes.Count(b[:n], []byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 6}) { // length 6, user control, stream 0, ping request
		p.pings = append(p.pings, time.Since(p.began))
	}
	return n, err
}

// A publisher lives as long as it sends: deadlines of the opening are forgotten. It is not pinged meanwhile: what it has not read when
// it closes would make a reset of its end. Silent, it is pinged after 5 s.
func TestLongPublish(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		p := &tap{Conn: l.dial("192.0.2.1:5"), began: time.Now()}
		c := r.mustPublish(p, "maria-key")
		reader := r.hub.Stream("maria").Subscribe("test", time.Hour)
		defer reader.Close()
		var listening sync.WaitGroup
		listening.Go(func() { _, _ = io.Copy(io.Discard, p) })
		// An acknowledgement each 200 bytes, so that the server writes all the time.
		r.send(c, rtmp.TypeWindowAckSize, 0, "00000190")
		for i := range int64(60 * 4) {
			r.group(c, 250*i)
			r.read(reader, 3)
			time.Sleep(250 * time.Millisecond)
		}
		last := time.Since(p.began) - 250*time.Millisecond
		time.Sleep(6 * time.Second)
		_ = c.Close()
		listening.Wait()
		if want := []time.Duration{last + 5*time.Second}; !slices.Equal(p.pings, want) {
			r.Errorf("pings after %v, want %v", p.pings, want)
		}
	})
}

func TestLobby(t *testing.T) {
	t.Run("the 65th from one address", func(t *testing.T) {
		onFakeClock(t, func(r *rig, l *pipes) {
			for i := range access.DefaultPerAddress {
				defer l.dial(fmt.Sprintf("192.0.2.1:%d", 1000+i)).Close()
			}
			began := time.Now()
			r.endsAfter(l.dial("192.0.2.1:999"), 0)
			other := l.dial("192.0.2.2:5")
			r.shake(other)
			_ = other.Close()
			if time.Since(began) != 0 {
				r.Error("another address had to wait")
			}
			synctest.Wait()
			if n := r.server.Refusals.Counts()["crowd"]; n != 1 {
				r.Errorf("counted %d, want 1", n)
			}
			r.logged("connection refused remote=192.0.2.1:999")
		})
	})
	t.Run("publishers do not count", func(t *testing.T) {
		onFakeClock(t, func(r *rig, l *pipes) {
			r.server.Lobby.PerAddress = 1
			c := r.mustPublish(l.dial("192.0.2.1:1"), "maria-key")
			d := r.mustPublish(l.dial("192.0.2.1:2"), "open-key")
			r.group(c, 0)
			r.group(d, 0)
			_ = c.Close()
			_ = d.Close()
		})
	})
	t.Run("one more than 1,024 drops the oldest", func(t *testing.T) {
		onFakeClock(t, func(r *rig, l *pipes) {
			var all []net.Conn
			for i := range access.DefaultInAll {
				all = append(all, l.dial(fmt.Sprintf("192.0.2.%d:%d", i%250, 1000+i)))
			}
			synctest.Wait()
			began := time.Now()
			r.shake(l.dial("127.0.0.1:5"))
			r.endsAfter(all[0], 0)
			time.Sleep(time.Second)
			r.shake(all[1]) // still there
			for _, nc := range all {
				_ = nc.Close()
			}
			synctest.Wait()
			if got := strings.Count(r.log.all(), access.ErrEvicted.Error()); got != 1 || time.Since(began) != time.Second {
				r.Errorf("%d were dropped, want 1", got)
			}
		})
	})
	t.Run("loopback is exempt from the bound of one address", func(t *testing.T) {
		onFakeClock(t, func(r *rig, l *pipes) {
			for range 2 * access.DefaultPerAddress {
				nc := l.dial("[::ffff:127.0.0.1]:5")
				defer nc.Close()
				r.shake(nc)
			}
		})
	})
}

// A listener that fails for a while is tried again.
func TestAcceptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRig(t), &failing{pipes: newPipes()}
		l.left.Store(3)
		stop := r.serve(l)
		began := time.Now()
		nc := l.dial("192.0.2.1:5")
		r.shake(nc)
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("taken after %v, want 300 ms", took)
		}
		_ = nc.Close()
		l.left.Store(1 << 30)
		synctest.Wait()
		stop() // while it waits to try again
	})
}

type failing struct {
	*pipes
	left atomic.Int64
}

func (l *failing) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, context.DeadlineExceeded
	}
	return l.pipes.Accept()
}

// The TLS handshake has 5 s in all, whether nothing comes or a little at a time.
func TestSlowTLS(t *testing.T) {
	secure := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	for name, hello := range map[string][]byte{
		"says nothing":         nil,
		"a hello byte by byte": append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3}, make([]byte, 500)...),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, l := newRig(t), newPipes()
				ctx, cancel := context.WithCancel(t.Context())
				var serving sync.WaitGroup
				serving.Go(func() { _ = r.server.Serve(ctx, l, secure) })
				nc := l.dial("192.0.2.1:5")
				serving.Go(func() {
					for _, b := range hello {
						time.Sleep(100 * time.Millisecond)
						if _, err := nc.Write([]byte{b}); err != nil {
							return
						}
					}
				})
				r.endsAfter(nc, tlsTimeout)
				r.counted("tls")
				_ = nc.Close()
				cancel()
				serving.Wait()
			})
		})
	}
}
