package opus_test

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
	"github.com/simulcart/simulcart/wire/opus"
)

// golden is a dOps that ffmpeg wrote, the start of libopus's first packet, and what ffprobe says of them.
type golden struct {
	Name   string
	Config string // hexadecimal
	Frames []struct {
		Data     string // hexadecimal
		Duration string // seconds
	}
	Want struct {
		Channels int
	}
}

func TestAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			dOps := mediatest.Unhex(t, g.Config)
			f, err := opus.Format(dOps)
			if diff := cmp.Diff(media.Format{Profile: "Opus", Channels: g.Want.Channels}, f); diff != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
			h, err := opus.ParseConfig(dOps)
			if err != nil {
				t.Fatal(err)
			}
			if again := h.AppendDOps(nil); !bytes.Equal(again, dOps) {
				t.Errorf("written again: %x, want %x", again, dOps)
			}
			seconds, err := strconv.ParseFloat(g.Frames[0].Duration, 64)
			if err != nil {
				t.Fatal(err)
			}
			got, err := opus.Samples(mediatest.Unhex(t, g.Frames[0].Data))
			if want := int(math.Round(seconds * opus.Rate)); got != want || err != nil {
				t.Errorf("got %d samples, error %v, want %d", got, err, want)
			}
		})
	}
}

func TestHead(t *testing.T) {
	const magic = "4f70757348656164 "
	for _, tc := range []struct {
		name, head, dOps string
		want             opus.Head
	}{
		{
			"stereo", magic + "01 02 3801 80bb0000 0000 00", "00 02 0138 0000bb80 0000 00",
			opus.Head{Channels: 2, PreSkip: 312, InputRate: 48000, Streams: 1, Coupled: 1},
		},
		{
			"mono, quieter", magic + "01 01 0000 00000000 00ff 00", "00 01 0000 00000000 ff00 00",
			opus.Head{Channels: 1, Gain: -256, Streams: 1},
		},
		{
			"5.1", magic + "01 06 3801 80bb0000 0000 01 04 02 000401020305", "00 06 0138 0000bb80 0000 01 04 02 000401020305",
			opus.Head{
				Channels: 6, PreSkip: 312, InputRate: 48000, Family: 1, Streams: 4, Coupled: 2,
				Mapping: []byte{0, 4, 1, 2, 3, 5},
			},
		},
		{
			"255 silent channels", magic + "01 ff 0000 00000000 0000 ff 01 00" + strings.Repeat("ff", 255),
			"00 ff 0000 00000000 0000 ff 01 00" + strings.Repeat("ff", 255),
			opus.Head{Channels: 255, Family: 255, Streams: 1, Mapping: bytes.Repeat([]byte{255}, 255)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			head, dOps := mediatest.Unhex(t, tc.head), mediatest.Unhex(t, tc.dOps)
			for _, raw := range [][]byte{head, dOps} {
				got, err := opus.ParseConfig(raw)
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%x: error %v, -want +got:\n%s", raw, err, diff)
				}
			}
			if got := tc.want.AppendHead(nil); !bytes.Equal(got, head) {
				t.Errorf("written: %x, want %x", got, head)
			}
			if got := tc.want.AppendDOps(nil); !bytes.Equal(got, dOps) {
				t.Errorf("written: %x, want %x", got, dOps)
			}
		})
	}
}

func TestFormatRefuses(t *testing.T) {
	const magic = "4f70757348656164 "
	for _, tc := range []struct {
		name, bytes string
		offset      int64
		unsupported bool
	}{
		{"nothing", "", 0, false},
		{"the magic only", magic, 8, false},
		{"head cut short", magic + "01 02 3801 80bb0000 0000", 8, false},
		{"head of version 16", magic + "10 02 3801 80bb0000 0000 00", 8, true},
		{"dOps of version 1", "01 02 0138 0000bb80 0000 00", 0, true},
		{"no channels", "00 00 0138 0000bb80 0000 00", 1, false},
		{"3 channels in one stream", "00 03 0138 0000bb80 0000 00", 1, false},
		{"no mapping", "00 02 0138 0000bb80 0000 01", 11, false},
		{"mapping cut short", magic + "01 02 3801 80bb0000 0000 01 01 01 00", 19, false},
		{"no streams", "00 02 0138 0000bb80 0000 01 00 00 0001", 11, false},
		{"more coupled than streams", "00 02 0138 0000bb80 0000 01 01 02 0001", 11, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := opus.Format(mediatest.Unhex(t, tc.bytes))
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

// The frame sizes of RFC 6716 table 2, in tenths of a millisecond.
func TestSamples(t *testing.T) {
	sizes := [32]int{
		100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 100, 200,
		25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200,
	}
	for config, size := range sizes {
		for code, frames := range []int{1, 2, 2} {
			got, err := opus.Samples([]byte{byte(config<<3 | code)})
			if want := frames * size * 48 / 10; got != want || err != nil {
				t.Errorf("configuration %d, code %d: got %d, error %v, want %d", config, code, got, err, want)
			}
		}
	}
	for _, tc := range []struct {
		name   string
		packet []byte
		want   int // 0 for an error
	}{
		{"48 frames of 2.5 ms", []byte{16<<3 | 3, 48}, 5760},
		{"49 frames of 2.5 ms", []byte{16<<3 | 3, 49}, 0},
		{"2 frames of 60 ms", []byte{3<<3 | 3, 2}, 5760},
		{"3 frames of 60 ms", []byte{3<<3 | 3, 3}, 0},
		{"flags beside the count", []byte{31<<3 | 7, 0xc1}, 960},
		{"no frames", []byte{31<<3 | 3, 0xc0}, 0},
		{"count missing", []byte{31<<3 | 3}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := opus.Samples(tc.packet)
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
		h, err := opus.ParseConfig(data)
		if err != nil {
			return
		}
		for _, raw := range [][]byte{h.AppendHead(nil), h.AppendDOps(nil)} {
			again, err := opus.ParseConfig(raw)
			if diff := cmp.Diff(h, again); diff != "" || err != nil {
				t.Errorf("error %v, -first +again:\n%s", err, diff)
			}
		}
	})
}

func FuzzSamples(f *testing.F) {
	f.Add([]byte{0xfc})
	f.Fuzz(func(t *testing.T, packet []byte) {
		if n, err := opus.Samples(packet); err == nil && (n < 120 || n > 5760) {
			t.Errorf("got %d", n)
		}
	})
}
