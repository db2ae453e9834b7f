package rtc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// endpoint runs an endpoint on loopback until the test ends.
func endpoint(t testing.TB) *Endpoint {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &Endpoint{UDP: udp, TCP: tcp}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return e
}

// noLeaks checks at the end of the test, behind all else, that no goroutine is left.
func noLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// take chooses the first codec of the first medium.
func take(o *Offer) Terms {
	for i, m := range o.Medias {
		if len(m.Codecs) > 0 {
			return Terms{Chosen: map[int]Codec{i: m.Codecs[0]}}
		}
	}
	return Terms{}
}

// answered makes a peer for an offer.
func answered(t testing.TB, e *Endpoint, offer string) (*Peer, string) {
	t.Helper()
	o, err := ParseOffer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.NewPeer(o, take(o))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.Answer(t.Context())
	if err != nil {
		p.Close()
		t.Fatal(err)
	}
	return p, string(answer)
}

// caller is a peer on pion that offers sound.
func caller(t testing.TB) (*webrtc.PeerConnection, string) {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc, pc.LocalDescription().SDP
}

// awaits waits for the end of something.
func awaits(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
}

// awaitNoHandshake waits until no DTLS handshake is under way.
func awaitNoHandshake(t testing.TB, e *Endpoint) {
	t.Helper()
	mediatest.Within(t, 10*time.Second, "the end of all handshakes", func() bool {
		going, _ := e.handshakes.count()
		return going == 0
	})
}

// A peer is connected, encrypted by AES-128-GCM, and leaves.
func TestPeer(t *testing.T) {
	noLeaks(t)
	e := endpoint(t)
	pc, offer := caller(t)
	p, answer := answered(t, e, offer)
	defer p.Close()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	awaits(t, "the connection", p.Connected())
	_ = pc.Close()
	awaits(t, "the end", p.Gone())
	awaitNoHandshake(t, e)
}

// Whatever addresses a peer tells, nothing is sent to them: neither by the offer nor later.
func TestNobodyIsProbed(t *testing.T) {
	noLeaks(t)
	e := endpoint(t)
	inner, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	innerTCP, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer innerTCP.Close()
	_, offer := caller(t)
	var candidates strings.Builder
	for i := range 200 {
		candidates.WriteString("a=candidate:" + string(rune('a'+i%26)) + " 1 udp 2130706431 " + strings.Replace(inner.LocalAddr().String(), ":", " ", 1) + " typ host\r\n")
	}
	candidates.WriteString("a=candidate:t 1 tcp 2130706431 " + strings.Replace(innerTCP.Addr().String(), ":", " ", 1) + " typ host tcptype passive\r\n")
	candidates.WriteString("a=candidate:m 1 udp 2130706431 0a1b2c3d-0000-4000-8000-000000000000.local 5000 typ host\r\n")
	p, _ := answered(t, e, offer+candidates.String())
	defer p.Close()
	if all := p.RemoteDescription().SDP; strings.Contains(all, "a=candidate") {
		t.Errorf("pion was told of\n%s", all)
	}
	called := make(chan string, 2)
	go func() {
		_ = inner.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, _, err := inner.ReadFrom(make([]byte, 1500)); err == nil {
			called <- "a datagram"
		}
		close(called)
	}()
	if err := innerTCP.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if nc, err := innerTCP.Accept(); err == nil {
		_ = nc.Close()
		t.Error("a connection came")
	}
	for what := range called {
		t.Errorf("%s came", what)
	}
}

// A peer that never checks our addresses is gone after a while.
func TestPeerThatNeverComes(t *testing.T) {
	noLeaks(t)
	e := endpoint(t)
	_, offer := caller(t)
	p, _ := answered(t, e, offer)
	defer p.Close()
	awaits(t, "the end", p.Gone())
}

