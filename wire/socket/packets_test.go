package socket_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/wire/socket"
)

// listen opens a UDP socket.
func listen(t testing.TB, network string, ip net.IP) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP(network, &net.UDPAddr{IP: ip})
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func portOf(t testing.TB, c *net.UDPConn) uint16 {
	t.Helper()
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a.Port()
}

// TestSend: datagrams arrive from each kind of socket at each kind of address, an empty one too.
func TestSend(t *testing.T) {
	four, six := net.IPv4(127, 0, 0, 1), net.IPv6loopback
	for name, c := range map[string]struct {
		network string
		from    net.IP
		at      net.IP
		to      string
	}{
		"IPv4":                  {"udp4", four, four, "127.0.0.1"},
		"IPv4 to a mapped one":  {"udp4", four, four, "::ffff:127.0.0.1"},
		"IPv6":                  {"udp6", six, six, "::1"},
		"IPv6 with a zone":      {"udp6", six, six, "::1%lo"},
		"both to IPv4":          {"udp", nil, four, "127.0.0.1"},
		"both to a mapped one":  {"udp", nil, four, "::ffff:127.0.0.1"},
		"both to IPv6":          {"udp", nil, six, "::1"},
		"of all IPv4 addresses": {"udp4", net.IPv4zero, four, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := listen(t, "udp", c.at)
			out := socket.NewPackets(listen(t, c.network, c.from))
			to := netip.AddrPortFrom(netip.MustParseAddr(c.to), portOf(t, theirs))
			for _, want := range [][]byte{[]byte("a"), noise(1200), {}, noise(30_000)} {
				if err := out.Send(want, nil, to); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 40_000)
				_ = theirs.SetReadDeadline(time.Now().Add(5 * time.Second))
				n, err := theirs.Read(got)
				if err != nil || !bytes.Equal(got[:n], want) {
					t.Fatalf("%d bytes of %d arrived, or others: %v", n, len(want), err)
				}
			}
		})
	}
}

// TestSendFails: errors are those of package net.
func TestSendFails(t *testing.T) {
	here := listen(t, "udp4", net.IPv4(127, 0, 0, 1))
	out, to := socket.NewPackets(here), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 9)
	var op *net.OpError
	if err := out.Send(make([]byte, 70_000), nil, to); !errors.Is(err, syscall.EMSGSIZE) || !errors.As(err, &op) {
		t.Errorf("more than a datagram holds: %v, want %v", err, syscall.EMSGSIZE)
	}
	if err := out.Send([]byte("a"), nil, netip.AddrPortFrom(netip.IPv6Loopback(), 9)); err == nil {
		t.Error("a socket of IPv4 sends to IPv6")
	}
	if err := out.Send([]byte("a"), nil, netip.AddrPort{}); err == nil {
		t.Error("sent to nowhere")
	}
	_ = here.Close()
	if err := out.Send([]byte("a"), nil, to); !errors.Is(err, net.ErrClosed) {
		t.Errorf("on a closed socket: %v, want %v", err, net.ErrClosed)
	}
}
