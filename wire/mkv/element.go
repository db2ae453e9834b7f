package mkv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/bits"
)

// element is the header of an element.
type element struct {
	id   uint32
	size uint64 // of the body; unknownSize where it is not told
	at   int64  // where the header is
}

// vint reads an id or a size at the start of b: its bytes as a number, and how many they are. Those of a size are told without the
// marker, with all ones for unknownSize. It gives 0 bytes where b is too short or begins with a length above most.
func vint(b []byte, most int, keepMarker bool) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = bits.LeadingZeros8(b[0]) + 1
	if n > most || n > len(b) {
		return 0, 0
	}
	for _, c := range b[:n] {
		v = v<<8 | uint64(c)
	}
	if keepMarker {
		return v, n
	}
	v &^= 1 << (7 * n)
	if v == 1<<(7*n)-1 {
		v = unknownSize
	}
	return v, n
}

// parseElement reads the header of an element at the start of b, and gives its length; 0 where it is not one or not whole.
func parseElement(b []byte, at int64) (e element, n int) {
	id, idSize := vint(b, 4, true)
	if idSize == 0 {
		return element{}, 0
	}
	size, sizeSize := vint(b[idSize:], 8, false)
	if sizeSize == 0 {
		return element{}, 0
	}
	return element{id: uint32(id), size: size, at: at}, idSize + sizeSize
}

// children walks the elements in the body of another, which is at byte at of the stream. One that does not fit ends the walk with a
// [*wire.SyntaxError].
func children(body []byte, at int64) iter.Seq2[part, error] {
	return func(yield func(part, error) bool) {
		for len(body) > 0 {
			e, n := parseElement(body, at)
			left := uint64(len(body) - n)
			switch {
			case n == 0:
				yield(part{}, syntax(at, "no element in the %d bytes that are left", len(body)))
				return
			case e.size > left:
				yield(part{}, syntax(at, "element %X of %d bytes, %d left", e.id, e.size, left))
				return
			}
			end := n + int(e.size)
			if !yield(part{element: e, body: body[n:end:end], bodyAt: at + int64(n)}, nil) {
				return
			}
			body, at = body[end:], at+int64(end)
		}
	}
}

// part is an element with its body.
type part struct {
	element
	body   []byte
	bodyAt int64
}

// uint reads an unsigned integer, RFC 8794 §7.2.
func (p part) uint() (v uint64, err error) {
	if len(p.body) > 8 {
		return 0, syntax(p.at, "integer %X of %d bytes", p.id, len(p.body))
	}
	for _, c := range p.body {
		v = v<<8 | uint64(c)
	}
	return v, nil
}

// small is uint for what fits 31 bits.
func (p part) small() (int, error) {
	v, err := p.uint()
	if err == nil && v > math.MaxInt32 {
		err = syntax(p.at, "integer %X is %d", p.id, v)
	}
	return int(v & math.MaxInt32), err
}

// float reads a floating-point number of 0, 4 or 8 bytes, RFC 8794 §7.3.
func (p part) float() (float64, error) {
	v, err := p.uint()
	switch {
	case err != nil:
	case len(p.body) == 0:
		return 0, nil
	case len(p.body) == 4:
		return float64(math.Float32frombits(uint32(v))), nil
	case len(p.body) == 8:
		return math.Float64frombits(v), nil
	default:
		err = syntax(p.at, "floating-point number %X of %d bytes", p.id, len(p.body))
	}
	return 0, err
}

// source reads elements from a stream and knows where it is.
type source struct {
	r  *bufio.Reader
	at int64
}

// next reads the header of the next element. It returns io.EOF where the stream ends in front of it.
func (s *source) next() (element, error) {
	const longest = 4 + 8
	b, err := s.r.Peek(2)
	if len(b) == 0 {
		return element{}, ended(err)
	}
	need := bits.LeadingZeros8(b[0]) + 1
	b, err = s.r.Peek(need + 1)
	if len(b) > need && need <= 4 {
		need += bits.LeadingZeros8(b[need]) + 1
		b, err = s.r.Peek(min(need, longest))
	}
	e, n := parseElement(b, s.at)
	switch {
	case n == 0 && len(b) < min(need, longest):
		return element{}, s.short(err)
	case n == 0:
		return element{}, syntax(s.at, "no element: bytes % X", b)
	}
	s.skipped(s.r.Discard(n))
	return e, nil
}

// body reads the body of e, of most bytes at most. It takes memory as the bytes come, not as their number is told.
func (s *source) body(e element, most int) (part, error) {
	if e.size > uint64(most) {
		return part{}, syntax(e.at, "element %X of %d bytes, at most %d", e.id, e.size, most)
	}
	const step = 1 << 20
	p := part{element: e, bodyAt: s.at, body: make([]byte, 0, min(int(e.size), step))}
	for left := int(e.size); left > 0; left = int(e.size) - len(p.body) {
		from := len(p.body)
		p.body = append(p.body, make([]byte, min(left, step))...)
		n, err := io.ReadFull(s.r, p.body[from:])
		s.at += int64(n)
		if err != nil {
			return part{}, s.short(err)
		}
	}
	return p, nil
}

// skip passes over the body of e.
func (s *source) skip(e element) error {
	if e.size >= math.MaxInt32 {
		return syntax(e.at, "element %X of unknown size, or too large", e.id)
	}
	n, err := s.r.Discard(int(e.size))
	s.at += int64(n)
	if err != nil {
		return s.short(err)
	}
	return nil
}

// skipped counts what was peeked at and is discarded.
func (s *source) skipped(n int, _ error) { s.at += int64(n) }

// short is the error of a stream that ends within an element, or that cannot be read.
func (s *source) short(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return syntax(s.at, "the stream ends within an element")
	}
	return fmt.Errorf("read mkv: %w", err)
}

// ended is the error of a stream that ends between elements, or that cannot be read.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("read mkv: %w", err)
}
