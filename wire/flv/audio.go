package flv

import (
	"encoding/binary"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/mp3"
)

// The first byte of an audio message, legacy (FLV 10.1 §E.4.2.1) and enhanced (Enhanced RTMP v2, "Enhanced Audio"):
//
//	 7 6 5 4 3 2 1 0          7 6 5 4 3 2 1 0
//	+-------+---+-+-+        +-------+-------+
//	|format |rat|s|c|        |   9   |packet |
//	+-------+---+-+-+        +-------+-------+
//
// rat is the sampling rate, s the sample size (1 for 16 bits), c the channels (1 for stereo). Legacy AAC goes on with a
// packet type in one byte.

// The sound formats that are read.
const (
	soundMP3     = 2
	soundEx      = 9
	soundAAC     = 10
	soundMP3At8k = 14
)

// The packet types of enhanced audio that video has not.
const (
	exMultichannelConfig = 4
	exAudioMultitrack    = 5
)

// soundRates are the sampling rates of the two rate bits, in hertz.
var soundRates = [...]int{5512, 11025, 22050, 44100}

// Audio is one audio packet: a message, or one track of a multitrack message.
type Audio struct {
	Codec      media.Codec // Unknown for an empty message
	FourCC     FourCC      // 0 in the legacy form
	Enhanced   bool        // by FourCC, and not by number
	Kind       PacketKind  //
	SampleRate int         // hertz, as the legacy header says: a hint for MP3, always 44100 for AAC whatever it is; 0 where not told
	Channels   int         // 1 or 2, as the legacy header says: a hint for MP3, always 2 for AAC whatever it is; 0 where not told
	TrackID    uint8       // 0 outside multitrack messages
	Multitrack bool        //
	NanoOffset uint32      // nanoseconds to add to the message's timestamp, 0 to 999999
	Body       []byte      // refers to the input
}

// ParseAudio reads the body of an audio message and appends its packets to dst, as [ParseVideo] does.
func ParseAudio(b []byte, dst []Audio) ([]Audio, error) {
	if len(b) == 0 {
		return append(dst, Audio{Kind: Empty}), nil
	}
	if b[0]>>4 == soundEx {
		return parseEnhancedAudio(b, dst)
	}
	a, err := parseLegacyAudio(b)
	if err != nil {
		return dst, err
	}
	return append(dst, a), nil
}

// parseLegacyAudio reads an AudioTagHeader (FLV 10.1 §E.4.2.1).
func parseLegacyAudio(b []byte) (Audio, error) {
	a := Audio{Kind: Coded, SampleRate: soundRates[b[0]>>2&0x03], Channels: int(b[0]&0x01) + 1, Body: b[1:]}
	switch format := b[0] >> 4; format {
	case soundMP3:
		a.Codec = media.MP3
	case soundMP3At8k:
		a.Codec, a.SampleRate = media.MP3, 8000
	case soundAAC:
		a.Codec = media.AAC
		if len(b) < 2 {
			return a, syntaxError(formatAudio, 1, "no packet type")
		}
		switch a.Body = b[2:]; b[1] {
		case 0:
			a.Kind = SequenceStart
		case 1:
		default:
			return a, syntaxError(formatAudio, 1, "packet type %d of aac", b[1])
		}
	default:
		return a, unsupportedError(formatAudio, 0, "%s; set the encoder to AAC", soundName(format))
	}
	return a, nil
}

// soundName names the sound formats that simulcart does not carry.
func soundName(format uint8) string {
	switch format {
	case 0, 3:
		return "uncompressed sound"
	case 1:
		return "ADPCM"
	case 4, 5, 6:
		return "Nellymoser"
	case 7, 8:
		return "G.711"
	case 11:
		return "Speex"
	}
	return fmt.Sprintf("sound format %d", format)
}

