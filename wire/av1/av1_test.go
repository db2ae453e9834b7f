package av1_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/bits"
)

// golden is an av1C of libaom or SVT-AV1 and what ffprobe says of it.
type golden struct {
	Name   string
	Config string // hexadecimal
	Want   struct {
		Profile     string
		Level       uint8 // index
		Width       int
		Height      int
		PixelFormat string `json:"pix_fmt"`
	}
}

func TestFormatAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			av1C := mediatest.Unhex(t, g.Config)
			got, err := av1.Format(av1C)
			if err != nil {
				t.Fatal(err)
			}
			want := media.Format{
				Profile: g.Want.Profile, Level: fmt.Sprintf("%d.%d", 2+g.Want.Level/4, g.Want.Level%4),
				Width: g.Want.Width, Height: g.Want.Height,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			c, err := av1.ParseConfig(av1C)
			if err != nil {
				t.Fatal(err)
			}
			if again := c.Append(nil); !bytes.Equal(again, av1C) {
				t.Errorf("written again: %x, want %x", again, av1C)
			}
			depth := 8
			if strings.HasSuffix(g.Want.PixelFormat, "10le") {
				depth = 10
			}
			if c.BitDepth() != depth || c.SubsamplingX != strings.Contains(g.Want.PixelFormat, "420") {
				t.Errorf("%s: got %+v", g.Want.PixelFormat, c)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        av1.Config
		depth       int
	}{
		{"zeros", "81 00 00 00", av1.Config{}, 8},
		{"ones", "81 ff ff 1f 0a01", av1.Config{
			Profile: 7, LevelIndex: 31, HighTier: true, HighBitDepth: true, TwelveBit: true, Monochrome: true,
			SubsamplingX: true, SubsamplingY: true, SamplePosition: 3, PresentationDelay: 16, OBUs: []byte{10, 1},
		}, 12},
		{"high tier", "81 0d c0 10", av1.Config{LevelIndex: 13, HighTier: true, HighBitDepth: true, PresentationDelay: 1}, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := mediatest.Unhex(t, tc.bytes)
			got, err := av1.ParseConfig(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := tc.want.Append([]byte{9}); !bytes.Equal(again[1:], raw) || again[0] != 9 {
				t.Errorf("written: %x, want %x behind 09", again, raw)
			}
			if got.BitDepth() != tc.depth {
				t.Errorf("got %d bits, want %d", got.BitDepth(), tc.depth)
			}
		})
	}
}

func TestFormatRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		unsupported bool
	}{
		{"nothing", "", false},
		{"too short", "81 00 0c", false},
		{"no marker", "01 00 0c 00", false},
		{"another version", "82 00 0c 00", true},
		{"OBU cut short", "81 00 0c 00 0a05 00", false},
		{"sequence header cut short", "81 00 0c 00 0a02 0000", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := av1.Format(mediatest.Unhex(t, tc.bytes))
			var syntax *wire.SyntaxError
			var refused *wire.UnsupportedError
			if !errors.As(err, &syntax) && !tc.unsupported || !errors.As(err, &refused) && tc.unsupported {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFormatWithoutSequenceHeader(t *testing.T) {
	for name, text := range map[string]string{"no OBUs": "81 09 0c 00", "others only": "81 09 0c 00 2a00"} {
		t.Run(name, func(t *testing.T) {
			got, err := av1.Format(mediatest.Unhex(t, text))
			if diff := cmp.Diff(media.Format{Profile: "Main", Level: "4.1"}, got); diff != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestProfileAndLevel(t *testing.T) {
	for config, want := range map[string]media.Format{
		"81 20 00 00": {Profile: "High", Level: "2.0"},
		"81 4d 00 00": {Profile: "Professional", Level: "5.1"},
		"81 7f 00 00": {Profile: "profile 3"},
		"81 18 00 00": {Profile: "Main", Level: "8.0"},
	} {
		got, err := av1.Format(mediatest.Unhex(t, config))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, -want +got:\n%s", config, err, diff)
		}
	}
}

func TestParseSequence(t *testing.T) {
	var timed bits.Writer
	timed.Bits(0b00000, 5) // profile 0, no still picture
	timed.Flag(true)       // timing
	timed.Bits(1001, 32)
	timed.Bits(120000, 32)
	timed.Flag(true) // equal intervals
	timed.UE(1)      // two ticks
	timed.Flag(true) // decoder model
	timed.Bits(9, 5)
	timed.Bits(1, 32)
	timed.Bits(0, 10)
	timed.Flag(true) // display delay
	timed.Bits(1, 5) // two operating points
	timed.Bits(0x101, 12)
	timed.Bits(12, 5)
	timed.Flag(true) // high tier
	timed.Flag(true)
	timed.Bits(1<<21-1, 21) // two delays of 10 bits and a flag
	timed.Flag(true)
	timed.Bits(3, 4)
	timed.Bits(0, 12)
	timed.Bits(5, 5)
	timed.Bits(0, 2) // neither model nor delay
	timed.Bits(10, 4)
	timed.Bits(10, 4)
	timed.Bits(1279, 11)
	timed.Bits(719, 11)

	var still bits.Writer
	still.Bits(0b01011, 5)
	still.Bits(8, 5)
	still.Bits(15, 4)
	still.Bits(0, 4)
	still.Bits(65535, 16)
	still.Bits(0, 1)

	var uneven bits.Writer
	uneven.Bits(0b00000, 5)
	uneven.Flag(true)
	uneven.Bits(1, 32)
	uneven.Bits(90000, 32)
	uneven.Bits(0, 2) // intervals differ, no decoder model
	uneven.Flag(false)
	uneven.Bits(0, 5+12+5)
	uneven.Bits(0, 8)
	uneven.Bits(0, 2)

	for _, tc := range []struct {
		name string
		obu  []byte
		want av1.Sequence
		rate float64
	}{
		{"timing and two operating points", timed.Bytes(), av1.Sequence{
			LevelIndex: 12, HighTier: true, Width: 1280, Height: 720, TickUnits: 1001, TimeScale: 120000, TicksPerPicture: 2,
		}, 120000.0 / 2002},
		{"reduced still picture", still.Bytes(), av1.Sequence{Profile: 2, LevelIndex: 8, Width: 65536, Height: 1}, 0},
		{"no equal intervals", uneven.Bytes(), av1.Sequence{Width: 1, Height: 1, TickUnits: 1, TimeScale: 90000}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := av1.ParseSequence(tc.obu)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.FrameRate() != tc.rate {
				t.Errorf("got %v pictures a second, want %v", got.FrameRate(), tc.rate)
			}
		})
	}
}

func FuzzFormat(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Config))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := av1.ParseConfig(data)
		if err != nil {
			return
		}
		again, err := av1.ParseConfig(c.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
		if format, err := av1.Format(data); err == nil && (format.Width < 0 || format.FrameRate < 0) {
			t.Errorf("got %+v", format)
		}
	})
}
