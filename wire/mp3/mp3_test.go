package mp3_test

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/mp3"
)

// golden holds the starts of frames of LAME and of ffmpeg's layer 2 encoder, and what ffprobe says of them.
type golden struct {
	Name   string
	Frames []struct {
		Data     string // hexadecimal
		Size     int    // bytes of the whole frame
		Duration string // seconds
	}
	Want struct {
		SampleRate int `json:"sample_rate"`
		Channels   int
	}
}

func TestAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			for _, frame := range g.Frames {
				h, err := mp3.ParseHeader(mediatest.Unhex(t, frame.Data))
				if err != nil {
					t.Fatal(err)
				}
				if h.Rate != g.Want.SampleRate || h.Channels != g.Want.Channels || h.Size() != frame.Size {
					t.Errorf("got %+v of %d bytes, want %+v of %d", h, h.Size(), g.Want, frame.Size)
				}
				seconds, err := strconv.ParseFloat(frame.Duration, 64)
				if err != nil {
					t.Fatal(err)
				}
				if want := int(math.Round(seconds * float64(h.Rate))); h.Samples() != want {
					t.Errorf("got %d samples, want %d", h.Samples(), want)
				}
			}
		})
	}
}

func TestParseHeader(t *testing.T) {
	for _, tc := range []struct {
		name, bytes   string
		want          mp3.Header
		samples, size int
		format        media.Format
	}{
		{
			"128 kbit/s at 44.1 kHz, padded", "fffb 92 64",
			mp3.Header{Version: mp3.MPEG1, Layer: 3, BitRate: 128000, Rate: 44100, Padding: true, Channels: 2},
			1152, 418,
			media.Format{Profile: "MPEG-1 layer 3", Channels: 2},
		},
		{
			"layer 1", "ffff e6 c0",
			mp3.Header{Version: mp3.MPEG1, Layer: 1, BitRate: 448000, Rate: 48000, Padding: true, Channels: 1},
			384, 452,
			media.Format{Profile: "MPEG-1 layer 1", Channels: 1},
		},
		{
			"MPEG-2 layer 1", "fff7 18 00",
			mp3.Header{Version: mp3.MPEG2, Layer: 1, BitRate: 32000, Rate: 16000, Channels: 2},
			384, 96,
			media.Format{Profile: "MPEG-2 layer 1", Channels: 2},
		},
		{
			"MPEG-2 layer 2", "fff5 e4 00",
			mp3.Header{Version: mp3.MPEG2, Layer: 2, BitRate: 160000, Rate: 24000, Channels: 2},
			1152, 960,
			media.Format{Profile: "MPEG-2 layer 2", Channels: 2},
		},
		{
			"MPEG-2.5", "ffe3 18 c4",
			mp3.Header{Version: mp3.MPEG25, Layer: 3, BitRate: 8000, Rate: 8000, Channels: 1},
			576, 72,
			media.Format{Profile: "MPEG-2.5 layer 3", Channels: 1},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := mp3.ParseHeader(mediatest.Unhex(t, tc.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.Samples() != tc.samples || got.Size() != tc.size {
				t.Errorf("got %d samples, %d bytes, want %d, %d", got.Samples(), got.Size(), tc.samples, tc.size)
			}
			if diff := cmp.Diff(tc.format, got.Format()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		unsupported bool
	}{
		{"nothing", "", false},
		{"cut short", "fffb 92", false},
		{"no sync code", "ffdb 92 64", false},
		{"version 1", "ffeb 92 64", false},
		{"layer 0", "fff9 92 64", false},
		{"bit rate 15", "fffb f2 64", false},
		{"free bit rate", "fffb 02 64", true},
		{"sampling rate 3", "fffb 9e 64", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := mp3.ParseHeader(mediatest.Unhex(t, tc.bytes))
			var syntax *wire.SyntaxError
			var refused *wire.UnsupportedError
			if !errors.As(err, &syntax) && !tc.unsupported || !errors.As(err, &refused) && tc.unsupported {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestVersionPrints(t *testing.T) {
	if got, want := mp3.Version(9).String(), "MPEG version 9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		f.Add(mediatest.Unhex(f, g.Frames[0].Data))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := mp3.ParseHeader(frame)
		if err == nil && (h.Rate < 8000 || h.Size() < 24 || h.Samples() < 384 || h.Channels < 1) {
			t.Errorf("got %+v", h)
		}
	})
}
