// Package av1 reads AV1: its decoder configuration (av1C), sequence headers, and OBUs in the low-overhead format.
package av1

import (
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
)

// Config is the AV1CodecConfigurationRecord, AV1 in ISO base media §2.3.3:
//
//	marker = 1, version = 1                                       1, 7 bits
//	seq_profile, seq_level_idx_0                                  3, 5
//	seq_tier_0, high_bitdepth, twelve_bit, monochrome             1, 1, 1, 1
//	chroma_subsampling_x, _y, chroma_sample_position              1, 1, 2
//	reserved, initial_presentation_delay_present, _minus_one      3, 1, 4
//	configOBUs                                                    to the end
type Config struct {
	Profile           uint8  // seq_profile, 0 to 7; 0 is Main
	LevelIndex        uint8  // seq_level_idx_0, 0 to 31; see [Level]
	HighTier          bool   // seq_tier_0
	HighBitDepth      bool   // 10 bits, or 12 with TwelveBit
	TwelveBit         bool   //
	Monochrome        bool   //
	SubsamplingX      bool   //
	SubsamplingY      bool   //
	SamplePosition    uint8  // chroma_sample_position, 0 to 3
	PresentationDelay uint8  // frames to decode ahead of showing the first, 1 to 16; 0 means not told
	OBUs              []byte // configOBUs: the sequence header first; often empty
}

// ParseConfig reads an av1C. Its OBUs are a part of av1C, not a copy, and not checked. Errors are [*wire.SyntaxError] where
// it breaks the format, [*wire.UnsupportedError] where its version is not 1.
func ParseConfig(av1C []byte) (Config, error) {
	if len(av1C) < 4 {
		return Config{}, &wire.SyntaxError{
			Format: "av1 av1C", Msg: fmt.Sprintf("at least 4 bytes needed, %d there", len(av1C)),
		}
	}
	if av1C[0]>>7 != 1 {
		return Config{}, &wire.SyntaxError{Format: "av1 av1C", Msg: "the marker bit is not set"}
	}
	if v := av1C[0] & 127; v != 1 {
		return Config{}, &wire.UnsupportedError{Format: "av1 av1C", Msg: fmt.Sprintf("version %d, not 1", v)}
	}
	r := bits.NewReader("av1 av1C", av1C[1:4])
	c := Config{
		Profile: uint8(r.Bits(3)), LevelIndex: uint8(r.Bits(5)),
		HighTier: r.Flag(), HighBitDepth: r.Flag(), TwelveBit: r.Flag(), Monochrome: r.Flag(),
		SubsamplingX: r.Flag(), SubsamplingY: r.Flag(), SamplePosition: uint8(r.Bits(2)),
	}
	r.Skip(3)
	if present, delay := r.Flag(), r.Bits(4); present {
		c.PresentationDelay = uint8(delay) + 1
	}
	if len(av1C) > 4 {
		c.OBUs = av1C[4:]
	}
	return c, nil
}

// Append writes the av1C behind dst. Fields are cut to their widths.
func (c Config) Append(dst []byte) []byte {
	var w bits.Writer
	w.Bits(0x81, 8)
	w.Bits(uint32(c.Profile), 3)
	w.Bits(uint32(c.LevelIndex), 5)
	for _, flag := range []bool{c.HighTier, c.HighBitDepth, c.TwelveBit, c.Monochrome, c.SubsamplingX, c.SubsamplingY} {
		w.Flag(flag)
	}
	w.Bits(uint32(c.SamplePosition), 2)
	w.Bits(0, 3)
	if c.PresentationDelay > 0 {
		w.Flag(true)
		w.Bits(uint32(c.PresentationDelay-1), 4)
	} else {
		w.Bits(0, 5)
	}
	return append(append(dst, w.Bytes()...), c.OBUs...)
}

// BitDepth gives the bits of a sample: 8, 10 or 12.
func (c Config) BitDepth() int {
	switch {
	case c.HighBitDepth && c.TwelveBit:
		return 12
	case c.HighBitDepth:
		return 10
	}
	return 8
}

// Format tells what an av1C says of the pictures; size and frame rate come from the sequence header in it, and are 0
// without one. Reorder is 0, since each temporal unit shows one picture. Errors are those of [ParseConfig], [OBUs] and
// [ParseSequence].
func Format(av1C []byte) (media.Format, error) {
	c, err := ParseConfig(av1C)
	if err != nil {
		return media.Format{}, err
	}
	f := media.Format{Profile: profileName(c.Profile), Level: Level(c.LevelIndex)}
	for u, err := range OBUs(c.OBUs) {
		if err != nil {
			return media.Format{}, err
		}
		if u.Type != SequenceHeader {
			continue
		}
		s, err := ParseSequence(u.Payload)
		if err != nil {
			return media.Format{}, err
		}
		f.Width, f.Height, f.FrameRate = s.Width, s.Height, s.FrameRate()
		break
	}
	return f, nil
}

// Level gives a level index as people write it, such as "4.0" for 8 (AV1 §A.3); empty for 31, which means no limit.
func Level(index uint8) string {
	if index >= 31 {
		return ""
	}
	return fmt.Sprintf("%d.%d", 2+index>>2, index&3)
}

func profileName(profile uint8) string {
	switch profile {
	case 0:
		return "Main"
	case 1:
		return "High"
	case 2:
		return "Professional"
	}
	return fmt.Sprintf("profile %d", profile)
}
