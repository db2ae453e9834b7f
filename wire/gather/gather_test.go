package gather_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/gather"
	"github.com/simulcart/simulcart/wire/socket"
)

// spy counts the writes of a socket, and can make them fail.
type spy struct {
	net.Conn
	mu    sync.Mutex
	sizes []int
	fail  error
}

func (s *spy) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.sizes = append(s.sizes, len(b))
	return s.Conn.Write(b)
}

// take gives the sizes of the writes since it was last asked.
func (s *spy) take() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := s.sizes
	s.sizes = nil
	return sizes
}

// sealed gives both ends of a TLS connection; ours is gathered, and its socket is watched.
func sealed(t testing.TB) (ours *gather.TLS, theirs *tls.Conn, socket *spy) {
	t.Helper()
	a, b := mediatest.TCPPair(t)
	ca, dir := mediatest.NewAuthority(t), t.TempDir()
	cert, key := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	ca.Issue(t, cert, key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := os.ReadFile(ca.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	socket = &spy{Conn: a}
	ours = gather.Client(socket, &tls.Config{ServerName: "localhost", RootCAs: pool, DynamicRecordSizingDisabled: true})
	theirs = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{pair}})
	done := make(chan error, 1)
	go func() { done <- theirs.Handshake() }()
	if err := errors.Join(ours.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	socket.take()
	return ours, theirs, socket
}

// cut cuts bytes into pieces of many sizes, empty ones among them.
func cut(b []byte) net.Buffers {
	random := rand.New(rand.NewPCG(1, 2))
	var pieces net.Buffers
	for len(b) > 0 {
		n := min(len(b), random.IntN(5000))
		pieces, b = append(pieces, b[:n]), b[n:]
	}
	return pieces
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

// TestWrite: whatever the connection, the other side reads the pieces one behind the other, and they are unchanged.
func TestWrite(t *testing.T) {
	want := noise(700_000)
	plain, plainPeer := mediatest.TCPPair(t)
	secure, securePeer, _ := sealed(t)
	pipe, pipePeer := net.Pipe()
	for _, c := range []struct {
		name     string
		nc, peer net.Conn
	}{{"TCP", socket.Wrap(plain), plainPeer}, {"TLS", secure, securePeer}, {"pipe", pipe, pipePeer}} {
		t.Run(c.name, func(t *testing.T) {
			sent := bytes.Clone(want)
			pieces := cut(sent)
			done := make(chan error, 1)
			go func() { done <- gather.Write(c.nc, &pieces) }()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c.peer, got); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the peer read something else")
			}
			if !bytes.Equal(sent, want) {
				t.Error("the pieces have changed")
			}
			if len(pieces) != 0 {
				t.Errorf("%d pieces are left in the list, want none", len(pieces))
			}
		})
	}
}

// TestFullRecords: pieces fill records, and all records of a write go to the socket at once, in bounds.
func TestFullRecords(t *testing.T) {
	ours, theirs, socket := sealed(t)
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	const record, overhead = 16 << 10, 5 + 16 + 1 // header, tag, type: RFC 8446 §5.2
	sealed := func(n int) int { return n + (n+record-1)/record*overhead }
	for _, c := range []struct {
		bytes  int
		writes []int
	}{
		{100, []int{sealed(100)}},
		{record, []int{sealed(record)}},
		{record + 1, []int{sealed(record + 1)}},
		{100_000, []int{sealed(100_000)}},
		{300_000, []int{16 * sealed(record), sealed(300_000) - 16*sealed(record)}},
	} {
		pieces := cut(noise(c.bytes))
		if err := gather.Write(ours, &pieces); err != nil {
			t.Fatal(err)
		}
		if got := socket.take(); !slices.Equal(got, c.writes) {
			t.Errorf("%d bytes in pieces: writes of %v bytes, want %v", c.bytes, got, c.writes)
		}
		if _, err := ours.Write(noise(c.bytes)); err != nil {
			t.Fatal(err)
		}
		if got := socket.take(); !slices.Equal(got, c.writes) {
			t.Errorf("%d bytes at once: writes of %v bytes, want %v", c.bytes, got, c.writes)
		}
	}
}

// TestBrokenStaysBroken: sealed bytes that did not reach the socket are missing, so that nothing may follow them.
func TestBrokenStaysBroken(t *testing.T) {
	ours, _, socket := sealed(t)
	broken := errors.New("broken")
	socket.fail = broken
	if _, err := ours.Write([]byte("a")); !errors.Is(err, broken) {
		t.Fatalf("write to a broken socket: %v, want %v", err, broken)
	}
	socket.fail = nil
	pieces := net.Buffers{[]byte("b")}
	if err := gather.Write(ours, &pieces); !errors.Is(err, broken) {
		t.Errorf("the next write: %v, want %v", err, broken)
	}
	if got := socket.take(); len(got) != 0 {
		t.Errorf("writes of %v bytes behind what is missing", got)
	}
}

// TestDeadline: a peer that takes nothing ends a write at its deadline.
func TestDeadline(t *testing.T) {
	ours, _, _ := sealed(t)
	_ = ours.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for {
		pieces := cut(noise(1 << 20))
		if err := gather.Write(ours, &pieces); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v, want a deadline exceeded", err)
			}
			return
		}
	}
}

// TestWritersTakeTurns: what two goroutines write comes one behind the other.
func TestWritersTakeTurns(t *testing.T) {
	ours, theirs, _ := sealed(t)
	const runs, size = 50, 40_000
	var writing sync.WaitGroup
	for _, b := range []byte{1, 2} {
		writing.Go(func() {
			for range runs {
				pieces := cut(bytes.Repeat([]byte{b}, size))
				if err := gather.Write(ours, &pieces); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := make([]byte, size)
	for range 2 * runs {
		if _, err := io.ReadFull(theirs, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, bytes.Repeat(got[:1], size)) {
			t.Fatal("two runs are mixed")
		}
	}
	writing.Wait()
}

// TestListener: accepted connections are gathered too, and give the socket below.
func TestListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := gather.NewListener(l, &tls.Config{})
	defer secure.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	accepted, err := secure.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	ours, ok := accepted.(*gather.TLS)
	if !ok {
		t.Fatalf("accepted a %T, want a *gather.TLS", accepted)
	}
	if _, ok := ours.NetConn().(*socket.Conn); !ok {
		t.Errorf("below is a %T, want a *socket.Conn", ours.NetConn())
	}
	_ = secure.Close()
	if _, err := secure.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept on a closed listener: %v, want %v", err, net.ErrClosed)
	}
}

// BenchmarkTLS writes 100 ms of 6 Mbit/s in pieces of 4 KiB, beside the standard library's connection, which is given a copy of all.
func BenchmarkTLS(b *testing.B) {
	whole := noise(75_000)
	var pieces net.Buffers
	for rest := whole; len(rest) > 0; {
		n := min(len(rest), 4096)
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	b.Run("gathered", func(b *testing.B) {
		ours, theirs, _ := sealed(b)
		go func() { _, _ = io.Copy(io.Discard, theirs.NetConn()) }()
		b.ReportAllocs()
		for b.Loop() {
			list := pieces
			if err := gather.Write(ours, &list); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one by one", func(b *testing.B) {
		ours, theirs, _ := sealed(b)
		go func() { _, _ = io.Copy(io.Discard, theirs.NetConn()) }()
		var copied []byte
		b.ReportAllocs()
		for b.Loop() {
			copied = copied[:0]
			for _, p := range pieces {
				copied = append(copied, p...)
			}
			if _, err := ours.Conn.Write(copied); err != nil {
				b.Fatal(err)
			}
		}
	})
}
