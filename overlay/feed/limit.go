package feed

import (
	"bytes"
	"errors"
	"io"
)

// errRow ends the reading of a row that is too long.
var errRow = errors.New("the row is too long")

// rowReader gives the bytes of a file to a decoder, but not more of them for one row than a bound, so that no row makes the
// decoder hold much.
type rowReader struct {
	data []byte
	most int  // bytes for one row
	at   int  // of data, what is given next
	left int  // bytes that the row may still take
	over bool // a row wanted more
}

// begin starts a row.
func (r *rowReader) begin() { r.left = r.most }

// line gives the number of the line at an offset.
func (r *rowReader) line(offset int64) int { return 1 + bytes.Count(r.data[:offset], []byte{'\n'}) }

// Read gives the next bytes.
func (r *rowReader) Read(p []byte) (int, error) {
	if r.at == len(r.data) {
		return 0, io.EOF
	}
	if r.left == 0 {
		r.over = true
		return 0, errRow
	}
	n := copy(p[:min(len(p), r.left)], r.data[r.at:])
	r.at += n
	r.left -= n
	return n, nil
}

// ReadByte gives the next byte. A decoder that uses it reads nothing ahead.
func (r *rowReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := r.Read(b[:])
	return b[0], err
}
