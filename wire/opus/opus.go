// Package opus reads and writes the configuration of Opus, in its Ogg and MP4 forms, and tells how long a packet lasts.
package opus

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// Rate is the clock of Opus in hertz, whatever the rate of the sound before coding (RFC 7845 §4).
const Rate = 48000

const magic = "OpusHead"

// Head is the identification header, RFC 7845 §5.1, and the OpusSpecificBox (dOps), Opus in ISO base media §4.3.2. They hold the
// same, in other byte orders:
//
//	OpusHead, little-endian              dOps, big-endian
//	"OpusHead"                  8 bytes  -
//	version = 1                 1        version = 0                 1 byte
//	channels                    1        the same                    1
//	pre-skip                    2        the same                    2
//	input sample rate           4        the same                    4
//	output gain                 2        the same                    2
//	channel mapping family      1        the same                    1
//	[ streams, coupled streams, mapping ]  with a family other than 0: 1, 1 and one byte for each channel
type Head struct {
	Channels  uint8  // 1 to 255; at most 2 with family 0
	PreSkip   uint16 // samples at 48 kHz for the decoder to drop at the start
	InputRate uint32 // hertz before coding; for information, 0 means not told
	Gain      int16  // to apply when decoding, in 1/256 dB
	Family    uint8  // channel mapping family; 0 is mono or stereo in one stream
	Streams   uint8  // streams in each packet; 1 with family 0
	Coupled   uint8  // how many of them are stereo; Channels-1 with family 0
	Mapping   []byte // for each channel its decoded channel, 255 for silence; nil with family 0
}

// ParseConfig reads an OpusHead, as Ogg and Enhanced RTMP carry it, or a dOps, as MP4 does; the magic tells them apart. Mapping
// is a part of b, not a copy. Errors are [*wire.SyntaxError] where it breaks the format, [*wire.UnsupportedError] where the
// version is later than what is known.
func ParseConfig(b []byte) (Head, error) {
	if bytes.HasPrefix(b, []byte(magic)) {
		return parse("opus head", b, len(magic), 0x0f, binary.LittleEndian)
	}
	return parse("opus dOps", b, 0, 0, binary.BigEndian)
}

// AppendHead writes the OpusHead behind dst.
func (h Head) AppendHead(dst []byte) []byte {
	dst = append(append(dst, magic...), 1, h.Channels)
	dst = binary.LittleEndian.AppendUint16(dst, h.PreSkip)
	dst = binary.LittleEndian.AppendUint32(dst, h.InputRate)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.Gain))
	return h.appendMapping(dst)
}

// AppendDOps writes the content of the dOps box behind dst.
func (h Head) AppendDOps(dst []byte) []byte {
	dst = append(dst, 0, h.Channels)
	dst = binary.BigEndian.AppendUint16(dst, h.PreSkip)
	dst = binary.BigEndian.AppendUint32(dst, h.InputRate)
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Gain))
	return h.appendMapping(dst)
}

// Format tells what an OpusHead or dOps says of the sound. Errors are those of [ParseConfig].
func Format(config []byte) (media.Format, error) {
	h, err := ParseConfig(config)
	if err != nil {
		return media.Format{}, err
	}
	return media.Format{Profile: "Opus", Channels: int(h.Channels)}, nil
}

// Samples gives how long a packet lasts, in samples at 48 kHz, 120 to 5760, from its first bytes (RFC 6716 §3.1 and §3.2):
//
//	configuration 5 bits · stereo 1 · frame count code 2
//	[ variable 1 · padding 1 · frame count 6 ]      with code 3
//
// A packet without a first byte or of more than 120 ms is a [*wire.SyntaxError].
func Samples(packet []byte) (int, error) {
	if len(packet) == 0 {
		return 0, &wire.SyntaxError{Format: "opus packet", Msg: "no bytes"}
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, &wire.SyntaxError{Format: "opus packet", Offset: 1, Msg: "the frame count is missing"}
		}
		frames = int(packet[1] & 63)
	}
	total := frames * frameSamples(packet[0]>>3)
	if total == 0 || total > 120*Rate/1000 {
		return 0, &wire.SyntaxError{Format: "opus packet", Offset: 1, Msg: fmt.Sprintf("%d frames, %d samples, not 1 to 5760", frames, total)}
	}
	return total, nil
}

// frameSamples gives the length of each frame by configuration number, RFC 6716 table 2.
func frameSamples(config byte) int {
	const ms = Rate / 1000
	switch {
	case config < 12: // SILK
		return [...]int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16: // hybrid
		return [...]int{10 * ms, 20 * ms}[config&1]
	}
	return [...]int{ms * 5 / 2, 5 * ms, 10 * ms, 20 * ms}[config&3] // CELT
}

type byteOrder interface {
	Uint16([]byte) uint16
	Uint32([]byte) uint32
}

// parse reads the fields from at on. A version above newest is refused.
func parse(format string, b []byte, at int, newest byte, order byteOrder) (Head, error) {
	if len(b)-at < 11 {
		return Head{}, &wire.SyntaxError{
			Format: format, Offset: int64(at), Msg: fmt.Sprintf("at least 11 bytes needed, %d there", len(b)-at),
		}
	}
	f := b[at:]
	if f[0] > newest {
		return Head{}, &wire.UnsupportedError{Format: format, Offset: int64(at), Msg: fmt.Sprintf("version %d", f[0])}
	}
	h := Head{
		Channels: f[1], PreSkip: order.Uint16(f[2:]), InputRate: order.Uint32(f[4:]), Gain: int16(order.Uint16(f[8:])),
		Family: f[10], Streams: 1, Coupled: f[1] - 1,
	}
	if h.Channels == 0 || h.Family == 0 && h.Channels > 2 {
		return Head{}, &wire.SyntaxError{
			Format: format, Offset: int64(at + 1), Msg: fmt.Sprintf("%d channels with mapping family %d", h.Channels, h.Family),
		}
	}
	if h.Family == 0 {
		return h, nil
	}
	if need := 13 + int(h.Channels); len(f) < need {
		return Head{}, &wire.SyntaxError{
			Format: format, Offset: int64(at + 11), Msg: fmt.Sprintf("%d bytes needed for the mapping, %d there", need-11, len(f)-11),
		}
	}
	h.Streams, h.Coupled, h.Mapping = f[11], f[12], f[13:13+int(h.Channels)]
	if h.Streams == 0 || h.Coupled > h.Streams || int(h.Streams)+int(h.Coupled) > 255 {
		return Head{}, &wire.SyntaxError{
			Format: format, Offset: int64(at + 11), Msg: fmt.Sprintf("%d streams, %d of them coupled", h.Streams, h.Coupled),
		}
	}
	return h, nil
}

func (h Head) appendMapping(dst []byte) []byte {
	dst = append(dst, h.Family)
	if h.Family == 0 {
		return dst
	}
	return append(append(dst, h.Streams, h.Coupled), h.Mapping...)
}