// A peer that answers no DTLS is gone when its handshake has taken too long.
func TestPeerThatStalls(t *testing.T) {
	noLeaks(t)
	e := endpoint(t)
	isDTLS := func(datagram []byte) bool { return len(datagram) > 0 && datagram[0] >= 20 && datagram[0] <= 63 } // RFC 7983 §7
	network := mediatest.NewNetwork(t, e.UDP.LocalAddr().String(), mediatest.Trouble{Drop: isDTLS}, mediatest.Trouble{})
	pc, offer := caller(t)
	p, answer := answered(t, e, offer)
	defer p.Close()
	_, port, err := net.SplitHostPort(network.Addr)
	if err != nil {
		t.Fatal(err)
	}
	var way strings.Builder
	for line := range strings.Lines(answer) {
		words := strings.Fields(line)
		if strings.HasPrefix(line, "a=candidate:") && words[2] == "udp" {
			words[5] = port
			line = strings.Join(words, " ") + "\r\n"
		} else if strings.HasPrefix(line, "a=candidate:") {
			continue
		}
		way.WriteString(line)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: way.String()}); err != nil {
		t.Fatal(err)
	}
	awaits(t, "the end", p.Gone()) // no loss of ICE: that goes on
	if network.Up.Lost() == 0 {
		t.Errorf("nothing was lost: %s", network)
	}
	awaitNoHandshake(t, e)
}

// What peers are told of where we are.
func TestCandidates(t *testing.T) {
	listen := func(udp, tcp string) *Endpoint {
		e := &Endpoint{}
		var err error
		if udp != "" {
			if e.UDP, err = net.ListenPacket("udp", udp); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.UDP.Close() })
		}
		if tcp != "" {
			if e.TCP, err = net.Listen("tcp", tcp); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.TCP.Close() })
		}
		return e
	}
	one := listen("127.0.0.1:0", "127.0.0.1:0")
	if got := one.candidates(); len(got) != 2 || !strings.HasPrefix(got[0], "1 1 udp 2130706431 127.0.0.1 ") || !strings.HasSuffix(got[1], " typ host tcptype passive") {
		t.Errorf("on loopback: %q", got)
	}
	public := listen(":0", "")
	public.Public = []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::1")}
	if got := public.candidates(); len(got) != 2 || !strings.Contains(got[0], " 203.0.113.7 ") || !strings.Contains(got[1], " 2001:db8::1 ") {
		t.Errorf("behind NAT: %q", got)
	}
	four := &Endpoint{}
	var err error
	if four.UDP, err = net.ListenPacket("udp4", ":0"); err != nil {
		t.Fatal(err)
	}
	defer four.UDP.Close()
	if got := four.candidates(); len(got) == 0 || slices.ContainsFunc(got, func(c string) bool { return strings.Contains(c, "::") || strings.Contains(c, "0.0.0.0") }) {
		t.Errorf("on all of IPv4: %q", got)
	}
	if got := listen(":0", ":0").candidates(); len(got) < 2 || slices.ContainsFunc(got, func(c string) bool { return strings.Contains(c, " fe80:") || strings.Contains(c, " :: ") }) {
		t.Errorf("on all: %q", got)
	}
	seen := map[string]bool{}
	for _, c := range listen(":0", ":0").candidates() {
		words := strings.Fields(c)
		if seen[words[0]] || seen[words[3]] {
			t.Errorf("foundation or priority is there twice: %s", c)
		}
		seen[words[0]], seen[words[3]] = true, true
	}
}

// An endpoint that is closed makes no peers.
func TestClosed(t *testing.T) {
	e := &Endpoint{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	o, err := ParseOffer(golden(t, "chromium-whep.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.NewPeer(o, take(o)); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

// Whatever is offered: it is answered or refused, and nothing is left behind.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"chromium-whep.sdp", "chromium-whip.sdp"} {
		f.Add(string(golden(f, name)))
	}
	e := endpoint(f)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseOffer([]byte(text))
		if err != nil {
			return
		}
		p, err := e.NewPeer(o, take(o))
		if err != nil {
			return
		}
		defer p.Close()
		if _, err := p.Answer(t.Context()); err != nil {
			return
		}
		if _, err := p.Restart(t.Context(), Fragment{Ufrag: "abcd", Password: "P2uYro0UCOQ4zxjKXaWCBui1"}); err != nil {
			t.Logf("no restart: %v", err)
		}
	})
}
