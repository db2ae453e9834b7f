package hevc_test

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
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/nal"
)

// golden is an hvcC that x265 made and what ffprobe says of it.
type golden struct {
	Name   string
	Config string // hexadecimal
	Want   struct {
		Profile    string
		Level      int // thirty times the level
		Width      int
		Height     int
		HasBFrames int    `json:"has_b_frames"`
		FrameRate  string `json:"r_frame_rate"`
	}
}

func TestFormatAgreesWithFFprobe(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		t.Run(g.Name, func(t *testing.T) {
			hvcC := mediatest.Unhex(t, g.Config)
			got, err := hevc.Format(hvcC)
			if err != nil {
				t.Fatal(err)
			}
			want := media.Format{
				Profile: g.Want.Profile, Level: fmt.Sprintf("%.1f", float64(g.Want.Level)/30),
				Width: g.Want.Width, Height: g.Want.Height, FrameRate: fraction(t, g.Want.FrameRate), Reorder: g.Want.HasBFrames,
			}
			got.FrameRate = math.Round(got.FrameRate*1000) / 1000
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			c, err := hevc.ParseConfig(hvcC)
			if err != nil {
				t.Fatal(err)
			}
			if again := c.Append(nil); !bytes.Equal(again, hvcC) {
				t.Errorf("written again: %x, want %x", again, hvcC)
			}
			if c.Level.HighTier || len(c.Units(hevc.VideoSet)) != 1 || len(c.Units(hevc.PictureSet)) != 1 {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name  string
		bytes string
		want  hevc.Config
	}{
		{"all zeros", "01 00 00000000 000000000000 00 f000 fc fc f8 f8 0000 00 00", hevc.Config{
			BitDepthLuma: 8, BitDepthChroma: 8, LengthSize: 1,
		}},
		{"all ones", "01 ff ffffffff ffffffffffff ff ffff ff ff ff ff ffff ff 01 bf 0001 0001 aa", hevc.Config{
			Level: hevc.ProfileLevel{
				Space: 3, HighTier: true, ProfileIDC: 31, Compatibility: 1<<32 - 1,
				Constraints: [6]byte{255, 255, 255, 255, 255, 255}, LevelIDC: 255,
			},
			SpatialSegmentation: 4095, Parallelism: 3, ChromaFormat: 3, BitDepthLuma: 15, BitDepthChroma: 15,
			AverageFrameRate: 65535, ConstantFrameRate: 3, TemporalLayers: 7, TemporalNested: true, LengthSize: 4,
			Arrays: []hevc.Array{{Complete: true, Type: 63, Units: [][]byte{{0xaa}}}},
		}},
		{"arrays", "01 01 60000000 900000000000 5d f000 fc fd f8 f8 0000 0d 03 20 0001 0002 4001 a1 0002 0002 4201 0001 42 22 0000", hevc.Config{
			Level: hevc.ProfileLevel{ProfileIDC: 1, Compatibility: 0x60000000, Constraints: [6]byte{0x90}, LevelIDC: 93},

			ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8, TemporalLayers: 1, TemporalNested: true, LengthSize: 2,
			Arrays: []hevc.Array{
				{Type: hevc.VideoSet, Units: [][]byte{{0x40, 1}}},
				{Complete: true, Type: hevc.SequenceSet, Units: [][]byte{{0x42, 1}, {0x42}}},
				{Type: hevc.PictureSet},
			},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := mediatest.Unhex(t, tc.bytes)
			got, err := hevc.ParseConfig(raw)
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
	const head = "01 01 60000000 900000000000 5d f000 fc fd f8 f8 0000 0f "
	for _, tc := range []struct {
		name, bytes string
		offset      int64
		unsupported bool
	}{
		{"nothing", "", 0, false},
		{"no count of arrays", head, 0, false},
		{"another version", "02" + head[2:] + "00", 0, true},
		{"no SPS", head + "00", 22, false},
		{"array cut short", head + "01 21 00", 23, false},
		{"unit missing", head + "01 21 0001 00", 26, false},
		{"unit cut short", head + "01 21 0001 0003 4201", 28, false},
		{"unit of no bytes", head + "01 21 0001 0000", 28, false},
		{"SPS that is none", head + "01 21 0001 0002 4001", 0, false},
		{"SPS of a header only", head + "01 21 0001 0002 4201", 0, false},
		{"SPS of a higher layer", head + "01 21 0001 0002 4209", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := hevc.Format(mediatest.Unhex(t, tc.bytes))
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
	for name, c := range map[string]hevc.Config{
		"no length size":       {},
		"256 arrays":           {LengthSize: 4, Arrays: make([]hevc.Array, 256)},
		"a very long unit":     {LengthSize: 4, Arrays: []hevc.Array{{Units: [][]byte{make([]byte, 1<<16)}}}},
		"more units than fits": {LengthSize: 4, Arrays: []hevc.Array{{Units: make([][]byte, 1<<16)}}},
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

func TestNALUnits(t *testing.T) {
	data := mediatest.Unhex(t, "00000003 460150 00000002 4e01 00000003 2801ac 00000002 6001")
	var got []string
	for unit, err := range nal.Units(data) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, hevc.TypeOf(unit).String())
	}
	want := []string{"access unit delimiter", "prefix SEI", "IDR slice", "type 48"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	again, err := nal.Relength(mediatest.Unhex(t, "03 460150"), 1)
	if err != nil || !bytes.Equal(again, data[:7]) {
		t.Errorf("got %x, error %v", again, err)
	}
}

func TestProfileLevel(t *testing.T) {
	for _, tc := range []struct {
		level    hevc.ProfileLevel
		profile  string
		asString string
	}{
		{hevc.ProfileLevel{ProfileIDC: 1, LevelIDC: 93}, "Main", "3.1"},
		{hevc.ProfileLevel{ProfileIDC: 2, LevelIDC: 150}, "Main 10", "5.0"},
		{hevc.ProfileLevel{ProfileIDC: 3, LevelIDC: 186}, "Main Still Picture", "6.2"},
		{hevc.ProfileLevel{ProfileIDC: 4, LevelIDC: 120}, "Rext", "4.0"},
		{hevc.ProfileLevel{ProfileIDC: 9, LevelIDC: 30}, "profile 9", "1.0"},
		{hevc.ProfileLevel{Compatibility: 1 << 29}, "Main 10", "0.0"},
		{hevc.ProfileLevel{}, "profile 0", "0.0"},
	} {
		if got := tc.level.Profile(); got != tc.profile {
			t.Errorf("%+v: got %q, want %q", tc.level, got, tc.profile)
		}
		if got := tc.level.String(); got != tc.asString {
			t.Errorf("%+v: got %q, want %q", tc.level, got, tc.asString)
		}
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
		c, err := hevc.ParseConfig(data)
		if err != nil {
			return
		}
		again, err := hevc.ParseConfig(c.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
		if format, err := hevc.Format(data); err == nil && (format.Width <= 0 || format.Height <= 0 || format.Reorder < 0) {
			t.Errorf("got %+v", format)
		}
	})
}

func FuzzParseSPS(f *testing.F) {
	for _, g := range mediatest.Golden[golden](f, "testdata/ffprobe.json") {
		c, err := hevc.ParseConfig(mediatest.Unhex(f, g.Config))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.Units(hevc.SequenceSet)[0])
	}
	f.Fuzz(func(t *testing.T, unit []byte) {
		s, err := hevc.ParseSPS(unit)
		if err == nil && (s.Width <= 0 || s.Height <= 0 || s.FrameRate() < 0) {
			t.Errorf("got %+v", s)
		}
	})
}
