package rtp

import (
	"sync"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/sei"
)

// Packets is one frame as RTP payloads, made once for all receivers with payloads of one size. It stands beside the stream's window and
// leaves with its frame. Several goroutines may use it.
type Packets struct {
	Frame    *media.Frame
	Payloads []Payload // empty where there is nothing to send

	cut       *Packetizer // nil where RTP cannot carry the track
	unusable  bool        // the frame does not fit its own lengths
	mu        sync.Mutex
	withState map[string][]Payload // the frame with an overlay state in it, by the view's name
}

// PacketsKey is the key under which all outputs keep the packets of a stream's frames.
type PacketsKey struct {
	Most int // bytes of a payload
}

// Cutter makes the packets of one stream's frames. Several goroutines may use it.
type Cutter struct {
	Most int // bytes of a payload

	mu     sync.Mutex
	tracks map[uint8]cut // by track id
}

// cut is the packetizer of one track.
type cut struct {
	track *media.Track
	by    *Packetizer // nil where RTP cannot carry it
}

// packetizer gives the packetizer of a track; nil where RTP cannot carry it.
func (c *Cutter) packetizer(t *media.Track) *Packetizer {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.tracks[t.ID]
	if !ok || known.track != t {
		if c.tracks == nil {
			c.tracks = make(map[uint8]cut)
		}
		known = cut{track: t}
		known.by, _ = NewPacketizer(t, c.Most) // what cannot be carried is not offered either
		c.tracks[t.ID] = known
	}
	return known.by
}

// Cut makes the packets of a frame.
func (c *Cutter) Cut(f *media.Frame) *Packets {
	p := &Packets{Frame: f}
	if !f.Track.Codec.IsVideo() && !f.Track.Codec.IsAudio() {
		return p
	}
	if p.cut = c.packetizer(f.Track); p.cut == nil {
		return p
	}
	var err error
	p.Payloads, err = p.cut.Payloads(f.Key, f.Data)
	p.unusable = err != nil
	return p
}

// Carrying gives the payloads of a picture with an overlay message in it, as the view of that name sees the state; nil where that cannot
// be. It is made once for each view.
func (p *Packets) Carrying(message []byte, view string) []Payload {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.withState[view]; ok {
		return known
	}
	if p.withState == nil {
		p.withState = make(map[string][]Payload)
	}
	p.withState[view] = p.insert(message)
	return p.withState[view]
}

func (p *Packets) insert(message []byte) []Payload {
	f := p.Frame
	if p.cut == nil || p.unusable || !sei.Carries(f.Track.Codec) {
		return nil
	}
	place, err := sei.Place(f.Track.Codec, f.Data)
	if err != nil {
		return nil
	}
	own, err := sei.Append(nil, f.Track.Codec, message)
	if err != nil {
		return nil
	}
	payloads, err := p.cut.Payloads(f.Key, f.Data[:place], own, f.Data[place:])
	if err != nil {
		return nil
	}
	return payloads
}
