package flac_test

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/flac"
)

// golden is STREAMINFO and the starts of frames of ffmpeg's encoder, and what ffprobe says of them.
type golden struct {
	Name   string
	Config string // hexadecimal
	Frames []struct {
		Data     string // hexadecimal
		Duration string // seconds
	}
	Want struct {
		SampleRate int `json:"sample_rate"`
		Channels   int
		Bits       string `json:"bits_per_raw_sample"`
	}
}

func TestAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			raw := mediatest.Unhex(t, g.Config)
			f, err := flac.Format(raw)
			want := media.Format{Profile: "FLAC " + g.Want.Bits + " bit", Channels: g.Want.Channels}
			if diff := cmp.Diff(want, f); diff != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
			info, err := flac.ParseConfig(raw)
			if err != nil || info.Rate != g.Want.SampleRate {
				t.Errorf("got %+v, error %v", info, err)
			}
			if again := info.Append(nil); !bytes.Equal(again, raw) {
				t.Errorf("written again: %x, want %x", again, raw)
			}
			for _, frame := range g.Frames {
				seconds, err := strconv.ParseFloat(frame.Duration, 64)
				if err != nil {
					t.Fatal(err)
				}
				got, err := flac.Samples(mediatest.Unhex(t, frame.Data))
				if want := int(math.Round(seconds * float64(info.Rate))); got != want || err != nil {
					t.Errorf("got %d samples, error %v, want %d", got, err, want)
				}
			}
		})
	}
}

const md5 = "000102030405060708090a0b0c0d0e0f"

func TestInfo(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        flac.Info
	}{
		{"live stereo", "1000 1000 000000 000000 0bb802f0 00000000 " + md5, flac.Info{
			MinBlock: 4096, MaxBlock: 4096, Rate: 48000, Channels: 2, SampleBits: 16,
		}},
		{"the largest of all", "ffff ffff ffffff ffffff ffffffff ffffffff " + md5, flac.Info{
			MinBlock: 65535, MaxBlock: 65535, MinFrame: 1<<24 - 1, MaxFrame: 1<<24 - 1, Rate: 1<<20 - 1, Channels: 8, SampleBits: 32,
			Samples: 1<<36 - 1,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			info := mediatest.Unhex(t, tc.bytes)
			tc.want.MD5 = [16]byte(info[18:])
			header := append([]byte("fLaC\x80\x00\x00\x22"), info...)
			for name, raw := range map[string][]byte{
				"alone":                  info,
				"behind a block header":  append([]byte("\x00\x00\x00\x22"), info...),
				"behind magic":           header,
				"with blocks behind":     append(header[:len(header):len(header)], 0x84, 0, 0, 1, 0),
				"with some bytes behind": append(info[:len(info):len(info)], 1, 2, 3),
			} {
				got, err := flac.ParseConfig(raw)
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%s: error %v, -want +got:\n%s", name, err, diff)
				}
			}
			if got := tc.want.Append(nil); !bytes.Equal(got, info) {
				t.Errorf("written: %x, want %x", got, info)
			}
			if got := tc.want.AppendHeader(nil); !bytes.Equal(got, header) {
				t.Errorf("written: %x, want %x", got, header)
			}
		})
	}
}

func TestFormatRefuses(t *testing.T) {
	const magic = "664c6143 "
	for _, tc := range []struct {
		name, bytes string
		offset      int64
	}{
		{"nothing", "", 0},
		{"the magic only", magic, 4},
		{"another block first", magic + "04000022 " + strings.Repeat("00", 34), 4},
		{"another length", magic + "00000021 " + strings.Repeat("00", 34), 4},
		{"cut short", "1000 1000", 0},
		{"cut short behind magic", magic + "80000022 1000 1000", 8},
		{"no rate", "1000 1000 000000 000000 000002f0 00000000 " + md5, 10},
		{"small blocks", "000f 000f 000000 000000 0bb802f0 00000000 " + md5, 0},
		{"more than the most", "1001 1000 000000 000000 0bb802f0 00000000 " + md5, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := flac.Format(mediatest.Unhex(t, tc.bytes))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset != tc.offset {
				t.Errorf("got %v, want a syntax error at byte %d", err, tc.offset)
			}
		})
	}
}

// The block sizes of RFC 9639 table 14.
func TestSamples(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        int // 0 for an error
	}{
		{"192", "fff8 1a 08 00", 192},
		{"576", "fff8 2a 08 00", 576},
		{"4608", "fff8 5a 08 00", 4608},
		{"8 bits", "fff8 6a 08 00 ff", 256},
		{"16 bits", "fff8 7a 08 00 ffff", 65536},
		{"256", "fff8 8a 08 00", 256},
		{"32768", "fff8 fa 08 00", 32768},
		{"a number of two bytes", "fff8 6a 08 c2 80 07", 8},
		{"variable blocks, a number of seven bytes", "fff9 6a 08 fe 80 80 80 80 80 80 07", 8},
		{"reserved size", "fff8 0a 08 00", 0},
		{"no sync code", "ffe8 1a 08 00", 0},
		{"a number of no form", "fff8 1a 08 80", 0},
		{"a number of eight ones", "fff8 1a 08 ff", 0},
		{"number cut short", "fff8 1a 08 c2", 0},
		{"size missing", "fff8 6a 08 00", 0},
		{"nothing", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := flac.Samples(mediatest.Unhex(t, tc.bytes))
			var syntax *wire.SyntaxError
			if got != tc.want || (tc.want == 0) != errors.As(err, &syntax) {
				t.Errorf("got %d, error %v, want %d", got, err, tc.want)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Config))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := flac.ParseConfig(data)
		if err != nil {
			return
		}
		for _, raw := range [][]byte{info.Append(nil), info.AppendHeader(nil)} {
			again, err := flac.ParseConfig(raw)
			if err != nil || again != info {
				t.Errorf("got %+v, error %v, want %+v", again, err, info)
			}
		}
	})
}

func FuzzSamples(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Frames[0].Data))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if n, err := flac.Samples(frame); err == nil && (n < 1 || n > 65536) {
			t.Errorf("got %d", n)
		}
	})
}
