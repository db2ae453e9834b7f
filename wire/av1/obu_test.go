package av1_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/av1"
	"pgregory.net/rapid"
)

func TestOBUs(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        []av1.OBU
		offset      int64 // of the error; -1 for none
	}{
		{"nothing", "", nil, -1},
		{"delimiter and padding", "1200 7a02aabb", []av1.OBU{
			{Type: av1.TemporalDelimiter, Payload: []byte{}, Raw: []byte{0x12, 0}},
			{Type: av1.Padding, Payload: []byte{0xaa, 0xbb}, Raw: []byte{0x7a, 2, 0xaa, 0xbb}},
		}, -1},
		{"extension", "36 b0 01 cc", []av1.OBU{
			{Type: av1.Frame, TemporalID: 5, SpatialID: 2, Payload: []byte{0xcc}, Raw: []byte{0x36, 0xb0, 1, 0xcc}},
		}, -1},
		{"the last without a size", "30 aabb", []av1.OBU{
			{Type: av1.Frame, Payload: []byte{0xaa, 0xbb}, Raw: []byte{0x30, 0xaa, 0xbb}},
		}, -1},
		{"size in more bytes than it needs", "32 818000 aa", []av1.OBU{
			{Type: av1.Frame, Payload: []byte{0xaa}, Raw: []byte{0x32, 0x81, 0x80, 0, 0xaa}},
		}, -1},
		{"forbidden bit", "9200", nil, 0},
		{"extension missing", "36", nil, 1},
		{"size missing", "32", nil, 1},
		{"size without an end", "32 ffffffffffffffffff", nil, 1},
		{"size above 32 bits", "32 ffffffff7f", nil, 1},
		{"cut short", "1200 3203aabb", []av1.OBU{{Type: av1.TemporalDelimiter, Payload: []byte{}, Raw: []byte{0x12, 0}}}, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []av1.OBU
			offset := int64(-1)
			for u, err := range av1.OBUs(mediatest.Unhex(t, tc.bytes)) {
				if err == nil {
					got = append(got, u)
					continue
				}
				var syntax *wire.SyntaxError
				if !errors.As(err, &syntax) {
					t.Fatal(err)
				}
				offset = syntax.Offset
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || offset != tc.offset {
				t.Errorf("error at %d, want at %d; -want +got:\n%s", offset, tc.offset, diff)
			}
		})
	}
}

// The temporal unit is libaom's second picture, as ffmpeg's obu muxer wrote it: a delimiter and a frame.
func TestTemporalUnitOfLibaom(t *testing.T) {
	data, err := os.ReadFile("testdata/temporal_unit.obu")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for u, err := range av1.OBUs(data) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, u.Type.String())
	}
	if diff := cmp.Diff([]string{"temporal delimiter", "frame"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	without, err := av1.WithoutTemporalDelimiters(data)
	if err != nil || !bytes.Equal(without, data[2:]) {
		t.Errorf("got %x, error %v", without, err)
	}
}

func TestWithoutTemporalDelimiters(t *testing.T) {
	for _, tc := range []struct {
		name, bytes, want string
		copied            bool
	}{
		{"none", "3201aa 3201bb", "3201aa 3201bb", false},
		{"first", "1200 3201aa", "3201aa", false},
		{"two first", "1200 1200 3201aa", "3201aa", false},
		{"nothing else", "1200", "", false},
		{"nothing", "", "", false},
		{"inside", "3201aa 1200 3201bb", "3201aa 3201bb", true},
		{"first and inside", "1200 3201aa 1200 3201bb", "3201aa 3201bb", true},
		{"last", "3201aa 1200", "3201aa", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := mediatest.Unhex(t, tc.bytes)
			got, err := av1.WithoutTemporalDelimiters(data)
			if err != nil {
				t.Fatal(err)
			}
			if want := mediatest.Unhex(t, tc.want); !bytes.Equal(got, want) {
				t.Errorf("got %x, want %x", got, want)
			}
			if len(got) == 0 {
				return
			}
			if same := &got[len(got)-1] == &data[len(data)-1]; same == tc.copied {
				t.Errorf("copied: got %v, want %v", !same, tc.copied)
			}
		})
	}
	if got, err := av1.WithoutTemporalDelimiters([]byte{0x32}); err == nil {
		t.Errorf("got %x of an OBU cut short", got)
	}
}

func TestLEB128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Uint32().Draw(t, "value")
		b := av1.AppendLEB128([]byte{9}, want)
		got, size, err := av1.ReadLEB128(append(b[1:], 0xff))
		if got != want || size != len(b)-1 || err != nil {
			t.Fatalf("got %d in %d bytes, error %v, of %x", got, size, err, b)
		}
	})
	for name, b := range map[string][]byte{
		"nothing": nil, "cut short": {0x80}, "33 bits": {0xff, 0xff, 0xff, 0xff, 0x1f}, "9 bytes": bytes.Repeat([]byte{0x80}, 9),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := av1.ReadLEB128(b)
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("got %v, want a syntax error", err)
			}
		})
	}
}

func TestOBUTypePrints(t *testing.T) {
	for typ, want := range map[av1.OBUType]string{
		0: "type 0", av1.SequenceHeader: "sequence header", 9: "type 9", av1.Padding: "padding", 200: "type 200",
	} {
		if got := typ.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzWithoutTemporalDelimiters(f *testing.F) {
	f.Add([]byte{0x12, 0, 0x32, 1, 0xaa})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := av1.WithoutTemporalDelimiters(data)
		if err != nil {
			return
		}
		if len(got) > len(data) {
			t.Fatalf("%d bytes of %d", len(got), len(data))
		}
		again, err := av1.WithoutTemporalDelimiters(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("not the same a second time: error %v", err)
		}
	})
}

func FuzzParseSequence(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0x04, 0x3c, 0xfe, 0xcc, 0xda, 0xf9, 0, 0x40})
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := av1.ParseSequence(payload)
		if err == nil && (s.Width < 1 || s.Height < 1 || s.Width > 65536 || s.Height > 65536 || s.FrameRate() < 0) {
			t.Errorf("got %+v", s)
		}
	})
}
