package hevc_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/hevc"
)

// sps writes an SPS bit by bit; what ffprobe's samples do not have is built here.
type sps struct{ bits.Writer }

// newSPS writes all up to the chroma format, with a profile or a level for each temporal layer above the lowest as told.
func newSPS(layers uint32, subProfile, subLevel bool) *sps {
	s := &sps{}
	s.Bits(0x4201, 16)
	s.Bits(0, 4)
	s.Bits(layers-1, 3)
	s.Flag(true)
	s.level()
	if layers > 1 {
		for i := range uint32(8) {
			s.flags(subProfile && i < layers-1, subLevel && i < layers-1)
		}
		for range layers - 1 {
			if subProfile {
				s.Bits(0, 32)
				s.Bits(0, 32)
				s.Bits(0, 24)
			}
			if subLevel {
				s.Bits(90, 8)
			}
		}
	}
	return s.codes(2) // sps_seq_parameter_set_id
}

func (s *sps) level() {
	s.Bits(0x21, 8) // high tier, Main
	s.Bits(0x60000000, 32)
	s.Bits(0x90000000, 32)
	s.Bits(0, 16)
	s.Bits(123, 8)
}

// tools writes the block sizes.
func (s *sps) tools() *sps { return s.codes(0, 3, 0, 3, 0, 0) }

func (s *sps) flags(list ...bool) *sps {
	for _, flag := range list {
		s.Flag(flag)
	}
	return s
}

func (s *sps) codes(list ...uint32) *sps {
	for _, code := range list {
		s.UE(code)
	}
	return s
}

// withEverything has scaling lists, PCM, predicted reference sets, long-term pictures and the VUI as far as it is read.
func withEverything() *sps {
	s := newSPS(3, true, true)
	s.codes(1, 1920, 1088).flags(true).codes(0, 0, 0, 4) // 4:2:0, cropped
	s.codes(0, 0, 4)
	s.flags(true).codes(4, 1, 0, 4, 2, 0, 4, 3, 0)
	s.tools().flags(true, true) // scaling lists of our own
	for size := range 4 {
		for matrix := range 6 {
			if size == 3 && matrix%3 != 0 {
				continue
			}
			if matrix != 0 {
				s.flags(false).codes(0)
				continue
			}
			s.flags(true)
			if size > 1 {
				s.codes(3)
			}
			for range min(64, 1<<(4+2*size)) {
				s.codes(1)
			}
		}
	}
	s.flags(true, true, true) // amp, sao, pcm
	s.Bits(0x77, 8)
	s.codes(0, 2).flags(false)
	s.codes(3)                                              // reference picture sets
	s.codes(2, 1).codes(0).flags(true).codes(1).flags(true) // plain: 2 before, 1 behind
	s.codes(0).flags(true)
	s.flags(true, false).codes(0)                   // predicted, from 3 pictures: 4 flags of use
	s.flags(true, false, true, false, false, true)  // used; not used but kept; neither; used
	s.flags(false).codes(1, 0).codes(4).flags(true) // plain again
	s.flags(true).codes(2)                          // long-term pictures
	s.Bits(0x1ff, 9)
	s.Bits(0x1ff, 9)
	s.flags(true, true, true) // tmvp, smoothing, VUI
	s.flags(true)
	s.Bits(255, 8)
	s.Bits(0x00010001, 32)
	s.flags(true, true, true)
	s.Bits(0, 4)
	s.flags(true)
	s.Bits(0x010101, 24)
	s.flags(true).codes(0, 0)
	s.flags(false, false, false, true).codes(1, 2, 3, 4)
	s.flags(true)
	s.Bits(1001, 32)
	s.Bits(24000, 32)
	return s
}

