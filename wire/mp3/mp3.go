// Package mp3 reads the header of MPEG audio frames.
package mp3

import (
	"encoding/binary"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// HeaderSize is the length of a frame header in bytes.
const HeaderSize = 4

// Version is the MPEG version of a frame: each halves the sampling rates of the one before.
type Version uint8

// The versions. The last is no standard, but common.
const (
	MPEG1  Version = iota // ISO/IEC 11172-3
	MPEG2                 // ISO/IEC 13818-3
	MPEG25                // "MPEG-2.5"
)

var versionNames = [...]string{MPEG1: "MPEG-1", MPEG2: "MPEG-2", MPEG25: "MPEG-2.5"}

// String gives the name as people write it.
func (v Version) String() string {
	if int(v) < len(versionNames) {
		return versionNames[v]
	}
	return fmt.Sprintf("MPEG version %d", uint8(v))
}

// Header is a frame's header, ISO/IEC 11172-3 §2.4.1.3:
//
//	sync = 0x7ff 11 bits · version 2 · layer 2 · no CRC 1
//	bit rate 4 · sampling rate 2 · padding 1 · private 1
//	channel mode 2 · mode extension 2 · copyright 1 · original 1 · emphasis 2
type Header struct {
	Version  Version
	Layer    int  // 1 to 3
	BitRate  int  // bits a second
	Rate     int  // hertz
	Padding  bool // the frame is one byte longer (four in layer 1)
	Channels int  // 1 or 2
}

// Bit rates in kbit/s by index, 1 to 14: first MPEG-1 by layer, then later versions, layer 1 and layers 2 and 3.
var bitRates = [...][14]int{
	{32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
	{32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
	{32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	{32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
	{8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}

// ParseHeader reads the header at the start of a frame. Errors are [*wire.SyntaxError] where it breaks the format,
// [*wire.UnsupportedError] for a free bit rate.
func ParseHeader(frame []byte) (Header, error) {
	if len(frame) < HeaderSize {
		return Header{}, syntax(0, "%d bytes needed, %d there", HeaderSize, len(frame))
	}
	b := binary.BigEndian.Uint32(frame)
	if b>>21 != 0x7ff {
		return Header{}, syntax(0, "sync code %03x, not 7ff", b>>21)
	}
	var h Header
	switch b >> 19 & 3 {
	case 0:
		h.Version = MPEG25
	case 1:
		return Header{}, syntax(1, "version 1 is reserved")
	case 2:
		h.Version = MPEG2
	case 3:
		h.Version = MPEG1
	}
	if h.Layer = 4 - int(b>>17&3); h.Layer == 4 {
		return Header{}, syntax(1, "layer 0 is reserved")
	}
	table := h.Layer - 1
	if h.Version != MPEG1 {
		table = min(h.Layer+2, 4)
	}
	switch index := b >> 12 & 15; index {
	case 0:
		return Header{}, &wire.UnsupportedError{Format: "mp3 header", Offset: 2, Msg: "a free bit rate"}
	case 15:
		return Header{}, syntax(2, "bit rate 15 is reserved")
	default:
		h.BitRate = 1000 * bitRates[table][index-1]
	}
	index := b >> 10 & 3
	if index == 3 {
		return Header{}, syntax(2, "sampling rate 3 is reserved")
	}
	h.Rate = [...]int{44100, 48000, 32000}[index] >> h.Version
	h.Padding = b>>9&1 == 1
	h.Channels = 2
	if b>>6&3 == 3 {
		h.Channels = 1
	}
	return h, nil
}

// Samples gives how many samples of each channel a frame holds: 384, 576 or 1152.
func (h Header) Samples() int {
	switch {
	case h.Layer == 1:
		return 384
	case h.Layer == 3 && h.Version != MPEG1:
		return 576
	}
	return 1152
}

// Size gives the length of the frame in bytes, its header included (§2.4.3.1).
func (h Header) Size() int {
	padding := 0
	if h.Padding {
		padding = 1
	}
	if h.Layer == 1 {
		return 4 * (12*h.BitRate/h.Rate + padding)
	}
	return h.Samples()/8*h.BitRate/h.Rate + padding
}

// Format tells what h says of the sound.
func (h Header) Format() media.Format {
	return media.Format{Profile: fmt.Sprintf("%s layer %d", h.Version, h.Layer), Channels: h.Channels}
}

func syntax(at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "mp3 header", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}
