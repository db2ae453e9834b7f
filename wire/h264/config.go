// Package h264 reads H.264: its decoder configuration (avcC), sequence parameter sets, and NAL units behind lengths.
package h264

import (
	"encoding/binary"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// Config is the AVCDecoderConfigurationRecord, ISO/IEC 14496-15 §5.3.3.1:
//
//	configurationVersion = 1            8 bits
//	AVCProfileIndication                8
//	profile_compatibility               8
//	AVCLevelIndication                  8
//	reserved = 1…                       6
//	lengthSizeMinusOne                  2
//	reserved = 1…                       3
//	numOfSequenceParameterSets          5
//	  { length 16, NAL unit }           each
//	numOfPictureParameterSets           8
//	  { length 16, NAL unit }           each
//	chroma format, bit depths, SPS extensions: High profiles only, and often left out
type Config struct {
	Profile       uint8    // profile_idc of the first SPS
	Compatibility uint8    // the constraint_set flags and what follows them, as one byte
	Level         uint8    // level_idc, ten times the level
	LengthSize    int      // bytes of each NAL unit's length, 1 to 4
	SPS           [][]byte // NAL units, at most 31
	PPS           [][]byte // NAL units, at most 255
	Extension     []byte   // what follows the parameter sets, as it is; nil where there is nothing
}

// ParseConfig reads an avcC. Its units are parts of avcC, not copies. Errors are [*wire.SyntaxError] where it breaks the
// format, [*wire.UnsupportedError] where its version is not 1.
func ParseConfig(avcC []byte) (Config, error) {
	const format = "h264 avcC"
	if len(avcC) < 7 {
		return Config{}, &wire.SyntaxError{Format: format, Msg: fmt.Sprintf("at least 7 bytes needed, %d there", len(avcC))}
	}
	if avcC[0] != 1 {
		return Config{}, &wire.UnsupportedError{Format: format, Msg: fmt.Sprintf("version %d, not 1", avcC[0])}
	}
	c := Config{Profile: avcC[1], Compatibility: avcC[2], Level: avcC[3], LengthSize: int(avcC[4]&3) + 1}
	at := 6
	var err error
	if c.SPS, at, err = parameterSets(avcC, at, int(avcC[5]&31), "SPS"); err != nil {
		return Config{}, err
	}
	if at >= len(avcC) {
		return Config{}, &wire.SyntaxError{Format: format, Offset: int64(at), Msg: "the count of PPS is missing"}
	}
	if c.PPS, at, err = parameterSets(avcC, at+1, int(avcC[at]), "PPS"); err != nil {
		return Config{}, err
	}
	if at < len(avcC) {
		c.Extension = avcC[at:]
	}
	return c, nil
}

// Append writes the avcC behind dst. It panics where a count or a unit is larger than its field: units of more than
// 65,535 bytes, more than 31 SPS or 255 PPS, or a LengthSize out of 1 to 4; what [ParseConfig] gave always fits.
func (c Config) Append(dst []byte) []byte {
	if c.LengthSize < 1 || c.LengthSize > 4 || len(c.SPS) > 31 || len(c.PPS) > 255 {
		panic("h264: a configuration that no avcC can hold")
	}
	dst = append(dst, 1, c.Profile, c.Compatibility, c.Level, 0xfc|byte(c.LengthSize-1), 0xe0|byte(len(c.SPS)))
	dst = appendUnits(dst, c.SPS)
	dst = append(dst, byte(len(c.PPS)))
	dst = appendUnits(dst, c.PPS)
	return append(dst, c.Extension...)
}

// Format tells what an avcC says of the pictures, from its first SPS. Reorder is the VUI's max_num_reorder_frames; without
// it, 0 where the profile or the order count type rules reordering out, else -1. Errors are those of [ParseConfig] and
// [ParseSPS]; no SPS at all is a [*wire.SyntaxError].
func Format(avcC []byte) (media.Format, error) {
	c, err := ParseConfig(avcC)
	if err != nil {
		return media.Format{}, err
	}
	if len(c.SPS) == 0 {
		return media.Format{}, &wire.SyntaxError{Format: "h264 avcC", Offset: 5, Msg: "no SPS"}
	}
	s, err := ParseSPS(c.SPS[0])
	if err != nil {
		return media.Format{}, err
	}
	return media.Format{
		Profile: s.Profile(), Level: s.Level(), Width: s.Width, Height: s.Height,
		FrameRate: s.FrameRate(), Reorder: s.Reorder(),
	}, nil
}

// parameterSets reads count units behind 16-bit lengths, and gives where the next field starts.
func parameterSets(b []byte, at, count int, name string) (units [][]byte, next int, err error) {
	for n := range count {
		if len(b)-at < 2 {
			return nil, 0, &wire.SyntaxError{
				Format: "h264 avcC", Offset: int64(at), Msg: fmt.Sprintf("%s %d of %d is missing", name, n+1, count),
			}
		}
		size := int(binary.BigEndian.Uint16(b[at:]))
		at += 2
		if size == 0 || size > len(b)-at {
			return nil, 0, &wire.SyntaxError{
				Format: "h264 avcC", Offset: int64(at), Msg: fmt.Sprintf("%s of %d bytes, %d left", name, size, len(b)-at),
			}
		}
		units = append(units, b[at:at+size:at+size])
		at += size
	}
	return units, at, nil
}

func appendUnits(dst []byte, units [][]byte) []byte {
	for _, unit := range units {
		if len(unit) > 0xffff {
			panic("h264: a parameter set that no avcC can hold")
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(unit)))
		dst = append(dst, unit...)
	}
	return dst
}