// parseEnhancedAudio reads an ExAudioTagHeader and each track's ExAudioTagBody.
func parseEnhancedAudio(b []byte, dst []Audio) ([]Audio, error) {
	r := newExReader(formatAudio, exAudioMultitrack, b)
	if err := r.modEx(); err != nil {
		return dst, err
	}
	if err := r.head(); err != nil {
		return dst, err
	}
	var skipped error
	for r.more() {
		part, err := r.next()
		if err != nil {
			return dst, err
		}
		a, err := enhancedAudio(part)
		if err != nil {
			skipped = err // only ever unsupported
			continue
		}
		dst = append(dst, a)
	}
	return dst, skipped
}

// enhancedAudio reads one track's ExAudioTagBody.
func enhancedAudio(part exPart) (Audio, error) {
	a := Audio{
		Codec: part.fourCC.Codec(), FourCC: part.fourCC, Enhanced: true, TrackID: part.track,
		Multitrack: part.multitrack, NanoOffset: part.nano, Body: part.body,
	}
	if !a.Codec.IsAudio() {
		return a, unsupportedError(formatAudio, part.at, "audio codec %q; set the encoder to AAC or Opus", part.fourCC)
	}
	switch part.packet {
	case exSequenceStart:
		a.Kind = SequenceStart
	case exCodedFrames:
		a.Kind = Coded
	case exSequenceEnd:
		a.Kind = SequenceEnd
	case exMultichannelConfig:
		a.Kind = MultichannelConfig
	default:
		return a, unsupportedError(formatAudio, part.at, "audio packet type %d", part.packet)
	}
	return a, nil
}

// AppendAudioHeader appends what stands in front of a body of t, at most 5 bytes. frame is the body of a [Coded] packet, of
// which legacy MP3 repeats the rate and the channels; other codecs and kinds do not look at it. It fails where the form
// has no such packet: a codec that is no sound, anything but coded frames for legacy MP3.
func AppendAudioHeader(dst []byte, form Form, t *media.Track, kind PacketKind, frame []byte) ([]byte, error) {
	packet, ok := sharedPacket(kind)
	switch {
	case !t.Codec.IsAudio():
		return dst, fmt.Errorf("write audio header: %s is no audio codec", t.Codec)
	case form == Legacy && t.Codec == media.MP3:
		if kind != Coded {
			return dst, fmt.Errorf("write audio header: no %s for mp3 in the legacy form", kind)
		}
		return append(dst, legacyMP3(t, frame)), nil
	case form == Legacy && t.Codec == media.AAC:
		if kind != SequenceStart && kind != Coded {
			return dst, fmt.Errorf("write audio header: no %s for aac in the legacy form", kind)
		}
		// 44 kHz, 16 bits and stereo whatever it is (FLV 10.1 §E.4.2.1).
		return append(dst, soundAAC<<4|0x0F, packet), nil
	case kind == MultichannelConfig:
		packet = exMultichannelConfig
	case !ok:
		return dst, fmt.Errorf("write audio header: no %s in an audio message", kind)
	}
	dst = append(dst, soundEx<<4|packet)
	return binary.BigEndian.AppendUint32(dst, uint32(FourCCOf(t.Codec))), nil
}

// legacyMP3 gives the first byte of a legacy MP3 message. Rate and channels are those of the frame, else of the track. A
// rate that FLV cannot say is given as the next one, 44.1 kHz at most: decoders go by the frame.
func legacyMP3(t *media.Track, frame []byte) byte {
	rate, channels := t.ClockRate, t.Format.Channels
	if h, err := mp3.ParseHeader(frame); err == nil {
		rate, channels = h.Rate, h.Channels
	}
	const bits16, stereo = 0x02, 0x01
	first := byte(soundMP3<<4 | bits16)
	if channels != 1 {
		first |= stereo
	}
	switch {
	case rate == 8000: // as 5.5 kHz, like ffmpeg, which knows no sound format 14
		return first
	case rate > 0 && rate <= 11025:
		return first | 1<<2
	case rate > 0 && rate <= 22050:
		return first | 2<<2
	}
	return first | 3<<2
}
