package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/socket"
)

// wrapped gives both ends, of which the first is ours.
func wrapped(t testing.TB) (ours *socket.Conn, theirs *net.TCPConn) {
	t.Helper()
	a, b := mediatest.TCPPair(t)
	ours, ok := socket.Wrap(a).(*socket.Conn)
	if !ok {
		t.Fatal("a TCP connection was not wrapped")
	}
	return ours, b
}

// noise gives bytes that differ from place to place.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

// TestIsAConn holds both ends to what each net.Conn does: deadlines, closing, many who read and write at once.
func TestIsAConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, nil, err
		}
		defer l.Close()
		if c1, err = net.Dial("tcp", l.Addr().String()); err != nil {
			return nil, nil, nil, err
		}
		if c2, err = socket.NewListener(l).Accept(); err != nil {
			return nil, nil, nil, err
		}
		return socket.Wrap(c1), c2, func() { _, _ = c1.Close(), c2.Close() }, nil
	})
}

// TestWriteBuffers: pieces arrive whole and in order, more than one call takes and empty ones among them, while the peer reads slowly.
func TestWriteBuffers(t *testing.T) {
	ours, theirs := wrapped(t)
	want := noise(9 << 20) // more than the kernel holds
	var pieces net.Buffers
	for rest, n := bytes.Clone(want), 0; len(rest) > 0; n++ {
		size := min(len(rest), n%3000)
		pieces, rest = append(pieces, rest[:size]), rest[size:]
	}
	kept := append(net.Buffers(nil), pieces...)
	wrote := make(chan error, 1)
	go func() {
		wrote <- ours.WriteBuffers(&pieces)
		_ = ours.CloseWrite()
	}()
	var got bytes.Buffer
	for step := make([]byte, 300_000); ; {
		n, err := theirs.Read(step)
		got.Write(step[:n])
		if err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes arrived of %d, or others", got.Len(), len(want))
	}
	if len(pieces) != 0 {
		t.Errorf("%d pieces are left in the list", len(pieces))
	}
	if !bytes.Equal(bytes.Join(kept, nil), want) {
		t.Error("the pieces have changed")
	}
}

// TestErrors: what fails is said in the words of package net.
func TestErrors(t *testing.T) {
	past := time.Now().Add(-time.Second)
	for name, c := range map[string]struct {
		do   func(ours net.Conn, theirs *net.TCPConn) error
		want error
	}{
		"read behind a deadline": {func(ours net.Conn, _ *net.TCPConn) error {
			_ = ours.SetReadDeadline(past)
			_, err := ours.Read(make([]byte, 1))
			return err
		}, os.ErrDeadlineExceeded},
		"write behind a deadline": {func(ours net.Conn, _ *net.TCPConn) error {
			_ = ours.SetWriteDeadline(past)
			_, err := ours.Write([]byte("a"))
			return err
		}, os.ErrDeadlineExceeded},
		"a peer that takes nothing": {func(ours net.Conn, _ *net.TCPConn) error {
			b := make([]byte, 64<<20) // before the time runs: that may take as long
			_ = ours.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			n, err := ours.Write(b)
			if n == 0 || n == len(b) {
				return errors.New("wrote nothing, or all")
			}
			return err
		}, os.ErrDeadlineExceeded},
		"read when closed": {func(ours net.Conn, _ *net.TCPConn) error {
			_ = ours.Close()
			_, err := ours.Read(make([]byte, 1))
			return err
		}, net.ErrClosed},
		"closed while it waits": {func(ours net.Conn, _ *net.TCPConn) error {
			time.AfterFunc(20*time.Millisecond, func() { _ = ours.Close() })
			_, err := ours.Read(make([]byte, 1))
			return err
		}, net.ErrClosed},
		"write when closed": {func(ours net.Conn, _ *net.TCPConn) error {
			_ = ours.Close()
			_, err := ours.Write([]byte("a"))
			return err
		}, net.ErrClosed},
		"the end": {func(ours net.Conn, theirs *net.TCPConn) error {
			_ = theirs.Close()
			_, err := ours.Read(make([]byte, 1))
			return err
		}, io.EOF},
		"a reset": {func(ours net.Conn, theirs *net.TCPConn) error {
			_ = theirs.SetLinger(0)
			_ = theirs.Close()
			_, err := ours.Read(make([]byte, 1))
			return err
		}, syscall.ECONNRESET},
		"write to who has gone": {func(ours net.Conn, theirs *net.TCPConn) error {
			_ = theirs.SetLinger(0)
			_ = theirs.Close()
			_, _ = ours.Read(make([]byte, 1))
			_, err := ours.Write([]byte("a"))
			return err
		}, syscall.EPIPE},
		"nothing to read into": {func(ours net.Conn, _ *net.TCPConn) error {
			_, err := ours.Read(nil)
			return err
		}, nil},
		"nothing to write": {func(ours net.Conn, _ *net.TCPConn) error {
			_, err := ours.Write(nil)
			return err
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			plain, far := mediatest.TCPPair(t)
			like := c.do(plain, far)
			ours, theirs := wrapped(t)
			err := c.do(ours, theirs)
			if !errors.Is(err, c.want) || !errors.Is(like, c.want) {
				t.Fatalf("%v, package net %v, want %v", err, like, c.want)
			}
			// Package net names the call write where it has one piece.
			if got, want := words(err), words(like); got != want {
				t.Errorf("%q, package net says %q", got, want)
			}
		})
	}
}

