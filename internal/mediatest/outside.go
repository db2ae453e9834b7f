//go:build linux

package mediatest

import (
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Outside is all that a network namespace (see [Isolated]) has not: packets to its addresses leave by a device, and end there.
type Outside struct{ own []netip.Addr }

// NewOutside gives the namespace addresses of its own, and the way to all others.
func NewOutside(t testing.TB, own ...string) *Outside {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0) // while it is open, the device takes packets
	if err != nil {
		t.Fatalf("make a network: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	device, err := unix.NewIfreq("out")
	if err != nil {
		t.Fatal(err)
	}
	device.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, device); err != nil {
		t.Fatalf("make a network: %v", err)
	}
	o := &Outside{}
	commands := [][]string{{"link", "set", "out", "up"}, {"route", "add", "default", "dev", "out"}, {"-6", "route", "add", "default", "dev", "out"}}
	for _, a := range own {
		o.own = append(o.own, netip.MustParseAddr(a))
		commands = append(commands, []string{"addr", "add", a, "dev", "lo"})
	}
	for _, c := range commands {
		if out, err := exec.Command("ip", c...).CombinedOutput(); err != nil {
			t.Fatalf("ip %q: %v\n%s", c, err, out)
		}
	}
	return o
}

// Lookout is a look at the packets of all devices.
type Lookout struct {
	outside *Outside
	fd      int
	all     sync.WaitGroup

	mu   sync.Mutex
	over bool
	seen []string
}

// probed is where a packet is sent to at first, so that it is known that what leaves is seen.
const probed = "198.51.100.9:9"

// Watch looks at all packets from now on.
func (o *Outside) Watch(t testing.TB) *Lookout {
	t.Helper()
	const every = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in the order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, every)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		t.Fatal(err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20)
	w := &Lookout{outside: o, fd: fd}
	w.all.Go(w.read)
	probe, err := net.Dial("udp", probed)
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	if _, err := probe.Write([]byte("probe")); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Lookout) read() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := unix.Recvfrom(w.fd, buf, 0)
		w.mu.Lock()
		over := w.over
		w.mu.Unlock()
		link, isLink := from.(*unix.SockaddrLinklayer)
		switch {
		case err != nil && over:
			return
		case err == nil && isLink && link.Pkttype == unix.PACKET_OUTGOING:
			w.look(buf[:n])
		}
	}
}

// look notes an IP packet that leaves, or asks for a name (DNS, mDNS). What the kernel tells neighbours in ICMPv6 does not count.
func (w *Lookout) look(b []byte) {
	var to netip.Addr
	var protocol uint8
	var rest []byte
	switch {
	case len(b) >= 28 && b[0]>>4 == 4:
		to, protocol, rest = netip.AddrFrom4([4]byte(b[16:20])), b[9], b[int(b[0]&15)*4:]
	case len(b) >= 48 && b[0]>>4 == 6:
		to, protocol, rest = netip.AddrFrom16([16]byte(b[24:40])), b[6], b[40:]
	default:
		return
	}
	if protocol != unix.IPPROTO_UDP && protocol != unix.IPPROTO_TCP || len(rest) < 4 {
		return
	}
	port := uint16(rest[2])<<8 | uint16(rest[3])
	if (to.IsLoopback() || slices.Contains(w.outside.own, to)) && port != 53 && port != 5353 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, netip.AddrPortFrom(to, port).String())
}

// Stop gives where packets went that left, or asked for a name.
func (w *Lookout) Stop(t testing.TB) []string {
	t.Helper()
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.all.Wait()
	_ = unix.Close(w.fd)
	if len(w.seen) == 0 || w.seen[0] != probed {
		t.Fatalf("the probe was not seen, but %q", w.seen)
	}
	return w.seen[1:]
}
