package rtp

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"

	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/opus"
	"github.com/simulcart/simulcart/wire/vp9"
)

// parameters are the parameters of a=fmtp, as they stand there.
type parameters string

// value gives a parameter; empty where it is not there. Names are compared without regard to case.
func (p parameters) value(name string) string {
	for part := range strings.SplitSeq(string(p), ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// units reads NAL units in base64 with commas between them, at most so many.
func (p parameters) units(name string, most int) ([][]byte, error) {
	text := p.value(name)
	if text == "" {
		return nil, nil
	}
	var units [][]byte
	for part := range strings.SplitSeq(text, ",") {
		unit, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(part), "="))
		switch {
		case err != nil:
			return nil, syntax("sdp fmtp", 0, "%s is not base64", name)
		case len(unit) > math.MaxUint16:
			return nil, syntax("sdp fmtp", 0, "%s holds a unit of %d bytes", name, len(unit))
		case len(unit) > 0:
			units = append(units, unit)
		}
	}
	if len(units) > most {
		return nil, syntax("sdp fmtp", 0, "%s holds %d units, more than %d", name, len(units), most)
	}
	return units, nil
}

// avcC makes the configuration of H.264; nil without parameter sets.
func (p parameters) avcC() ([]byte, error) {
	if mode := p.value("packetization-mode"); mode != "" && mode != "0" && mode != "1" {
		return nil, unsupported("H.264 with packetization-mode %q, use 0 or 1", short(mode))
	}
	units, err := p.units("sprop-parameter-sets", 31)
	if err != nil {
		return nil, err
	}
	c := h264.Config{LengthSize: 4}
	for _, unit := range units {
		switch h264.TypeOf(unit) {
		case h264.SequenceSet:
			c.SPS = append(c.SPS, unit)
		case h264.PictureSet:
			c.PPS = append(c.PPS, unit)
		}
	}
	if len(c.SPS) == 0 || len(c.SPS[0]) < 4 || len(c.PPS) == 0 {
		return nil, nil
	}
	c.Profile, c.Compatibility, c.Level = c.SPS[0][1], c.SPS[0][2], c.SPS[0][3]
	return c.Append(nil), nil
}

// hvcC makes the configuration of HEVC; nil without parameter sets, and where the first SPS cannot be read.
func (p parameters) hvcC() ([]byte, error) {
	var arrays []hevc.Array
	for _, set := range setsOfHEVC {
		units, err := p.units(set.name, 64)
		if err != nil {
			return nil, err
		}
		if len(units) == 0 {
			return nil, nil
		}
		arrays = append(arrays, hevc.Array{Type: set.kind, Units: units})
	}
	c, err := hevc.ConfigOf(arrays[1].Units[0])
	if err != nil {
		return nil, nil
	}
	c.Arrays = arrays
	return c.Append(nil), nil
}

// vpcC makes the configuration of VP9: profile 0 has 4:2:0 with 8 bits, profile 2 the same with more, which is 10 bits in practice.
func (p parameters) vpcC() ([]byte, error) {
	const unspecified = 2 // ITU-T H.273
	c := vp9.Config{BitDepth: 8, ChromaSubsampling: 1, Primaries: unspecified, Transfer: unspecified, Matrix: unspecified}
	switch id := p.value("profile-id"); id {
	case "", "0":
	case "2":
		c.Profile, c.BitDepth = 2, 10
	default:
		return nil, unsupported("VP9 with profile-id %q, use 0 or 2", short(id))
	}
	return c.Append(nil), nil
}

// audioSpecificConfig reads the configuration of AAC in mode AAC-hbr with its usual sizes.
func (p parameters) audioSpecificConfig() ([]byte, error) {
	for _, want := range []struct{ name, value string }{
		{"mode", "AAC-hbr"}, {"sizelength", "13"}, {"indexlength", "3"}, {"indexdeltalength", "3"},
	} {
		if got := p.value(want.name); !strings.EqualFold(got, want.value) {
			return nil, unsupported("AAC with %s=%s, use %s", want.name, short(got), want.value)
		}
	}
	config, err := hex.DecodeString(p.value("config"))
	if err != nil || len(config) == 0 {
		return nil, syntax("sdp fmtp", 0, "config is not hexadecimal")
	}
	return config, nil
}

// dOps makes the configuration of Opus: stereo, unless the sender says that it is mono (RFC 7587 §7.1).
func (p parameters) dOps() []byte {
	h := opus.Head{Channels: 2, Streams: 1, Coupled: 1}
	if p.value("sprop-stereo") == "0" {
		h.Channels, h.Coupled = 1, 0
	}
	return h.AppendDOps(nil)
}
