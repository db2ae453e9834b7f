package flv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// The first byte of a video message, legacy (FLV 10.1 §E.4.3.1) and enhanced (Enhanced RTMP v2, "Enhanced Video"):
//
//	 7 6 5 4 3 2 1 0          7 6 5 4 3 2 1 0
//	+-------+-------+        +-+-----+-------+
//	| frame | codec |        |1|frame|packet |
//	+-------+-------+        +-+-----+-------+
//
// Legacy H.264 (and HEVC and AV1 as Chinese encoders send them) goes on with a packet type in one byte and a composition
// time in three.

// FrameType is the frame type of the first byte.
type FrameType uint8

// The frame types. 0, 6 and 7 are reserved.
const (
	KeyFrame          FrameType = 1
	InterFrame        FrameType = 2
	DisposableFrame   FrameType = 3 // of H.263 only, but some encoders mark B-frames with it
	GeneratedKeyFrame FrameType = 4 // reserved for servers
	CommandFrame      FrameType = 5
)

// The codec numbers of the legacy form that are read. 12 and 13 are no part of Adobe's specification.
const (
	codecIDAVC  = 7
	codecIDHEVC = 12
	codecIDAV1  = 13
)

// The packet types of enhanced video that audio has not.
const (
	exCodedFramesX         = 3 // without a composition time, which is 0
	exVideoMetadata        = 4
	exMPEG2TSSequenceStart = 5
	exVideoMultitrack      = 6
)

// exFlag is the bit of the first byte that says that the message is enhanced.
const exFlag = 0x80

// Video is one video packet: a message, or one track of a multitrack message.
type Video struct {
	Codec       media.Codec // Unknown for an empty message and for a command
	FourCC      FourCC      // 0 in the legacy form
	Enhanced    bool        // by FourCC, and not by number
	Kind        PacketKind  //
	FrameType   FrameType   // as on the wire; means nothing for [VideoMetadata], 0 for an empty message
	Key         bool        // a coded key frame; false for everything that is not [Coded]
	Composition int32       // milliseconds from DTS to PTS, -8388608 to 8388607; only for [Coded]
	TrackID     uint8       // 0 outside multitrack messages
	Multitrack  bool        //
	NanoOffset  uint32      // nanoseconds to add to the message's timestamp, 0 to 999999
	Body        []byte      // refers to the input
}

// ParseVideo reads the body of a video message and appends its packets to dst: one, and more only for a multitrack message.
// It allocates nothing where dst has room. Malformed input is a *wire.SyntaxError. A codec that simulcart does not carry is
// a *wire.UnsupportedError that says what to set instead; the other tracks of the message are given nevertheless.
func ParseVideo(b []byte, dst []Video) ([]Video, error) {
	if len(b) == 0 {
		return append(dst, Video{Kind: Empty}), nil
	}
	if b[0]&exFlag != 0 {
		return parseEnhancedVideo(b, dst)
	}
	v, err := parseLegacyVideo(b)
	if err != nil {
		return dst, err
	}
	return append(dst, v), nil
}

// parseLegacyVideo reads a VideoTagHeader (FLV 10.1 §E.4.3.1).
func parseLegacyVideo(b []byte) (Video, error) {
	v := Video{FrameType: FrameType(b[0] >> 4), Body: b[1:]}
	if v.FrameType == CommandFrame {
		v.Kind = Command
		return v, nil
	}
	var err error
	if v.Codec, err = legacyVideoCodec(b[0] & 0x0F); err != nil {
		return v, err
	}
	if len(b) < 2 {
		return v, syntaxError(formatVideo, 1, "no packet type")
	}
	switch b[1] {
	case 0:
		v.Kind = SequenceStart
	case 1:
		v.Kind = Coded
	case 2:
		v.Kind, v.Body = SequenceEnd, b[min(5, len(b)):]
		return v, nil // often without a composition time
	default:
		return v, syntaxError(formatVideo, 1, "packet type %d of %s", b[1], v.Codec)
	}
	if len(b) < 5 {
		return v, syntaxError(formatVideo, 2, "composition time needs 3 bytes, %d are left", len(b)-2)
	}
	if v.Body = b[5:]; v.Kind == Coded {
		v.Composition = int24(b[2:])
		return v, v.setKey(0)
	}
	return v, nil
}

// legacyVideoCodec gives the codec of a codec number.
func legacyVideoCodec(id uint8) (media.Codec, error) {
	var name string
	switch id {
	case codecIDAVC:
		return media.H264, nil
	case codecIDHEVC:
		return media.HEVC, nil
	case codecIDAV1:
		return media.AV1, nil
	case 2:
		name = "Sorenson H.263"
	case 3, 6:
		name = "Screen video"
	case 4, 5:
		name = "On2 VP6"
	default:
		name = fmt.Sprintf("video codec number %d", id)
	}
	return media.Unknown, unsupportedError(formatVideo, 0, "%s; set the encoder to H.264", name)
}

