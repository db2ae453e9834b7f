package web

import (
	"slices"

	"github.com/simulcart/simulcart/control"
)

// The metrics of those who publish and watch over WebRTC. The label side is whip or whep.
var (
	peerCount     = streamMetric("webrtc_peers", "Peers, by state: opening, connected.", "side", "state")
	peerJoined    = streamMetric("webrtc_joined_total", "Peers that were connected.", "side")
	peerFailed    = streamMetric("webrtc_failed_total", "Peers that were let in, and never connected.", "side")
	peerKeyFrames = streamMetric("webrtc_key_frame_requests_total", "Key frames that were asked for: of publishers by us, of us for viewers.", "side")
	peerTrip      = streamMetric("webrtc_trip_seconds", "Time there and back, the longest of all peers; 0 where it is not known.", "side")
	peerJitter    = streamMetric("webrtc_jitter_seconds", "Jitter of pictures, the largest of all peers.", "side")

	whipPackets  = streamMetric("webrtc_received_packets_total", "Packets of publishers that came.")
	whipAsked    = streamMetric("webrtc_asked_packets_total", "Packets of publishers that were missed, and asked for (NACK).")
	whipLost     = streamMetric("webrtc_lost_packets_total", "Packets of publishers that never came.")
	whipRepaired = streamMetric("webrtc_repaired_packets_total", "Packets of publishers that came after they were asked for (NACK).")
	whipDelay    = streamMetric("webrtc_publisher_delay_seconds", "Time that pictures take from the publisher's camera to the stream; absent where it is not known.")
	whipApart    = streamMetric("webrtc_av_apart_seconds", "Sound behind pictures of the publisher, by its own clock.")

	whepResent   = streamMetric("webrtc_resent_packets_total", "Packets that viewers missed (NACK), and got again.")
	whepLate     = streamMetric("webrtc_late_packets_total", "Packets that viewers missed (NACK), and that were not kept any more.")
	whepPictures = streamMetric("webrtc_lost_pictures_total", "Complaints of viewers that a picture was lost (PLI, FIR).")
	whepSkips    = streamMetric("webrtc_skips_total", "Times that pictures rested up to a key frame, since a viewer's network did not carry them.")
	whepLoss     = streamMetric("webrtc_loss_ratio", "Packets that viewers lost lately, 0 to 1; the mean of all, and the most.", "of")
	whepEstimate = streamMetric("webrtc_estimate_bytes_per_second", "What the ways to viewers carry, by their own estimate, in the mean.")
)

// peers sends how publishers and viewers over WebRTC are doing.
func (m series) peers(p *control.PeersStatus) {
	if n := p.Publishers; n != nil {
		side := series{m.out, append(slices.Clone(m.labels), "whip")}
		side.gauge(peerCount, float64(n.Opening), "opening")
		side.gauge(peerCount, float64(n.Connected), "connected")
		side.count(peerJoined, n.Joined)
		side.count(peerFailed, n.Failed)
		side.count(peerKeyFrames, n.KeyFrames)
		side.gauge(peerTrip, n.TripSeconds)
		side.gauge(peerJitter, n.JitterSeconds)
		m.count(whipPackets, n.Packets)
		m.count(whipAsked, n.Asked)
		m.count(whipLost, n.Lost)
		m.count(whipRepaired, n.Repaired)
		m.gauge(whipApart, n.ApartSeconds)
		if n.DelaySeconds > 0 {
			m.gauge(whipDelay, n.DelaySeconds)
		}
	}
	if n := p.Viewers; n != nil {
		side := series{m.out, append(slices.Clone(m.labels), "whep")}
		side.gauge(peerCount, float64(n.Opening), "opening")
		side.gauge(peerCount, float64(n.Connected), "connected")
		side.count(peerJoined, n.Joined)
		side.count(peerFailed, n.Failed)
		side.count(peerKeyFrames, n.KeyFrames)
		side.gauge(peerTrip, n.Trip.Most)
		side.gauge(peerJitter, n.Jitter.Most)
		m.count(whepResent, n.Asked)
		m.count(whepLate, n.Late)
		m.count(whepPictures, n.Pictures)
		m.count(whepSkips, n.Skips)
		m.gauge(whepLoss, n.Loss.Mean, "mean")
		m.gauge(whepLoss, n.Loss.Most, "most")
		m.gauge(whepEstimate, n.Estimate.Mean/8)
	}
}
