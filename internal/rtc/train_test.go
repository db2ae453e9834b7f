package rtc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

const source = 0xC0FFEE01

// loopback opens a UDP socket.
func loopback(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	widen(c)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func addressOf(c *net.UDPConn) netip.AddrPort { return netip.MustParseAddrPort(c.LocalAddr().String()) }

// trainTo makes a port, and a train of the source on it.
func trainTo(t testing.TB) (*port, *Train) {
	t.Helper()
	p := newPort(loopback(t), slog.New(slog.DiscardHandler))
	train := (&Peer{endpoint: &Endpoint{port: p}}).NewTrain(source)
	t.Cleanup(train.Close)
	return p, train
}

// packet is an RTP packet of a size, told apart by its number.
func packet(source uint32, number, size int) []byte {
	b := bytes.Repeat([]byte{byte(number)}, size)
	b[0], b[1] = 0x80, 96
	binary.BigEndian.PutUint16(b[2:], uint16(number))
	binary.BigEndian.PutUint32(b[8:], source)
	return b
}

func write(t testing.TB, p *port, to *net.UDPConn, packets ...[]byte) {
	t.Helper()
	scratch := make([]byte, 0, 2048)
	for _, b := range packets {
		scratch = append(scratch[:0], b...) // pion uses its buffer again
		if n, err := p.WriteToAddrPort(scratch, addressOf(to)); n != len(b) || err != nil {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
		}
	}
}

// read checks that datagrams come in this order.
func read(t testing.TB, from *net.UDPConn, want ...[]byte) {
	t.Helper()
	buf := make([]byte, 1<<16)
	for i, w := range want {
		_ = from.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := from.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatalf("datagram %d of %d: %v", i, len(want), err)
		}
		if !bytes.Equal(buf[:n], w) {
			t.Fatalf("datagram %d of %d: got %d bytes that begin with %x, want %d with %x", i, len(want), n, buf[:min(n, 16)], len(w), w[:16])
		}
	}
}

// readNothing checks that no datagram has come. Loopback delivers within the call that sends.
func readNothing(t testing.TB, from *net.UDPConn) {
	t.Helper()
	_ = from.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, _, err := from.ReadFromUDPAddrPort(make([]byte, 2048)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes: %v", n, err)
	}
}

// mixes are sizes of packets that are held together.
var mixes = map[string][]int{
	"one":                  {1200},
	"alike":                slices.Repeat([]int{1240}, 9),
	"the last one shorter": append(slices.Repeat([]int{1240}, 8), 300),
	"the first one small":  {60, 1240, 1240, 1240, 20},
	"rising":               {100, 200, 300, 400},
	"falling":              {400, 300, 200, 100},
	"two frames":           {1240, 1240, 90, 1240, 1240, 80, 1240},
	"most of one call":     slices.Repeat([]int{100}, mostSegments),
	"too many":             slices.Repeat([]int{100}, 2*mostSegments+5),
	"too long":             slices.Repeat([]int{1400}, mostTogether/1400+3),
}

// Datagrams arrive as they were written, and in order, whether the kernel cuts them or not.
func TestTrain(t *testing.T) {
	for name, sizes := range mixes {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, one by one %t", name, plain), func(t *testing.T) {
				to := loopback(t)
				p, train := trainTo(t)
				train.plain.Store(plain)
				var all [][]byte
				for i, size := range sizes {
					all = append(all, packet(source, i, size))
				}
				for range 2 {
					train.Hold()
					write(t, p, to, all...)
					train.Send()
					read(t, to, all...)
				}
			})
		}
	}
}

// What is not of the source goes past what is held, and so does all once it was sent.
func TestTrainHoldsItsSourceAlone(t *testing.T) {
	to := loopback(t)
	p, train := trainTo(t)
	if train.port == nil {
		t.Skip("this system cuts no datagrams")
	}
	own := [][]byte{packet(source, 1, 900), packet(source, 2, 900)}
	report := packet(source, 3, 60)
	report[1] = 200
	others := [][]byte{packet(source+1, 4, 900), report, {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{22}, 40)}
	train.Hold()
	write(t, p, to, own...)
	write(t, p, to, others...)
	read(t, to, others...)
	readNothing(t, to)
	train.Send()
	read(t, to, own...)
	write(t, p, to, own...)
	read(t, to, own...)
	train.Hold()
	write(t, p, to, own...)
	readNothing(t, to)
	train.Close()
	read(t, to, own...)
	train.Hold() // by one who does not know of the end
	write(t, p, to, own...)
	read(t, to, own...)
}