// setKey checks the frame type of a coded frame, which stands at byte at, and says whether it is a key frame.
func (v *Video) setKey(at int) error {
	switch v.FrameType {
	case KeyFrame, GeneratedKeyFrame:
		v.Key = true
	case InterFrame, DisposableFrame:
	default:
		return syntaxError(formatVideo, at, "frame type %d", v.FrameType)
	}
	return nil
}

// parseEnhancedVideo reads an ExVideoTagHeader and each track's ExVideoTagBody.
func parseEnhancedVideo(b []byte, dst []Video) ([]Video, error) {
	frame := FrameType(b[0] >> 4 & 0x07)
	r := newExReader(formatVideo, exVideoMultitrack, b)
	if err := r.modEx(); err != nil {
		return dst, err
	}
	if frame == CommandFrame && r.part.packet != exVideoMetadata {
		return append(dst, Video{
			Enhanced: true, Kind: Command, FrameType: frame, NanoOffset: r.part.nano, Body: b[r.at:],
		}), nil
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
		v, err := enhancedVideo(frame, part)
		if err == nil {
			dst = append(dst, v)
		} else if _, ok := errors.AsType[*wire.UnsupportedError](err); ok {
			skipped = err
		} else {
			return dst, err
		}
	}
	return dst, skipped
}

// enhancedVideo reads one track's ExVideoTagBody.
func enhancedVideo(frame FrameType, part exPart) (Video, error) {
	v := Video{
		Codec: part.fourCC.Codec(), FourCC: part.fourCC, Enhanced: true, FrameType: frame, TrackID: part.track,
		Multitrack: part.multitrack, NanoOffset: part.nano, Body: part.body,
	}
	if !v.Codec.IsVideo() {
		return v, unsupportedError(formatVideo, part.at, "video codec %q; set the encoder to H.264, HEVC or AV1", part.fourCC)
	}
	switch part.packet {
	case exSequenceStart:
		v.Kind = SequenceStart
	case exSequenceEnd:
		v.Kind = SequenceEnd
	case exVideoMetadata:
		v.Kind = VideoMetadata
	case exCodedFrames, exCodedFramesX:
		v.Kind = Coded
		if part.packet == exCodedFrames && hasComposition(v.Codec) {
			if len(v.Body) < 3 {
				return v, syntaxError(formatVideo, part.at, "composition time needs 3 bytes, %d are left", len(v.Body))
			}
			v.Composition, v.Body = int24(v.Body), v.Body[3:]
		}
		return v, v.setKey(0)
	case exMPEG2TSSequenceStart:
		return v, unsupportedError(formatVideo, part.at, "AV1 in MPEG-2 TS form; send a plain sequence start")
	default:
		return v, unsupportedError(formatVideo, part.at, "video packet type %d", part.packet)
	}
	return v, nil
}

// hasComposition says whether coded frames of c carry a composition time in the enhanced form.
func hasComposition(c media.Codec) bool { return c == media.H264 || c == media.HEVC }

// AppendVideoHeader appends what stands in front of a body of c, at most 8 bytes. key and composition, in milliseconds from
// DTS to PTS, count for [Coded] only. It fails where the form has no such packet: a codec that is no video, a
// composition time beyond 24 bits or of a codec without one, metadata in the legacy form.
func AppendVideoHeader(dst []byte, form Form, c media.Codec, kind PacketKind, key bool, composition int32) ([]byte, error) {
	if !c.IsVideo() {
		return dst, fmt.Errorf("write video header: %s is no video codec", c)
	}
	if kind != Coded {
		key, composition = true, 0
	}
	frame := InterFrame
	if key {
		frame = KeyFrame
	}
	if composition != int32(uint32(composition)<<8)>>8 {
		return dst, fmt.Errorf("write video header: composition time of %d ms is beyond 24 bits", composition)
	}
	if form == Legacy && c == media.H264 {
		packet, ok := sharedPacket(kind)
		if !ok {
			return dst, fmt.Errorf("write video header: no %s in the legacy form", kind)
		}
		return appendUint24(append(dst, byte(frame)<<4|codecIDAVC, packet), uint32(composition)), nil
	}
	if composition != 0 && !hasComposition(c) {
		return dst, fmt.Errorf("write video header: %s has no composition time", c)
	}
	packet, ok := sharedPacket(kind)
	switch {
	case kind == VideoMetadata:
		packet, frame = exVideoMetadata, CommandFrame // as ffmpeg does; the frame type means nothing here
	case !ok:
		return dst, fmt.Errorf("write video header: no %s in a video message", kind)
	case kind == Coded && composition == 0 && hasComposition(c):
		packet = exCodedFramesX
	}
	dst = append(dst, exFlag|byte(frame)<<4|packet)
	dst = binary.BigEndian.AppendUint32(dst, uint32(FourCCOf(c)))
	if composition != 0 {
		dst = appendUint24(dst, uint32(composition))
	}
	return dst, nil
}

// sharedPacket gives the packet type of the three kinds that all forms have, with the same numbers.
func sharedPacket(kind PacketKind) (packet uint8, ok bool) {
	switch kind {
	case SequenceStart:
		return exSequenceStart, true
	case Coded:
		return exCodedFrames, true
	case SequenceEnd:
		return exSequenceEnd, true
	}
	return 0, false
}
