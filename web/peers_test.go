package web

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/simulcart/simulcart/control"
)

// Who publishes and watches over WebRTC is told for each side that ever was there.
func TestPeers(t *testing.T) {
	publishers := &control.PublishersStatus{Connected: 1, Joined: 3, Lost: 4, Repaired: 5, KeyFrames: 6, TripSeconds: 0.1, ApartSeconds: -0.02}
	viewers := &control.ViewersStatus{Opening: 2, Connected: 7, Asked: 8, Late: 1, Pictures: 9, Skips: 3, Loss: control.Spread{Mean: 0.01, Most: 0.2}, Estimate: control.Spread{Mean: 8e6}}
	for name, tt := range map[string]struct {
		status *control.PeersStatus
		count  map[string]int
	}{
		"nobody":     {nil, map[string]int{"webrtc_peers": 0, "webrtc_joined_total": 0, "webrtc_loss_ratio": 0}},
		"publishers": {&control.PeersStatus{Publishers: publishers}, map[string]int{"webrtc_peers": 2, "webrtc_lost_packets_total": 1, "webrtc_loss_ratio": 0}},
		"both":       {&control.PeersStatus{Publishers: publishers, Viewers: viewers}, map[string]int{"webrtc_peers": 4, "webrtc_joined_total": 2, "webrtc_loss_ratio": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			c := collector{&fakeSource{streams: []control.StreamStatus{{ID: "a", WebRTC: tt.status}}}}
			for metric, want := range tt.count {
				if got := testutil.CollectAndCount(c, "simulcart_"+metric); got != want {
					t.Errorf("%s: got %d series, want %d", metric, got, want)
				}
			}
		})
	}
	source := &fakeSource{streams: []control.StreamStatus{{ID: "a", WebRTC: &control.PeersStatus{Publishers: publishers, Viewers: viewers}}}}
	h := (&Server{Source: source}).Operations()
	body := text(t, ask(h, "GET", "/metrics", nil), 200)
	for _, want := range []string{
		`simulcart_webrtc_peers{side="whep",state="connected",stream="a"} 7`, `simulcart_webrtc_peers{side="whep",state="opening",stream="a"} 2`,
		`simulcart_webrtc_peers{side="whip",state="connected",stream="a"} 1`, `simulcart_webrtc_repaired_packets_total{stream="a"} 5`,
		`simulcart_webrtc_resent_packets_total{stream="a"} 8`, `simulcart_webrtc_skips_total{stream="a"} 3`, `simulcart_webrtc_loss_ratio{of="most",stream="a"} 0.2`,
		`simulcart_webrtc_estimate_bytes_per_second{stream="a"} 1e+06`, `simulcart_webrtc_av_apart_seconds{stream="a"} -0.02`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}
