//go:build linux

package socket_test

import (
	"bytes"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/socket"
)

// TestSendWaits: where the kernel has no room, who sends waits for it, and nothing is lost. The network takes 2 Mbit/s, since loopback by
// itself takes everything at once.
func TestSendWaits(t *testing.T) {
	mediatest.Need(t, "tc")
	if !mediatest.Isolated(t) {
		return
	}
	if said, err := exec.Command("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "2mbit", "burst", "2000", "latency", "30s").CombinedOutput(); err != nil {
		t.Fatalf("slow the network down: %v: %s", err, said)
	}
	ours, theirs := listen(t, "udp4", net.IPv4(127, 0, 0, 1)), listen(t, "udp4", net.IPv4(127, 0, 0, 1))
	if err := ours.SetWriteBuffer(1); err != nil { // the least that the kernel gives
		t.Fatal(err)
	}
	out, to := socket.NewPackets(ours), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), portOf(t, theirs))
	const senders, each = 4, 30
	begun := time.Now()
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for range each {
				if err := out.Send(noise(1000), nil, to); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := make([]byte, 2000)
	_ = theirs.SetReadDeadline(begun.Add(20 * time.Second))
	for n := range senders * each {
		if size, err := theirs.Read(got); err != nil || !bytes.Equal(got[:size], noise(1000)) {
			t.Fatalf("datagram %d: %d bytes, %v", n, size, err)
		}
	}
	sending.Wait()
	if took := time.Since(begun); took < 300*time.Millisecond {
		t.Errorf("%d bytes went in %v: the network was not slow, nobody had to wait", senders*each*1000, took)
	}
}
