// Package hevc reads HEVC: its decoder configuration (hvcC), sequence parameter sets, and NAL units behind lengths.
package hevc

import (
	"encoding/binary"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/nal"
)

// Config is the HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 §8.3.3.1:
//
//	configurationVersion = 1                     8 bits
//	profile space, tier, profile                 2, 1, 5
//	general_profile_compatibility_flags         32
//	general_constraint_indicator_flags          48
//	general_level_idc                            8
//	1111, min_spatial_segmentation_idc           4, 12
//	111111, parallelismType                      6, 2
//	111111, chroma_format_idc                    6, 2
//	11111, bit_depth_luma_minus8                 5, 3
//	11111, bit_depth_chroma_minus8               5, 3
//	avgFrameRate                                16
//	constantFrameRate, numTemporalLayers         2, 3
//	temporalIdNested, lengthSizeMinusOne         1, 2
//	numOfArrays                                  8
//	  { array_completeness 1, 0 1, NAL_unit_type 6, numNalus 16, { length 16, NAL unit } each } each
type Config struct {
	Level               ProfileLevel // general profile, tier and level
	SpatialSegmentation uint16       // min_spatial_segmentation_idc, 12 bits
	Parallelism         uint8        // parallelismType, 0 to 3
	ChromaFormat        uint8        // chroma_format_idc, 0 to 3; 1 is 4:2:0
	BitDepthLuma        uint8        // bits, 8 to 15
	BitDepthChroma      uint8        // bits, 8 to 15
	AverageFrameRate    uint16       // pictures in 256 seconds; 0 means not told
	ConstantFrameRate   uint8        // 0 not told, 1 constant, 2 constant in each temporal layer
	TemporalLayers      uint8        // 0 to 7; 0 means not told
	TemporalNested      bool         // temporalIdNested
	LengthSize          int          // bytes of each NAL unit's length, 1 to 4
	Arrays              []Array      // at most 255
}

// Array holds the parameter sets of one type.
type Array struct {
	Complete bool     // all units of this type are here, none in the stream
	Type     NALType  // 0 to 63
	Units    [][]byte // NAL units
}

// ParseConfig reads an hvcC. Its units are parts of hvcC, not copies. Errors are [*wire.SyntaxError] where it breaks the
// format, [*wire.UnsupportedError] where its version is not 1. Version 0, which some encoders wrote before the
// standard was out, is taken as 1.
func ParseConfig(hvcC []byte) (Config, error) {
	const fixed = 23
	if len(hvcC) < fixed {
		return Config{}, syntax(0, "at least %d bytes needed, %d there", fixed, len(hvcC))
	}
	if hvcC[0] > 1 {
		return Config{}, &wire.UnsupportedError{Format: "hevc hvcC", Msg: fmt.Sprintf("version %d, not 1", hvcC[0])}
	}
	c := Config{
		Level:               parseProfileLevel(hvcC[1:13]),
		SpatialSegmentation: binary.BigEndian.Uint16(hvcC[13:]) & 0xfff,
		Parallelism:         hvcC[15] & 3,
		ChromaFormat:        hvcC[16] & 3,
		BitDepthLuma:        8 + hvcC[17]&7,
		BitDepthChroma:      8 + hvcC[18]&7,
		AverageFrameRate:    binary.BigEndian.Uint16(hvcC[19:]),
		ConstantFrameRate:   hvcC[21] >> 6,
		TemporalLayers:      hvcC[21] >> 3 & 7,
		TemporalNested:      hvcC[21]>>2&1 == 1,
		LengthSize:          int(hvcC[21]&3) + 1,
	}
	at := fixed
	for range hvcC[22] {
		var a Array
		var err error
		if a, at, err = parseArray(hvcC, at); err != nil {
			return Config{}, err
		}
		c.Arrays = append(c.Arrays, a)
	}
	return c, nil
}

// Append writes the hvcC behind dst. It panics where a count or a unit is larger than its field: units or counts of more
// than 65,535, more than 255 arrays, or a LengthSize out of 1 to 4; what [ParseConfig] gave always fits.
func (c Config) Append(dst []byte) []byte {
	if c.LengthSize < 1 || c.LengthSize > 4 || len(c.Arrays) > 255 {
		panic("hevc: a configuration that no hvcC can hold")
	}
	dst = c.Level.append(append(dst, 1))
	dst = binary.BigEndian.AppendUint16(dst, 0xf000|c.SpatialSegmentation&0xfff)
	dst = append(dst, 0xfc|c.Parallelism&3, 0xfc|c.ChromaFormat&3, 0xf8|(c.BitDepthLuma-8)&7, 0xf8|(c.BitDepthChroma-8)&7)
	dst = binary.BigEndian.AppendUint16(dst, c.AverageFrameRate)
	layers := c.ConstantFrameRate<<6 | c.TemporalLayers&7<<3 | byte(c.LengthSize-1)
	if c.TemporalNested {
		layers |= 1 << 2
	}
	dst = append(dst, layers, byte(len(c.Arrays)))
	for _, a := range c.Arrays {
		head := byte(a.Type) & 63
		if a.Complete {
			head |= 1 << 7
		}
		dst = appendUnits(append(dst, head), a.Units)
	}
	return dst
}

