package fmp4

import (
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/flac"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/opus"
	"github.com/simulcart/simulcart/wire/vp9"
)

// The kinds of sample entries that are written.
const (
	entryH264 = "avc1" // ISO/IEC 14496-15 §5.4.2: parameter sets in the entry
	entryHEVC = "hvc1" // ISO/IEC 14496-15 §8.4.1: parameter sets in the entry; what Apple's players ask for
	entryAV1  = "av01" // AV1 in ISO base media §2.2
	entryVP9  = "vp09" // VP codec ISO media file format binding §2.1
	entryMP4A = "mp4a" // ISO/IEC 14496-14 §6.7: AAC and MP3
	entryOpus = "Opus" // Opus in ISO base media §4.3.1
	entryFLAC = "fLaC" // FLAC in ISO base media §3.3.1
)

// Object types of a decoder configuration, ISO/IEC 14496-1 table 5.
const (
	objectAAC   = 0x40 // ISO/IEC 14496-3
	objectMPEG2 = 0x69 // ISO/IEC 13818-3: MP3 of at most 24 kHz
	objectMPEG1 = 0x6b // ISO/IEC 11172-3: MP3
)

// maxMP3Rate is the highest sampling rate of MP3, in hertz (ISO/IEC 11172-3 §2.4.2.3). Other codecs have theirs in their configuration.
const maxMP3Rate = 48000

// maxSize bounds width and height, in pixels.
const maxSize = 0xffff

// appendSampleEntry writes the sample entry of a track behind dst.
func appendSampleEntry(dst []byte, t *media.Track) ([]byte, error) {
	if err := checkClock(t); err != nil {
		return nil, err
	}
	if t.Codec.IsVideo() {
		return appendVisualEntry(dst, t)
	}
	return appendAudioEntry(dst, t)
}

// appendVisualEntry writes a VisualSampleEntry, ISO/IEC 14496-12 §12.1.3:
//
//	0 48 bits · data_reference_index = 1 16 · 0 128 · width 16 · height 16
//	resolutions 72.0 32, 32 · 0 32 · frame_count = 1 16 · compressorname 256 · depth = 24 16 · -1 16 · boxes
func appendVisualEntry(dst []byte, t *media.Track) ([]byte, error) {
	kind, configKind, config, err := visualConfig(t)
	if err != nil {
		return nil, err
	}
	f := t.Format
	if f.Width < 1 || f.Height < 1 || f.Width > maxSize || f.Height > maxSize {
		return nil, unsupported(0, "pictures of %d x %d pixels", f.Width, f.Height)
	}
	return box(dst, kind, func(b []byte) []byte {
		b = appendUint16(b, 0, 0, 0, 1)
		b = appendUint32(b, 0, 0, 0, 0)
		b = appendUint16(b, uint16(f.Width), uint16(f.Height))
		b = appendUint32(b, 72<<16, 72<<16, 0)
		b = append(appendUint16(b, 1), make([]byte, 32)...)
		b = appendUint16(b, 24, 0xffff)
		return box(b, configKind, func(b []byte) []byte { return append(b, config...) })
	}), nil
}

// visualConfig gives the kinds of the sample entry and of the configuration in it, and that box's body.
func visualConfig(t *media.Track) (kind, configKind string, config []byte, err error) {
	switch t.Codec {
	case media.H264:
		_, err = h264.ParseConfig(t.Config)
		return entryH264, "avcC", t.Config, err
	case media.HEVC:
		config, err = completeHEVC(t.Config)
		return entryHEVC, "hvcC", config, err
	case media.AV1:
		_, err = av1.ParseConfig(t.Config)
		return entryAV1, "av1C", t.Config, err
	case media.VP9:
		c, err := vp9.ParseConfig(t.Config)
		if err != nil {
			return "", "", nil, err
		}
		return entryVP9, "vpcC", c.Append(nil), nil
	}
	return "", "", nil, unsupported(0, "%s in MP4 for HLS, use H.264", t.Codec)
}

// completeHEVC marks the arrays of parameter sets as complete, as hvc1 asks for (ISO/IEC 14496-15 §8.4.1.1.2).
func completeHEVC(hvcC []byte) ([]byte, error) {
	c, err := hevc.ParseConfig(hvcC)
	if err != nil {
		return nil, err
	}
	for i, a := range c.Arrays {
		if a.Type == hevc.VideoSet || a.Type == hevc.SequenceSet || a.Type == hevc.PictureSet {
			c.Arrays[i].Complete = true
		}
	}
	return c.Append(nil), nil
}

