package whep_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
)

// endless is a body that never ends, and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	e.read += len(b)
	return len(b), nil
}

func (e *endless) Close() error { return nil }

// Of a body that is too large no more is read than the limit, and one byte that tells.
func TestLargeBodyIsNotRead(t *testing.T) {
	r := live(t)
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	handler := r.http.Config.Handler
	for name, tt := range map[string]struct{ method, at, kind, token string }{
		"POST":                 {http.MethodPost, r.url, sdp, ticket},
		"POST without a token": {http.MethodPost, r.url, sdp, ""},
		"PATCH":                {http.MethodPatch, v.Location, fragment, ticket},
	} {
		for _, length := range []int64{-1, 1 << 40} {
			body := &endless{}
			q := httptest.NewRequest(tt.method, tt.at, body)
			q.ContentLength = length
			q.Header.Set("Content-Type", tt.kind)
			q.Header.Set("Authorization", "Bearer "+tt.token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, q)
			if w.Code != http.StatusRequestEntityTooLarge || body.read > 64<<10+1 {
				t.Errorf("%s of %d bytes: got %d, %d bytes were read", name, length, w.Code, body.read)
			}
		}
	}
	v.Delete()
}

// The connection on which a body is too large is closed, so that the rest of it is not read either.
func TestLargeBodyEndsTheConnection(t *testing.T) {
	r := live(t)
	for _, length := range []string{"Content-Length: 1099511627776", "Transfer-Encoding: chunked"} {
		nc, err := net.Dial("tcp", r.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(nc, "POST /whep/maria HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/sdp\r\n%s\r\n\r\n", ticket, length)
		var sending sync.WaitGroup
		sending.Go(func() {
			for err == nil { // until the server closes
				_, err = fmt.Fprintf(nc, "4000\r\n%s\r\n", strings.Repeat("a", 1<<14))
			}
		})
		a, readErr := http.ReadResponse(bufio.NewReader(nc), nil)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if a.StatusCode != http.StatusRequestEntityTooLarge || !a.Close {
			t.Errorf("%s: got %d, close: %t", length, a.StatusCode, a.Close)
		}
		sending.Wait()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the server neither reads nor closes", length)
		}
		_ = a.Body.Close()
		_ = nc.Close()
	}
}

// Each method asks for the token, and the one that the session was begun with: not another partner's, nor another stream's, nor a link.
func TestTokens(t *testing.T) {
	r := live(t)
	jo := access.Contract{Partner: "jo-s", Digest: access.DigestOf("jo-token"), Streams: []string{"jo"}, Protocols: []access.Protocol{access.WHEP}}
	second := access.Contract{Partner: "second", Digest: access.DigestOf("second-token"), Streams: []string{"maria"}, Protocols: []access.Protocol{access.WHEP}}
	r.registry.SetContracts([]access.Contract{r.contract, jo, second})
	secret, _, err := r.registry.NewLink("maria", []access.Protocol{access.WHEP}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	v, other := peer.Play(t, r.url, false, peer.Options{Token: ticket}), peer.Play(t, r.url, false, peer.Options{Token: "second-token"})
	offer := peer.NewPlayer(t, false, peer.Options{}).Offer()
	atJo := strings.Replace(v.Location, "maria", "jo", 1)
	for _, tt := range []struct {
		token                                   string
		post, patch, remove, removeJo, ofSecond int
	}{
		{"", 401, 401, 401, 404, 401},
		{"guess", 401, 401, 401, 404, 401},
		{ticket + "x", 401, 401, 401, 404, 401},
		{"maria-key", 0, 403, 403, 404, 403}, // the creator may watch, and end nobody else
		{"jo-token", 403, 403, 403, 404, 403},
		{"second-token", 0, 403, 403, 404, 0},
		{secret.Reveal(), 0, 403, 403, 404, 403},
		{ticket, 0, 0, 0, 404, 403},
	} {
		as := v.As(tt.token)
		for _, q := range []struct {
			want                   int
			method, at, kind, body string
		}{
			{tt.post, http.MethodPost, r.url, sdp, offer},
			{tt.patch, http.MethodPatch, v.Location, fragment, "a=end-of-candidates\r\n"},
			{tt.remove, http.MethodDelete, v.Location, "", ""},
			{tt.removeJo, http.MethodDelete, atJo, "", ""},
			{tt.ofSecond, http.MethodPatch, other.Location, fragment, "a=end-of-candidates\r\n"},
			{tt.ofSecond, http.MethodDelete, other.Location, "", ""},
			{405, http.MethodGet, v.Location, "", ""},
			{405, http.MethodGet, r.url, "", ""},
			{405, http.MethodPost, v.Location, sdp, offer},
			{204, http.MethodOptions, v.Location, "", ""},
			{204, http.MethodOptions, r.url, "", ""},
			{204, http.MethodOptions, r.url + "/AAAAAAAAAAAAAAAAAAAAAAAAAA", "", ""}, // what is there is not told
		} {
			if q.want != 0 {
				as.Want(q.want, q.method, q.at, q.kind, q.body, "If-Match", "*")
			}
		}
	}
	r.write(video, 40, true, r.picture(true, 500))
	for _, p := range []*peer.Player{v, other} {
		r.until("another picture for both", func() bool { return len(p.Frames("video")) == 2 })
		p.Delete()
	}
}

// recorded notes where datagrams are sent to.
type recorded struct {
	net.PacketConn

	mu sync.Mutex
	to map[string]int
}

func (c *recorded) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	c.to[to.String()]++
	c.mu.Unlock()
	return c.PacketConn.WriteTo(b, to)
}

