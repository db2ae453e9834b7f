//go:build !race

package tcp_test

import (
	"io"
	"net"
	"testing"
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
