package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	wire "github.com/simulcart/simulcart/wire/rtsp"
)

// sendBuffer is what the kernel is asked to hold of packets that wait, in bytes; it may give less.
const sendBuffer = 4 << 20

// Ports are the two UDP sockets from which all clients that ask for UDP get their packets: RTP from an even port, RTCP from the next one, so
// that a firewall needs two rules. Of what comes in, only the sender of RTCP is looked at: the client is there.
type Ports struct {
	media, reports port
	pair           wire.Pair
	local          netip.Addr // unspecified: all addresses

	mu      sync.Mutex
	clients map[netip.AddrPort]*client // that play, by where their RTCP comes from
}

// port is what is used of a UDP socket.
type port interface {
	// send sends packets until one cannot go, and gives how many went. It does not wait.
	send(all []datagram) (n int, err error)
	// receive waits for a packet, and gives where it came from.
	receive() (netip.AddrPort, error)
	Close() error
}

// datagram is a packet on its way.
type datagram struct {
	data  []byte
	to    destination
	frame int // its number among those of the client; for RTCP 0
}

// destination is where packets go.
type destination struct {
	address netip.AddrPort
	kernel  sockaddr // the same, as the kernel wants it
}

// OpenPorts opens the even port of an address, and the next one. Port 0 stands for any.
func OpenPorts(address string) (*Ports, error) {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	if at.Port%2 != 0 {
		return nil, fmt.Errorf("port %d is not even: RTCP takes the one behind it", at.Port)
	}
	const tries = 100 // of any port
	for try := range tries {
		var p *Ports
		if p, err = openPorts(*at); err == nil || at.Port != 0 && try == 0 {
			return p, err
		}
	}
	return nil, err
}

var errOdd = errors.New("the port that was given is odd")

func openPorts(at net.UDPAddr) (*Ports, error) {
	media, err := net.ListenUDP("udp", &at)
	if err != nil {
		return nil, err
	}
	got, err := netip.ParseAddrPort(media.LocalAddr().String())
	if err == nil && got.Port()%2 != 0 {
		err = errOdd
	}
	if err != nil {
		return nil, errors.Join(err, media.Close())
	}
	at.Port = int(got.Port()) + 1
	reports, err := net.ListenUDP("udp", &at)
	if err != nil {
		return nil, errors.Join(err, media.Close())
	}
	_ = media.SetWriteBuffer(sendBuffer)
	p := &Ports{pair: wire.Pair{RTP: int(got.Port()), RTCP: at.Port}, local: got.Addr().Unmap()}
	if p.media, err = newSocket(media); err == nil {
		p.reports, err = newSocket(reports)
	}
	if err != nil {
		return nil, errors.Join(err, media.Close(), reports.Close())
	}
	return p, nil
}

// String gives the address with RTP's port.
func (p *Ports) String() string { return netip.AddrPortFrom(p.local, uint16(p.pair.RTP)).String() }

// Close closes both.
func (p *Ports) Close() error {
	return errors.Join(p.media.Close(), p.reports.Close())
}

// run hears who is there until ctx ends, and closes both.
func (p *Ports) run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	for {
		from, err := p.reports.receive()
		switch {
		case errors.Is(err, net.ErrClosed), ctx.Err() != nil:
			return
		case err != nil: // a client that is gone, where the system tells it here
			time.Sleep(time.Millisecond)
			continue
		}
		p.mu.Lock()
		c := p.clients[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
		p.mu.Unlock()
		if c != nil {
			c.lives()
		}
	}
}

// reaches says whether packets can go to an address.
func (p *Ports) reaches(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && (p.local.IsUnspecified() || p.local.Is4() == a.Is4())
}

// to gives the destination of packets for a port of a client.
func (p *Ports) to(a netip.Addr, port int) destination {
	at := netip.AddrPortFrom(a, uint16(port))
	return destination{at, kernelAddress(at, p.local.Is4())}
}

// hear takes RTCP of a client's lanes as signs of its life, until forget is called.
func (p *Ports) hear(c *client) (forget func()) {
	var from []netip.AddrPort
	for _, l := range c.lanes {
		from = append(from, netip.AddrPortFrom(c.address, uint16(l.ports.RTCP)))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients == nil {
		p.clients = make(map[netip.AddrPort]*client)
	}
	for _, a := range from {
		p.clients[a] = c
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, a := range from {
			if p.clients[a] == c { // else a newer one has come from there
				delete(p.clients, a)
			}
		}
	}
}

// udpSocket is a socket of the system.
type udpSocket struct {
	*net.UDPConn
	raw syscall.RawConn
}

func newSocket(c *net.UDPConn) (*udpSocket, error) {
	raw, err := c.SyscallConn()
	return &udpSocket{c, raw}, err
}

func (s *udpSocket) receive() (netip.AddrPort, error) {
	var nothing [2048]byte // nobody reads it
	_, from, err := s.ReadFromUDPAddrPort(nothing[:])
	return from, err
}