// A peer that moves gets the rest at its new address.
func TestTrainToAnotherAddress(t *testing.T) {
	before, behind := loopback(t), loopback(t)
	p, train := trainTo(t)
	train.Hold()
	write(t, p, before, packet(source, 1, 700), packet(source, 2, 700))
	write(t, p, behind, packet(source, 3, 700), packet(source, 4, 700))
	train.Send()
	read(t, before, packet(source, 1, 700), packet(source, 2, 700))
	read(t, behind, packet(source, 3, 700), packet(source, 4, 700))
}

// While one goroutine holds and sends, others write packets of the same source: none is lost, and the first one's keep their order.
func TestTrainOfSeveralWriters(t *testing.T) {
	const frames, each, others = 100, 9, 200
	to := loopback(t)
	p, train := trainTo(t)
	var all sync.WaitGroup
	all.Go(func() {
		for f := range frames {
			train.Hold()
			for i := range each {
				write(t, p, to, packet(source, f*each+i, 500))
			}
			train.Send()
		}
	})
	all.Go(func() {
		for range others {
			write(t, p, to, packet(source, 0xFFFF, 502))
		}
	})
	next, again := 0, 0
	buf := make([]byte, 2048)
	for range frames*each + others {
		_ = to.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := to.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatalf("behind %d and %d: %v", next, again, err)
		}
		switch number := int(binary.BigEndian.Uint16(buf[2:])); {
		case n == 502 && number == 0xFFFF:
			again++
		case n == 500 && number == next:
			next++
		default:
			t.Fatalf("got packet %d of %d bytes, want %d", number, n, next)
		}
	}
	all.Wait()
}

func TestRun(t *testing.T) {
	tests := map[string]struct {
		sizes     []int
		n, length int
	}{
		"alone":            {[]int{5}, 1, 5},
		"alike":            {[]int{5, 5, 5}, 3, 15},
		"a shorter one":    {[]int{5, 5, 3}, 3, 13},
		"only one shorter": {[]int{5, 5, 3, 3}, 3, 13},
		"a longer one":     {[]int{5, 5, 6}, 2, 10},
		"at once shorter":  {[]int{5, 3, 5}, 2, 8},
	}
	for name, tt := range tests {
		if n, length := run(tt.sizes); n != tt.n || length != tt.length {
			t.Errorf("%s: got %d of %d bytes, want %d of %d", name, n, length, tt.n, tt.length)
		}
	}
}

// frame is nine packets as a picture of 10 KB has.
func frame() (packets [][]byte) {
	for i := range 9 {
		packets = append(packets, packet(source, i, 1240))
	}
	return packets
}

// Holding and sending allocates nothing.
func TestTrainAllocates(t *testing.T) {
	to := loopback(t)
	p, train := trainTo(t)
	at, packets := addressOf(to), frame()
	got := testing.AllocsPerRun(100, func() {
		train.Hold()
		for _, b := range packets {
			_, _ = p.WriteToAddrPort(b, at)
		}
		train.Send()
	})
	if got > 0 {
		t.Errorf("got %v allocations for a frame, want none", got)
	}
}

// BenchmarkTrain sends frames to a socket that somebody reads.
func BenchmarkTrain(b *testing.B) {
	for _, held := range []bool{true, false} {
		b.Run(map[bool]string{true: "together", false: "one by one"}[held], func(b *testing.B) {
			to := loopback(b)
			p, train := trainTo(b)
			go func() {
				buf := make([]byte, 2048)
				for {
					if _, _, err := to.ReadFromUDPAddrPort(buf); err != nil {
						return
					}
				}
			}()
			at, packets := addressOf(to), frame()
			b.SetBytes(int64(len(packets) * len(packets[0])))
			b.ReportAllocs()
			for b.Loop() {
				if held {
					train.Hold()
				}
				for _, packet := range packets {
					if _, err := p.WriteToAddrPort(packet, at); err != nil {
						b.Fatal(err)
					}
				}
				train.Send()
			}
		})
	}
}
