//go:build linux

package load_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/internal/bench/floor"
	"github.com/simulcart/simulcart/internal/bench/load"
	"github.com/simulcart/simulcart/internal/mediatest"
)

// patience is how long what comes at once may take on a busy machine.
const patience = 15 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// measure publishes to addr, and checks what receivers got in a short window.
func measure(t *testing.T, l *load.Load, addr string, receivers int) []*load.Receiver {
	t.Helper()
	p, err := l.Publish(addr, "bench", clip.New(1000, false), 0)
	if err != nil {
		t.Fatal(err)
	}
	mediatest.Within(t, patience, "pictures", func() bool { return l.Receiving() == receivers })
	l.Enter(load.Measuring)
	before, bytes := l.Deliveries(), l.Bytes()
	mediatest.Within(t, patience, "pictures in the window", func() bool {
		after := l.Deliveries()
		for i := range before {
			if after[i] < before[i]+2 {
				return false
			}
		}
		return true
	})
	for i, after := range l.Bytes() {
		if after < bytes[i]+1000 {
			t.Errorf("receiver %d: %d bytes, and %d before", i, after, bytes[i])
		}
	}
	l.Enter(load.Warming)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if p.Sent() < 1000 {
		t.Errorf("sent %d bytes", p.Sent())
	}
	l.Close()
	for i, r := range l.Receivers() {
		got := r.Of(load.Measuring)
		if len(got.Delays) == 0 || got.Missing != 0 || got.Torn != 0 {
			t.Errorf("receiver %d: %d pictures, %d missing, %d torn", i, len(got.Delays), got.Missing, got.Torn)
		}
		for _, d := range got.Delays {
			if d <= 0 || d > patience {
				t.Errorf("receiver %d: a delay of %v", i, d)
			}
		}
		if r.Joined() <= 0 {
			t.Errorf("receiver %d joined after %v", i, r.Joined())
		}
	}
	return l.Receivers()
}

// A publisher and a sink understand each other.
func TestDirect(t *testing.T) {
	l := load.New()
	s, err := l.Sink(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := len(measure(t, l, s.Addr, 1)); got != 1 {
		t.Errorf("%d receivers, want 1", got)
	}
}

// Both floors pass on what they read, at once and collected.
func TestFloors(t *testing.T) {
	for name, collect := range map[string]time.Duration{"at once": 0, "collected": 50 * time.Millisecond} {
		t.Run("Go "+name, func(t *testing.T) { throughGo(t, collect, false) })
		t.Run("Go behind TLS "+name, func(t *testing.T) { throughGo(t, collect, true) })
		t.Run("C "+name, func(t *testing.T) { throughC(t, collect) })
	}
}

func throughGo(t *testing.T, collect time.Duration, secure bool) {
	l := load.New()
	var server, client *tls.Config
	if secure {
		config, trusted, err := load.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(trusted)
		server, client = config, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", DynamicRecordSizingDisabled: true}
	}
	s, err := l.Sink(server)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- (&floor.Floor{Sink: s.Addr, Outputs: 3, Collect: collect, TLS: client}).Run(ctx, listener)
	}()
	measure(t, l, listener.Addr().String(), 3)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The floors of what readers pull are understood by the readers.
func TestPullFloors(t *testing.T) {
	t.Run("RTSP", func(t *testing.T) {
		throughPull(t, &floor.RTSP{}, func(l *load.Load, addr string) error { return l.PlayRTSP(addr, "any") })
	})
	for name, part := range map[string]time.Duration{"HLS": 0, "HLS by parts": 200 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			throughPull(t, &floor.HLS{Part: part}, func(l *load.Load, addr string) error {
				l.PlayHLS("http://"+addr+"/"+floor.Index, part > 0)
				return nil
			})
		})
	}
}

// What the floors of WHEP send is counted without being decrypted.
func TestFloorsSRTP(t *testing.T) {
	for name, segments := range map[string]bool{"each packet": false, "cut by the kernel": true} {
		t.Run(name, func(t *testing.T) {
			l := load.New()
			publishers, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			viewers, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- (&floor.SRTP{Segments: segments}).Run(ctx, publishers, viewers) }()
			for range 2 {
				if err := l.PlaySRTP(viewers.LocalAddr().String()); err != nil {
					t.Fatal(err)
				}
			}
			measure(t, l, publishers.Addr().String(), 2)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func throughPull(t *testing.T, f interface {
	Run(context.Context, net.Listener, net.Listener) error
}, pull func(*load.Load, string) error,
) {
	l := load.New()
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx, listeners[0], listeners[1]) }()
	for range 2 {
		if err := pull(l, listeners[1].Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	measure(t, l, listeners[0].Addr().String(), 2)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func throughC(t *testing.T, collect time.Duration) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Fatal("the floor in C needs a compiler (Debian package gcc)")
	}
	c, err := floor.Compile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := load.New()
	s, err := l.Sink(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, sinkPort, _ := net.SplitHostPort(s.Addr)
	addr := mediatest.FreeAddrs(t, 1)[0]
	_, port, _ := net.SplitHostPort(addr)
	args := c.Command(port, sinkPort, 3, collect)
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	mediatest.Listening(t, addr)
	measure(t, l, addr, 3)
}
