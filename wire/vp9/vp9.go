// Package vp9 reads VP9: its decoder configuration (vpcC) and the size in a key frame's header.
package vp9

import (
	"encoding/binary"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
)

// Config is the VPCodecConfigurationRecord, VP codec ISO media file format binding §2.2:
//
//	version = 1, flags = 0           8, 24 bits, of the box around the record
//	profile                          8
//	level                            8
//	bitDepth                         4
//	chromaSubsampling                3
//	videoFullRangeFlag               1
//	colourPrimaries                  8
//	transferCharacteristics          8
//	matrixCoefficients               8
//	codecInitializationDataSize     16, 0 for VP9
type Config struct {
	Profile           uint8 // 0 to 3
	Level             uint8 // ten times the level; 0 means not told
	BitDepth          uint8 // bits, 8, 10 or 12
	ChromaSubsampling uint8 // 0 and 1 are 4:2:0, 2 is 4:2:2, 3 is 4:4:4
	FullRange         bool  // samples use all values
	Primaries         uint8 // ITU-T H.273 §8.1
	Transfer          uint8 // ITU-T H.273 §8.2
	Matrix            uint8 // ITU-T H.273 §8.3
}

// ParseConfig reads a vpcC with its box's version and flags, as MP4 and ffmpeg's RTMP carry it, or the record alone: the
// two differ in the third byte, which holds a bit depth of at least 8 only in the record. Errors are [*wire.SyntaxError].
func ParseConfig(vpcC []byte) (Config, error) {
	record := vpcC
	if len(vpcC) >= 4 && vpcC[0] == 1 && vpcC[1] == 0 && vpcC[2] == 0 && vpcC[3] == 0 {
		record = vpcC[4:]
	}
	start := len(vpcC) - len(record)
	if len(record) < 8 {
		return Config{}, &wire.SyntaxError{
			Format: "vp9 vpcC", Offset: int64(start), Msg: fmt.Sprintf("8 bytes needed, %d there", len(record)),
		}
	}
	c := Config{
		Profile: record[0], Level: record[1],
		BitDepth: record[2] >> 4, ChromaSubsampling: record[2] >> 1 & 7, FullRange: record[2]&1 == 1,
		Primaries: record[3], Transfer: record[4], Matrix: record[5],
	}
	if c.Profile > 3 {
		return Config{}, &wire.SyntaxError{
			Format: "vp9 vpcC", Offset: int64(start), Msg: fmt.Sprintf("profile %d, more than 3", c.Profile),
		}
	}
	if c.BitDepth != 8 && c.BitDepth != 10 && c.BitDepth != 12 {
		return Config{}, &wire.SyntaxError{
			Format: "vp9 vpcC", Offset: int64(start + 2), Msg: fmt.Sprintf("%d bits, not 8, 10 or 12", c.BitDepth),
		}
	}
	if n := binary.BigEndian.Uint16(record[6:]); n != 0 {
		return Config{}, &wire.SyntaxError{
			Format: "vp9 vpcC", Offset: int64(start + 6), Msg: fmt.Sprintf("%d bytes of initialization data, not 0", n),
		}
	}
	return c, nil
}

// Append writes the vpcC, with its box's version and flags, behind dst.
func (c Config) Append(dst []byte) []byte {
	depth := c.BitDepth<<4 | c.ChromaSubsampling&7<<1
	if c.FullRange {
		depth |= 1
	}
	return append(dst, 1, 0, 0, 0, c.Profile, c.Level, depth, c.Primaries, c.Transfer, c.Matrix, 0, 0)
}

// Format tells what a vpcC says of the pictures; it holds no size, see [FrameSize]. Reorder is 0, since each frame is shown
// in decode order.
func Format(vpcC []byte) (media.Format, error) {
	c, err := ParseConfig(vpcC)
	if err != nil {
		return media.Format{}, err
	}
	f := media.Format{Profile: fmt.Sprintf("Profile %d", c.Profile)}
	if c.Level > 0 {
		f.Level = fmt.Sprintf("%d.%d", c.Level/10, c.Level%10)
	}
	return f, nil
}

// FrameSize reads width and height in pixels from a frame's uncompressed header, VP9 §6.2; both are 0 where it is no key
// frame. A header that breaks the format is a [*wire.SyntaxError].
//
//	frame_marker = 2                          2 bits
//	profile_low_bit, profile_high_bit         1, 1
//	[ reserved_zero ]                         1, with profile 3
//	show_existing_frame                       1; ends the header here
//	frame_type, show_frame, error_resilient   1, 1, 1; frame_type 0 is a key frame
//	frame_sync_code = 0x498342               24
//	colour configuration, width and height less 1, 16 bits each
func FrameSize(data []byte) (width, height int, err error) {
	r := bits.NewReader("vp9 frame header", data)
	if marker := r.Bits(2); marker != 2 {
		r.Fail("frame marker %d, not 2", marker)
	}
	profile := r.Bits(1) | r.Bits(1)<<1
	if profile == 3 && r.Flag() {
		r.Fail("the reserved bit behind profile 3 is set")
	}
	if existing := r.Flag(); existing || r.Err() != nil {
		return 0, 0, r.Err()
	}
	inter := r.Flag()
	r.Skip(2)
	if inter || r.Err() != nil {
		return 0, 0, r.Err()
	}
	if sync := r.Bits(24); sync != 0x498342 {
		r.Fail("sync code %06x, not 498342", sync)
	}
	skipColour(r, profile)
	width, height = 1+int(r.Bits(16)), 1+int(r.Bits(16))
	if err := r.Err(); err != nil {
		return 0, 0, err
	}
	return width, height, nil
}

// skipColour passes over color_config, VP9 §6.2.2.
func skipColour(r *bits.Reader, profile uint32) {
	const rgb = 7
	if profile >= 2 {
		r.Skip(1) // ten_or_twelve_bit
	}
	odd := profile&1 == 1
	if r.Bits(3) != rgb { // color_space
		r.Skip(1) // color_range
		if odd {
			r.Skip(3) // subsampling_x, subsampling_y, reserved_zero
		}
		return
	}
	if !odd {
		r.Fail("RGB in profile %d", profile)
	}
	r.Skip(1) // reserved_zero
}
