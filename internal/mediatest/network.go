package mediatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Trouble is what becomes of datagrams in one direction. The same seed has the same fate for the first datagram, the second, and so on.
type Trouble struct {
	Loss   float64       // of all datagrams, 0 to 1
	Delay  time.Duration // of each
	Jitter time.Duration // and up to so much more, so that datagrams overtake each other
	Double float64       // that come twice, 0 to 1
	Seed   uint64
	Drop   func(datagram []byte) bool // says which are lost in any case; nil: none
}

// Network is a path of UDP to a server, with its troubles. Each client has a port of its own on the way to the server.
type Network struct {
	Addr     string     // where clients send to
	Up, Down *Direction // from the clients, and to them

	front  *net.UDPConn
	target netip.AddrPort
	all    sync.WaitGroup

	mu    sync.Mutex
	paths map[netip.AddrPort]*net.UDPConn // by client
	over  bool
}

// Direction is one way of a [Network].
type Direction struct {
	trouble Trouble

	mu     sync.Mutex
	random *rand.Rand
	rate   int            // bytes a second; 0: no bound
	free   time.Time      // when what waits for its turn has gone
	rest   sync.WaitGroup // datagrams under way

	sent, lost atomic.Int64
}

// Sent counts the datagrams that came.
func (d *Direction) Sent() int { return int(d.sent.Load()) }

// queueTime is how much waits for its turn in front of a bound; what comes on top is dropped.
const queueTime = 100 * time.Millisecond

// Limit bounds what passes, in bytes a second; 0 lifts that.
func (d *Direction) Limit(rate int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rate = rate
}

// queue gives how long a datagram waits for its turn; false: there is no room for it.
func (d *Direction) queue(size int, now time.Time) (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rate == 0 {
		return 0, true
	}
	if d.free.Before(now) {
		d.free = now
	}
	wait := d.free.Sub(now)
	if wait > queueTime {
		return 0, false
	}
	d.free = d.free.Add(time.Duration(size) * time.Second / time.Duration(d.rate))
	return wait, true
}

// Lost counts those of them that were dropped.
func (d *Direction) Lost() int { return int(d.lost.Load()) }

// NewNetwork opens a path to the server at target, until the test ends.
func NewNetwork(t testing.TB, target string, up, down Trouble) *Network {
	t.Helper()
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("open a path: %v", err)
	}
	n := &Network{
		Addr: front.LocalAddr().String(), Up: newDirection(up), Down: newDirection(down),
		front: front, target: to, paths: make(map[netip.AddrPort]*net.UDPConn),
	}
	n.all.Go(n.upward)
	t.Cleanup(n.close)
	return n
}

func newDirection(tr Trouble) *Direction {
	return &Direction{trouble: tr, random: rand.New(rand.NewPCG(tr.Seed, 1))}
}

func (n *Network) close() {
	_ = n.front.Close()
	n.mu.Lock()
	n.over = true
	for _, path := range n.paths {
		_ = path.Close()
	}
	n.mu.Unlock()
	n.all.Wait()
	n.Up.rest.Wait()
	n.Down.rest.Wait()
}

// upward passes on what clients send.
func (n *Network) upward() {
	buf := make([]byte, 64<<10)
	for {
		size, from, err := n.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		path := n.path(from)
		if path == nil {
			return
		}
		n.Up.pass(buf[:size], func(b []byte) { _, _ = path.WriteToUDPAddrPort(b, n.target) })
	}
}

// path gives a client's port on the way to the server; nil when the test is over.
func (n *Network) path(client netip.AddrPort) *net.UDPConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if path := n.paths[client]; path != nil || n.over {
		return path
	}
	path, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	n.paths[client] = path
	n.all.Go(func() { n.downward(path, client) })
	return path
}

// downward passes on what the server sends to a client.
func (n *Network) downward(path *net.UDPConn, client netip.AddrPort) {
	buf := make([]byte, 64<<10)
	for {
		size, _, err := path.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		n.Down.pass(buf[:size], func(b []byte) { _, _ = n.front.WriteToUDPAddrPort(b, client) })
	}
}

// pass sends a datagram on, as its fate has it.
func (d *Direction) pass(datagram []byte, send func([]byte)) {
	d.sent.Add(1)
	copies, delays := d.fate()
	wait, room := d.queue(len(datagram), time.Now())
	if !room || d.trouble.Drop != nil && d.trouble.Drop(datagram) {
		copies = 0
	}
	if copies == 0 {
		d.lost.Add(1)
	}
	for i := range copies {
		b := append([]byte(nil), datagram...)
		d.rest.Add(1)
		time.AfterFunc(wait+delays[i], func() {
			defer d.rest.Done()
			send(b)
		})
	}
}

// fate decides on the next datagram.
func (d *Direction) fate() (copies int, delays [2]time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost, double := d.random.Float64() < d.trouble.Loss, d.random.Float64() < d.trouble.Double
	for i := range delays {
		delays[i] = d.trouble.Delay + time.Duration(d.random.Float64()*float64(d.trouble.Jitter))
	}
	switch {
	case lost:
		return 0, delays
	case double:
		return 2, delays
	}
	return 1, delays
}

// String says what the path did.
func (n *Network) String() string {
	return fmt.Sprintf("up %d datagrams, %d lost; down %d, %d lost", n.Up.Sent(), n.Up.Lost(), n.Down.Sent(), n.Down.Lost())
}
