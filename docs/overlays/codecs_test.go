//go:build linux

package overlays_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/sei"
)

// otherCodec is a stream of another codec than H.264, whose 12 pictures carry messages.
type otherCodec struct {
	codec   media.Codec
	file    string
	encoder []string                 // ffmpeg's, for a transcode
	units   func(file []byte) []byte // all access units of the file, one behind the other
}

// TestOtherCodecsSurvive measures each row of the page's table of HEVC and AV1.
func TestOtherCodecsSurvive(t *testing.T) {
	needPeers(t, "ffmpeg")
	columns := []otherCodec{
		{media.HEVC, "../../wire/sei/testdata/overlays.hevc", []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"}, unitsOfAnnexB},
		{media.AV1, "../../wire/sei/testdata/overlays.ivf", []string{"-c:v", "libaom-av1", "-cpu-used", "8"}, unitsOfIVF},
	}
	for _, row := range table(t, "| path | HEVC | AV1 |") {
		for i, c := range columns {
			if row[1+i] == "–" {
				continue
			}
			t.Run(c.codec.String()+" "+strings.ReplaceAll(row[0], "`", ""), func(t *testing.T) {
				args := strings.Fields(words(row[0])[0])[1:]
				if !slices.Contains(args, "copy") {
					args = append(slices.Clone(c.encoder), args...)
				}
				if got, want := c.through(t, args), row[1+i]; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
	}
}

// unitsOfAnnexB turns start codes into lengths.
func unitsOfAnnexB(file []byte) (units []byte) {
	for _, unit := range bytes.Split(file, []byte{0, 0, 1})[1:] {
		units = append(units, withLength(bytes.TrimRight(unit, "\x00"))...)
	}
	return units
}

// unitsOfIVF takes out the headers: 32 bytes of the file, and 12 of each picture, the first 4 of them its length.
func unitsOfIVF(file []byte) (units []byte) {
	for at := 32; at < len(file); {
		size := int(binary.LittleEndian.Uint32(file[at:]))
		units = append(units, file[at+12:at+12+size]...)
		at += 12 + size
	}
	return units
}

// through says what is left of the messages in an MP4 file that ffmpeg makes of the stream.
func (c otherCodec) through(t *testing.T, args []string) string {
	t.Helper()
	out, raw := filepath.Join(t.TempDir(), "out.mp4"), filepath.Join(t.TempDir(), "raw")
	if !runFFmpeg(t, append(append([]string{"-i", c.file}, args...), out)...) {
		return "fails"
	}
	if !runFFmpeg(t, "-i", out, "-map", "0:v", "-c", "copy", "-f", "data", raw) { // the access units as they are stored
		t.Fatal("the access units cannot be taken out")
	}
	file, units := readFile(t, c.file), readFile(t, raw)
	want, got := c.payloads(t, c.units(file)), c.payloads(t, units)
	switch {
	case len(want) != 12:
		t.Fatalf("the stream has %d messages, want 12", len(want))
	case len(got) == 0:
		return "no"
	case !slices.EqualFunc(want, got, bytes.Equal):
		return "partly"
	}
	return "yes"
}

func (c otherCodec) payloads(t *testing.T, units []byte) (all [][]byte) {
	t.Helper()
	for payload, err := range sei.Payloads(c.codec, units) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Clone(payload))
	}
	return all
}

// Remuxers copy the first message into the codec configuration, where nobody should read it.
func TestCodecConfigurationHasACopy(t *testing.T) {
	needPeers(t, "ffmpeg")
	out := filepath.Join(t.TempDir(), "out.mp4")
	if !runFFmpeg(t, "-i", "../../wire/sei/testdata/overlays.ivf", "-c", "copy", out) {
		t.Fatal("AV1 cannot be copied into MP4")
	}
	file := readFile(t, out)
	id := mediatest.Unhex(t, strings.ReplaceAll(readVectors(t).UUID, "-", ""))
	configuration := file[max(bytes.Index(file, []byte("av1C")), 0):]
	if got := bytes.Count(configuration, id); got != 1 || bytes.Count(file, id) != 13 {
		t.Errorf("got %d copies in av1C and behind, %d in the file, want 1 of 13", got, bytes.Count(file, id))
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
