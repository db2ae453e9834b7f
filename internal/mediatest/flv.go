package mediatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
)

// The types of FLV tags, which are also those of RTMP messages (Adobe FLV 10.1 §E.4.1).
const (
	AudioTag = 8
	VideoTag = 9
	DataTag  = 18
)

// Tag is one FLV tag, or the RTMP message that became it.
type Tag struct {
	Type uint8
	Time int64  // milliseconds, decode time
	Body []byte // with the audio or video tag header
}

// flvHeaderLen is the length of the file header with the first back pointer; tagHeaderLen that of a tag's header.
const (
	flvHeaderLen = 13
	tagHeaderLen = 11
)

// ReadFLV reads a recording whole. A last tag that is cut short is left out: recorders are killed in tests.
func ReadFLV(path string) ([]Tag, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	if len(b) < flvHeaderLen || string(b[:3]) != "FLV" {
		return nil, errors.New("read recording " + path + ": no FLV header")
	}
	var tags []Tag
	at := int64(0)
	for b = b[flvHeaderLen:]; len(b) >= tagHeaderLen; {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		low := binary.BigEndian.Uint32(b[4:])
		at += int64(int32((low>>8 | low<<24) - uint32(at))) // the nearest one to that of the tag before, of 32 bits
		next := tagHeaderLen + size + 4
		if len(b) < next {
			break
		}
		tags = append(tags, Tag{Type: b[0] & 0x1f, Time: at, Body: b[tagHeaderLen : tagHeaderLen+size]})
		b = b[next:]
	}
	return tags, nil
}

// WriteFLV writes tags to a file.
func WriteFLV(t testing.TB, path string, tags []Tag) {
	t.Helper()
	file := append([]byte("FLV\x01\x05\x00\x00\x00\x09"), 0, 0, 0, 0)
	for _, g := range tags {
		size := len(g.Body)
		file = append(file, g.Type, byte(size>>16), byte(size>>8), byte(size), byte(g.Time>>16), byte(g.Time>>8), byte(g.Time), byte(g.Time>>24), 0, 0, 0)
		file = binary.BigEndian.AppendUint32(append(file, g.Body...), uint32(tagHeaderLen+size))
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatalf("write recording: %v", err)
	}
}

// Coded says whether the tag carries coded media, as opposed to a sequence header, an end of sequence or data.
func (g Tag) Coded() bool {
	if len(g.Body) < 2 {
		return false
	}
	switch g.Type {
	case AudioTag:
		if g.Body[0]>>4 == 9 { // enhanced: the packet type is in the low bits
			return g.Body[0]&15 == 1
		}
		return g.Body[0]>>4 != 10 || g.Body[1] == 1 // 10 is AAC
	case VideoTag:
		if g.Body[0]&0x80 != 0 { // enhanced
			packet := g.Body[0] & 15
			return packet == 1 || packet == 3
		}
		return g.Body[0]&15 != 7 || g.Body[1] == 1 // 7 is AVC
	}
	return false
}

// Key says whether the tag is a video key frame.
func (g Tag) Key() bool {
	return g.Type == VideoTag && len(g.Body) > 0 && g.Body[0]>>4&7 == 1
}

// CodedTags leaves out all that is not coded media.
func CodedTags(tags []Tag) []Tag {
	var coded []Tag
	for _, g := range tags {
		if g.Coded() {
			coded = append(coded, g)
		}
	}
	return coded
}

// PTS gives when the tag's picture or sound is shown, in milliseconds.
func (g Tag) PTS() int64 {
	at := 2
	switch {
	case g.Type != VideoTag || !g.Coded():
		return g.Time
	case g.Body[0]&0x80 != 0: // enhanced: behind the FourCC; CodedFramesX has none
		if g.Body[0]&15 == 3 {
			return g.Time
		}
		at = 5
	}
	if len(g.Body) < at+3 {
		return g.Time
	}
	return g.Time + int64(int32(uint32(g.Body[at])<<24|uint32(g.Body[at+1])<<16|uint32(g.Body[at+2])<<8)>>8)
}