func TestParseSPS(t *testing.T) {
	level := hevc.ProfileLevel{HighTier: true, ProfileIDC: 1, Compatibility: 0x60000000, Constraints: [6]byte{0x90}, LevelIDC: 123}

	planes := newSPS(2, false, false).codes(3).flags(true).codes(64, 48).flags(true).codes(1, 2, 3, 4)
	planes.codes(0, 0, 0).flags(false).codes(1, 1, 0).tools().flags(false, false, false, false).codes(0)
	planes.flags(false, false, false, false)

	for _, tc := range []struct {
		name string
		sps  *sps
		want hevc.SPS
		rate float64
	}{
		{
			"everything", withEverything(),
			hevc.SPS{Level: level, ID: 2, Width: 1920, Height: 1080, MaxReorder: 3, TickUnits: 1001, TimeScale: 24000},
			24000.0 / 1001,
		},
		{"separate planes", planes, hevc.SPS{Level: level, ID: 2, Width: 64 - 3, Height: 48 - 7, MaxReorder: 1}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := hevc.ParseSPS(escape(tc.sps.Bytes()))
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

// What an hvcC repeats of an SPS is what x265 writes into it, and what stands behind the levels of lower temporal layers.
func TestConfigOf(t *testing.T) {
	for _, g := range mediatest.Golden[golden](t, "testdata/ffprobe.json") {
		want, err := hevc.ParseConfig(mediatest.Unhex(t, g.Config))
		if err != nil {
			t.Fatal(err)
		}
		got, err := hevc.ConfigOf(want.Units(hevc.SequenceSet)[0])
		if err != nil {
			t.Fatalf("%s: %v", g.Name, err)
		}
		want.Arrays, want.SpatialSegmentation, want.Parallelism, want.AverageFrameRate, want.ConstantFrameRate = nil, 0, 0, 0, 0 // not of the SPS
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", g.Name, diff)
		}
	}
	level := hevc.ProfileLevel{HighTier: true, ProfileIDC: 1, Compatibility: 0x60000000, Constraints: [6]byte{0x90}, LevelIDC: 123}
	deep := newSPS(1, false, false).codes(3).flags(true).codes(64, 48).flags(false).codes(2, 1, 4).flags(false).codes(1, 1, 0)
	deep.tools().flags(false, false, false, false).codes(0).flags(false, false, false, false)
	for name, tc := range map[string]struct {
		sps  *sps
		want hevc.Config
	}{
		"layers, cropped":   {withEverything(), hevc.Config{Level: level, ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8, TemporalLayers: 3, TemporalNested: true, LengthSize: 4}},
		"4:4:4, deep pixel": {deep, hevc.Config{Level: level, ChromaFormat: 3, BitDepthLuma: 10, BitDepthChroma: 9, TemporalLayers: 1, TemporalNested: true, LengthSize: 4}},
	} {
		got, err := hevc.ConfigOf(escape(tc.sps.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	if _, err := hevc.ConfigOf([]byte{0x42, 1, 0}); err == nil {
		t.Error("three bytes are an SPS")
	}
}

func TestParseSPSRefuses(t *testing.T) {
	// plain writes all up to the reference picture sets.
	plain := func() *sps {
		return newSPS(1, false, false).codes(1, 64, 64).flags(false).codes(0, 0, 4).flags(false).codes(1, 1, 0).
			tools().flags(false, false, false, false)
	}
	for name, s := range map[string]*sps{
		"8 temporal layers":     newSPS(8, false, false),
		"chroma format 4":       newSPS(1, false, false).codes(4, 64, 64),
		"no width":              newSPS(1, false, false).codes(1, 0, 64).flags(false),
		"cropped to nothing":    newSPS(1, false, false).codes(1, 64, 64).flags(true).codes(16, 16, 0, 0),
		"wider than 65535":      newSPS(1, false, false).codes(1, 65536, 64).flags(false),
		"65 reference sets":     plain().codes(65),
		"17 pictures in a set":  plain().codes(1, 9, 8),
		"33 long-term pictures": plain().codes(0).flags(true).codes(33),
		"cut short":             plain(),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hevc.ParseSPS(escape(s.Bytes()))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || syntax.Format != "hevc sps" {
				t.Errorf("got %+v, error %v, want a syntax error", got, err)
			}
		})
	}
}

func TestPredictedSetOfTooManyPictures(t *testing.T) {
	s := newSPS(1, false, false).codes(1, 64, 64).flags(false).codes(0, 0, 4).flags(false).codes(1, 1, 0)
	s.tools().flags(false, false, false, false).codes(2, 16, 0)
	for range 16 {
		s.codes(0).flags(true)
	}
	s.flags(true, false).codes(0)
	for range 17 {
		s.flags(true)
	}
	_, err := hevc.ParseSPS(escape(s.Bytes()))
	var syntax *wire.SyntaxError
	if !errors.As(err, &syntax) || syntax.Msg != "a reference picture set of 17 pictures, more than 16" {
		t.Errorf("got %v", err)
	}
}

// escape puts emulation prevention bytes in and the stop bit behind, ITU-T H.265 §7.4.2.
func escape(unit []byte) []byte {
	var out []byte
	zeros := 0
	for _, b := range append(unit[:len(unit):len(unit)], 0x80) {
		if zeros >= 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		zeros++
		if b != 0 {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}
