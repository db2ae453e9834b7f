package rtp

import (
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/opus"
)

// Bounds of a payload, in bytes.
const (
	DatagramPayload    = 1200     // fits every path with IPv6, tunnels and SRTP; the default
	InterleavedPayload = 60 << 10 // for TCP: with the header it stays below the 64 KiB of an interleaved frame
	leastPayload       = 64       // so that each format's own headers fit with room to spare
)

// Payload is what stands behind the RTP header of one packet. It is shared: nobody changes it.
type Payload struct {
	Header []byte // bytes of the payload format, and small units; may be empty
	Body   []byte // a part of the frame; may be empty
	Marker bool   // for the RTP header
}

// Len is the size of the payload in bytes.
func (p Payload) Len() int { return len(p.Header) + len(p.Body) }

// Packetizer cuts the frames of one track into payloads. It does not change once made, so that any goroutine may use it at any time.
type Packetizer struct {
	codec media.Codec
	most  int // bytes of a payload

	// What goes in front of key frames.
	sets     [][]byte  // parameter sets
	kinds    uint64    // a bit for each type of NAL unit in sets
	prepared []Payload // of all sets
	sequence []element // AV1: the sequence header; none or one
}

// NewPacketizer makes the packetizer of a track for payloads of at most the given size, [DatagramPayload] where it is 0. The sizes
// from 64 bytes to [InterleavedPayload] are possible. Errors are those of the track's configuration, and [*wire.UnsupportedError]
// for a size or codec that is not.
func NewPacketizer(t *media.Track, most int) (*Packetizer, error) {
	if most == 0 {
		most = DatagramPayload
	}
	if most < leastPayload || most > InterleavedPayload {
		return nil, unsupported("payloads of %d bytes, not %d to %d", most, leastPayload, InterleavedPayload)
	}
	p := &Packetizer{codec: t.Codec, most: most}
	var err error
	switch t.Codec {
	case media.H264, media.HEVC:
		err = p.setUnits(t)
	case media.AV1:
		err = p.setSequence(t)
	case media.VP8, media.VP9, media.AAC:
	case media.Opus:
		err = mapped(t)
	default:
		err = unsupported("the codec %s", t.Codec)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Payloads cuts a frame into payloads, the last of which ends it. What the parts hold is the frame's data in the layout of
// [media.Frame]; where units are put in between, as overlay messages are, they are more parts, and each part holds whole
// NAL units or OBUs. Other codecs have one part. In front of a key frame stand the parameter sets of the track's configuration,
// as far as the frame has none of its own; they follow an access unit delimiter.
//
// The payloads refer to the parts, which must not change afterwards. What RTP cannot carry is left out: NAL units of the types that it uses
// itself, temporal delimiters, tile lists and padding of AV1. Data that does not fit its lengths is a [*wire.SyntaxError].
func (p *Packetizer) Payloads(key bool, parts ...[]byte) ([]Payload, error) {
	switch p.codec {
	case media.H264, media.HEVC:
		return p.units(key, parts)
	case media.AV1:
		return p.obus(key, parts)
	}
	if len(parts) != 1 {
		return nil, unsupported("a frame of %s in %d parts, not 1", p.codec, len(parts))
	}
	if len(parts[0]) == 0 {
		return nil, nil
	}
	switch p.codec {
	case media.VP8:
		return p.vp8(parts[0]), nil
	case media.VP9:
		return p.vp9(key, parts[0]), nil
	case media.AAC:
		return p.aac(parts[0])
	}
	return p.opus(parts[0])
}

// octets holds each byte at its own place, so that payload headers of one byte need no memory.
var octets = func() (all [256]byte) {
	for i := range all {
		all[i] = byte(i)
	}
	return all
}()

func octet(b byte) []byte { return octets[b : int(b)+1 : int(b)+1] }

// setUnits takes the parameter sets of an avcC or hvcC.
func (p *Packetizer) setUnits(t *media.Track) error {
	if len(t.Config) == 0 {
		return nil // they are in the stream
	}
	if p.codec == media.H264 {
		c, err := h264.ParseConfig(t.Config)
		if err != nil {
			return err
		}
		p.sets = append(append(p.sets, c.SPS...), c.PPS...)
	} else {
		c, err := hevc.ParseConfig(t.Config)
		if err != nil {
			return err
		}
		for _, kind := range []hevc.NALType{hevc.VideoSet, hevc.SequenceSet, hevc.PictureSet} {
			p.sets = append(p.sets, c.Units(kind)...)
		}
	}
	for _, set := range p.sets {
		if kind, carried := unitKind(p.codec, set); carried {
			p.kinds |= 1 << kind
		}
	}
	p.prepared = p.appendSets(nil, 0)
	return nil
}

// setSequence takes the sequence header of an av1C.
func (p *Packetizer) setSequence(t *media.Track) error {
	if len(t.Config) == 0 {
		return nil
	}
	c, err := av1.ParseConfig(t.Config)
	if err != nil {
		return err
	}
	for u, err := range av1.OBUs(c.OBUs) {
		switch {
		case err != nil:
			return err
		case u.Type == av1.SequenceHeader:
			p.sequence = []element{elementOf(u)}
		}
	}
	return nil
}

// mapped checks that an Opus track is one of those that RFC 7587 carries: mono or stereo in one stream.
func mapped(t *media.Track) error {
	if len(t.Config) == 0 {
		return nil
	}
	h, err := opus.ParseConfig(t.Config)
	if err == nil && (h.Family != 0 || h.Channels > 2) {
		err = unsupported("Opus of %d channels, only mono and stereo", h.Channels)
	}
	return err
}

func unsupported(msg string, args ...any) error {
	return &wire.UnsupportedError{Format: "rtp", Msg: fmt.Sprintf(msg, args...)}
}

func syntax(format string, at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: format, Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}
