package sei_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/sei"
)

// format is a file of 64x64 pixels that ffmpeg 5.1 made of testsrc2, with a state in each of its 12 pictures:
//
//	-c:v libx264 -g 6 -bf 2
//	-c:v libx265 -preset fast -x265-params aud=1:keyint=6:bframes=2
//	-c:v libaom-av1 -cpu-used 8 -g 6
type format struct {
	codec media.Codec
	name  string                                                 // of ffmpeg's muxer and of the golden file
	split func(t testing.TB, file []byte) [][]byte               // gives the access units
	join  func(t testing.TB, file []byte, units [][]byte) []byte // gives file with others in their place
}

func formats() []format {
	return []format{
		{media.H264, "flv", splitFLV, joinFLV},
		{media.HEVC, "hevc", splitAnnexB, joinAnnexB},
		{media.AV1, "ivf", splitIVF, joinIVF},
	}
}

// golden reads the file.
func (f format) golden(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/overlays." + f.name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// states are payloads for 12 pictures: JSON of all sorts of sizes, and bytes that need emulation prevention.
func states() [][]byte {
	var all [][]byte
	for i := range 12 {
		s := fmt.Appendf(nil, `{"v":1,"stream":"k3v9x2","seq":%d,"show":[%s]}`, i+1, strings.Repeat(" ", i*i))
		if i%5 == 1 {
			s = append(s, "\x00\x00\x00\x00\x00\x01\x00\x00\x02\x00\x00\x03\x00\x00\x04\x00\x00\x00"...)
		}
		all = append(all, s)
	}
	return all
}

// insert puts a state into an access unit.
func insert(t testing.TB, c media.Codec, data, state []byte) []byte {
	t.Helper()
	at, err := sei.Place(c, data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := sei.Append(bytes.Clone(data[:at]), c, state)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, data[at:]...)
}

func readTags(t testing.TB, file []byte) (tags []flv.Tag) {
	t.Helper()
	for r := flv.NewReader(bytes.NewReader(file)); ; {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return tags
		}
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
}

// coded gives the access unit of a tag, nil where it holds none.
func coded(t testing.TB, tag flv.Tag) []byte {
	t.Helper()
	if tag.Type != flv.TagVideo {
		return nil
	}
	videos, err := flv.ParseVideo(tag.Body, nil)
	if err != nil {
		t.Fatal(err)
	}
	if videos[0].Kind != flv.Coded {
		return nil
	}
	return videos[0].Body
}

func splitFLV(t testing.TB, file []byte) (units [][]byte) {
	t.Helper()
	for _, tag := range readTags(t, file) {
		if unit := coded(t, tag); unit != nil {
			units = append(units, unit)
		}
	}
	return units
}

func joinFLV(t testing.TB, file []byte, units [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := flv.NewWriter(&out)
	w.NoAudio = true
	for _, tag := range readTags(t, file) {
		body := tag.Body
		if unit := coded(t, tag); unit != nil {
			body = append(bytes.Clone(body[:len(body)-len(unit)]), units[0]...)
			units = units[1:]
		}
		if err := w.WriteTag(tag.Type, tag.Timestamp, body); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// splitAnnexB reads H.265 with start codes (ITU-T H.265 annex B) whose access units begin with delimiters.
func splitAnnexB(_ testing.TB, file []byte) (units [][]byte) {
	for _, unit := range bytes.Split(file, []byte{0, 0, 1})[1:] {
		unit = bytes.TrimRight(unit, "\x00")
		if hevc.TypeOf(unit) == hevc.Delimiter {
			units = append(units, nil)
		}
		last := &units[len(units)-1]
		*last = append(binary.BigEndian.AppendUint32(*last, uint32(len(unit))), unit...)
	}
	return units
}

func joinAnnexB(t testing.TB, _ []byte, units [][]byte) (file []byte) {
	t.Helper()
	for _, data := range units {
		for unit, err := range nal.Units(data) {
			if err != nil {
				t.Fatal(err)
			}
			file = append(append(file, 0, 0, 0, 1), unit...)
		}
	}
	return file
}

const (
	ivfHeader      = 32 // bytes of a file's header
	ivfFrameHeader = 12 // of a frame's: its length, 4, and a count of frames, 8, both with the low byte first
)

func splitIVF(t testing.TB, file []byte) (units [][]byte) {
	t.Helper()
	for at := ivfHeader; at < len(file); {
		size := int(binary.LittleEndian.Uint32(file[at:]))
		at += ivfFrameHeader
		unit, err := av1.WithoutTemporalDelimiters(file[at : at+size])
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
		at += size
	}
	return units
}

func joinIVF(_ testing.TB, file []byte, units [][]byte) []byte {
	out := bytes.Clone(file[:ivfHeader])
	for i, data := range units {
		out = binary.LittleEndian.AppendUint32(out, uint32(2+len(data)))
		out = binary.LittleEndian.AppendUint64(out, uint64(i))
		out = append(append(out, 0x12, 0), data...)
	}
	return out
}