// inner are addresses of other people's networks, as candidates.
func inner() string {
	var b strings.Builder
	for i := range 40 {
		for _, a := range []string{
			fmt.Sprintf("10.1.2.%d", i), fmt.Sprintf("192.168.7.%d", i), "169.254.169.254", fmt.Sprintf("fe80::%x", i+1),
			fmt.Sprintf("0a1b2c3d-0000-4000-8000-%012d.local", i),
		} {
			fmt.Fprintf(&b, "a=candidate:%d 1 udp 2130706431 %s %d typ host\r\n", i, a, 5000+i)
		}
	}
	return b.String()
}

// 200 candidates of inner networks, in the offer, trickled, and with an ICE restart: nothing is sent to them, and no name is looked up.
func TestInnerCandidates(t *testing.T) {
	asked := make(chan string, 100)
	resolver := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, server string) (net.Conn, error) {
		asked <- server
		return nil, errors.New("nobody may ask")
	}}
	t.Cleanup(func() { net.DefaultResolver = resolver })
	var sent recorded
	r := newRigOn(t, func(udp net.PacketConn) net.PacketConn {
		sent = recorded{PacketConn: udp, to: map[string]int{}}
		return &sent
	})
	r.begin(video, sound)
	r.write(video, 0, true, r.picture(true, 500))
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket, Edit: func(offer string) string { return offer + inner() }})
	v.Want(http.StatusNoContent, http.MethodPatch, v.Location, fragment, inner()+"a=end-of-candidates\r\n", "If-Match", v.ETag)
	v.Restart()
	at := int64(0)
	r.until("pictures behind the restart", func() bool {
		at += 40
		r.write(video, at, true, r.picture(true, 500))
		return len(v.Frames("video")) > 5
	})
	v.Delete()
	own, err := net.InterfaceAddrs() // from which the viewer checks
	if err != nil {
		t.Fatal(err)
	}
	sent.mu.Lock()
	defer sent.mu.Unlock()
	for to := range sent.to {
		host, _, err := net.SplitHostPort(to)
		if err != nil || !slices.ContainsFunc(own, func(a net.Addr) bool { return strings.HasPrefix(a.String(), host+"/") }) {
			t.Errorf("%d datagrams were sent to %s", sent.to[to], to)
		}
	}
	if len(sent.to) == 0 || len(asked) > 0 {
		t.Errorf("sent to %d addresses, %d names were looked up", len(sent.to), len(asked))
	}
}
