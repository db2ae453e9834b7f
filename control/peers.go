package control

import (
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/outputs"
)

// Peers tells of those who publish and watch a stream over WebRTC; false where nobody ever did. A nil func: nobody does.
type Peers struct {
	Publishing func(stream string) (ingest.Reception, bool)
	Watching   func(stream string) (outputs.Viewing, bool)
	Refused    func() uint64 // peers that were let in, and got no handshake, since there were too many at once
}

// PeersStatus is how publishers and viewers over WebRTC are doing. The counters count since the process started.
type PeersStatus struct {
	Publishers *PublishersStatus `json:"publishers,omitempty" doc:"absent where nobody published over WHIP"`
	Viewers    *ViewersStatus    `json:"viewers,omitempty" doc:"absent where nobody watched over WHEP"`
}

// PublishersStatus is how those who publish over WHIP are heard.
type PublishersStatus struct {
	Opening       int     `json:"opening" doc:"that are not connected yet"`
	Connected     int     `json:"connected" doc:"that are"`
	Joined        uint64  `json:"joined" doc:"that were connected ever"`
	Failed        uint64  `json:"failed" doc:"that were let in, and never connected"`
	Packets       uint64  `json:"packets" doc:"that came"`
	Lost          uint64  `json:"lost_packets" doc:"that never came"`
	Asked         uint64  `json:"asked_packets" doc:"that were missed, and asked for"`
	Repaired      uint64  `json:"repaired_packets" doc:"that came after they were asked for"`
	KeyFrames     uint64  `json:"key_frame_requests" doc:"that were sent to them"`
	TripSeconds   float64 `json:"trip_seconds" doc:"there and back, as what was asked for came; 0: not known"`
	DelaySeconds  float64 `json:"delay_seconds" doc:"of pictures, from the camera to the stream, by sender reports; 0: not known"`
	JitterSeconds float64 `json:"jitter_seconds" doc:"of pictures"`
	ApartSeconds  float64 `json:"apart_seconds" doc:"sound behind pictures, by the publisher's own clock"`
}

// ViewersStatus is how those who watch over WHEP are doing.
type ViewersStatus struct {
	Opening   int    `json:"opening" doc:"that are not connected yet"`
	Connected int    `json:"connected" doc:"that are"`
	Joined    uint64 `json:"joined" doc:"that were connected ever"`
	Failed    uint64 `json:"failed" doc:"that were let in, and never connected"`
	Asked     uint64 `json:"resent_packets" doc:"that viewers missed, and got again"`
	Late      uint64 `json:"late_packets" doc:"that viewers missed, and that were not kept any more"`
	Pictures  uint64 `json:"lost_pictures" doc:"complaints of viewers: PLI and FIR"`
	KeyFrames uint64 `json:"key_frame_requests" doc:"that were handed to the publisher"`
	Skips     uint64 `json:"skips" doc:"times that pictures rested up to a key frame, since a viewer's network did not carry them"`

	Trip     Spread `json:"trip_seconds" doc:"there and back"`
	Loss     Spread `json:"loss" doc:"of packets, 0 to 1"`
	Jitter   Spread `json:"jitter_seconds" doc:"of pictures"`
	Estimate Spread `json:"estimate_bits_per_second" doc:"of what the ways to the viewers carry"`
}

// Spread is a measure of the viewers that are there.
type Spread struct {
	Mean float64 `json:"mean"`
	Most float64 `json:"most"`
}

// peersOf tells of those who publish and watch over WebRTC; nil where nobody ever did.
func (c *Controller) peersOf(stream string) *PeersStatus {
	st := &PeersStatus{}
	if c.Peers.Publishing != nil {
		if n, ever := c.Peers.Publishing(stream); ever {
			st.Publishers = &PublishersStatus{
				Opening: n.Opening, Connected: n.Connected, Joined: n.Joined, Failed: n.Failed, KeyFrames: n.KeyFrames,
				Packets: n.Came, Lost: n.Lost, Asked: n.Asked, Repaired: n.Repaired,
				TripSeconds: n.Trip.Seconds(), DelaySeconds: n.Delay.Seconds(), JitterSeconds: n.Jitter.Seconds(), ApartSeconds: n.Apart.Seconds(),
			}
		}
	}
	if c.Peers.Watching != nil {
		if n, ever := c.Peers.Watching(stream); ever {
			spread := func(s outputs.Spread) Spread { return Spread{s.Mean(), s.Most} }
			st.Viewers = &ViewersStatus{
				Opening: n.Opening, Connected: n.Connected, Joined: n.Joined, Failed: n.Failed, Asked: n.Asked, Late: n.Late, Pictures: n.Pictures,
				KeyFrames: n.KeyFrames, Skips: n.Skips, Trip: spread(n.RTT), Loss: spread(n.Loss), Jitter: spread(n.Jitter), Estimate: spread(n.Estimate),
			}
		}
	}
	if st.Publishers == nil && st.Viewers == nil {
		return nil
	}
	return st
}
