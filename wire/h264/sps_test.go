package h264_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/h264"
)

// sps writes an SPS bit by bit; what ffprobe's samples do not have is built here.
type sps struct{ bits.Writer }

func newSPS(profile, constraints, level uint32) *sps {
	s := &sps{}
	s.Bits(0x67, 8)
	s.Bits(profile, 8)
	s.Bits(constraints, 8)
	s.Bits(level, 8)
	s.UE(0) // seq_parameter_set_id
	return s
}

// order writes log2_max_frame_num and the order count type 0 or 2, size the rest up to cropping.
func (s *sps) order(kind uint32) *sps {
	s.UE(0)
	s.UE(kind)
	if kind == 0 {
		s.UE(0)
	}
	return s
}

func (s *sps) size(width, height uint32) *sps {
	s.UE(1) // max_num_ref_frames
	s.Flag(false)
	s.UE(width - 1)
	s.UE(height - 1)
	s.Flag(true) // frame_mbs_only_flag
	s.Flag(true) // direct_8x8_inference_flag
	return s
}

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

func TestParseSPS(t *testing.T) {
	full := newSPS(66, 0x40, 31).order(2).size(80, 45).flags(false, true)
	full.flags(true)
	full.Bits(255, 8) // Extended_SAR
	full.Bits(0x00010001, 32)
	full.flags(true, true)        // overscan
	full.flags(true)              // video signal
	full.Bits(0b1011, 4)          //
	full.flags(true)              // colour description
	full.Bits(0x010101, 24)       //
	full.flags(true).codes(1, 1)  // chroma location
	full.flags(true)              // timing
	full.Bits(1001, 32)           //
	full.Bits(60000, 32)          //
	full.flags(true, false, true) // fixed rate, no NAL HRD, VCL HRD
	full.codes(1)
	full.Bits(0, 8)
	for range 2 {
		full.codes(7, 7).flags(false)
	}
	full.Bits(0, 20)
	full.flags(false, true, true, true).codes(0, 0, 10, 10, 3, 4) // low delay, pic_struct, restriction

	cycle := newSPS(77, 0, 30)
	cycle.codes(0, 1).flags(true).codes(1, 2, 3, 4, 5, 6) // order count type 1 with a cycle of 3
	cycle.size(40, 23).flags(true).codes(1, 2, 0, 4).flags(false)

	scaling := newSPS(100, 0x10, 40)
	scaling.codes(3).flags(true).codes(0, 0).flags(false, true) // 4:4:4 in separate planes, matrices
	scaling.flags(true).codes(16)                               // a list that ends at once: 8 - 8 = 0
	scaling.flags(false, false, false, false, false, true)
	for range 64 {
		scaling.codes(0)
	}
	scaling.flags(false, false, false, false, false)
	scaling.order(0).size(20, 15).flags(true).codes(1, 2, 3, 4).flags(false)

	for _, tc := range []struct {
		name    string
		sps     *sps
		want    h264.SPS
		rate    float64
		reorder int
	}{
		{"all of the VUI", full, h264.SPS{
			ProfileIDC: 66, Constraints: 0x40, LevelIDC: 31, Width: 1280, Height: 720, OrderType: 2,
			TickUnits: 1001, TimeScale: 60000, FixedRate: true, ReorderSet: true, MaxReorder: 3,
		}, 60000.0 / 2002, 3},
		{
			"order count type 1", cycle,
			h264.SPS{ProfileIDC: 77, LevelIDC: 30, Width: 640 - 6, Height: 368 - 8, OrderType: 1},
			0, -1,
		},
		{
			"scaling lists and separate planes", scaling,
			h264.SPS{ProfileIDC: 100, Constraints: 0x10, LevelIDC: 40, Width: 320 - 3, Height: 240 - 7},
			0, 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := h264.ParseSPS(escape(tc.sps.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.FrameRate() != tc.rate || got.Reorder() != tc.reorder {
				t.Errorf("got %v pictures a second, reorder %d, want %v, %d", got.FrameRate(), got.Reorder(), tc.rate, tc.reorder)
			}
		})
	}
}

func TestParseSPSRefuses(t *testing.T) {
	for name, s := range map[string]*sps{
		"id 32":                     func() *sps { s := &sps{}; s.Bits(0x6742001e, 32); s.UE(32); return s }(),
		"chroma format 4":           newSPS(100, 0, 30).codes(4),
		"order count type 3":        newSPS(66, 0, 30).codes(0, 3),
		"a cycle of 256":            newSPS(66, 0, 30).codes(0, 1).flags(true).codes(0, 0, 256),
		"cropped to nothing":        newSPS(66, 0, 30).order(2).size(1, 1).flags(true).codes(4, 4, 0, 0).flags(false),
		"wider than 65536":          newSPS(66, 0, 30).order(2).size(4097, 1).flags(false, false),
		"macroblocks near overflow": newSPS(66, 0, 30).order(2).size(1<<32-2, 1<<32-2).flags(false, false),
		"a cut VUI":                 newSPS(66, 0, 30).order(2).size(1, 1).flags(false, true, true),
		"33 reordered pictures": newSPS(66, 0, 30).order(2).size(1, 1).flags(
			false, true, false, false, false, false, false, false, false, false, true, true).codes(0, 0, 0, 0, 33),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := h264.ParseSPS(escape(s.Bytes()))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || syntax.Format != "h264 sps" {
				t.Errorf("got %+v, error %v, want a syntax error", got, err)
			}
		})
	}
}

