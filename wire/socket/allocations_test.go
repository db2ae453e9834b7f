//go:build !race

package socket_test

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/simulcart/simulcart/wire/socket"
)

// TestAllocations: nothing is allocated for a message. The calls that the race detector sees allocate by themselves.
func TestAllocations(t *testing.T) {
	ours, theirs := wrapped(t)
	b, back := noise(1000), make([]byte, 2000)
	pieces := make(net.Buffers, 2)
	if n := testing.AllocsPerRun(100, func() {
		pieces = append(pieces[:0], b, b)
		list := pieces
		if err := ours.WriteBuffers(&list); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(theirs, back); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(ours, back[:len(b)]); err != nil {
			t.Fatal(err)
		}
	}); n > 1 { // the list, which WriteBuffers is given a pointer to
		t.Errorf("%v allocations for a message there and back, want one at most", n)
	}
}

// TestSendAllocations: a datagram costs none.
func TestSendAllocations(t *testing.T) {
	theirs := listen(t, "udp4", net.IPv4(127, 0, 0, 1))
	out, to := socket.NewPackets(listen(t, "udp", nil)), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), portOf(t, theirs))
	b := noise(1000)
	if n := testing.AllocsPerRun(100, func() {
		if err := out.Send(b, nil, to); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
