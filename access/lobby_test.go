package access

import (
	"errors"
	"io"
	"net"
	"testing"
)

// caller is a connection from an address.
type caller struct {
	net.Conn
	from net.Addr
}

func (c caller) RemoteAddr() net.Addr { return c.from }

// call makes a connection from an address, and gives the caller's end.
func call(t *testing.T, from string) (here caller, there net.Conn) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return caller{ours, address}, theirs
}

// A place is given back once, and is for one address; loopback has as many as it wants.
func TestLobby(t *testing.T) {
	lobby := &Lobby{PerAddress: 1}
	enter := func(from string) (*Place, error) {
		nc, _ := call(t, from)
		return lobby.Enter(nc)
	}
	first, err := enter("192.0.2.1:5")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enter("[::ffff:192.0.2.1]:6"); err == nil {
		t.Error("a second one from the address was let in")
	}
	for _, from := range []string{"192.0.2.2:5", "[2001:db8::1]:5", "127.0.0.1:5", "127.0.0.1:6", "[::1]:5", "[::1]:6"} {
		if _, err := enter(from); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	first.Leave()
	first.Leave()
	if _, err := enter("192.0.2.1:7"); err != nil || first.Evicted() {
		t.Errorf("after the first has left: %v", err)
	}
}

// One more than there is room for drops the oldest, whatever its address.
func TestLobbyDropsTheOldest(t *testing.T) {
	lobby := &Lobby{InAll: 2}
	var places []*Place
	var ends []net.Conn
	for _, from := range []string{"127.0.0.1:5", "192.0.2.1:5", "192.0.2.1:6"} {
		here, there := call(t, from)
		p, err := lobby.Enter(here)
		if err != nil {
			t.Fatal(err)
		}
		places, ends = append(places, p), append(ends, there)
	}
	if _, err := ends[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest: got %v, want it closed", err)
	}
	for i, want := range []bool{true, false, false} {
		if got := places[i].Evicted(); got != want {
			t.Errorf("place %d: evicted %v, want %v", i, got, want)
		}
	}
}
