package h264_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/nal"
)

// golden is an avcC that x264 made and what ffprobe says of it.
type golden struct {
	Name   string
	Config string // hexadecimal
	Want   struct {
		Profile    string
		Level      int
		Width      int
		Height     int
		HasBFrames int    `json:"has_b_frames"`
		FrameRate  string `json:"r_frame_rate"`
	}
}

func TestFormatAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			avcC := mediatest.Unhex(t, g.Config)
			got, err := h264.Format(avcC)
			if err != nil {
				t.Fatal(err)
			}
			want := media.Format{
				Profile: g.Want.Profile, Level: fmt.Sprintf("%d.%d", g.Want.Level/10, g.Want.Level%10),
				Width: g.Want.Width, Height: g.Want.Height, FrameRate: fraction(t, g.Want.FrameRate), Reorder: g.Want.HasBFrames,
			}
			got.FrameRate = math.Round(got.FrameRate*1000) / 1000
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			c, err := h264.ParseConfig(avcC)
			if err != nil {
				t.Fatal(err)
			}
			if again := c.Append(nil); !bytes.Equal(again, avcC) {
				t.Errorf("written again: %x, want %x", again, avcC)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name  string
		bytes string
		want  h264.Config
	}{
		{"no sets", "01 42 c0 1e ff e0 00", h264.Config{Profile: 66, Compatibility: 0xc0, Level: 30, LengthSize: 4}},
		{"2-byte lengths", "01 4d 40 1f fd e1 0002 6701 01 0001 68", h264.Config{
			Profile: 77, Compatibility: 0x40, Level: 31, LengthSize: 2, SPS: [][]byte{{0x67, 1}}, PPS: [][]byte{{0x68}},
		}},
		{"several sets and an extension", "01 64 00 28 ff e2 0001 67 0002 6702 02 0001 68 0001 69 fdf8f800", h264.Config{
			Profile: 100, Level: 40, LengthSize: 4, SPS: [][]byte{{0x67}, {0x67, 2}}, PPS: [][]byte{{0x68}, {0x69}},
			Extension: []byte{0xfd, 0xf8, 0xf8, 0},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := mediatest.Unhex(t, tc.bytes)
			got, err := h264.ParseConfig(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := tc.want.Append([]byte{9}); !bytes.Equal(again[1:], raw) || again[0] != 9 {
				t.Errorf("written: %x, want %x behind 09", again, raw)
			}
		})
	}
}

func TestFormatRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		offset      int64
		unsupported bool
	}{
		{"nothing", "", 0, false},
		{"too short", "01 64 00 28 ff e1", 0, false},
		{"another version", "02 64 00 28 ff e0 00", 0, true},
		{"SPS missing", "01 64 00 28 ff e1 00", 6, false},
		{"SPS cut short", "01 64 00 28 ff e1 0004 6764 00", 8, false},
		{"SPS of no bytes", "01 64 00 28 ff e1 0000 00", 8, false},
		{"count of PPS missing", "01 64 00 28 ff e1 0001 67", 9, false},
		{"PPS missing", "01 64 00 28 ff e1 0001 67 02 0001 68", 13, false},
		{"no SPS", "01 64 00 28 ff e0 00", 5, false},
		{"SPS that is none", "01 64 00 28 ff e1 0001 68 00", 0, false},
		{"SPS of a header only", "01 64 00 28 ff e1 0001 67 00", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := h264.Format(mediatest.Unhex(t, tc.bytes))
			var syntax *wire.SyntaxError
			var refused *wire.UnsupportedError
			switch {
			case tc.unsupported && errors.As(err, &refused) && refused.Offset == tc.offset:
			case !tc.unsupported && errors.As(err, &syntax) && syntax.Offset == tc.offset:
			default:
				t.Errorf("got %v, want an error at byte %d", err, tc.offset)
			}
		})
	}
}

func TestAppendPanicsOnWhatNoFieldHolds(t *testing.T) {
	for name, c := range map[string]h264.Config{
		"no length size":  {},
		"32 SPS":          {LengthSize: 4, SPS: make([][]byte, 32)},
		"a very long SPS": {LengthSize: 4, SPS: [][]byte{make([]byte, 1<<16)}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			c.Append(nil)
		})
	}
}

func TestTypeOf(t *testing.T) {
	data := mediatest.Unhex(t, "00000002 0910 00000003 06ffff 00000002 6588 00000001 67 00000001 7f")
	var got []string
	for unit, err := range nal.Units(data) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h264.TypeOf(unit).String())
	}
	want := []string{"access unit delimiter", "SEI", "IDR slice", "SPS", "type 31"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	again, err := nal.Relength(mediatest.Unhex(t, "0002 0910"), 2)
	if err != nil || !bytes.Equal(again, data[:6]) {
		t.Errorf("got %x, error %v", again, err)
	}
}

func fraction(t *testing.T, s string) float64 {
	t.Helper()
	var num, den float64
	if _, err := fmt.Sscanf(s, "%f/%f", &num, &den); err != nil {
		t.Fatal(err)
	}
	return math.Round(1000*num/den) / 1000
}

func FuzzFormat(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Config))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := h264.ParseConfig(data)
		if err != nil {
			return
		}
		again, err := h264.ParseConfig(c.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
		if format, err := h264.Format(data); err == nil && (format.Width <= 0 || format.Height <= 0 || format.Reorder < -1) {
			t.Errorf("got %+v", format)
		}
	})
}

func FuzzParseSPS(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		c, err := h264.ParseConfig(mediatest.Unhex(f, g.Config))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.SPS[0])
	}
	f.Fuzz(func(t *testing.T, unit []byte) {
		s, err := h264.ParseSPS(unit)
		if err == nil && (s.Width <= 0 || s.Height <= 0 || s.FrameRate() < 0 || s.Profile() == "" || s.Level() == "") {
			t.Errorf("got %+v", s)
		}
	})
}