// words gives the words of an error without its addresses, and with one name for both calls that write.
func words(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) {
		return ""
	}
	inner := op.Err
	if call := (*os.SyscallError)(nil); errors.As(inner, &call) && call.Syscall == "writev" {
		inner = os.NewSyscallError("write", call.Err)
	}
	return op.Op + " " + op.Net + ": " + inner.Error()
}

// TestCounts: the kernel's counts follow what the peer takes, and say so when the socket is closed.
func TestCounts(t *testing.T) {
	ours, theirs := wrapped(t)
	if _, ok := ours.Unacked(); !ok {
		t.Skip("this system does not count")
	}
	count := func() [3]uint64 {
		t.Helper()
		unacked, ok1 := ours.Unacked()
		unsent, ok2 := ours.Unsent()
		acked, ok3 := ours.Acked()
		if !ok1 || !ok2 || !ok3 {
			t.Fatal("an open socket says nothing")
		}
		return [3]uint64{uint64(unacked), uint64(unsent), acked}
	}
	much := make([]byte, 64<<20) // until the peer's window is full, and ours
	_ = ours.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	n, _ := ours.Write(much)
	if got := count(); got[0] == 0 || got[1] == 0 || got[1] > got[0] || got[0]+got[2]-uint64(n) > 1 {
		t.Errorf("unacked, unsent, acked are %d of %d bytes", got, n) // the handshake may count as a byte
	}
	if _, err := io.CopyN(io.Discard, theirs, int64(n)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for got := count(); got[0] != 0 || got[2]-uint64(n) > 1; got = count() {
		if time.Now().After(deadline) {
			t.Fatalf("unacked, unsent, acked are %d when the peer has read all of %d bytes", got, n)
		}
		time.Sleep(time.Millisecond)
	}
	_ = ours.Close()
	_, ok1 := ours.Unacked()
	_, ok2 := ours.Unsent()
	_, ok3 := ours.Acked()
	if ok1 || ok2 || ok3 {
		t.Error("a closed socket has counts")
	}
}

// TestOthersStay: what is not TCP is not touched.
func TestOthersStay(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := socket.Wrap(a); got != a {
		t.Errorf("a pipe became a %T", got)
	}
}

// TestListenerFails: an error of accepting is passed on.
func TestListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := socket.NewListener(l).Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want %v", err, net.ErrClosed)
	}
}
