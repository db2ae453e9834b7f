// Package mkv writes and reads Matroska (RFC 9559) as it runs through a pipe: a header that describes the tracks, then blocks, one frame
// each, with no index, no seeking and no end that must be written.
//
// What is written, in this order:
//
//  1. [NewWriter] writes the header: a segment of unknown size, the tick, the tracks.
//  2. [Writer.WriteFrame] writes each frame at once, as a cluster that holds nothing else, so that whoever reads the pipe never waits for
//     the next frame to know that this one is whole.
//
// What is read: [NewReader] reads up to the tracks, then [Reader.Next] gives frame after frame, from whatever clusters the other side made.
//
// Matroska tells when a frame is shown, not when it is decoded. What a decoder puts out before its first good sample (CodecDelay, the
// pre-skip of Opus) is part of a block's time in Matroska; here it is taken off and put on, so that a frame's PTS is the time at which a
// decoder that knows of no delay plays it.
package mkv

import (
	"fmt"

	"github.com/simulcart/simulcart/wire"
)

// An element (RFC 8794 §4 to §6):
//
//	id    1 to 4 bytes   the zero bits in front of the first one count the bytes behind the first
//	size  1 to 8 bytes   the same, with the first one taken off; all others ones: unknown
//	body  as many bytes

// The elements that are read or written, RFC 9559 §5.1 and RFC 8794 §11.2.
const (
	idEBML            = 0x1a45dfa3
	idEBMLVersion     = 0x4286
	idEBMLReadVersion = 0x42f7
	idMaxIDLength     = 0x42f2
	idMaxSizeLength   = 0x42f3
	idDocType         = 0x4282
	idDocTypeVersion  = 0x4287
	idDocTypeRead     = 0x4285

	idSegment        = 0x18538067
	idInfo           = 0x1549a966
	idTimestampScale = 0x2ad7b1
	idMuxingApp      = 0x4d80
	idWritingApp     = 0x5741

	idTracks           = 0x1654ae6b
	idTrackEntry       = 0xae
	idTrackNumber      = 0xd7
	idTrackUID         = 0x73c5
	idTrackType        = 0x83
	idDefaultDuration  = 0x23e383
	idFlagLacing       = 0x9c
	idCodecID          = 0x86
	idCodecPrivate     = 0x63a2
	idCodecDelay       = 0x56aa
	idSeekPreRoll      = 0x56bb
	idVideo            = 0xe0
	idPixelWidth       = 0xb0
	idPixelHeight      = 0xba
	idAudio            = 0xe1
	idSamplingRate     = 0xb5
	idChannels         = 0x9f
	idContentEncodings = 0x6d80

	idCluster     = 0x1f43b675
	idTimestamp   = 0xe7
	idSimpleBlock = 0xa3
	idBlockGroup  = 0xa0
	idBlock       = 0xa1
	idReference   = 0xfb
)

// TrackType, RFC 9559 §5.1.4.1.3.
const (
	typeVideo = 1
	typeAudio = 2
)

// A block begins so (RFC 9559 §10.1, §10.2):
//
//	track number 1 to 8 bytes, as a size · time against the cluster 16 bits, signed · flags 8
//
//	flags: key 1 (simple blocks only) · reserved 3 · invisible 1 · lacing 2 · discardable 1

const (
	flagKey    = 0x80
	flagLacing = 0x06
)

// unknownSize says that an element ends where something begins that cannot be in it.
const unknownSize = 1<<56 - 1

// MaxFrame bounds the frames that are read, in bytes.
const MaxFrame = 16 << 20

const (
	maxHeader = 4 << 10 // bytes of the EBML header and of the segment's information
	maxTracks = 1 << 20 // bytes of the description of all tracks
)

func syntax(at int64, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "mkv", Offset: at, Msg: fmt.Sprintf(msg, args...)}
}

func unsupported(at int64, msg string, args ...any) error {
	return &wire.UnsupportedError{Format: "mkv", Offset: at, Msg: fmt.Sprintf(msg, args...)}
}
