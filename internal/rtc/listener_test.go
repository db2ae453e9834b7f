package rtc

import (
	"io"
	"net"
	"testing"
)

// One connection too many is closed, and one comes in when another has left.
func TestBounded(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := newBounded(l, 1)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			nc, err := b.Accept()
			if err != nil {
				return
			}
			accepted <- nc
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		nc, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	one := dial()
	defer one.Close()
	first := <-accepted
	two := dial()
	defer two.Close()
	if _, err := io.ReadAll(two); err != nil {
		t.Errorf("the second was not closed in order: %v", err)
	}
	_, _ = first.Close(), first.Close()
	three := dial()
	defer three.Close()
	third := <-accepted
	if third == nil {
		t.Fatal("no place became free")
	}
	_, _ = third.Close(), l.Close()
	if _, more := <-accepted; more {
		t.Error("another one came in")
	}
}
