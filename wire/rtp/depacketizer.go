package rtp

import (
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/opus"
)

// mostFrame is the largest frame that is put together, in bytes, unless the owner says otherwise: a 4K key frame at 50 Mbit/s is 1 to
// 3 MiB.
const mostFrame = 8 << 20

// How far sequence numbers may go before they are taken for those of a new start, RFC 3550 §A.1.
const (
	mostAhead  = 3000
	mostBehind = 100
)

// Frame is what a [Depacketizer] has put together: a frame without a loss in it.
type Frame struct {
	Timestamp uint32
	Data      []byte // in the layout of media.Frame, but with the parameter sets that are in the stream; the receiver owns it
	Gap       bool   // something before it was lost, so that a decoder may need a key frame
}

// Depacketizer puts the frames of one track together from the packets of one source. It takes them in the order of their sequence
// numbers: those that come late are dropped, and what is missing costs the frame that it was part of. A frame of which it
// cannot know that its first packet is there is dropped too, and so is one that breaks its format. It belongs to one goroutine.
type Depacketizer struct {
	codec       media.Codec
	most        int    // bytes of a frame
	frameLength uint32 // AAC: ticks of a frame

	started bool
	ssrc    uint32
	next    uint16 // the sequence number that follows
	restart int    // the one that would confirm a new start; -1 for none
	lost    uint64

	open      bool // a frame is under way, maybe a broken one
	timestamp uint32
	data      []byte
	fragment  int  // where an unfinished NAL unit, OBU or AAC frame begins in data; -1 for none
	broken    bool // the frame is not handed out
	gap       bool // for the next frame
}

// NewDepacketizer makes the depacketizer of a track for frames of at most the given size in bytes, 8 MiB where it is 0. Of the
// track's configuration only that of AAC is used. A codec that has no payload format here is a [*wire.UnsupportedError].
func NewDepacketizer(t *media.Track, most int) (*Depacketizer, error) {
	if most == 0 {
		most = mostFrame
	}
	d := &Depacketizer{codec: t.Codec, most: most, restart: -1, fragment: -1}
	switch t.Codec {
	case media.H264, media.HEVC, media.AV1, media.VP8, media.VP9, media.Opus:
	case media.AAC:
		c, err := aac.ParseConfig(t.Config)
		if err != nil {
			return nil, err
		}
		d.frameLength = uint32(int64(c.FrameLength) * int64(t.ClockRate) / int64(c.Rate))
	default:
		return nil, unsupported("the codec %s", t.Codec)
	}
	return d, nil
}

// Lost counts the packets that did not come, as far as sequence numbers tell.
func (d *Depacketizer) Lost() uint64 { return d.lost }

// Push takes the next packet and gives the frames that it completes: none or one, with AAC more, and one more where a
// sender sets no markers. An error is about this packet and costs its frame, while the frames that are given with it are good:
// a [*wire.SyntaxError], a [*wire.UnsupportedError], or a [*LimitError]. The next packet may be pushed all the same.
func (d *Depacketizer) Push(p Packet) ([]Frame, error) {
	inOrder, ok := d.sequence(p)
	if !ok {
		return nil, nil
	}
	if !inOrder {
		d.broken, d.gap = true, true // whatever is under way lacks something
	}
	var out []Frame
	if d.open && p.Timestamp != d.timestamp {
		out = d.finish(out)
	}
	empty := len(p.Payload) == 0 // padding alone, as some senders probe the network
	if empty && !d.open && inOrder {
		return out, nil
	}
	if !d.open {
		d.open, d.timestamp = true, p.Timestamp
		d.broken = !inOrder && !d.begins(p.Payload)
	}
	var err error
	if !d.broken && !empty {
		if out, err = d.add(p, out); err != nil {
			d.broken, d.gap = true, true
		}
	}
	if p.Marker && d.open && d.codec.IsVideo() {
		out = d.finish(out)
	}
	return out, err
}

// sequence judges the sequence number of a packet: ok is false for one that is late or doubled, or so far away that the next one
// must confirm it.
func (d *Depacketizer) sequence(p Packet) (inOrder, ok bool) {
	ahead := p.Sequence - d.next
	switch {
	case !d.started:
		inOrder = true
	case p.SSRC != d.ssrc: // another source, a new start
	case ahead < mostAhead:
		inOrder = ahead == 0
		d.lost += uint64(ahead)
	case ahead > 1<<16-mostBehind && int(p.Sequence) != d.restart:
		return false, false
	case int(p.Sequence) != d.restart:
		d.restart = int(p.Sequence + 1)
		return false, false
	}
	d.started, d.ssrc, d.next, d.restart = true, p.SSRC, p.Sequence+1, -1
	return inOrder, true
}

// begins says whether a payload surely begins a frame, as far as its format tells.
func (d *Depacketizer) begins(payload []byte) bool {
	switch d.codec {
	case media.H264, media.HEVC:
		return beginsUnits(d.codec, payload)
	case media.AV1:
		return len(payload) > 0 && payload[0]&newSequence != 0
	case media.VP8:
		_, begins, err := vp8Descriptor(payload)
		return begins && err == nil
	case media.VP9:
		_, begins, _, err := vp9Descriptor(payload)
		return begins && err == nil
	}
	return true // AAC counts the bytes of its fragments, Opus has none
}

// add takes the payload of a packet of the frame under way.
func (d *Depacketizer) add(p Packet, out []Frame) ([]Frame, error) {
	switch d.codec {
	case media.H264, media.HEVC:
		return out, d.addUnits(p.Payload)
	case media.AV1:
		return out, d.addOBUs(p.Payload)
	case media.VP8:
		return out, d.addVP8(p.Payload)
	case media.VP9:
		return out, d.addVP9(p.Payload)
	case media.AAC:
		return d.pushAAC(p, out)
	}
	if _, err := opus.Samples(p.Payload); err != nil {
		return out, err
	}
	if err := d.fits(len(p.Payload)); err != nil {
		return out, err
	}
	d.data = append(d.data, p.Payload...)
	return d.finish(out), nil
}

// finish ends the frame under way and hands it out if it is whole.
func (d *Depacketizer) finish(out []Frame) []Frame {
	if d.broken || d.fragment >= 0 || len(d.data) == 0 {
		d.gap = true
	} else {
		out = append(out, Frame{Timestamp: d.timestamp, Data: d.data, Gap: d.gap})
		d.gap = false
	}
	d.open, d.broken, d.data, d.fragment = false, false, nil, -1
	return out
}

// fits checks that n more bytes keep the frame within its bound.
func (d *Depacketizer) fits(n int) error {
	if len(d.data)+n > d.most {
		return &LimitError{Seen: len(d.data) + n, Max: d.most, Msg: "frame too large"}
	}
	return nil
}

// format names the payload format in errors.
func (d *Depacketizer) format() string { return "rtp " + d.codec.String() }