func TestProfileLevelReorder(t *testing.T) {
	for _, tc := range []struct {
		sps            h264.SPS
		profile, level string
		reorder        int
	}{
		{h264.SPS{ProfileIDC: 66, LevelIDC: 30}, "Baseline", "3.0", 0},
		{h264.SPS{ProfileIDC: 66, Constraints: 0x40, LevelIDC: 31}, "Constrained Baseline", "3.1", 0},
		{h264.SPS{ProfileIDC: 77, Constraints: 0x10, LevelIDC: 11}, "Main", "1b", -1},
		{h264.SPS{ProfileIDC: 77, LevelIDC: 11}, "Main", "1.1", -1},
		{h264.SPS{ProfileIDC: 77, OrderType: 2, LevelIDC: 40}, "Main", "4.0", 0},
		{h264.SPS{ProfileIDC: 88, LevelIDC: 20}, "Extended", "2.0", -1},
		{h264.SPS{ProfileIDC: 100, Constraints: 0x10, LevelIDC: 11}, "High", "1.1", 0},
		{h264.SPS{ProfileIDC: 100, LevelIDC: 9}, "High", "1b", -1},
		{h264.SPS{ProfileIDC: 100, LevelIDC: 62, ReorderSet: true, MaxReorder: 2}, "High", "6.2", 2},
		{h264.SPS{ProfileIDC: 110, Constraints: 0x10, LevelIDC: 51}, "High 10 Intra", "5.1", 0},
		{h264.SPS{ProfileIDC: 110, LevelIDC: 51}, "High 10", "5.1", -1},
		{h264.SPS{ProfileIDC: 122, Constraints: 0x10, LevelIDC: 51}, "High 4:2:2 Intra", "5.1", 0},
		{h264.SPS{ProfileIDC: 244, LevelIDC: 51}, "High 4:4:4 Predictive", "5.1", -1},
		{h264.SPS{ProfileIDC: 244, Constraints: 0x10, LevelIDC: 51}, "High 4:4:4 Intra", "5.1", 0},
		{h264.SPS{ProfileIDC: 44, Constraints: 0x10, LevelIDC: 51}, "CAVLC 4:4:4 Intra", "5.1", 0},
		{h264.SPS{ProfileIDC: 118, Constraints: 0x10, LevelIDC: 51}, "profile 118", "5.1", -1},
	} {
		if got := tc.sps.Profile(); got != tc.profile {
			t.Errorf("%+v: got profile %q, want %q", tc.sps, got, tc.profile)
		}
		if got := tc.sps.Level(); got != tc.level {
			t.Errorf("%+v: got level %q, want %q", tc.sps, got, tc.level)
		}
		if got := tc.sps.Reorder(); got != tc.reorder {
			t.Errorf("%+v: got reorder %d, want %d", tc.sps, got, tc.reorder)
		}
	}
}

// escape puts emulation prevention bytes in and the stop bit behind, ITU-T H.264 §7.4.1.
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