// Units gives the parameter sets of one type, over all arrays; nil where there are none.
func (c Config) Units(t NALType) [][]byte {
	var units [][]byte
	for _, a := range c.Arrays {
		if a.Type == t {
			units = append(units, a.Units...)
		}
	}
	return units
}

// Format tells what an hvcC says of the pictures, from its first SPS. Reorder is the SPS's sps_max_num_reorder_pics, so
// it is always told. Errors are those of [ParseConfig] and [ParseSPS]; no SPS at all is a [*wire.SyntaxError].
func Format(hvcC []byte) (media.Format, error) {
	c, err := ParseConfig(hvcC)
	if err != nil {
		return media.Format{}, err
	}
	sets := c.Units(SequenceSet)
	if len(sets) == 0 {
		return media.Format{}, syntax(22, "no SPS")
	}
	s, err := ParseSPS(sets[0])
	if err != nil {
		return media.Format{}, err
	}
	return media.Format{
		Profile: s.Level.Profile(), Level: s.Level.String(), Width: s.Width, Height: s.Height,
		FrameRate: s.FrameRate(), Reorder: s.MaxReorder,
	}, nil
}

// ConfigOf gives what an hvcC repeats of an SPS, ITU-T H.265 §7.3.2.2.1 and §7.3.3. It has no parameter sets yet, and lengths of 4 bytes.
func ConfigOf(sps []byte) (Config, error) {
	read, err := ParseSPS(sps)
	if err != nil {
		return Config{}, err
	}
	r := bits.NewReader("hevc sps", nal.Payload(sps, 2))
	r.Skip(4) // sps_video_parameter_set_id
	c := Config{Level: read.Level, LengthSize: 4, TemporalLayers: 1 + uint8(r.Bits(3)), TemporalNested: r.Flag()}
	const general, level = 88, 8 // bits
	r.Skip(general + level)
	if below := int(c.TemporalLayers) - 1; below > 0 {
		skip := 0
		for layer := range 8 {
			present := r.Bits(2) // sub_layer_profile_present_flag, sub_layer_level_present_flag
			if layer < below {
				skip += int(present>>1)*general + int(present&1)*level
			}
		}
		r.Skip(skip)
	}
	r.UE() // sps_seq_parameter_set_id
	if c.ChromaFormat = uint8(r.UEMax("chroma_format_idc", 3)); c.ChromaFormat == 3 {
		r.Skip(1) // separate_colour_plane_flag
	}
	r.UE() // width
	r.UE() // height
	if r.Flag() {
		for range 4 {
			r.UE() // conformance window
		}
	}
	c.BitDepthLuma, c.BitDepthChroma = 8+uint8(r.UEMax("luma", 7)), 8+uint8(r.UEMax("chroma", 7))
	return c, r.Err()
}

func parseArray(b []byte, at int) (a Array, next int, err error) {
	if len(b)-at < 3 {
		return Array{}, 0, syntax(at, "an array needs at least 3 bytes, %d left", len(b)-at)
	}
	a = Array{Complete: b[at]>>7 == 1, Type: NALType(b[at] & 63)}
	count := int(binary.BigEndian.Uint16(b[at+1:]))
	at += 3
	for n := range count {
		if len(b)-at < 2 {
			return Array{}, 0, syntax(at, "%s %d of %d is missing", a.Type, n+1, count)
		}
		size := int(binary.BigEndian.Uint16(b[at:]))
		at += 2
		if size == 0 || size > len(b)-at {
			return Array{}, 0, syntax(at, "%s of %d bytes, %d left", a.Type, size, len(b)-at)
		}
		a.Units = append(a.Units, b[at:at+size:at+size])
		at += size
	}
	return a, at, nil
}

func appendUnits(dst []byte, units [][]byte) []byte {
	if len(units) > 0xffff {
		panic("hevc: more parameter sets than an hvcC can hold")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(units)))
	for _, unit := range units {
		if len(unit) > 0xffff {
			panic("hevc: a parameter set that no hvcC can hold")
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(unit)))
		dst = append(dst, unit...)
	}
	return dst
}

func syntax(at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "hevc hvcC", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}
