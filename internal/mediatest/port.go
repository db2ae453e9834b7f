package mediatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The ports handed out lie below the range from which Linux takes the ports of outgoing connections, so that none is
// taken between FreeAddrs and the listener that wants it.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreeAddrs gives n different addresses "127.0.0.1:PORT" on which nobody listens. Who needs several asks once, and
// listens on them before anybody asks again.
func FreeAddrs(t testing.TB, n int) []string {
	t.Helper()
	addrs := make([]string, 0, n)
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // kept open until all are found, so that they differ
		if addrs = append(addrs, l.Addr().String()); len(addrs) == n {
			return addrs
		}
	}
	t.Fatalf("no %d free ports of 127.0.0.1 found", n)
	return nil
}
