package peer

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const checkEach = 500 * time.Millisecond // of ICE

// Stalled is a peer that does ICE, and then nothing: the server waits for its DTLS in vain. It is no more than a socket, so that there
// may be many.
type Stalled struct {
	Status   int // of the answer to its offer
	Location string

	conn    net.Conn
	done    chan struct{}
	checked chan struct{} // closed when the server has answered a check
	all     sync.WaitGroup
}

// Stall begins a session with the offer of another client, from the address of that name (empty: any), and stalls until the test ends.
func Stall(t testing.TB, at, from string, o Options, offer string) *Stalled {
	t.Helper()
	s := &Stalled{done: make(chan struct{}), checked: make(chan struct{})}
	a := askFrom(t, from, at, offer, o.Token)
	s.Status, s.Location = a.Status, a.Header.Get("Location")
	if a.Status != http.StatusCreated {
		return s
	}
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	var err error
	if s.conn, err = dialer.Dial("udp", host(a.Body)); err != nil {
		t.Fatal(err)
	}
	check, err := stun.Build(
		stun.TransactionID, stun.BindingRequest, stun.NewUsername(line(a.Body, "a=ice-ufrag:")+":"+line(offer, "a=ice-ufrag:")),
		ice.AttrControlling(1), ice.PriorityAttr(1), ice.UseCandidate(), stun.NewShortTermIntegrity(line(a.Body, "a=ice-pwd:")), stun.Fingerprint,
	)
	if err != nil {
		t.Fatal(err)
	}
	s.all.Go(func() { s.check(check.Raw) })
	s.all.Go(s.hear)
	t.Cleanup(s.Close)
	return s
}

// host gives the first UDP address of an answer.
func host(answer string) string {
	for l := range strings.Lines(answer) {
		if words := strings.Fields(l); strings.HasPrefix(l, "a=candidate:") && words[2] == "udp" {
			return net.JoinHostPort(words[4], words[5])
		}
	}
	return ""
}

// askFrom posts an offer from an address.
func askFrom(t testing.TB, from, at, offer, token string) Reply {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}}
	return askBy(t, transport, http.MethodPost, at, "application/sdp", offer, "Authorization", bearer(token))
}

// Checked is closed when the server has answered a check, which ends ICE.
func (s *Stalled) Checked() <-chan struct{} { return s.checked }

// check sends a check now and then.
func (s *Stalled) check(request []byte) {
	tick := time.NewTicker(checkEach)
	defer tick.Stop()
	for {
		_, _ = s.conn.Write(request) // the session may be over
		select {
		case <-tick.C:
		case <-s.done:
			return
		}
	}
}

// hear waits for the first answer, and passes over all else.
func (s *Stalled) hear() {
	buf := make([]byte, 1500)
	heard := sync.OnceFunc(func() { close(s.checked) })
	for {
		n, err := s.conn.Read(buf)
		select {
		case <-s.done:
			return
		default:
		}
		m := stun.Message{Raw: buf[:n]}
		if err == nil && m.Decode() == nil && m.Type == stun.BindingSuccess {
			heard()
		}
	}
}

// Close ends the checks.
func (s *Stalled) Close() {
	select {
	case <-s.done:
		return
	default:
	}
	close(s.done)
	_ = s.conn.Close()
	s.all.Wait()
}
