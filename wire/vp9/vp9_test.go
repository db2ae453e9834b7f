package vp9_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/vp9"
)

// golden is a vpcC and the start of a key frame of libvpx, and what ffprobe says of them.
type golden struct {
	Name   string
	Config string // hexadecimal
	Frames []struct {
		Data string // hexadecimal
	}
	Want struct {
		Profile string
		Width   int
		Height  int
	}
}

func TestAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			vpcC := mediatest.Unhex(t, g.Config)
			c, err := vp9.ParseConfig(vpcC)
			if err != nil {
				t.Fatal(err)
			}
			if again := c.Append(nil); !bytes.Equal(again, vpcC) {
				t.Errorf("written again: %x, want %x", again, vpcC)
			}
			f, err := vp9.Format(vpcC)
			if err != nil {
				t.Fatal(err)
			}
			want := media.Format{Profile: g.Want.Profile, Level: fmt.Sprintf("%.1f", float64(c.Level)/10)}
			if diff := cmp.Diff(want, f); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			width, height, err := vp9.FrameSize(mediatest.Unhex(t, g.Frames[0].Data))
			if width != g.Want.Width || height != g.Want.Height || err != nil {
				t.Errorf("got %d x %d, error %v, want %d x %d", width, height, err, g.Want.Width, g.Want.Height)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        vp9.Config
	}{
		{"smallest", "01000000 00 00 80 00 00 00 0000", vp9.Config{BitDepth: 8}},
		{"largest", "01000000 03 3e cf ff fe fd 0000", vp9.Config{
			Profile: 3, Level: 62, BitDepth: 12, ChromaSubsampling: 7, FullRange: true, Primaries: 255, Transfer: 254, Matrix: 253,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := mediatest.Unhex(t, tc.bytes)
			for name, form := range map[string][]byte{"box": raw, "record": raw[4:]} {
				got, err := vp9.ParseConfig(form)
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%s: error %v, -want +got:\n%s", name, err, diff)
				}
			}
			if again := tc.want.Append([]byte{9}); !bytes.Equal(again[1:], raw) || again[0] != 9 {
				t.Errorf("written: %x, want %x behind 09", again, raw)
			}
		})
	}
	if f, err := vp9.Format(mediatest.Unhex(t, "00 00 82 01 01 01 0000")); f.Level != "" || err != nil {
		t.Errorf("level not told: got %q, error %v", f.Level, err)
	}
}

func TestFormatRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             "",
		"box cut short":       "01000000 00 0a 82 01 01 01 00",
		"record cut short":    "00 0a 82 01 01 01 00",
		"profile 4":           "04 0a 82 01 01 01 0000",
		"9 bits":              "00 0a 92 01 01 01 0000",
		"initialization data": "00 0a 82 01 01 01 0001 aa",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := vp9.Format(mediatest.Unhex(t, text))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("got %v, want a syntax error", err)
			}
		})
	}
}

func TestFrameSize(t *testing.T) {
	header := func(profile, colour uint32, odd bool) []byte {
		var w bits.Writer
		w.Bits(2, 2)
		w.Bits(profile&1, 1)
		w.Bits(profile>>1, 1)
		if profile == 3 {
			w.Bits(0, 1)
		}
		w.Bits(0b0010, 4) // no existing frame, key frame, shown
		w.Bits(0x498342, 24)
		if profile >= 2 {
			w.Bits(1, 1)
		}
		w.Bits(colour, 3)
		switch {
		case colour == 7:
			w.Bits(0, 1)
		case odd:
			w.Bits(0, 4)
		default:
			w.Bits(0, 1)
		}
		w.Bits(1079, 16)
		w.Bits(1919, 16)
		return w.Bytes()
	}
	for _, tc := range []struct {
		name          string
		frame         []byte
		width, height int
		fails         bool
	}{
		{"profile 0", header(0, 2, false), 1080, 1920, false},
		{"profile 1", header(1, 2, true), 1080, 1920, false},
		{"profile 1, RGB", header(1, 7, true), 1080, 1920, false},
		{"profile 2", header(2, 2, false), 1080, 1920, false},
		{"profile 3", header(3, 2, true), 1080, 1920, false},
		{"profile 0, RGB", header(0, 7, false), 0, 0, true},
		{"inter frame", []byte{0b10000110}, 0, 0, false},
		{"existing frame", []byte{0b10001000}, 0, 0, false},
		{"nothing", nil, 0, 0, true},
		{"wrong marker", []byte{0b01000110}, 0, 0, true},
		{"reserved bit", []byte{0b10111010}, 0, 0, true},
		{"wrong sync code", []byte{0x82, 0x49, 0x83, 0x43, 0, 0, 0, 0, 0, 0}, 0, 0, true},
		{"cut short", header(0, 2, false)[:7], 0, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			width, height, err := vp9.FrameSize(tc.frame)
			if width != tc.width || height != tc.height || (err != nil) != tc.fails {
				t.Errorf("got %d x %d, error %v", width, height, err)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Config))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := vp9.ParseConfig(data)
		if err != nil {
			return
		}
		again, err := vp9.ParseConfig(c.Append(nil))
		if err != nil || again != c {
			t.Errorf("got %+v, error %v, want %+v", again, err, c)
		}
	})
}

func FuzzFrameSize(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Frames[0].Data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		width, height, err := vp9.FrameSize(data)
		if (width == 0) != (height == 0) || width > 65536 || err != nil && width != 0 {
			t.Errorf("got %d x %d, error %v", width, height, err)
		}
	})
}
