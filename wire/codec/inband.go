package codec

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/vp9"
)

// profileHigh is the profile_idc of H.264's High profile: 4:2:0 with 8 bits, which an avcC repeats at its end (ISO/IEC 14496-15 §5.3.3.1).
const profileHigh = 100

// The bounds of parameter sets that are kept.
const (
	mostSets    = 16 // of one type
	mostSetSize = 4 << 10
)

// InBand makes tracks of what stands in the pictures themselves, as RTP carries them: parameter sets and sequence headers, and the sizes of VP8
// and VP9. A track changes only where they do. It belongs to one goroutine.
type InBand struct {
	ID    uint8
	Codec media.Codec

	track *media.Track // nil before the first configuration
	sets  []set        // of H.264 and HEVC
	known []byte       // what the track was made of, of other codecs
}

// set is a parameter set.
type set struct {
	kind uint8
	id   uint32
	unit []byte
}

// Picture is a picture with its track.
type Picture struct {
	Track *media.Track // nil: none can be told yet
	Key   bool         // a decoder can start here
	Data  []byte       // in the layout of media.Frame, without the parameter sets that the track has; empty: there was nothing else
}

// Take reads a picture, which it owns from now on. Data that cannot be read is an error, a [*wire.SyntaxError] or
// [*wire.UnsupportedError], and costs this picture.
func (b *InBand) Take(data []byte) (Picture, error) {
	switch b.Codec {
	case media.H264, media.HEVC:
		return b.units(data)
	case media.AV1:
		return b.obus(data)
	case media.VP8:
		return b.vp8(data)
	case media.VP9:
		return b.vp9(data)
	}
	return Picture{}, unsupported("pictures of this codec tell nothing of themselves")
}

// Begin gives the track of pictures that come before any parameter sets, where SDP has told of these in t. Other codecs than H.264 and
// HEVC need nothing of it.
func (b *InBand) Begin(t *media.Track) (*media.Track, error) {
	var units [][]byte
	switch b.Codec {
	case media.H264:
		c, err := h264.ParseConfig(t.Config)
		if err != nil {
			return nil, err
		}
		units = append(append(units, c.SPS...), c.PPS...)
	case media.HEVC:
		c, err := hevc.ParseConfig(t.Config)
		if err != nil {
			return nil, err
		}
		for _, a := range c.Arrays {
			units = append(units, a.Units...)
		}
	default:
		return t, nil
	}
	var found []set
	for _, unit := range units {
		if s, isSet, _ := b.look(unit); isSet {
			s.unit = unit
			found = append(found, s)
		}
	}
	b.learn(found)
	if err := b.configure(); err != nil || b.track == nil {
		return t, err
	}
	return b.track, nil
}

// units takes parameter sets out of a picture of H.264 or HEVC.
func (b *InBand) units(data []byte) (Picture, error) {
	p := Picture{}
	var found []set
	out := data[:0:len(data)]
	for unit, err := range nal.Units(data) {
		if err != nil {
			return Picture{}, err
		}
		s, isSet, key := b.look(unit)
		if isSet {
			s.unit = bytes.Clone(unit) // what follows is moved over it
			found = append(found, s)
			continue
		}
		p.Key = p.Key || key
		out = binary.BigEndian.AppendUint32(out, uint32(len(unit)))
		out = append(out, unit...)
	}
	if b.learn(found) {
		if err := b.configure(); err != nil {
			return Picture{}, err
		}
	}
	p.Track, p.Data = b.track, out
	return p, nil
}

// look says what a NAL unit is: a parameter set, or a part of a picture at which a decoder can start.
func (b *InBand) look(unit []byte) (s set, isSet, key bool) {
	if b.Codec == media.H264 {
		kind := h264.TypeOf(unit)
		s.kind = uint8(kind)
		if kind == h264.PictureSet {
			s.id = pictureID(unit, 1)
		}
		return s, kind == h264.SequenceSet || kind == h264.PictureSet, kind == h264.IDR
	}
	if len(unit) < 2 {
		return s, false, false
	}
	kind := hevc.TypeOf(unit)
	s.kind = uint8(kind)
	if kind == hevc.PictureSet {
		s.id = pictureID(unit, 2)
	}
	const firstIRAP, lastIRAP = 16, 21 // ITU-T H.265 table 7-1
	return s, kind == hevc.VideoSet || kind == hevc.SequenceSet || kind == hevc.PictureSet, kind >= firstIRAP && kind <= lastIRAP
}

// pictureID reads the id of a picture parameter set, which comes first in it.
func pictureID(unit []byte, header int) uint32 {
	return bits.NewReader("pps", nal.Payload(unit[:min(len(unit), header+8)], header)).UE()
}

// learn takes parameter sets in, and says whether anything is new. Those of a sequence replace all of their type; those of pictures
// the ones with their ids.
func (b *InBand) learn(found []set) (changed bool) {
	if len(found) == 0 {
		return false
	}
	isNew := func(s set) bool {
		return !slices.ContainsFunc(b.sets, func(k set) bool { return k.kind == s.kind && k.id == s.id && bytes.Equal(k.unit, s.unit) })
	}
	if !slices.ContainsFunc(found, isNew) {
		return false
	}
	b.sets = slices.DeleteFunc(b.sets, func(k set) bool {
		return slices.ContainsFunc(found, func(s set) bool { return s.kind == k.kind && s.id == k.id })
	})
	for _, s := range found {
		if len(s.unit) <= mostSetSize && len(b.setsOf(s.kind)) < mostSets {
			b.sets = append(b.sets, s)
		}
	}
	slices.SortStableFunc(b.sets, func(x, y set) int {
		if x.kind != y.kind {
			return int(x.kind) - int(y.kind)
		}
		return int(x.id) - int(y.id)
	})
	return true
}

