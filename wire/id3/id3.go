// Package id3 writes and reads ID3v2.4 tags that hold one text of the user's own: how HLS carries timed metadata. The tag is the data of an
// event message (ID3v2.4.0 main structure and native frames; "Timed Metadata for HTTP Live Streaming" of Apple).
package id3

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/simulcart/simulcart/wire"
)

// MaxSize bounds a tag, its header included, in bytes: more than any overlay state, less than would fill a memory.
const MaxSize = 1 << 20

const (
	headerSize   = 10 // of the tag, and of each frame
	utf8Text     = 3  // the encoding byte of a text in UTF-8
	terminator   = "\x00"
	frameTXXX    = "TXXX"
	version      = 4
	flagFooter   = 0x10       // the one flag of the tag that changes nothing in front of it
	notSynchsafe = 0x80808080 // bits that are never set in a synchsafe size
)

// Text is a user-defined text frame, ID3v2.4.0 native frames §4.2.6, in a tag of its own (ID3v2.4.0 structure §3.1, §4):
//
//	"ID3"  version 4, revision 0  flags   size, synchsafe         3, 2, 1, 4 bytes
//	"TXXX" size, synchsafe        flags                           4, 4, 2
//	encoding = 3 (UTF-8)  description  0  value                   1, …, 1, …
//
// A synchsafe size holds 7 bits in each byte, so that no byte of it looks like the sync code of MPEG audio (structure §6.2).
type Text struct {
	Description string // says what the value is; UTF-8 without a zero character
	Value       string // UTF-8 without a zero character
}

// Append writes the tag behind dst. It fails for text that is no UTF-8 or has a zero character, and for tags above [MaxSize].
func (t Text) Append(dst []byte) ([]byte, error) {
	for _, s := range []string{t.Description, t.Value} {
		if !utf8.ValidString(s) || strings.Contains(s, terminator) {
			return nil, fmt.Errorf("write id3 tag: %.40q is no text without zero characters in UTF-8", s)
		}
	}
	body := 1 + len(t.Description) + len(terminator) + len(t.Value)
	if size := 2*headerSize + body; size > MaxSize {
		return nil, fmt.Errorf("write id3 tag: %d bytes, more than %d", size, MaxSize)
	}
	dst = append(dst, 'I', 'D', '3', version, 0, 0)
	dst = appendSynchsafe(dst, headerSize+body)
	dst = append(dst, frameTXXX...)
	dst = appendSynchsafe(dst, body)
	dst = append(dst, 0, 0, utf8Text)
	dst = append(append(dst, t.Description...), terminator...)
	return append(dst, t.Value...), nil
}

// Parse reads the first user-defined text of a tag; other frames, padding and what follows the tag are passed over. Errors are
// [*wire.SyntaxError] where it breaks the format and where there is no such text, [*wire.UnsupportedError] for other versions, tags that
// are not written plainly (unsynchronisation, extended header, compression) and other encodings than UTF-8.
func Parse(b []byte) (Text, error) {
	frames, err := parseHeader(b)
	if err != nil {
		return Text{}, err
	}
	for at := headerSize; at < len(frames); {
		if frames[at] == 0 {
			break // padding, up to the end
		}
		if len(frames)-at < headerSize {
			return Text{}, syntax(at, "a frame header of %d bytes needed, %d left", headerSize, len(frames)-at)
		}
		size, err := synchsafe(frames, at+4)
		if err != nil {
			return Text{}, err
		}
		body := at + headerSize
		if size > len(frames)-body {
			return Text{}, syntax(at+4, "a frame of %d bytes, %d left", size, len(frames)-body)
		}
		if string(frames[at:at+4]) == frameTXXX {
			if flags := frames[at+9]; flags != 0 {
				return Text{}, unsupported(at+9, "a frame with format flags %02x", flags)
			}
			return parseText(frames[:body+size], body)
		}
		at = body + size
	}
	return Text{}, syntax(headerSize, "no frame TXXX in the tag")
}

// parseHeader gives the tag up to its end, its header included.
func parseHeader(b []byte) ([]byte, error) {
	if len(b) < headerSize || string(b[:3]) != "ID3" {
		return nil, syntax(0, "%d bytes that do not begin with the %d of a header", len(b), headerSize)
	}
	if b[3] != version {
		return nil, unsupported(3, "version 2.%d, not 2.%d", b[3], version)
	}
	if flags := b[5] &^ flagFooter; flags != 0 {
		return nil, unsupported(5, "a tag with flags %02x", flags)
	}
	size, err := synchsafe(b, 6)
	if err != nil {
		return nil, err
	}
	if size > len(b)-headerSize {
		return nil, syntax(6, "a tag of %d bytes, %d left", size, len(b)-headerSize)
	}
	return b[:headerSize+size], nil
}

// parseText reads the body of a TXXX frame, from byte at of b to its end. The value ends at a zero character, where there is one.
func parseText(b []byte, at int) (Text, error) {
	if at == len(b) {
		return Text{}, syntax(at, "a text without its encoding")
	}
	if encoding := b[at]; encoding != utf8Text {
		return Text{}, unsupported(at, "text encoding %d, use %d (UTF-8)", encoding, utf8Text)
	}
	at++
	description, value, found := strings.Cut(string(b[at:]), terminator)
	if !found {
		return Text{}, syntax(at, "the description has no end")
	}
	value, _, _ = strings.Cut(value, terminator)
	if !utf8.ValidString(description) || !utf8.ValidString(value) {
		return Text{}, syntax(at, "the text is no UTF-8")
	}
	return Text{Description: description, Value: value}, nil
}

// appendSynchsafe writes a size, which must have at most 28 bits.
func appendSynchsafe(dst []byte, n int) []byte {
	return append(dst, byte(n>>21&0x7f), byte(n>>14&0x7f), byte(n>>7&0x7f), byte(n&0x7f))
}

// synchsafe reads the size at byte at of b.
func synchsafe(b []byte, at int) (int, error) {
	v := binary.BigEndian.Uint32(b[at:])
	if v&notSynchsafe != 0 {
		return 0, syntax(at, "size %08x is not synchsafe", v)
	}
	return int(v>>3&(0x7f<<21) | v>>2&(0x7f<<14) | v>>1&(0x7f<<7) | v&0x7f), nil
}

func syntax(at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "id3", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}

func unsupported(at int, msg string, args ...any) error {
	return &wire.UnsupportedError{Format: "id3", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}