// appendAudioEntry writes an AudioSampleEntry, ISO/IEC 14496-12 §12.2.3:
//
//	0 48 bits · data_reference_index = 1 16 · 0 64 · channelcount 16 · samplesize 16 · 0 32 · samplerate 16.16 · boxes
func appendAudioEntry(dst []byte, t *media.Track) ([]byte, error) {
	s, err := soundOf(t)
	if err != nil {
		return nil, err
	}
	rate := t.ClockRate
	for rate > 0xffff { // a rate that does not fit is told as a division of it
		rate /= 2
	}
	return box(dst, s.kind, func(b []byte) []byte {
		b = appendUint16(b, 0, 0, 0, 1)
		b = appendUint32(b, 0, 0)
		b = appendUint16(b, uint16(s.channels), uint16(s.bits), 0, 0)
		b = appendUint32(b, uint32(rate)<<16)
		return box(b, s.configKind, func(b []byte) []byte { return append(b, s.config...) })
	}), nil
}

// sound is what an audio sample entry says.
type sound struct {
	kind, configKind string
	config           []byte // the body of the box of configKind
	channels         int
	bits             int // of a sample
}

func soundOf(t *media.Track) (sound, error) {
	switch t.Codec {
	case media.AAC:
		c, err := aac.ParseConfig(t.Config)
		if err != nil {
			return sound{}, err
		}
		return sound{entryMP4A, "esds", appendElementaryStream(nil, objectAAC, t.Config), c.Format().Channels, 16}, nil
	case media.MP3:
		if t.ClockRate > maxMP3Rate {
			return sound{}, unsupported(0, "MP3 of %d hertz, more than %d", t.ClockRate, maxMP3Rate)
		}
		object := byte(objectMPEG1)
		if t.ClockRate <= 24000 {
			object = objectMPEG2
		}
		return sound{entryMP4A, "esds", appendElementaryStream(nil, object, nil), t.Format.Channels, 16}, nil
	case media.Opus:
		h, err := opus.ParseConfig(t.Config)
		if err != nil {
			return sound{}, err
		}
		return sound{entryOpus, "dOps", h.AppendDOps(nil), int(h.Channels), 16}, nil
	case media.FLAC:
		info, err := flac.ParseConfig(t.Config)
		if err != nil {
			return sound{}, err
		}
		const last, size = 0x80, 34 // the header of the block, the only one: STREAMINFO (FLAC in ISO base media §3.3.2)
		config := info.Append([]byte{0, 0, 0, 0, last, 0, 0, size})
		return sound{entryFLAC, "dfLa", config, info.Channels, info.SampleBits}, nil
	}
	return sound{}, unsupported(0, "%s in MP4", t.Codec)
}

// The descriptors of an elementary stream, ISO/IEC 14496-1 §7.2.6: a tag, a size of 7 bits in each byte, and the body.
const (
	tagStream   = 3 // ES_Descriptor: ES_ID 16 bits, flags 8, descriptors
	tagDecoder  = 4 // DecoderConfigDescriptor: object type 8, stream type 6, upstream 1, 1, buffer 24, bit rates 32, 32, descriptors
	tagSpecific = 5 // DecoderSpecificInfo: the AudioSpecificConfig
	tagSync     = 6 // SLConfigDescriptor: 2 for MP4

	streamHeader  = 3
	decoderHeader = 13
)

// appendElementaryStream writes the body of an esds box, ISO/IEC 14496-14 §6.7.2. Bit rates and buffer are 0: not known.
func appendElementaryStream(dst []byte, object byte, specific []byte) []byte {
	const audio = 5<<2 | 1
	decoder := append([]byte{object, audio}, make([]byte, decoderHeader-2)...)
	if len(specific) > 0 {
		decoder = appendDescriptor(decoder, tagSpecific, specific)
	}
	stream := appendDescriptor(make([]byte, streamHeader), tagDecoder, decoder)
	stream = appendDescriptor(stream, tagSync, []byte{2})
	return appendDescriptor(appendUint32(dst, 0), tagStream, stream)
}

func appendDescriptor(dst []byte, tag byte, body []byte) []byte {
	dst = append(dst, tag)
	n := len(body)
	for shift := 21; shift > 0; shift -= 7 {
		if n>>shift > 0 {
			dst = append(dst, 0x80|byte(n>>shift&0x7f))
		}
	}
	return append(append(dst, byte(n&0x7f)), body...)
}

// readDescriptor gives the body of the descriptor at the start of b, which is in the box at byte at of the input.
func readDescriptor(b []byte, at int, tag byte) ([]byte, error) {
	if len(b) == 0 || b[0] != tag {
		return nil, syntax(at, "no descriptor of tag %d", tag)
	}
	size, i := 0, 1
	for {
		if i == len(b) || i > 4 {
			return nil, syntax(at, "descriptor %d has no end of its size", tag)
		}
		size = size<<7 | int(b[i]&0x7f)
		i++
		if b[i-1]&0x80 == 0 {
			break
		}
	}
	if size > len(b)-i {
		return nil, syntax(at, "descriptor %d of %d bytes, %d left", tag, size, len(b)-i)
	}
	return b[i : i+size : i+size], nil
}
