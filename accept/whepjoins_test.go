//go:build linux

package accept_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
)

// joinsMemory is how much more than before may be in use behind all viewers, in bytes of the heap.
const joinsMemory = 16 << 20

// TestWHEPJoins lets viewers come and go, a thousand of them, each in one of five ways: with DELETE, without a word, before they are
// connected, in the middle of ICE and DTLS, and with DELETE before either. Nothing of them stays behind.
func TestWHEPJoins(t *testing.T) {
	realPeers(t)
	joins := pick(t, 20, 1000)
	s := stream{id: "maria", public: true}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 10, KBits: 1000}), g.publishURL(s))
	g.awaitMedia(t, s)
	j := &joiner{T: t, gateway: g, at: "http://" + g.http + "/whep/maria"}
	j.offer = peer.NewPlayer(t, true, peer.Options{}).Offer()
	j.player(peer.Options{}).Delete()
	time.Sleep(pick(t, time.Second, 15*time.Second)) // the window fills meanwhile, with what is made once for all viewers
	j.player(peer.Options{}).Delete()
	j.awaitNobody()
	before, heap := g.holds(t), g.heap(t)
	cpu := g.CPU()
	for at := 0; at < joins; at += 5 * atOnce {
		j.round(min(atOnce, (joins-at+4)/5))
	}
	figure(t, "whep_joins", float64(j.count), fmt.Sprintf("viewers came and went, %v of CPU each", ((g.CPU()-cpu)/time.Duration(j.count)).Round(10*time.Microsecond)))
	j.awaitNobody()
	g.awaitRelease(t, before)
	least := g.heap(t)
	for end := time.Now().Add(pick(t, 10*time.Second, 2*time.Minute)); least > heap+joinsMemory && time.Now().Before(end); time.Sleep(time.Second) {
		least = min(least, g.heap(t)) // behind a collection
	}
	figure(t, "whep_joins_heap", float64(least-heap)/(1<<20), fmt.Sprintf("MiB more than the %d before", heap>>20))
	if least > heap+joinsMemory {
		t.Errorf("%d bytes of the heap are in use, %d before", least, heap)
	}
}

// atOnce is how many viewers of each kind there are in a round.
const atOnce = 10

// heap gives the bytes of the heap that are in use.
func (g *gateway) heap(t testing.TB) int {
	t.Helper()
	return sample(t, g.page(t, g.metrics, "/metrics"), "go_memstats_heap_alloc_bytes")
}

// joiner lets viewers come and go.
type joiner struct {
	*testing.T
	gateway *gateway
	at      string
	offer   string // for those that have no connection
	count   int
}

// awaitNobody waits until all viewers are gone.
func (j *joiner) awaitNobody() {
	j.Helper()
	mediatest.Within(j, time.Minute, "no viewer", func() bool {
		text := j.gateway.page(j, j.gateway.metrics, "/metrics")
		return strings.Contains(text, `simulcart_webrtc_peers{side="whep",state="opening",stream="maria"} 0`) &&
			strings.Contains(text, `simulcart_webrtc_peers{side="whep",state="connected",stream="maria"} 0`)
	})
}

// player comes and waits for a picture.
func (j *joiner) player(o peer.Options) *peer.Player {
	j.Helper()
	o.Discard = true
	j.count++
	v := peer.Play(j, j.at, true, o)
	mediatest.Within(j, patience, "a picture", func() bool { return len(v.Frames("video")) > 0 })
	return v
}

// post begins a session that is not connected, and gives its address.
func (j *joiner) post() string {
	j.Helper()
	j.count++
	a := peer.Ask(j, http.MethodPost, j.at, "application/sdp", j.offer)
	if a.Status != http.StatusCreated {
		j.Fatalf("POST: %d\n%s", a.Status, a.Body)
	}
	return "http://" + j.gateway.http + a.Header.Get("Location")
}

// round lets n viewers of each kind come and go.
func (j *joiner) round(n int) {
	j.Helper()
	var silent atomic.Bool
	drop := mediatest.Trouble{Drop: func([]byte) bool { return silent.Load() }}
	network := mediatest.NewNetwork(j, j.gateway.webrtc(j), drop, drop)
	var dead []*peer.Player
	var stalled []*peer.Stalled
	for range n {
		dead = append(dead, j.player(peer.Options{Via: network.Addr}))
		v := j.player(peer.Options{})
		v.Delete()
		v.Close()
		j.post()
		if a := peer.Ask(j, http.MethodDelete, j.post(), "", ""); a.Status != http.StatusOK {
			j.Errorf("DELETE before the connection: %d", a.Status)
		}
		j.count++
		stalled = append(stalled, peer.Stall(j, j.at, "", peer.Options{}, j.offer))
	}
	for _, s := range stalled {
		<-s.Checked()
	}
	silent.Store(true)
	for _, v := range dead {
		v.Close()
	}
	for _, s := range stalled {
		s.Close()
	}
}

// webrtc gives the address of the media.
func (g *gateway) webrtc(t testing.TB) string {
	t.Helper()
	_, rest, _ := strings.Cut(g.partners, `webrtc: {udp: ":`)
	port, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no port of WebRTC in %q", g.partners)
	}
	return "127.0.0.1:" + port
}
