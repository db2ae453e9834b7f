// Package bits reads and writes the bit fields that codec headers are made of.
package bits

import (
	"fmt"
	"math/bits"

	"github.com/simulcart/simulcart/wire"
)

// Reader reads the bit fields that codec headers are made of, from the most significant bit on.
// Its first error sticks: each read after it gives zero, so that a parser checks [Reader.Err] once.
type Reader struct {
	format string
	data   []byte
	pos    int // in bits
	err    error
}

// NewReader reads data. The format names the structure in errors, such as "h264 sps".
func NewReader(format string, data []byte) *Reader {
	return &Reader{format: format, data: data}
}

// Bits reads a field of n bits, 0 to 32: u(n) in the video standards, f(n) in AV1, uimsbf in MPEG-4.
func (r *Reader) Bits(n int) uint32 {
	if r.err != nil {
		return 0
	}
	if left := r.Left(); n > left {
		r.Fail("%d bits needed, %d left", n, left)
		return 0
	}
	var v uint64
	for n > 0 {
		used := r.pos & 7
		take := min(8-used, n)
		chunk := r.data[r.pos>>3] << used >> (8 - take)
		v = v<<take | uint64(chunk)
		r.pos += take
		n -= take
	}
	return uint32(v)
}

// Flag reads one bit.
func (r *Reader) Flag() bool { return r.Bits(1) == 1 }

// Skip passes over n bits, of any count.
func (r *Reader) Skip(n int) {
	if r.err != nil {
		return
	}
	if left := r.Left(); n > left {
		r.Fail("%d bits needed, %d left", n, left)
		return
	}
	r.pos += n
}

// Align passes over the bits up to the next whole byte.
func (r *Reader) Align() { r.Skip(-r.pos & 7) }

// UE reads an unsigned Exp-Golomb code, 0 to 2^32-2: ue(v) in ITU-T H.264 §9.1 and H.265 §9.2, uvlc() in AV1 §4.10.3.
func (r *Reader) UE() uint32 {
	zeros := 0
	for r.err == nil && !r.Flag() {
		zeros++
		if zeros > 31 {
			r.Fail("an Exp-Golomb code of more than 31 leading zero bits")
		}
	}
	if r.err != nil {
		return 0
	}
	return 1<<zeros - 1 + r.Bits(zeros)
}

// SE reads a signed Exp-Golomb code: se(v) in ITU-T H.264 §9.1.1, H.265 §9.2.2.
func (r *Reader) SE() int32 {
	v := r.UE()
	if v&1 == 1 {
		return int32(v>>1) + 1
	}
	return -int32(v >> 1)
}

// UEMax reads an unsigned Exp-Golomb code that the standard keeps to at most the given value; more is a syntax error
// that names the field.
func (r *Reader) UEMax(name string, most uint32) int {
	v := r.UE()
	if v > most {
		r.Fail("%s is %d, more than %d", name, v, most)
		return 0
	}
	return int(v)
}

// Left gives the count of bits not read yet.
func (r *Reader) Left() int { return len(r.data)*8 - r.pos }

// Offset gives the byte that holds the next bit.
func (r *Reader) Offset() int { return r.pos >> 3 }

// Err gives the first error, a [*wire.SyntaxError], or nil.
func (r *Reader) Err() error { return r.err }

// Fail makes a syntax error at the current byte the reader's error, unless it has one.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = &wire.SyntaxError{Format: r.format, Offset: int64(r.Offset()), Msg: fmt.Sprintf(format, args...)}
	}
}

// Refuse makes an unsupported feature at the current byte the reader's error, unless it has one.
func (r *Reader) Refuse(msg string) {
	if r.err == nil {
		r.err = &wire.UnsupportedError{Format: r.format, Offset: int64(r.Offset()), Msg: msg}
	}
}

// Writer appends bit fields to a byte slice, the most significant bit first. Its zero value starts an empty slice.
type Writer struct {
	data []byte
	free int // bits not used yet in the last byte
}

// Bits writes the low n bits of v, 0 to 32.
func (w *Writer) Bits(v uint32, n int) {
	for n > 0 {
		if w.free == 0 {
			w.data = append(w.data, 0)
			w.free = 8
		}
		take := min(w.free, n)
		chunk := byte(v>>(n-take)) & (1<<take - 1)
		w.data[len(w.data)-1] |= chunk << (w.free - take)
		w.free -= take
		n -= take
	}
}

// Flag writes one bit.
func (w *Writer) Flag(v bool) {
	if v {
		w.Bits(1, 1)
		return
	}
	w.Bits(0, 1)
}

// UE writes an unsigned Exp-Golomb code, 0 to 2^32-2.
func (w *Writer) UE(v uint32) {
	n := bits.Len32(v + 1)
	w.Bits(0, n-1)
	w.Bits(v+1, n)
}

// Bytes gives what was written, the last byte filled with zero bits.
func (w *Writer) Bytes() []byte { return w.data }