// setsOf gives the sets of a type.
func (b *InBand) setsOf(kind uint8) (units [][]byte) {
	for _, s := range b.sets {
		if s.kind == kind {
			units = append(units, s.unit)
		}
	}
	return units
}

// configure makes the track of the sets, once they are all there.
func (b *InBand) configure() error {
	var config []byte
	if b.Codec == media.H264 {
		sps, pps := b.setsOf(uint8(h264.SequenceSet)), b.setsOf(uint8(h264.PictureSet))
		if len(sps) == 0 || len(sps[0]) < 4 || len(pps) == 0 {
			return nil
		}
		c := h264.Config{Profile: sps[0][1], Compatibility: sps[0][2], Level: sps[0][3], LengthSize: 4, SPS: sps, PPS: pps}
		if c.Profile == profileHigh {
			c.Extension = []byte{0xfc | 1, 0xf8, 0xf8, 0} // chroma_format 1, bit depths less 8, no SPS extensions
		}
		config = c.Append(nil)
	} else {
		sps := b.setsOf(uint8(hevc.SequenceSet))
		var arrays []hevc.Array
		for _, kind := range []hevc.NALType{hevc.VideoSet, hevc.SequenceSet, hevc.PictureSet} {
			units := b.setsOf(uint8(kind))
			if len(units) == 0 {
				return nil
			}
			arrays = append(arrays, hevc.Array{Type: kind, Units: units})
		}
		c, err := hevc.ConfigOf(sps[0])
		if err != nil {
			return err
		}
		c.Arrays = arrays
		config = c.Append(nil)
	}
	return b.become(config)
}

func (b *InBand) become(config []byte) error {
	t, err := NewTrack(b.ID, b.Codec, config)
	if err == nil {
		b.track = t
	}
	return err
}

// obus reads a temporal unit of AV1. Its sequence headers stay in it: they are small, and decoders want them at key frames.
func (b *InBand) obus(data []byte) (Picture, error) {
	p := Picture{Data: data}
	for u, err := range av1.OBUs(data) {
		if err != nil {
			return Picture{}, err
		}
		switch {
		case u.Type == av1.SequenceHeader && !bytes.Equal(u.Raw, b.known):
			s, err := av1.ParseSequence(u.Payload)
			if err != nil {
				return Picture{}, err
			}
			c := av1.Config{
				Profile: s.Profile, LevelIndex: s.LevelIndex, HighTier: s.HighTier, SubsamplingX: true, SubsamplingY: true, OBUs: bytes.Clone(u.Raw),
			}
			if err := b.become(c.Append(nil)); err != nil {
				return Picture{}, err
			}
			b.known = c.OBUs
		case (u.Type == av1.Frame || u.Type == av1.FrameHeader) && len(u.Payload) > 0:
			p.Key = p.Key || u.Payload[0]&0xe0 == 0 // show_existing_frame 1, frame_type 2: KEY_FRAME is 0 (AV1 §5.9.2)
		}
	}
	p.Track = b.track
	return p, nil
}

// vp8 reads a frame header (RFC 6386 §9.1):
//
//	P 1, 0 at key frames · version 3 · show_frame 1 · size of the first partition 19      24 bits, the first byte the lowest
//	start code 9d 01 2a · width 14, scale 2 · height 14, scale 2                          key frames only
func (b *InBand) vp8(data []byte) (Picture, error) {
	p := Picture{Data: data, Track: b.track}
	if len(data) < 10 || data[0]&1 != 0 {
		return p, nil
	}
	if data[3] != 0x9d || data[4] != 0x01 || data[5] != 0x2a {
		return Picture{}, unsupported("a VP8 key frame without its start code")
	}
	p.Key = true
	p.Track = b.sized(data[6:10], int(binary.LittleEndian.Uint16(data[6:])&0x3fff), int(binary.LittleEndian.Uint16(data[8:])&0x3fff))
	return p, nil
}

// sized gives the track for pictures of a size, which what stands for.
func (b *InBand) sized(what []byte, width, height int) *media.Track {
	if b.track == nil || !bytes.Equal(what, b.known) {
		t := &media.Track{ID: b.ID, Codec: b.Codec, ClockRate: VideoRate}
		if b.track != nil {
			*t = *b.track
		}
		t.Format.Width, t.Format.Height = width, height
		b.track, b.known = t, bytes.Clone(what)
	}
	return b.track
}

// vp9 reads a frame header.
func (b *InBand) vp9(data []byte) (Picture, error) {
	width, height, err := vp9.FrameSize(data)
	if err != nil {
		return Picture{}, err
	}
	p := Picture{Data: data, Track: b.track}
	if width == 0 {
		return p, nil
	}
	p.Key = true
	if b.track == nil {
		const unspecified = 2 // ITU-T H.273
		profile := data[0]>>5&1 | data[0]>>3&2
		c := vp9.Config{Profile: profile, BitDepth: 8, ChromaSubsampling: 1, Primaries: unspecified, Transfer: unspecified, Matrix: unspecified}
		if profile >= 2 {
			c.BitDepth = 10
		}
		if err := b.become(c.Append(nil)); err != nil {
			return Picture{}, err
		}
	}
	p.Track = b.sized(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height)), width, height)
	return p, nil
}
