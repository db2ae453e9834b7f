package rtc

import (
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/simulcart/simulcart/wire/socket"
)

// How a frame goes to a peer in one call:
//
//  1. its sender holds the [Train] of its RTP source, and writes packets through pion, which encrypts each;
//  2. they arrive at the [port], below pion, one datagram each, and wait in the train's [load];
//  3. Train.Send hands each run of datagrams of one size to the kernel at once, which cuts them apart (UDP_SEGMENT, udp(7)).
//
// All else goes at once: STUN, DTLS, RTCP, what is sent again on a source of its own, and packets of a source that nobody holds.

// The bounds of one call.
const (
	mostSegments = 64     // datagrams: UDP_MAX_SEGMENTS of older kernels
	mostTogether = 65_000 // bytes, below the largest IP packet
)

// port is the UDP socket of all peers.
type port struct {
	net.PacketConn
	conn  *net.UDPConn    // the same
	out   *socket.Packets // the same, as it is written to
	log   *slog.Logger
	whole bool      // the kernel cuts no datagrams: each packet is one call
	told  sync.Once // of that
	loads loads

	mu     sync.RWMutex
	trains map[uint32]*Train // by SSRC
}

func newPort(conn *net.UDPConn, log *slog.Logger) *port {
	p := &port{PacketConn: conn, conn: conn, out: socket.NewPackets(conn), log: log, trains: make(map[uint32]*Train)}
	if err := segmented(conn); err != nil {
		p.whole = true
		p.tell(err)
	}
	return p
}

// tell says once why packets go one by one.
func (p *port) tell(err error) {
	p.told.Do(func() { p.log.Info("packets over WebRTC go to the system one by one", "err", err) })
}

// ReadFromAddrPort is called by pion.
func (p *port) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return p.conn.ReadFromUDPAddrPort(b)
}

// WriteToAddrPort is called by pion.
func (p *port) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if source, is := sourceOf(b); is {
		p.mu.RLock()
		t := p.trains[source]
		p.mu.RUnlock()
		if t != nil && t.take(b, to) {
			return len(b), nil
		}
	}
	if err := p.out.Send(b, nil, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// sourceOf gives the SSRC of an RTP packet; false for any other (RFC 7983 §7, RFC 5761 §4).
func sourceOf(b []byte) (source uint32, is bool) {
	if len(b) < 12 || b[0]>>6 != 2 || b[1] >= 192 && b[1] <= 223 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[8:]), true
}

// load is datagrams to one address, behind each other.
type load struct {
	to      netip.AddrPort
	bytes   []byte
	sizes   []int  // of datagrams
	control []byte // scratch
}

// takes says whether there is room for a datagram.
func (l *load) takes(b []byte, to netip.AddrPort) bool {
	return len(l.sizes) == 0 || l.to == to && len(l.bytes)+len(b) <= mostTogether && len(l.sizes) < mostSegments
}

func (l *load) add(b []byte, to netip.AddrPort) {
	l.to = to
	l.bytes = append(l.bytes, b...)
	l.sizes = append(l.sizes, len(b))
}

// mostIdle is how many loads are kept, of up to 65 KB each: no more senders than there are processors are between Hold and Send, mostly.
const mostIdle = 16

// loads are those that nobody uses now, for all trains.
type loads struct {
	mu   sync.Mutex
	idle []*load
}

// get gives an empty load.
func (s *loads) get() *load {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return new(load)
	}
	l := s.idle[n-1]
	s.idle = s.idle[:n-1]
	return l
}

func (s *loads) put(l *load) {
	l.bytes, l.sizes = l.bytes[:0], l.sizes[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) < mostIdle {
		s.idle = append(s.idle, l)
	}
}

// Train lets packets of one RTP source leave together. One goroutine holds and sends; others may write packets of the source too.
type Train struct {
	port   *port // nil: packets go one by one
	source uint32
	plain  atomic.Bool // the kernel did not cut datagrams on the way to this peer: they go one by one

	mu   sync.Mutex
	load *load // what waits; nil: packets are not held
}

// NewTrain makes the train of a source, which its owner closes. Over TCP it changes nothing.
func (p *Peer) NewTrain(source uint32) *Train {
	t := &Train{source: source}
	if at := p.endpoint.port; at != nil && !at.whole {
		t.port = at
		at.mu.Lock()
		defer at.mu.Unlock()
		at.trains[source] = t
	}
	return t
}

// Close sends what waits. The source's packets go one by one then.
func (t *Train) Close() {
	t.Send()
	if t.port == nil {
		return
	}
	t.port.mu.Lock()
	defer t.port.mu.Unlock()
	if t.port.trains[t.source] == t {
		delete(t.port.trains, t.source)
	}
}

// Hold keeps the packets that follow back until Send, which should be soon. What is more than one call takes ends the holding.
func (t *Train) Hold() {
	if t.port == nil || t.plain.Load() {
		return
	}
	l := t.port.loads.get()
	t.mu.Lock()
	l, t.load = t.load, l
	t.mu.Unlock()
	t.dispatch(l)
}

// Send sends what was held.
func (t *Train) Send() {
	t.mu.Lock()
	l := t.load
	t.load = nil
	t.mu.Unlock()
	t.dispatch(l)
}

// take takes a datagram that is held; false: it has to go by itself.
func (t *Train) take(b []byte, to netip.AddrPort) bool {
	t.mu.Lock()
	l := t.load
	switch {
	case l == nil:
		t.mu.Unlock()
		return false
	case l.takes(b, to):
		l.add(b, to)
		t.mu.Unlock()
		return true
	}
	t.load = nil
	t.mu.Unlock()
	t.dispatch(l)
	return false
}

// dispatch hands a load to the kernel. What the kernel does not take is lost, as on any network.
func (t *Train) dispatch(l *load) {
	if l == nil {
		return
	}
	rest := l.bytes
	for sizes := l.sizes; len(sizes) > 0; {
		n, length := run(sizes)
		t.write(l, rest[:length], sizes[0], n)
		rest, sizes = rest[length:], sizes[n:]
	}
	t.port.loads.put(l)
}

// run gives how many of the first datagrams can go together, and their length in all: those of the first one's size, and one shorter one
// behind them.
func run(sizes []int) (n, length int) {
	for n < len(sizes) && sizes[n] <= sizes[0] {
		n, length = n+1, length+sizes[n]
		if sizes[n-1] < sizes[0] {
			break
		}
	}
	return n, length
}

// write sends n datagrams of a size each, the last one of which may be shorter.
func (t *Train) write(l *load, b []byte, size, n int) {
	if n > 1 {
		l.control = appendSegment(l.control[:0], size)
		err := t.port.out.Send(b, l.control, l.to)
		if !refused(err) {
			return
		}
		t.plain.Store(true)
		t.port.tell(err)
	}
	for len(b) > 0 {
		_ = t.port.out.Send(b[:min(size, len(b))], nil, l.to)
		b = b[min(size, len(b)):]
	}
}
