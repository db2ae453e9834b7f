package whip_test

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
)

// Peers that do ICE and then stall keep nobody out, however many, and are gone after their time. The rig counts goroutines.
func TestStalledPeers(t *testing.T) {
	r := newRig(t)
	offer := peer.NewPublisher(t, peer.Options{Token: key}, video).Offer()
	var all []*peer.Stalled
	for range 80 { // more than have their handshake at once
		all = append(all, peer.Stall(t, r.url, "", peer.Options{Token: key}, offer))
	}
	for i, s := range all {
		select {
		case <-s.Checked():
		case <-time.After(10 * time.Second):
			t.Fatalf("peer %d: POST %d, and no answer to its checks", i, s.Status)
		}
	}
	p, _ := r.publishing()
	mediatest.Within(t, 30*time.Second, "the stalled ones to be gone", func() bool {
		st, _ := r.server.Status("maria")
		return st.Opening == 0 && st.Connected == 1
	})
	p.Delete()
}
