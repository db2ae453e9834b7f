package mediatest_test

import (
	"net"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// sendThrough sends 200 numbered datagrams to a server that sends them back, and gives the numbers that come, in order, and how long the
// first took.
func sendThrough(t *testing.T, tr mediatest.Trouble) (got []byte, first time.Duration) {
	t.Helper()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 9)
		for {
			size, from, err := server.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(buf[:size], from)
		}
	}()
	network := mediatest.NewNetwork(t, server.LocalAddr().String(), tr, mediatest.Trouble{})
	client, err := net.Dial("udp4", network.Addr)
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	began := time.Now()
	for i := range n {
		if _, err := client.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 9)
	for {
		_ = client.SetReadDeadline(time.Now().Add(tr.Delay + tr.Jitter + 200*time.Millisecond))
		if _, err := client.Read(buf); err != nil {
			break
		}
		if got = append(got, buf[0]); len(got) == 1 {
			first = time.Since(began)
		}
	}
	_, _ = client.Close(), server.Close()
	<-done
	if network.Up.Sent() != n || network.Down.Lost() != 0 {
		t.Errorf("%s", network)
	}
	return got, first
}

func TestNetwork(t *testing.T) {
	if got, _ := sendThrough(t, mediatest.Trouble{}); len(got) != 200 {
		t.Errorf("without trouble %d of 200 came", len(got))
	}
	lossy := mediatest.Trouble{Loss: 0.2, Seed: 7}
	one, _ := sendThrough(t, lossy)
	two, _ := sendThrough(t, lossy)
	if len(one) != len(two) || len(one) < 140 || len(one) > 180 {
		t.Errorf("%d and %d of 200 came, with a loss of 20 in 100", len(one), len(two))
	}
	shaken, first := sendThrough(t, mediatest.Trouble{Delay: 30 * time.Millisecond, Jitter: 20 * time.Millisecond, Double: 0.1, Seed: 7})
	changed := 0
	for i := 1; i < len(shaken); i++ {
		if shaken[i] < shaken[i-1] {
			changed++
		}
	}
	if len(shaken) < 205 || changed < 20 || first < 30*time.Millisecond {
		t.Errorf("%d came, %d overtook another, the first after %v", len(shaken), changed, first)
	}
}

// A bound lets through what it says, and what waits for it a little.
func TestNetworkLimit(t *testing.T) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	network := mediatest.NewNetwork(t, server.LocalAddr().String(), mediatest.Trouble{}, mediatest.Trouble{})
	client, err := net.Dial("udp4", network.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	network.Up.Limit(10_000)
	send := func(count int) {
		for range count {
			if _, err := client.Write(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(100) // of which 10 fit into the queue
	mediatest.Within(t, 5*time.Second, "all to come", func() bool { return network.Up.Sent() == 100 })
	if passed := 100 - network.Up.Lost(); passed < 10 || passed > 30 {
		t.Errorf("%d datagrams passed", passed)
	}
	before := network.Up.Lost()
	network.Up.Limit(0)
	send(50)
	mediatest.Within(t, 5*time.Second, "the rest", func() bool { return network.Up.Sent() == 150 })
	if network.Up.Lost() != before {
		t.Errorf("%d datagrams are lost without a bound", network.Up.Lost()-before)
	}
}
