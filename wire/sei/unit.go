package sei

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/nal"
)

// kind is what matters here of a NAL unit's or OBU's type.
type kind uint8

const (
	other   kind = iota
	leading      // AV1: stays in front of metadata
	message      // may hold messages
	picture      // begins the coded picture: messages stand before it
)

// unit is a NAL unit or an OBU within an access unit.
type unit struct {
	kind       kind
	start, end int    // in the access unit, length and headers included
	body       []byte // what follows the headers; it ends at end
}

// next gives the unit that begins at byte at of an access unit of a codec that carries messages. A unit that does not fit is a
// [*wire.SyntaxError].
func next(c media.Codec, data []byte, at int) (unit, error) {
	if c == media.AV1 {
		return nextOBU(data, at)
	}
	left := len(data) - at - lengthSize
	if left < 0 {
		return unit{}, syntax("NAL units", at, "a NAL unit length of %d bytes needed, %d left", lengthSize, len(data)-at)
	}
	start := at + lengthSize
	size := binary.BigEndian.Uint32(data[at:])
	if uint64(size) > uint64(left) {
		return unit{}, syntax("NAL units", start, "a NAL unit of %d bytes, %d left", size, left)
	}
	u := unit{start: at, end: start + int(size)}
	whole := data[start:u.end:u.end]
	switch {
	case len(whole) == 0:
	case c == media.HEVC:
		u.kind, u.body = kindOfHEVC(hevc.TypeOf(whole)), whole[min(2, len(whole)):]
	default:
		u.kind, u.body = kindOfH264(h264.TypeOf(whole)), whole[1:]
	}
	return u, nil
}

// kindOfH264 counts the prefixes of a slice, and slices of further layers, to the picture (ITU-T H.264 §7.4.1.2.3).
func kindOfH264(t h264.NALType) kind {
	switch t {
	case h264.SEI:
		return message
	case h264.Slice, h264.PartitionA, h264.PartitionB, h264.PartitionC, h264.IDR, h264.Prefix, 20, 21:
		return picture
	}
	return other
}

// kindOfHEVC goes by ITU-T H.265 table 7-1: the types below 32 are those of slices.
func kindOfHEVC(t hevc.NALType) kind {
	switch {
	case t == hevc.PrefixSEI || t == hevc.SuffixSEI:
		return message
	case t < hevc.VideoSet:
		return picture
	}
	return other
}

func nextOBU(data []byte, at int) (unit, error) {
	obu, err := av1.ReadOBU(data, at)
	if err != nil {
		return unit{}, err
	}
	return unit{kind: kindOfOBU(obu.Type), start: at, end: at + len(obu.Raw), body: obu.Payload}, nil
}

func kindOfOBU(t av1.OBUType) kind {
	switch t {
	case av1.SequenceHeader, av1.TemporalDelimiter:
		return leading
	case av1.Metadata:
		return message
	case av1.FrameHeader, av1.TileGroup, av1.Frame, av1.RedundantFrameHeader, av1.TileList:
		return picture
	}
	return other
}

// Place gives the byte of an access unit of c in front of which a message of [Append] belongs. For H.264 and HEVC that is before
// the first slice, behind delimiter, parameter sets and other SEI (a buffering period must come first); for AV1 behind the
// sequence header, at the front where there is none. An access unit without a picture, or one that does not fit its lengths, is
// a [*wire.SyntaxError]; a codec that carries none is a [*wire.UnsupportedError].
func Place(c media.Codec, data []byte) (offset int, err error) {
	if !Carries(c) {
		return 0, unsupported(c)
	}
	for at := 0; at < len(data); {
		u, err := next(c, data, at)
		switch {
		case err != nil:
			return 0, err
		case u.kind == picture && c == media.AV1:
			return offset, nil
		case u.kind == picture:
			return at, nil
		case u.kind == leading:
			offset = u.end
		}
		at = u.end
	}
	return 0, syntax("access unit", len(data), "no picture in %d bytes", len(data))
}

// Strip takes the messages with our UUID out of an access unit of c, and with them the SEI NAL units and metadata OBUs that hold
// nothing else. All other units stay byte for byte; an SEI NAL unit that holds other messages too is written anew with those. Where
// there is none of ours, out is data itself and nothing is allocated; else it is a copy, and it is empty where nothing is left. A
// message of ours that is cut short goes with all that follows it in its NAL unit. Data that does not fit its lengths is looked at
// up to there. Messages nested in others are not looked for.
func Strip(c media.Codec, data []byte) (out []byte, found bool) {
	if !Carries(c) {
		return data, false
	}
	done := 0 // bytes that are in out or left out
	for at := 0; at < len(data); {
		u, err := next(c, data, at)
		if err != nil {
			break
		}
		at = u.end
		if u.kind != message || !bytes.Contains(u.body, []byte(uuid)) {
			continue
		}
		cut, ours := without(c, data, u)
		if !ours {
			continue
		}
		if !found {
			found, out = true, make([]byte, 0, len(data))
		}
		out = append(append(out, data[done:u.start]...), cut...)
		done = u.end
	}
	if !found {
		return data, false
	}
	return append(out, data[done:]...), true
}

// without gives a unit that holds messages without ours, and whether there was one: nothing where it holds no others.
func without(c media.Codec, data []byte, u unit) (cut []byte, found bool) {
	if c == media.AV1 {
		t, content, err := metadata(u.body)
		_, found = overlay(c, t, content)
		return nil, err == nil && found
	}
	rbsp := nal.Payload(u.body, 0)
	s := newScanner(rbsp)
	e := escaper{out: append(make([]byte, 0, u.end-u.start), data[u.start:u.end-len(u.body)]...)}
	empty := len(e.out)
	for m, ok := s.next(); ok; m, ok = s.next() {
		if _, ours := overlay(c, m.kind, rbsp[m.payload:m.end]); ours {
			found = true
			continue
		}
		e.write(rbsp[m.start:m.end])
	}
	if !found || len(e.out) == empty {
		return nil, found
	}
	e.write([]byte{stopBit})
	return withLength(e.out, 0), true
}

// moved adds to the offset of a [*wire.SyntaxError].
func moved(err error, by int) error {
	var s *wire.SyntaxError
	if errors.As(err, &s) {
		s.Offset += int64(by)
	}
	return err
}

func syntax(format string, at int, text string, args ...any) error {
	return &wire.SyntaxError{Format: format, Offset: int64(at), Msg: fmt.Sprintf(text, args...)}
}
