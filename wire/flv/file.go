package flv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An FLV file (FLV 10.1 §E.2, §E.3, §E.4.1):
//
//	"FLV" | version 1 | flags 1 | header size 4 | 0, 4 bytes | tag | tag size 4 | tag | tag size 4 …
//
// and each tag:
//
//	+----------+-----------+-----------------+--------------+-------------+------+
//	| type, 1  | length, 3 | timestamp, 3    | its top, 1   | 0, 3        | body |
//	+----------+-----------+-----------------+--------------+-------------+------+

// Limits on what is read from a file.
const (
	MaxVideoBody = 8 << 20  // bytes of one video tag
	MaxOtherBody = 64 << 10 // bytes of one audio or data tag
)

const (
	fileHeaderSize    = 9
	maxFileHeaderSize = 4096 // more than 9 is allowed for future versions
	tagHeaderSize     = 11
	tagSizeSize       = 4
	maxTagBody        = 1<<24 - 1 // what the length field can say
	encryptedBit      = 0x20
)

// TagType says what the body of a tag is. RTMP uses the same numbers for its messages.
type TagType uint8

// The types of tags.
const (
	TagAudio TagType = 8  // see [ParseAudio]
	TagVideo TagType = 9  // see [ParseVideo]
	TagData  TagType = 18 // see [ParseData]
)

// String gives the name used in errors and logs.
func (t TagType) String() string {
	switch t {
	case TagAudio:
		return "audio"
	case TagVideo:
		return "video"
	case TagData:
		return "data"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Tag is one message of a file.
type Tag struct {
	Type      TagType
	Timestamp int64  // milliseconds, of decoding; the 32 bits of the file are unwrapped, the first ones read as signed
	Body      []byte // belongs to who took the tag
}

// Reader reads the tags of an FLV file or of a pipe.
type Reader struct {
	r      *bufio.Reader
	offset int64 // bytes read
	clock  int64 // of the tag before
}

// NewReader reads from r, beginning with the file's header. Nothing is read before the first Next.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReader(r)} }

// Next gives the next tag. The error is io.EOF where the file ends behind a tag; a *wire.SyntaxError or a
// *wire.UnsupportedError for what cannot be read; otherwise that of the reader, io.ErrUnexpectedEOF in the middle of a tag. After an error there is nothing more to read.
func (r *Reader) Next() (Tag, error) {
	if r.offset == 0 {
		if err := r.header(); err != nil {
			return Tag{}, err
		}
	}
	// The size of the tag before is not looked at: some writers leave it 0, and the last one may be missing.
	var head [tagSizeSize + tagHeaderSize]byte
	start := r.offset + tagSizeSize
	n, err := io.ReadFull(r.r, head[:])
	r.offset += int64(n)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && n == tagSizeSize:
		return Tag{}, io.EOF
	case err != nil:
		return Tag{}, fmt.Errorf("read flv tag at byte %d: %w", start, err)
	}
	return r.tag(head[tagSizeSize:], start)
}

// header reads the file's header, up to the first tag size.
func (r *Reader) header() error {
	var b [fileHeaderSize]byte
	n, err := io.ReadFull(r.r, b[:])
	if r.offset += int64(n); err != nil {
		return fmt.Errorf("read flv header: %w", cut(err))
	}
	size := binary.BigEndian.Uint32(b[5:])
	switch {
	case string(b[:3]) != "FLV":
		return syntaxError(formatFile, 0, "starts with %q, not with FLV", b[:3])
	case b[3] != 1:
		return unsupportedError(formatFile, 3, "version %d", b[3])
	case size < fileHeaderSize || size > maxFileHeaderSize:
		return syntaxError(formatFile, 5, "header of %d bytes", size)
	}
	n, err = r.r.Discard(int(size) - fileHeaderSize)
	if r.offset += int64(n); err != nil {
		return fmt.Errorf("read flv header: %w", cut(err))
	}
	return nil
}

// tag reads the tag whose header, at byte start, is head.
func (r *Reader) tag(head []byte, start int64) (Tag, error) {
	t := Tag{Type: TagType(head[0])}
	limit := MaxOtherBody
	switch t.Type {
	case TagVideo:
		limit = MaxVideoBody
	case TagAudio, TagData:
	case TagAudio | encryptedBit, TagVideo | encryptedBit, TagData | encryptedBit:
		return Tag{}, unsupportedError(formatFile, start, "an encrypted tag")
	default:
		return Tag{}, syntaxError(formatFile, start, "tag of %s", t.Type)
	}
	size := int(uint24(head[1:]))
	if size > limit {
		return Tag{}, unsupportedError(formatFile, start+1, "%s tag of %d bytes, more than %d", t.Type, size, limit)
	}
	// The step from the tag before, in 32 bits, is the nearest one.
	clock := uint24(head[4:]) | uint32(head[7])<<24
	r.clock += int64(int32(clock - uint32(r.clock)))
	t.Timestamp = r.clock
	var err error
	if t.Body, err = r.body(size); err != nil {
		return Tag{}, fmt.Errorf("read %s tag at byte %d: %w", t.Type, start, err)
	}
	return t, nil
}

// body reads size bytes. The buffer grows with what arrives, so that a length alone costs 64 KiB at most.
func (r *Reader) body(size int) ([]byte, error) {
	body := make([]byte, min(size, MaxOtherBody))
	for done := 0; ; {
		n, err := io.ReadFull(r.r, body[done:])
		done += n
		r.offset += int64(n)
		if err != nil {
			return nil, cut(err)
		}
		if done == size {
			return body, nil
		}
		longer := make([]byte, min(size, 2*done))
		copy(longer, body)
		body = longer
	}
}

// cut turns the end of the input, where more must come, into io.ErrUnexpectedEOF.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Writer writes an FLV file. Its fields may be set before the first tag.
type Writer struct {
	NoAudio bool // the header says that there is no audio
	NoVideo bool // the header says that there is no video

	w       io.Writer
	begun   bool
	scratch []byte
}

// NewWriter writes to w. Nothing is written before the first tag.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteTag writes one tag, whose body is the parts one after another, with one call of Write; the first tag takes the file's
// header with it. timestamp is in milliseconds and wraps at 32 bits. A body is at most 16,777,215 bytes.
func (w *Writer) WriteTag(t TagType, timestamp int64, body ...[]byte) error {
	size := 0
	for _, part := range body {
		size += len(part)
	}
	if size > maxTagBody {
		return fmt.Errorf("write %s tag: body of %d bytes, more than %d", t, size, maxTagBody)
	}
	b := w.scratch[:0]
	if !w.begun {
		b = w.appendHeader(b)
	}
	clock := uint32(timestamp)
	b = appendUint24(append(b, byte(t)), uint32(size))
	b = append(appendUint24(b, clock), byte(clock>>24), 0, 0, 0)
	for _, part := range body {
		b = append(b, part...)
	}
	w.scratch = binary.BigEndian.AppendUint32(b, uint32(tagHeaderSize+size))
	w.begun = true
	if _, err := w.w.Write(w.scratch); err != nil {
		return fmt.Errorf("write %s tag: %w", t, err)
	}
	return nil
}

func (w *Writer) appendHeader(b []byte) []byte {
	flags := byte(0)
	if !w.NoAudio {
		flags |= 0x04
	}
	if !w.NoVideo {
		flags |= 0x01
	}
	return append(b, 'F', 'L', 'V', 1, flags, 0, 0, 0, fileHeaderSize, 0, 0, 0, 0)
}
