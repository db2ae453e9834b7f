// Package rtp turns frames into RTP payloads and back, for H.264, HEVC, AV1, VP8, VP9, AAC and Opus, and tells SDP of them.
//
// How a frame reaches many receivers without a copy of its own:
//
//  1. A [Packetizer], which belongs to a track, cuts a frame into [Payload] values: slices of the frame's bytes, each behind a
//     few bytes of the payload format. It keeps no state between frames, so that whoever needs a frame first may make them,
//     once for all receivers.
//  2. Each receiver puts its own [Header] in front of each payload, in its scratch, and hands header, payload header and body
//     to the kernel as they are.
//  3. A [Depacketizer] makes frames again of what [ParsePacket] gives, and hands out whole ones only.
//
// Time goes by [Clock] on the way out and by [Timeline] on the way in. Sources: RFC 3550 (RTP), and for each format the standard
// that stands above its code.
package rtp

import (
	"encoding/binary"
	"fmt"

	pion "github.com/pion/rtp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// HeaderSize is the size of the header that [Header.Append] writes, in bytes.
const HeaderSize = 12

// version is the version of RTP, the only one in use.
const version = 2

// Header is the fixed header of an RTP packet, RFC 3550 §5.1:
//
//	version = 2 · padding 1 · extension 1 · CSRC count 4 · marker 1 · payload type 7     16 bits
//	sequence number                                                                      16
//	timestamp                                                                            32
//	SSRC                                                                                 32
type Header struct {
	Marker      bool   // what it means is up to the payload format: the last packet of a picture
	PayloadType uint8  // 0 to 127; 96 and above are given a meaning by SDP
	Sequence    uint16 // one more with each packet
	Timestamp   uint32 // ticks of the track's clock from a base, see [Clock]
	SSRC        uint32 // tells the sources of one session apart
}

// Append writes the header behind dst, without contributing sources, extensions and padding.
func (h Header) Append(dst []byte) []byte {
	second := h.PayloadType & 127
	if h.Marker {
		second |= 1 << 7
	}
	dst = append(dst, version<<6, second)
	dst = binary.BigEndian.AppendUint16(dst, h.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
	return binary.BigEndian.AppendUint32(dst, h.SSRC)
}

// Packet is an RTP packet as it was received.
type Packet struct {
	Header
	Payload []byte // without padding
}

// ParsePacket reads a packet. Contributing sources and header extensions are passed over. The payload is a part of b, not a copy.
// Errors are [*wire.SyntaxError], and [*wire.UnsupportedError] for another version.
func ParsePacket(b []byte) (Packet, error) {
	const format = "rtp packet"
	if len(b) < HeaderSize {
		return Packet{}, &wire.SyntaxError{Format: format, Msg: fmt.Sprintf("at least %d bytes needed, %d there", HeaderSize, len(b))}
	}
	if v := b[0] >> 6; v != version {
		return Packet{}, &wire.UnsupportedError{Format: format, Msg: fmt.Sprintf("version %d, not %d", v, version)}
	}
	var p pion.Packet
	if err := p.Unmarshal(b); err != nil {
		return Packet{}, &wire.SyntaxError{Format: format, Offset: HeaderSize, Msg: err.Error()}
	}
	return Packet{
		Header: Header{
			Marker: p.Marker, PayloadType: p.PayloadType, Sequence: p.SequenceNumber, Timestamp: p.Timestamp, SSRC: p.SSRC,
		},
		Payload: p.Payload,
	}, nil
}

// Clock gives the timestamps of one track. All receivers of a stream share it, so that packets may be shared too.
type Clock struct {
	Rate int    // hertz, the track's ClockRate
	Base uint32 // timestamp of media time 0; random, RFC 3550 §5.1
}

// Timestamp gives the timestamp at t, which may be negative: rounded to the nearest tick and wrapped to 32 bits.
func (c Clock) Timestamp(t media.Time) uint32 { return c.Base + uint32(t.Ticks(c.Rate)) }

// Timeline gives the media time of the timestamps of one track. The first one is taken as the nearest to Base, and each one as the
// nearest to the one before it: at 90 kHz less than 6 h 37 min away.
type Timeline struct {
	Rate int    // hertz
	Base uint32 // timestamp of media time 0

	unwrapper media.Unwrapper
}

// Time gives the media time of a timestamp.
func (l *Timeline) Time(timestamp uint32) media.Time {
	if l.unwrapper.Bits == 0 {
		l.unwrapper.Bits = 32
		l.unwrapper.Unwrap(0)
	}
	return media.FromTicks(l.unwrapper.Unwrap(uint64(timestamp-l.Base)), l.Rate)
}

// LimitError reports a sender that went over a bound.
type LimitError struct {
	Seen int    // bytes of the frame so far
	Max  int    // bytes that are allowed
	Msg  string // what is too large
}

// Error gives both sizes.
func (e *LimitError) Error() string {
	return fmt.Sprintf("rtp: %s: %d bytes, allowed %d", e.Msg, e.Seen, e.Max)
}
