package rtsp

import (
	"sync"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/rtp"
	"github.com/simulcart/simulcart/wire/sei"
)

// packets is one frame as RTP payloads, made once for all receivers with payloads of one size. It stands beside the stream's window and
// leaves with its frame.
type packets struct {
	frame     *media.Frame
	cut       *rtp.Packetizer // nil where RTP cannot carry the track
	payloads  []rtp.Payload   // empty where there is nothing to send
	unusable  bool            // the frame does not fit its own lengths
	mu        sync.Mutex
	withState map[string][]rtp.Payload // the frame with an overlay state in it, by the view's name
}

// packetsOf gives what a stream's frames become in payloads of at most so many bytes.
func packetsOf(s *relay.Stream, most int) *relay.Derived[*packets] {
	type key struct{ most int }
	c := &cutter{most: most, tracks: make(map[uint8]cut)}
	return relay.Derive(s, key{most}, c.packets)
}

// cutter has the packetizers of a stream's tracks.
type cutter struct {
	most   int
	mu     sync.Mutex
	tracks map[uint8]cut // by track id
}

// cut is the packetizer of one track.
type cut struct {
	track *media.Track
	by    *rtp.Packetizer // nil where RTP cannot carry it
}

// packetizer gives the packetizer of a track; nil where RTP cannot carry it.
func (c *cutter) packetizer(t *media.Track) *rtp.Packetizer {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.tracks[t.ID]
	if !ok || known.track != t {
		known = cut{track: t}
		known.by, _ = rtp.NewPacketizer(t, c.most) // what cannot be carried is not offered either
		c.tracks[t.ID] = known
	}
	return known.by
}

// packets makes those of a frame.
func (c *cutter) packets(f *media.Frame) *packets {
	p := &packets{frame: f}
	if !f.Track.Codec.IsVideo() && !f.Track.Codec.IsAudio() {
		return p
	}
	if p.cut = c.packetizer(f.Track); p.cut == nil {
		return p
	}
	var err error
	p.payloads, err = p.cut.Payloads(f.Key, f.Data)
	p.unusable = err != nil
	return p
}

// carrying gives the payloads of a picture with an overlay state in it; nil where that cannot be.
func (p *packets) carrying(s *overlay.Sight, view string) []rtp.Payload {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.withState[view]; ok {
		return known
	}
	if p.withState == nil {
		p.withState = make(map[string][]rtp.Payload)
	}
	p.withState[view] = p.insert(s)
	return p.withState[view]
}

func (p *packets) insert(s *overlay.Sight) []rtp.Payload {
	f := p.frame
	if p.cut == nil || p.unusable || !sei.Carries(f.Track.Codec) {
		return nil
	}
	place, err := sei.Place(f.Track.Codec, f.Data)
	if err != nil {
		return nil
	}
	own, err := sei.Append(nil, f.Track.Codec, s.Text)
	if err != nil {
		return nil
	}
	payloads, err := p.cut.Payloads(f.Key, f.Data[:place], own, f.Data[place:])
	if err != nil {
		return nil
	}
	return payloads
}
