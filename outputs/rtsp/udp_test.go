package rtsp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
	"github.com/simulcart/simulcart/wire/sei"
)

// air is a UDP socket without a network, which keeps what is sent.
type air struct {
	mu     sync.Mutex
	sent   []sent
	fail   func(d datagram) error // nil: nothing fails
	coming chan netip.AddrPort    // from where a packet comes
	closed chan struct{}
	once   sync.Once
}

// sent is a packet that went out.
type sent struct {
	to   netip.AddrPort
	data []byte
	at   time.Time
}

func newAir() *air { return &air{coming: make(chan netip.AddrPort), closed: make(chan struct{})} }

func (a *air) send(all []datagram) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, d := range all {
		if a.fail != nil {
			if err := a.fail(d); err != nil {
				return i, err
			}
		}
		a.sent = append(a.sent, sent{d.to.address, bytes.Clone(d.data), time.Now()})
	}
	return len(all), nil
}

func (a *air) receive() (netip.AddrPort, error) {
	select {
	case from := <-a.coming:
		return from, nil
	case <-a.closed:
		return netip.AddrPort{}, net.ErrClosed
	}
}

func (a *air) Close() error { a.once.Do(func() { close(a.closed) }); return nil }

// taken gives what was sent, and forgets it.
func (a *air) taken() []sent {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.sent
	a.sent = nil
	return all
}

// onUDP is on with a server that has UDP, on the ports 8000 and 8001.
func onUDP(t *testing.T, test func(r *rig, packets, reports *air)) {
	t.Helper()
	packets, reports := (*air)(nil), (*air)(nil)
	with(t, func(s *Server) {
		packets, reports = newAir(), newAir()
		s.UDP = &Ports{media: packets, reports: reports, pair: wire.Pair{RTP: 8000, RTCP: 8001}, local: netip.IPv6Unspecified()}
	}, func(r *rig) { test(r, packets, reports) })
}

func overUDP(ports string) wire.Field {
	return wire.Field{Name: "Transport", Value: "RTP/AVP;unicast;client_port=" + ports}
}

// readyUDP goes through SETUP of both tracks over UDP, to ports from 5000 on.
func (c *caller) readyUDP() {
	c.r.Helper()
	for i, url := range []string{home0, home1} {
		a := c.want(wire.StatusOK, "SETUP", url, overUDP(fmt.Sprintf("%d-%d", 5000+2*i, 5001+2*i)))
		session, err := wire.ParseSession(a.Header.Value("Session"))
		if err != nil {
			c.r.Fatal(err)
		}
		c.session = session.ID
		agreed, err := wire.ParseTransports(a.Header.Value("Transport"))
		want := wire.Transport{ClientPort: wire.Pair{RTP: 5000 + 2*i, RTCP: 5001 + 2*i}, ServerPort: wire.Pair{RTP: 8000, RTCP: 8001}, Mode: "PLAY"}
		if err == nil {
			want.SSRC, want.HasSSRC = agreed[0].SSRC, true
		}
		if err != nil || agreed[0] != want {
			c.r.Errorf("agreed on %+v, %v, want %+v", agreed, err, want)
		}
	}
}

