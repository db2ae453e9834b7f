package aac_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/bits"
)

// golden is a configuration that ffmpeg's encoder made and what ffprobe says of it.
type golden struct {
	Name   string
	Config string // hexadecimal
	Want   struct {
		Profile    string
		SampleRate int `json:"sample_rate"`
		Channels   int
	}
}

func TestAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			raw := mediatest.Unhex(t, g.Config)
			got, err := aac.Format(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(media.Format{Profile: "AAC-" + g.Want.Profile, Channels: g.Want.Channels}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			c, err := aac.ParseConfig(raw)
			if err != nil || c.Rate != g.Want.SampleRate || c.FrameLength != 1024 {
				t.Errorf("got %+v, error %v", c, err)
			}
			if again, err := c.Append(nil); !bytes.Equal(again, raw) || err != nil {
				t.Errorf("written again: %x, error %v, want %x", again, err, raw)
			}
		})
	}
}

// The rates and channels that are heard are what ffprobe says of an FLV with these sequence headers.
func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        aac.Config
		profile     string
		heard       int // channels
	}{
		{
			"LC, nothing told", "12 10",
			aac.Config{Object: aac.LC, Rate: 44100, ChannelConfig: 2, Channels: 2, FrameLength: 1024},
			"AAC-LC", 2,
		},
		{
			"LC, SBR absent", "11 90 56 e5 00",
			aac.Config{Object: aac.LC, Rate: 48000, ChannelConfig: 2, Channels: 2, FrameLength: 1024, SBR: aac.Absent},
			"AAC-LC", 2,
		},
		{
			"frames of 960", "11 94",
			aac.Config{Object: aac.LC, Rate: 48000, ChannelConfig: 2, Channels: 2, FrameLength: 960},
			"AAC-LC", 2,
		},
		{
			"SBR in front", "2b 92 08 00",
			aac.Config{
				Object: aac.LC, Rate: 22050, ChannelConfig: 2, Channels: 2, FrameLength: 1024,
				SBR: aac.Present, SBRRate: 44100, InFront: true,
			},
			"HE-AAC", 2,
		},
		{
			"PS in front", "eb 8a 08 00",
			aac.Config{
				Object: aac.LC, Rate: 22050, ChannelConfig: 1, Channels: 1, FrameLength: 1024,
				SBR: aac.Present, SBRRate: 44100, PS: aac.Present, InFront: true,
			},
			"HE-AACv2", 2,
		},
		{
			"SBR behind", "13 90 56 e5 a0",
			aac.Config{
				Object: aac.LC, Rate: 22050, ChannelConfig: 2, Channels: 2, FrameLength: 1024,
				SBR: aac.Present, SBRRate: 44100,
			},
			"HE-AAC", 2,
		},
		{
			"PS behind", "13 88 56 e5 a5 48 80",
			aac.Config{
				Object: aac.LC, Rate: 22050, ChannelConfig: 1, Channels: 1, FrameLength: 1024,
				SBR: aac.Present, SBRRate: 44100, PS: aac.Present,
			},
			"HE-AACv2", 2,
		},
		{
			"PS absent behind", "13 88 56 e5 a5 48 00",
			aac.Config{
				Object: aac.LC, Rate: 22050, ChannelConfig: 1, Channels: 1, FrameLength: 1024,
				SBR: aac.Present, SBRRate: 44100, PS: aac.Absent,
			},
			"HE-AAC", 1,
		},
		{
			"a rate of its own", "17 80 2e e0 90",
			aac.Config{Object: aac.LC, Rate: 24001, ChannelConfig: 2, Channels: 2, FrameLength: 1024},
			"AAC-LC", 2,
		},
		{
			"Main", "0a 10",
			aac.Config{Object: aac.Main, Rate: 44100, ChannelConfig: 2, Channels: 2, FrameLength: 1024},
			"AAC-Main", 2,
		},
		{
			"SSR, 6.1", "1a 58",
			aac.Config{Object: aac.SSR, Rate: 44100, ChannelConfig: 11, Channels: 7, FrameLength: 1024},
			"AAC-SSR", 7,
		},
		{
			"LTP, 7.1", "22 38",
			aac.Config{Object: aac.LTP, Rate: 44100, ChannelConfig: 7, Channels: 8, FrameLength: 1024},
			"AAC-LTP", 8,
		},
		{
			"22.2", "11 e8",
			aac.Config{Object: aac.LC, Rate: 48000, ChannelConfig: 13, Channels: 24, FrameLength: 1024},
			"AAC-LC", 24,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := mediatest.Unhex(t, tc.bytes)
			got, err := aac.ParseConfig(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			again, err := tc.want.Append([]byte{9})
			if err != nil || !bytes.Equal(again[1:], raw) || again[0] != 9 {
				t.Errorf("written: %x, error %v, want %x behind 09", again, err, raw)
			}
			if diff := cmp.Diff(media.Format{Profile: tc.profile, Channels: tc.heard}, got.Format()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOtherFormsAreRead(t *testing.T) {
	plain := aac.Config{Object: aac.LC, Rate: 44100, ChannelConfig: 2, Channels: 2, FrameLength: 1024}
	for name, text := range map[string]string{
		"a rate of the table spelt out": "17 80 56 22 10",
		"zeros behind":                  "12 10 00 00 00 00",
		"another extension behind":      "12 10 56 f6 00 00",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := aac.ParseConfig(mediatest.Unhex(t, text))
			if diff := cmp.Diff(plain, got); diff != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestProgramConfig(t *testing.T) {
	var w bits.Writer
	w.Bits(2, 5) // LC
	w.Bits(3, 4) // 48 kHz
	w.Bits(0, 4)
	w.Bits(0, 3)
	w.Bits(0b0000_01_0011, 10)                // tag, LC, 48 kHz
	w.Bits(2<<17|1<<13|1<<9|1<<7|1<<4|1, 21)  // 2 front, 1 side, 1 back, 1 low, 1 data, 1 coupling
	w.Bits(0b1_0001_1_0010_1_011, 14)         // mixdowns
	w.Bits(0b0_0000_1_0000_1_0001_1_0010, 20) // a single and three pairs
	w.Bits(0b0000_0000_00000, 13)             //
	raw := append(w.Bytes(), 2, 'h', 'i')     // 94 bits, filled up to 96, and a comment
	c, err := aac.ParseConfig(raw)
	if err != nil || c.ChannelConfig != 0 || c.Channels != 8 {
		t.Errorf("got %+v, error %v, want 8 channels", c, err)
	}
	if _, err := c.Append(nil); err == nil {
		t.Error("a list of channels was written")
	}
	if _, err := aac.ParseConfig(raw[:13]); err == nil {
		t.Error("a comment cut short was read")
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		unsupported bool
	}{
		{"nothing", "", false},
		{"cut short", "12", false},
		{"rate 13", "16 90", false},
		{"a rate of 0", "17 80 00 00 10", false},
		{"channel configuration 8", "12 40", false},
		{"channel configuration 15", "12 78", false},
		{"no channels at all", "12 00 00 00 00 00 00", false},
		{"SBR cut short", "2b 92", false},
		{"SBR rate behind cut short", "13 90 56 e5 f0", false},
		{"object 0", "02 10", true},
		{"low delay", "ba 10", true},
		{"enhanced low delay", "f8 e8 50", true},
		{"USAC", "f9 46 40 00", true},
		{"SBR of SBR", "2b 92 14 00", true},
		{"core coder", "12 12 00 00", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := aac.Format(mediatest.Unhex(t, tc.bytes))
			var syntax *wire.SyntaxError
			var refused *wire.UnsupportedError
			if !errors.As(err, &syntax) && !tc.unsupported || !errors.As(err, &refused) && tc.unsupported {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	valid := aac.Config{Object: aac.LC, Rate: 24000, ChannelConfig: 2, FrameLength: 1024}
	for name, change := range map[string]func(*aac.Config){
		"no object":           func(c *aac.Config) { c.Object = 0 },
		"low delay":           func(c *aac.Config) { c.Object = 23 },
		"no rate":             func(c *aac.Config) { c.Rate = 0 },
		"a rate of 25 bits":   func(c *aac.Config) { c.Rate = 1 << 24 },
		"channels one by one": func(c *aac.Config) { c.ChannelConfig = 0 },
		"reserved channels":   func(c *aac.Config) { c.ChannelConfig = 9 },
		"frames of 512":       func(c *aac.Config) { c.FrameLength = 512 },
		"absent in front":     func(c *aac.Config) { c.SBR, c.InFront = aac.Absent, true },
		"PS without SBR":      func(c *aac.Config) { c.PS = aac.Present },
		"SBR without a rate":  func(c *aac.Config) { c.SBR = aac.Present },
		"PS absent in front":  func(c *aac.Config) { c.SBR, c.SBRRate, c.PS, c.InFront = aac.Present, 48000, aac.Absent, true },
	} {
		t.Run(name, func(t *testing.T) {
			c := valid
			change(&c)
			_, err := c.Append(nil)
			var refused *wire.UnsupportedError
			if !errors.As(err, &refused) {
				t.Errorf("got %v, want an unsupported error", err)
			}
		})
	}
}

func TestPresencePrints(t *testing.T) {
	for p, want := range map[aac.Presence]string{aac.NotTold: "not told", aac.Absent: "absent", aac.Present: "present"} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Config))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := aac.ParseConfig(data)
		if err != nil {
			return
		}
		if c.Rate <= 0 || c.Channels <= 0 || c.SBR == aac.Present && c.SBRRate <= 0 {
			t.Fatalf("got %+v", c)
		}
		if c.ChannelConfig == 0 {
			return
		}
		raw, err := c.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := aac.ParseConfig(raw)
		if err != nil || again != c {
			t.Errorf("got %+v, error %v, want %+v", again, err, c)
		}
	})
}
