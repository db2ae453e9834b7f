package rtc

import (
	"net"
	"syscall"
	"testing"
)

// The shared socket keeps more than others, where the system lets it.
func TestSocketBuffers(t *testing.T) {
	size := func(c *net.UDPConn, option int) (n int) {
		t.Helper()
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if faulty := raw.Control(func(fd uintptr) { n, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, option) }); faulty != nil || err != nil {
			t.Fatal(faulty, err)
		}
		return n
	}
	open := func() *net.UDPConn {
		t.Helper()
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	wide, usual, most := open(), open(), open()
	widen(wide)
	_, _ = most.SetReadBuffer(socketBuffer), most.SetWriteBuffer(socketBuffer)
	for name, option := range map[string]int{"received": syscall.SO_RCVBUF, "sent": syscall.SO_SNDBUF} {
		if got, want := size(wide, option), size(most, option); got != want || got < size(usual, option) {
			t.Errorf("%s: got %d bytes, want %d", name, got, want)
		}
	}
}
