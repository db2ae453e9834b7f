package mediatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// The ports handed out lie below the range from which Linux takes the ports of outgoing connections, so that none is
// taken between FreeAddrs and the listener that wants it.
const (
	firstPort = 20000
	ports     = 12000
)

// walk is how many ports this process looked at. It begins anywhere, so that the tests of two packages at once seldom
// meet, and comes back to a port after all others only.
var walk = func() *atomic.Uint32 {
	var at atomic.Uint32
	at.Store(rand.Uint32N(ports))
	return &at
}()

// FreeAddrs gives n addresses "127.0.0.1:PORT" on which nobody listens, none of which it gave before.
func FreeAddrs(t testing.TB, n int) []string {
	t.Helper()
	addrs := make([]string, 0, n)
	for range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+walk.Add(1)%ports))
		if err != nil {
			continue
		}
		addrs = append(addrs, l.Addr().String())
		_ = l.Close()
		if len(addrs) == n {
			return addrs
		}
	}
	t.Fatalf("no %d free ports of 127.0.0.1 found", n)
	return nil
}
