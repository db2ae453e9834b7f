package flv

import "encoding/binary"

// The header of an enhanced message, audio and video alike (Enhanced RTMP v2, "Enhanced Audio", "Enhanced Video"):
//
//	+----------------+----------------+- - - - - - - - -+- - - - - - - - - - - - - - -+
//	| flags | packet | ModEx ...      | multitrack byte | FourCC (once, or per track) |
//	+----------------+----------------+- - - - - - - - -+- - - - - - - - - - - - - - -+
//
// and for each track of a multitrack message
//
//	+- - - - - -+----------+- - - - - - -+------+
//	| FourCC    | track id | size, 3     | body |
//	+- - - - - -+----------+- - - - - - -+------+

// The packet types that audio and video share.
const (
	exSequenceStart = 0
	exCodedFrames   = 1
	exSequenceEnd   = 2
	exModEx         = 7
)

// What the high half of the multitrack byte says (AvMultitrackType).
const (
	oneTrack             = 0
	manyTracks           = 1
	manyTracksManyCodecs = 2
)

// modExTimestampOffsetNano is the one ModEx type that is defined.
const modExTimestampOffsetNano = 0

// exPart is what an enhanced message says of one track.
type exPart struct {
	packet     uint8
	fourCC     FourCC
	track      uint8
	multitrack bool
	nano       uint32
	body       []byte
	at         int // where body starts in the message
}

// exReader walks over an enhanced message: modEx, then head, then next for each track.
type exReader struct {
	format       string // for errors
	multitrackAs uint8  // the packet type that stands for multitrack: 6 for video, 5 for audio
	b            []byte
	at           int
	part         exPart // what all tracks share
	layout       uint8  // oneTrack, manyTracks or manyTracksManyCodecs
	tracks       int    // given so far
}

// newExReader starts behind the first byte, whose low half is the packet type.
func newExReader(format string, multitrackAs uint8, b []byte) exReader {
	return exReader{format: format, multitrackAs: multitrackAs, b: b, at: 1, part: exPart{packet: b[0] & 0x0F}}
}

// take gives the next n bytes.
func (r *exReader) take(n int, what string) ([]byte, error) {
	if left := len(r.b) - r.at; n > left {
		return nil, syntaxError(r.format, r.at, "%s needs %d bytes, %d are left", what, n, left)
	}
	part := r.b[r.at : r.at+n : r.at+n]
	r.at += n
	return part, nil
}

// modEx reads the ModEx blocks: a size less one in one byte, or FF and two bytes; the data; a type and the next packet type
// in half a byte each. Types that are not defined are skipped.
func (r *exReader) modEx() error {
	for r.part.packet == exModEx {
		start := r.at
		b, err := r.take(1, "size of a ModEx")
		if err != nil {
			return err
		}
		size := int(b[0]) + 1
		if size == 256 {
			if b, err = r.take(2, "size of a ModEx"); err != nil {
				return err
			}
			size = int(binary.BigEndian.Uint16(b)) + 1
		}
		data, err := r.take(size, "ModEx")
		if err != nil {
			return err
		}
		if b, err = r.take(1, "type of a ModEx"); err != nil {
			return err
		}
		r.part.packet = b[0] & 0x0F
		if b[0]>>4 != modExTimestampOffsetNano {
			continue
		}
		if len(data) < 3 {
			return syntaxError(r.format, start, "timestamp offset of %d bytes, needs 3", len(data))
		}
		if r.part.nano = uint24(data); r.part.nano > 999_999 {
			return syntaxError(r.format, start, "timestamp offset of %d ns, more than 999999", r.part.nano)
		}
	}
	return nil
}

// head reads the multitrack byte, where the packet type announces one, and the FourCC that all tracks share.
func (r *exReader) head() error {
	if r.part.packet == r.multitrackAs {
		b, err := r.take(1, "multitrack type")
		if err != nil {
			return err
		}
		r.part.multitrack = true
		r.layout, r.part.packet = b[0]>>4, b[0]&0x0F
		if r.layout > manyTracksManyCodecs {
			return unsupportedError(r.format, r.at-1, "multitrack type %d", r.layout)
		}
		if r.part.packet == r.multitrackAs || r.part.packet == exModEx {
			return syntaxError(r.format, r.at-1, "packet type %d inside multitrack", r.part.packet)
		}
	}
	if r.layout == manyTracksManyCodecs {
		return nil
	}
	return r.fourCC(&r.part)
}

func (r *exReader) fourCC(part *exPart) error {
	b, err := r.take(4, "FourCC")
	if err != nil {
		return err
	}
	part.fourCC = FourCC(binary.BigEndian.Uint32(b))
	return nil
}

// more says whether next has something to read: there is one track at least.
func (r *exReader) more() bool {
	return r.tracks == 0 || r.layout != oneTrack && r.at < len(r.b)
}

// next reads one track.
func (r *exReader) next() (exPart, error) {
	part := r.part
	if r.tracks++; r.tracks > MaxTracks {
		return part, unsupportedError(r.format, r.at, "more than %d tracks in one message", MaxTracks)
	}
	if r.layout == manyTracksManyCodecs {
		if err := r.fourCC(&part); err != nil {
			return part, err
		}
	}
	if part.multitrack {
		b, err := r.take(1, "track id")
		if err != nil {
			return part, err
		}
		part.track = b[0]
	}
	size := len(r.b) - r.at
	if r.layout != oneTrack {
		b, err := r.take(3, "size of a track")
		if err != nil {
			return part, err
		}
		size = int(uint24(b))
	}
	part.at = r.at
	var err error
	part.body, err = r.take(size, "track")
	return part, err
}

// The 24-bit numbers of FLV, the highest byte first.

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

func int24(b []byte) int32 { return int32(uint24(b)<<8) >> 8 }

func appendUint24(dst []byte, v uint32) []byte { return append(dst, byte(v>>16), byte(v>>8), byte(v)) }
