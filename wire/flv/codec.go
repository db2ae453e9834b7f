// Package flv reads and writes what Flash Video and RTMP have in common: the bodies of audio, video and data messages,
// and FLV files, which are the same bodies one after another.
//
// There are two generations. The legacy one names a codec by a number (Adobe, "Video File Format Specification 10.1",
// annex E). Enhanced RTMP names it by a FourCC (Veovera, "Enhanced RTMP v2"). Both are read; a [Form] says what is written.
//
// Bodies are never copied: what is read refers to the input, and what is written is a header to put in front of a body.
package flv

import (
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// The formats that errors name.
const (
	formatVideo = "flv video"
	formatAudio = "flv audio"
	formatFile  = "flv file"
)

// MaxTracks bounds the tracks of one multitrack message.
const MaxTracks = 8

// FourCC names a codec in Enhanced RTMP: four ASCII characters, the first one in the highest byte. Zero is none.
type FourCC uint32

// The codecs that Enhanced RTMP v2 names and simulcart carries.
const (
	FourCCAVC1 FourCC = 'a'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCHVC1 FourCC = 'h'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCAV01 FourCC = 'a'<<24 | 'v'<<16 | '0'<<8 | '1'
	FourCCVP08 FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '8'
	FourCCVP09 FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '9'
	FourCCMP4A FourCC = 'm'<<24 | 'p'<<16 | '4'<<8 | 'a'
	FourCCOpus FourCC = 'O'<<24 | 'p'<<16 | 'u'<<8 | 's'
	FourCCFLAC FourCC = 'f'<<24 | 'L'<<16 | 'a'<<8 | 'C'
	FourCCMP3  FourCC = '.'<<24 | 'm'<<16 | 'p'<<8 | '3'
)

// FourCCOf gives the FourCC of c, 0 where it has none.
func FourCCOf(c media.Codec) FourCC {
	switch c {
	case media.H264:
		return FourCCAVC1
	case media.HEVC:
		return FourCCHVC1
	case media.AV1:
		return FourCCAV01
	case media.VP8:
		return FourCCVP08
	case media.VP9:
		return FourCCVP09
	case media.AAC:
		return FourCCMP4A
	case media.Opus:
		return FourCCOpus
	case media.FLAC:
		return FourCCFLAC
	case media.MP3:
		return FourCCMP3
	}
	return 0
}

// Codec gives the codec that f names, Unknown where simulcart does not carry it.
func (f FourCC) Codec() media.Codec {
	for c := media.H264; c <= media.MP3; c++ {
		if FourCCOf(c) == f {
			return c
		}
	}
	return media.Unknown
}

// String gives the four characters, those that are not printable as \x and two digits.
func (f FourCC) String() string {
	s := fmt.Sprintf("%q", []byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)})
	return s[1 : len(s)-1]
}

// Form says how codecs are named in what is written.
type Form uint8

// The two generations.
const (
	Legacy   Form = iota // by number where there is one (H.264, AAC, MP3), by FourCC otherwise
	Enhanced             // by FourCC always; the peer must have said that it takes them
)

// String gives "legacy" or "enhanced".
func (f Form) String() string {
	if f == Enhanced {
		return "enhanced"
	}
	return "legacy"
}

// PacketKind says what the body of a message is. The set is closed, and covers both generations, audio and video.
type PacketKind uint8

// The kinds of packets.
const (
	Empty              PacketKind = iota // a message without a body; for audio it says that silence begins
	SequenceStart                        // the decoder configuration; some encoders send an empty one first, before they know it
	Coded                                // one frame
	SequenceEnd                          // nothing more comes of this track
	VideoMetadata                        // AMF0 pairs of name and value, such as colorInfo for HDR
	Command                              // one byte: 0 seeking starts, 1 seeking ends
	MultichannelConfig                   // the order of the channels
)

var kindNames = [...]string{
	Empty: "empty", SequenceStart: "sequence start", Coded: "coded", SequenceEnd: "sequence end",
	VideoMetadata: "video metadata", Command: "command", MultichannelConfig: "multichannel config",
}

// String gives the name used in errors and logs.
func (k PacketKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

func syntaxError[N int | int64](format string, at N, text string, args ...any) error {
	return &wire.SyntaxError{Format: format, Offset: int64(at), Msg: fmt.Sprintf(text, args...)}
}

func unsupportedError[N int | int64](format string, at N, text string, args ...any) error {
	return &wire.UnsupportedError{Format: format, Offset: int64(at), Msg: fmt.Sprintf(text, args...)}
}