// Over UDP comes the same as within the connection, in packets that fit the path, to the ports of the client and nobody else; nothing
// before PLAY, and nothing after TEARDOWN.
func TestUDP(t *testing.T) {
	onUDP(t, func(r *rig, packets, reports *air) {
		r.begin()
		key := picture(true, 10_000)
		r.write(cards, 0, true, r.state(7, 0))
		r.write(video, 0, true, key)
		r.write(audio, 10, false, []byte{1, 2, 3})
		c := r.dial()
		c.auth = basic("tsl")
		c.readyUDP()
		time.Sleep(time.Second)
		if early := len(packets.taken()) + len(reports.taken()); early > 0 {
			t.Errorf("%d packets before PLAY", early)
		}
		a := c.want(wire.StatusOK, "PLAY", home)
		info, err := wire.ParseRTPInfo(a.Header.Value("RTP-Info"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		video0, err := rtp.NewDepacketizer(video, 0)
		if err != nil {
			t.Fatal(err)
		}
		var pictures [][]byte
		var ports []string
		for _, d := range packets.taken() {
			if len(d.data) > 1212 {
				t.Errorf("a packet of %d bytes", len(d.data))
			}
			if to := d.to.String(); !slices.Contains(ports, to) {
				ports = append(ports, to)
			}
			p, err := rtp.ParsePacket(d.data)
			if err != nil {
				t.Fatal(err)
			}
			if d.to.Port() == 5002 {
				if p.Timestamp != info[1].Timestamp+480 {
					t.Errorf("sound at %d", p.Timestamp-info[1].Timestamp)
				}
				continue
			}
			frames, err := video0.Push(p)
			if err != nil {
				t.Error(err)
			}
			for _, f := range frames {
				pictures = append(pictures, f.Data)
			}
		}
		if want := []string{"192.0.2.1:5000", "192.0.2.1:5002"}; !slices.Equal(ports, want) {
			t.Errorf("packets went to %q, want %q", ports, want)
		}
		if len(pictures) != 1 {
			t.Fatalf("%d pictures", len(pictures))
		}
		if clean, found := sei.Strip(video.Codec, pictures[0]); !found || !bytes.HasSuffix(clean, key) {
			t.Errorf("a picture of %d bytes, the state in it %v", len(pictures[0]), found)
		}
		var told []string
		for _, d := range reports.taken() {
			all, err := rtcp.Unmarshal(d.data)
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, fmt.Sprintf("%s %T", d.to, all[0]))
		}
		if want := []string{"192.0.2.1:5001 *rtcp.SenderReport", "192.0.2.1:5003 *rtcp.SenderReport"}; !slices.Equal(told, want) {
			t.Errorf("reports %q, want %q", told, want)
		}
		c.want(wire.StatusOK, "TEARDOWN", home)
		c.ends()
		r.write(video, 40, true, key)
		time.Sleep(time.Second)
		if late := packets.taken(); len(late) > 0 {
			t.Errorf("%d packets after TEARDOWN", len(late))
		}
	})
}

// What a client may not have, and that packets go to its own address even where it asks for another one.
func TestUDPRefusals(t *testing.T) {
	onUDP(t, func(r *rig, packets, reports *air) {
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		c := r.dial()
		c.auth = basic("tsl")
		for _, q := range []struct {
			name, transport string
			status          int
		}{
			{"no port", "RTP/AVP;unicast", wire.StatusTransport},
			{"port 0", "RTP/AVP;unicast;client_port=0-1", wire.StatusTransport},
			{"a port of the system", "RTP/AVP;unicast;client_port=1022-1023", wire.StatusTransport},
			{"one port of the system", "RTP/AVP;unicast;client_port=5000-53", wire.StatusTransport},
			{"a port too high", "RTP/AVP;unicast;client_port=65535-65536", wire.StatusTransport},
			{"one port twice", "RTP/AVP;unicast;client_port=5000-5000", wire.StatusTransport},
			{"to many", "RTP/AVP;multicast;client_port=5000-5001", wire.StatusTransport},
			{"encrypted", "RTP/SAVP;unicast;client_port=5000-5001", wire.StatusTransport},
			{"to another", "RTP/AVP;unicast;client_port=5000-5001;destination=192.0.2.2", wire.StatusDestination},
			{"to a name", "RTP/AVP;unicast;client_port=5000-5001;destination=example.com", wire.StatusDestination},
			{"to many by address", "RTP/AVP;unicast;client_port=5000-5001;destination=224.0.0.1", wire.StatusDestination},
		} {
			if a := c.ask("SETUP", home0, wire.Field{Name: "Transport", Value: q.transport}); a.Status != q.status {
				t.Errorf("%s: got %d %s, want %d", q.name, a.Status, a.Reason, q.status)
			}
		}
		a := c.want(wire.StatusOK, "SETUP", home0, wire.Field{Name: "Transport", Value: "RTP/AVP/UDP;unicast;destination=192.0.2.1;source=192.0.2.9;client_port=5000-5001;server_port=53-54"})
		session, err := wire.ParseSession(a.Header.Value("Session"))
		if err != nil {
			t.Fatal(err)
		}
		c.session = session.ID
		c.want(wire.StatusBadRequest, "SETUP", home1, overUDP("5001-5002"))
		c.want(wire.StatusTransport, "SETUP", home1, inner) // one way for all
		c.want(wire.StatusOK, "SETUP", home1, wire.Field{Name: "Transport", Value: inner.Value + "," + overUDP("5002-5003").Value})
		c.want(wire.StatusOK, "PLAY", home)
		time.Sleep(time.Second)
		for _, d := range slices.Concat(packets.taken(), reports.taken()) {
			if d.to.Addr() != netip.MustParseAddr("192.0.2.1") || d.to.Port() < 5000 || d.to.Port() > 5003 {
				t.Errorf("a packet went to %s", d.to)
			}
		}
		_ = c.Close()

		inside := r.dial()
		inside.auth = basic("tsl")
		a = inside.want(wire.StatusOK, "SETUP", home0, inner)
		if session, err = wire.ParseSession(a.Header.Value("Session")); err != nil {
			t.Fatal(err)
		}
		inside.session = session.ID
		inside.want(wire.StatusTransport, "SETUP", home1, overUDP("5002-5003"))
		_ = inside.Close()
		nowhere := r.dialFrom("[fe80::1%eth0]:5") // whose zone the kernel would have to know
		nowhere.auth = basic("tsl")
		nowhere.want(wire.StatusTransport, "SETUP", home0, overUDP("5002-5003"))
		_ = nowhere.Close()
	})
}

// A client over UDP lives as long as it says something, or its RTCP comes; that packets are sent to it proves nothing. The end of its
// connection is its own.
func TestUDPPatience(t *testing.T) {
	play := func(t *testing.T, test func(r *rig, c *caller, packets, reports *air)) {
		t.Helper()
		onUDP(t, func(r *rig, packets, reports *air) {
			r.begin()
			c := r.dial()
			c.auth = basic("tsl")
			c.readyUDP()
			r.write(video, 0, true, picture(true, 100))
			c.want(wire.StatusOK, "PLAY", home)
			over := make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() {
				for i := int64(1); ; i++ {
					select {
					case <-over:
						return
					case <-time.After(time.Second):
						r.write(video, 1000*i, true, picture(true, 100))
					}
				}
			})
			test(r, c, packets, reports)
			close(over)
			writing.Wait()
		})
	}
	ofClient := netip.MustParseAddrPort("[::ffff:192.0.2.1]:5001")
	t.Run("no sign", func(t *testing.T) {
		play(t, func(r *rig, c *caller, packets, reports *air) {
			if took := c.ends(); took != wire.DefaultTimeout {
				t.Errorf("it ended after %v, want %v", took, wire.DefaultTimeout)
			}
			packets.taken()
			time.Sleep(5 * time.Second)
			if n := len(packets.taken()); n > 0 {
				t.Errorf("%d packets after the end", n)
			}
		})
	})
	t.Run("RTCP", func(t *testing.T) {
		play(t, func(r *rig, c *caller, packets, reports *air) {
			began := time.Now()
			for range 10 {
				time.Sleep(50 * time.Second)
				reports.coming <- ofClient
			}
			c.ends()
			if took := time.Since(began); took != 500*time.Second+wire.DefaultTimeout {
				t.Errorf("it ended after %v, want %v behind the last report", took, wire.DefaultTimeout)
			}
		})
	})
	t.Run("RTCP of others", func(t *testing.T) {
		play(t, func(r *rig, c *caller, packets, reports *air) {
			began := time.Now()
			time.Sleep(50 * time.Second)
			for _, other := range []string{"192.0.2.2:5001", "192.0.2.1:5005", "192.0.2.1:5000"} {
				reports.coming <- netip.MustParseAddrPort(other)
			}
			c.ends()
			if took := time.Since(began); took != wire.DefaultTimeout {
				t.Errorf("it ended after %v, want %v", took, wire.DefaultTimeout)
			}
		})
	})
	t.Run("requests", func(t *testing.T) {
		play(t, func(r *rig, c *caller, packets, reports *air) {
			for range 5 {
				time.Sleep(50 * time.Second)
				c.want(wire.StatusOK, "OPTIONS", "*")
			}
			if took := c.ends(); took != wire.DefaultTimeout {
				t.Errorf("it ended %v after its last word, want %v", took, wire.DefaultTimeout)
			}
		})
	})
	t.Run("connection closed", func(t *testing.T) {
		play(t, func(r *rig, c *caller, packets, reports *air) {
			time.Sleep(5 * time.Second)
			_ = c.Close()
			synctest.Wait()
			if packets.taken(); r.server.Registry.Connections("tsl") != 0 {
				t.Error("the connection still counts")
			}
			time.Sleep(5 * time.Second)
			if n := len(packets.taken()); n > 0 {
				t.Errorf("%d packets after the end", n)
			}
			reports.coming <- ofClient // whom nobody knows any more
			synctest.Wait()
			if n := len(r.server.UDP.clients); n > 0 {
				t.Errorf("%d ports are still listened for", n)
			}
		})
	})
	t.Run("revoked", func(t *testing.T) {
		play(t, func(r *rig, c *caller, packets, reports *air) {
			time.Sleep(5 * time.Second)
			r.server.Registry.SetContracts(nil)
			if took := c.ends(); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
}

// The end of the stream is said to the client: BYE for each track, behind a last report. Then it may tear down for a moment.
func TestBye(t *testing.T) {
	onUDP(t, func(r *rig, packets, reports *air) {
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		var all []*caller
		for range 2 {
			c := r.dial()
			c.auth = basic("tsl")
			c.readyUDP()
			c.want(wire.StatusOK, "PLAY", home)
			all = append(all, c)
		}
		reports.taken()
		r.pub.End()
		synctest.Wait()
		all[0].want(wire.StatusOK, "TEARDOWN", home)
		if took := all[0].ends(); took != 0 {
			t.Errorf("behind TEARDOWN it took %v", took)
		}
		if took := all[1].ends(); took != farewellTime {
			t.Errorf("it took %v, want %v", took, farewellTime)
		}
		told := reports.taken()
		for _, d := range told {
			all, err := rtcp.Unmarshal(d.data)
			if err != nil || len(all) != 3 {
				t.Fatalf("%v, %v", all, err)
			}
			if _, bye := all[2].(*rtcp.Goodbye); !bye {
				t.Errorf("got a %T", all[2])
			}
		}
		if len(told) != 4 {
			t.Errorf("%d reports, want one for each track of each client", len(told))
		}
	})
}

// What cannot go is lost and counted, once for each frame, and the sender goes on; where the kernel has no room for a moment, it tries again.
func TestUDPLoss(t *testing.T) {
	for _, c := range []struct {
		name   string
		fail   func(packet int) error // of the second frame
		unsent uint64
		took   time.Duration // at most, for the second frame
	}{
		{"nothing", func(int) error { return nil }, 0, 0},
		{"full for a moment", func(n int) error { return map[bool]error{true: syscall.ENOBUFS}[n < 5] }, 0, 5 * breath},
		{"full for good", func(int) error { return syscall.EAGAIN }, 1, mostTries * breath},
		{"refused", func(n int) error { return map[bool]error{true: syscall.ECONNREFUSED}[n%2 == 0] }, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			onUDP(t, func(r *rig, packets, reports *air) {
				r.begin()
				r.write(video, 0, true, picture(true, 100))
				caller := r.dial()
				caller.auth = basic("tsl")
				caller.readyUDP()
				caller.want(wire.StatusOK, "PLAY", home)
				packets.taken()
				time.Sleep(time.Second)
				tries := 0
				reports.fail = func(datagram) error { return syscall.ENETUNREACH }
				packets.fail = func(datagram) error {
					tries++
					return c.fail(tries - 1)
				}
				began := time.Now()
				r.write(video, 1000, true, picture(true, 10_000))
				time.Sleep(c.took)
				synctest.Wait()
				packets.mu.Lock()
				packets.fail = nil
				packets.mu.Unlock()
				r.write(video, 2000, true, picture(true, 100))
				time.Sleep(time.Second)
				third := 0
				for _, d := range packets.taken() {
					if p, err := rtp.ParsePacket(d.data); err == nil && p.Marker && d.at.Sub(began) >= c.took {
						third++
					}
				}
				if n := r.stream.Counters("feed:rtsp:tsl").Unsent; n != c.unsent || third == 0 {
					t.Errorf("%d frames are counted as unsent, want %d; %d frames came behind", n, c.unsent, third)
				}
				_ = caller.Close()
			})
		})
	}
}

// The frames that wait for a new client go at some times the speed of play, and a large one in runs.
func TestPace(t *testing.T) {
	onUDP(t, func(r *rig, packets, reports *air) {
		r.begin()
		for i := range int64(50) { // two seconds
			r.write(video, 40*i, i == 0, picture(i == 0, map[bool]int{true: 100_000, false: 100}[i == 0]))
		}
		c := r.dial()
		c.auth = basic("tsl")
		c.readyUDP()
		c.want(wire.StatusOK, "PLAY", home)
		began := time.Now()
		time.Sleep(time.Second)
		at := map[uint32]time.Duration{} // of the last packet of each frame
		burst, most := map[time.Time]int{}, 0
		for _, d := range packets.taken() {
			p, err := rtp.ParsePacket(d.data)
			if err != nil {
				t.Fatal(err)
			}
			at[p.Timestamp] = d.at.Sub(began)
			burst[d.at]++
			most = max(most, burst[d.at])
		}
		took := time.Duration(0)
		for _, t := range at {
			took = max(took, t)
		}
		if want := 49 * 40 * time.Millisecond / hurry; len(at) != 50 || took != want {
			t.Errorf("%d frames took %v, want 50 and %v", len(at), took, want)
		}
		if most != runLength {
			t.Errorf("%d packets at once, want %d", most, runLength)
		}
		r.write(video, 2000, true, picture(true, 100)) // what comes in time is not held up
		if live := packets.taken(); len(live) == 0 || live[0].at.Sub(began) != time.Second {
			t.Errorf("a frame in time: %d packets", len(live))
		}
		_ = c.Close()
	})
}

// RTCP from a port is taken for that of the client which came last; the end of one before it changes nothing.
func TestHear(t *testing.T) {
	p := &Ports{}
	from := netip.MustParseAddrPort("192.0.2.1:5001")
	client := func() *client {
		return &client{address: from.Addr(), lanes: []*lane{{ports: wire.Pair{RTP: 5000, RTCP: 5001}}}}
	}
	old, young := client(), client()
	forgetOld, forgetYoung := p.hear(old), p.hear(young)
	forgetOld()
	if p.clients[from] != young {
		t.Error("the newer client is not heard")
	}
	forgetYoung()
	if len(p.clients) > 0 {
		t.Errorf("%d are still listened for", len(p.clients))
	}
}

// Scratch memory that a large picture took is given back.
func TestDatagramsForget(t *testing.T) {
	d := &datagrams{ports: &Ports{media: newAir(), reports: newAir()}, to: make([]destination, 2), unsent: func(int) {}}
	d.add(0, rtp.Header{}, rtp.Payload{Body: make([]byte, 2*mostScratch)})
	if err := d.flush(0); err != nil || cap(d.scratch) > mostScratch {
		t.Errorf("%d bytes are kept, error %v", cap(d.scratch), err)
	}
}

// On real sockets: what is sent comes from the even port and the one behind it, to the address of the connection and not to another
// one of the same machine.
func TestPorts(t *testing.T) {
	ports, err := OpenPorts("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Close()
	if ports.pair.RTP%2 != 0 || ports.pair.RTCP != ports.pair.RTP+1 {
		t.Errorf("ports %s", ports.pair)
	}
	for name, address := range map[string]string{
		"taken": ports.String(), "odd": fmt.Sprintf("127.0.0.1:%d", ports.pair.RTCP), "no address": "x", "no port": "127.0.0.1:99999",
	} {
		if _, err := OpenPorts(address); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	all, err := OpenPorts(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for _, c := range []struct {
		from *Ports
		host string
	}{{ports, "127.0.0.1"}, {all, "127.0.0.1"}, {all, "::1"}} {
		local := netip.MustParseAddr(c.host)
		client, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		bound, err := netip.ParseAddrPort(client.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		port := int(bound.Port())
		if n, err := c.from.media.send([]datagram{{[]byte("one"), c.from.to(local, port), 1}, {[]byte("two"), c.from.to(local, port), 1}}); n != 2 || err != nil {
			t.Fatalf("%s: sent %d, %v", c.host, n, err)
		}
		for _, want := range []string{"one", "two"} {
			b := make([]byte, 10)
			_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, from, err := client.ReadFromUDPAddrPort(b)
			if err != nil || string(b[:n]) != want || int(from.Port()) != c.from.pair.RTP {
				t.Errorf("%s: got %q from %s, %v", c.host, b[:n], from, err)
			}
		}
	}
	for host, want := range map[string]bool{"127.0.0.1": true, "192.0.2.1": true, "::1": false, "fe80::1%eth0": false} {
		if got := ports.reaches(netip.MustParseAddr(host)); got != want {
			t.Errorf("reaches %s: %v", host, got)
		}
	}
	if ports.reaches(netip.Addr{}) || !all.reaches(netip.MustParseAddr("::1")) {
		t.Error("reaches nobody, or not all")
	}
	if err := ports.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ports.media.send([]datagram{{to: ports.to(netip.MustParseAddr("127.0.0.1"), 5000)}}); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("send on a closed socket: %v", err)
	}
}
