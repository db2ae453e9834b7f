// Package fmp4 writes and reads fragmented MP4 as HLS carries it: an initialization section that describes the tracks, and fragments
// that hold their samples (ISO/IEC 14496-12; ISO/IEC 23000-19, CMAF, whose fragments these are but for the number of their tracks).
//
// What is written, in this order:
//
//  1. [AppendInit] writes the initialization section; [CodecString] names the tracks' codecs for the multivariant playlist.
//  2. [NewRun] makes a run of the frames of each track in a part, and a [Fragment] holds the runs and the events.
//  3. [Fragment.AppendHeader] writes all but the samples, and [Fragment.AppendPayload] gives those as the slices that they are, so that a part
//     of HLS costs its header and no copy of the media.
//
// What is read: [ParseInit], then [Init.ParseFragments] for segments and parts, with their events.
package fmp4

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/simulcart/simulcart/wire"
)

// A box (ISO/IEC 14496-12 §4.2):
//
//	size 32 bits, itself included · type 32 · [ size 64, where the first is 1 ] · body
//
// and a full box, whose body begins with
//
//	version 8 · flags 24

const (
	boxHeader     = 8 // bytes of a box's header
	fullBoxHeader = 12
)

// box writes a box behind dst, around what body appends.
func box(dst []byte, kind string, body func([]byte) []byte) []byte {
	at := len(dst)
	dst = body(begin(dst, kind))
	end(dst, at)
	return dst
}

// fullBox writes a full box of version 0 behind dst, around what body appends.
func fullBox(dst []byte, kind string, flags uint32, body func([]byte) []byte) []byte {
	at := len(dst)
	dst = body(beginFull(dst, kind, 0, flags))
	end(dst, at)
	return dst
}

// begin writes a box's header, whose size [end] writes.
func begin(dst []byte, kind string) []byte { return append(append(dst, 0, 0, 0, 0), kind...) }

// beginFull writes the header of a full box.
func beginFull(dst []byte, kind string, version byte, flags uint32) []byte {
	return binary.BigEndian.AppendUint32(begin(dst, kind), uint32(version)<<24|flags)
}

// end writes the size of the box that begins at byte at and ends with b.
func end(b []byte, at int) { binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at)) }

func appendUint16(dst []byte, values ...uint16) []byte {
	for _, v := range values {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	return dst
}

func appendUint32(dst []byte, values ...uint32) []byte {
	for _, v := range values {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}

// part is a box that was read: a part of the input, and where in the input it is, for errors and for offsets.
type part struct {
	kind   string // four characters
	at     int    // of the header
	body   []byte // behind the header
	bodyAt int    // of the body
}

// boxes walks the boxes in b, which begins at byte at of the input. A box that does not fit ends the walk with a [*wire.SyntaxError].
func boxes(b []byte, at int) iter.Seq2[part, error] {
	return func(yield func(part, error) bool) {
		for len(b) > 0 {
			if len(b) < boxHeader {
				yield(part{}, syntax(at, "a box header of %d bytes needed, %d left", boxHeader, len(b)))
				return
			}
			header, size := boxHeader, uint64(binary.BigEndian.Uint32(b))
			switch {
			case size == 0: // up to the end
				size = uint64(len(b))
			case size == 1 && len(b) >= 2*boxHeader:
				header, size = 2*boxHeader, binary.BigEndian.Uint64(b[boxHeader:])
			}
			p := part{kind: string(b[4:8]), at: at, bodyAt: at + header}
			if size < uint64(header) || size > uint64(len(b)) {
				yield(part{}, syntax(at, "a box %q of %d bytes, %d left", p.kind, size, len(b)))
				return
			}
			p.body = b[header:size:size]
			if !yield(p, nil) {
				return
			}
			b, at = b[size:], at+int(size)
		}
	}
}

// child gives the first box of a kind in p, behind its first skip bytes. One that is missing is a [*wire.SyntaxError].
func (p part) child(kind string, skip int) (part, error) {
	if len(p.body) < skip {
		return part{}, p.short(skip)
	}
	for c, err := range boxes(p.body[skip:], p.bodyAt+skip) {
		if err != nil {
			return part{}, err
		}
		if c.kind == kind {
			return c, nil
		}
	}
	return part{}, syntax(p.at, "no box %q in %q", kind, p.kind)
}

// full takes p as a full box of at least size bytes behind version and flags, and gives these and what is behind them.
func (p part) full(size int) (version byte, flags uint32, body []byte, err error) {
	if len(p.body) < 4+size {
		return 0, 0, nil, p.short(4 + size)
	}
	head := binary.BigEndian.Uint32(p.body)
	return byte(head >> 24), head & (1<<24 - 1), p.body[4:], nil
}

// short is the error of a box whose body has less than so many bytes.
func (p part) short(need int) error {
	return syntax(p.at, "a box %q with a body of %d bytes, at least %d needed", p.kind, len(p.body), need)
}

func syntax(at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "fmp4", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}

func unsupported(at int, msg string, args ...any) error {
	return &wire.UnsupportedError{Format: "fmp4", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}

// MaxFragment bounds a fragment with its samples, in bytes: offsets of samples are signed 32-bit fields (ISO/IEC 14496-12 §8.8.8).
const MaxFragment = math.MaxInt32
