package fmp4

import (
	"fmt"
	"math/bits"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/vp9"
)

// Carries says whether [AppendInit] writes tracks of a codec.
func Carries(c media.Codec) bool { return c.IsAudio() || c.IsVideo() && c != media.VP8 }

// CodecString gives a track's coding as RFC 6381 writes it, for the CODECS attribute of HLS and for codecs= of a media type. Errors are
// those of reading the configuration; codecs that [AppendInit] does not write are a [*wire.UnsupportedError].
func CodecString(t *media.Track) (string, error) {
	switch t.Codec {
	case media.H264:
		return h264String(t.Config)
	case media.HEVC:
		return hevcString(t.Config)
	case media.AV1:
		return av1String(t.Config)
	case media.VP9:
		return vp9String(t.Config, t.Format)
	case media.AAC:
		return aacString(t.Config)
	case media.MP3: // object type 34 is layer 3, ISO/IEC 14496-3 table 1.17: the name that players of HLS know
		return "mp4a.40.34", nil
	case media.Opus:
		return "opus", nil
	case media.FLAC:
		return "fLaC", nil
	}
	return "", unsupported(0, "%s in MP4 for HLS", t.Codec)
}

// h264String writes profile, constraints and level (ISO/IEC 14496-15 §E.3, RFC 6381 §3.3).
func h264String(avcC []byte) (string, error) {
	c, err := h264.ParseConfig(avcC)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s.%02x%02x%02x", entryH264, c.Profile, c.Compatibility, c.Level), nil
}

// aacString writes the object type of the frames, or of what extends them (RFC 6381 §3.3).
func aacString(config []byte) (string, error) {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return "", err
	}
	object := uint8(c.Object)
	switch {
	case c.PS == aac.Present:
		object = 29
	case c.SBR == aac.Present:
		object = 5
	}
	return fmt.Sprintf("%s.%x.%d", entryMP4A, objectAAC, object), nil
}

// hevcString writes profile space and profile, compatibility flags from the last one on, tier and level, and the constraint bytes without
// the zeros at their end (ISO/IEC 14496-15 §E.3).
func hevcString(hvcC []byte) (string, error) {
	config, err := hevc.ParseConfig(hvcC)
	if err != nil {
		return "", err
	}
	p := config.Level
	space := []string{"", "A", "B", "C"}[p.Space&3]
	tier := "L"
	if p.HighTier {
		tier = "H"
	}
	s := fmt.Sprintf("%s.%s%d.%X.%s%d", entryHEVC, space, p.ProfileIDC, bits.Reverse32(p.Compatibility), tier, p.LevelIDC)
	last := len(p.Constraints)
	for last > 0 && p.Constraints[last-1] == 0 {
		last--
	}
	for _, c := range p.Constraints[:last] {
		s += fmt.Sprintf(".%X", c)
	}
	return s, nil
}

// av1String writes profile, level, tier and bit depth, and what follows where the colour format is not the usual 4:2:0 (AV1 in ISO base
// media §5); colours are taken for those of BT.709, which the av1C does not tell.
func av1String(av1C []byte) (string, error) {
	c, err := av1.ParseConfig(av1C)
	if err != nil {
		return "", err
	}
	tier := "M"
	if c.HighTier {
		tier = "H"
	}
	s := fmt.Sprintf("%s.%d.%02d%s.%02d", entryAV1, c.Profile, c.LevelIndex, tier, c.BitDepth())
	if !c.Monochrome && c.SubsamplingX && c.SubsamplingY && c.SamplePosition == 0 {
		return s, nil
	}
	digit := func(set bool) int {
		if set {
			return 1
		}
		return 0
	}
	position := uint8(0)
	if c.SubsamplingX && c.SubsamplingY {
		position = c.SamplePosition
	}
	return s + fmt.Sprintf(".%d.%d%d%d.01.01.01.0", digit(c.Monochrome), digit(c.SubsamplingX), digit(c.SubsamplingY), position), nil
}

// vp9String writes profile, level and bit depth, and what follows where one of it is not the usual (VP codec ISO media file format
// binding §3).
func vp9String(vpcC []byte, f media.Format) (string, error) {
	c, err := vp9.ParseConfig(vpcC)
	if err != nil {
		return "", err
	}
	level := c.Level
	if level == 0 {
		level = vp9Level(f)
	}
	s := fmt.Sprintf("%s.%02d.%02d.%02d", entryVP9, c.Profile, level, c.BitDepth)
	full := 0
	if c.FullRange {
		full = 1
	}
	const bt709 = 1
	usual := func(v uint8) bool { return v == bt709 || v == 2 } // 2 is not specified
	if c.ChromaSubsampling <= 1 && usual(c.Primaries) && usual(c.Transfer) && usual(c.Matrix) && !c.FullRange {
		return s, nil
	}
	return s + fmt.Sprintf(".%02d.%02d.%02d.%02d.%02d", c.ChromaSubsampling, c.Primaries, c.Transfer, c.Matrix, full), nil
}

// vp9Level gives the lowest level that allows pictures of a size (VP9 annex A), since players refuse a level of 0; the highest where none
// does.
func vp9Level(f media.Format) uint8 {
	for _, l := range []struct {
		pixels int
		level  uint8
	}{
		{36864, 10}, {73728, 11}, {122880, 20}, {245760, 21}, {552960, 30}, {983040, 31}, {2228224, 40}, {8912896, 50},
	} {
		if f.Width*f.Height <= l.pixels {
			return l.level
		}
	}
	return 60
}
