package h264

import (
	"fmt"

	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/nal"
)

// SPS is what simulcart reads of a sequence parameter set, ITU-T H.264 §7.3.2.1.1 and §E.1.1.
type SPS struct {
	ProfileIDC  uint8  // profile_idc
	Constraints uint8  // constraint_set0_flag in the highest bit, to constraint_set5_flag
	LevelIDC    uint8  // level_idc, ten times the level
	ID          int    // seq_parameter_set_id, 0 to 31
	Width       int    // luma samples, after cropping
	Height      int    // luma samples of a frame (both fields), after cropping
	OrderType   int    // pic_order_cnt_type, 0 to 2; 2 means that output order is decode order
	TickUnits   uint32 // num_units_in_tick; 0 where the VUI has no timing
	TimeScale   uint32 // time_scale; 0 where the VUI has no timing
	FixedRate   bool   // fixed_frame_rate_flag
	ReorderSet  bool   // the VUI has bitstream_restriction, so that MaxReorder says something
	MaxReorder  int    // max_num_reorder_frames, 0 to 16
}

// hasChromaFormat names the profiles whose SPS has a chroma format and bit depths, §7.3.2.1.1.
func hasChromaFormat(profile uint8) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// ParseSPS reads a NAL unit of type SPS, header and emulation prevention bytes included. Offsets in its errors count
// from behind the header, without the emulation prevention bytes.
func ParseSPS(unit []byte) (SPS, error) {
	if len(unit) == 0 || TypeOf(unit) != SequenceSet {
		return SPS{}, &wire.SyntaxError{Format: "h264 sps", Msg: "not a NAL unit of type 7"}
	}
	r := bits.NewReader("h264 sps", nal.Payload(unit, 1))
	s := SPS{ProfileIDC: uint8(r.Bits(8)), Constraints: uint8(r.Bits(8)), LevelIDC: uint8(r.Bits(8))}
	s.ID = r.UEMax("seq_parameter_set_id", 31)
	chroma := 1
	if hasChromaFormat(s.ProfileIDC) {
		chroma = readChroma(r)
	}
	r.UEMax("log2_max_frame_num_minus4", 12)
	s.readOrder(r)
	r.UEMax("max_num_ref_frames", 16)
	r.Skip(1) // gaps_in_frame_num_value_allowed_flag
	s.readSize(r, chroma)
	if r.Flag() { // vui_parameters_present_flag
		s.readVUI(r)
	}
	if err := r.Err(); err != nil {
		return SPS{}, err
	}
	return s, nil
}

// readChroma reads chroma_format_idc, the bit depths and the scaling matrices, and gives ChromaArrayType: 0 for pictures
// without chroma or with separate planes, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
func readChroma(r *bits.Reader) int {
	chroma := r.UEMax("chroma_format_idc", 3)
	lists := 8
	if chroma == 3 {
		lists = 12
		if r.Flag() { // separate_colour_plane_flag
			chroma = 0
		}
	}
	r.UEMax("bit_depth_luma_minus8", 6)
	r.UEMax("bit_depth_chroma_minus8", 6)
	r.Skip(1)      // qpprime_y_zero_transform_bypass_flag
	if !r.Flag() { // seq_scaling_matrix_present_flag
		return chroma
	}
	for i := range lists {
		if !r.Flag() { // seq_scaling_list_present_flag
			continue
		}
		if i < 6 {
			skipScalingList(r, 16)
		} else {
			skipScalingList(r, 64)
		}
	}
	return chroma
}

// skipScalingList passes over a list of differences, §7.3.2.1.1.1; it ends early where the next scale becomes 0.
func skipScalingList(r *bits.Reader, size int) {
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.SE()) & 255
		}
		if next != 0 {
			last = next
		}
	}
}

func (s *SPS) readOrder(r *bits.Reader) {
	s.OrderType = r.UEMax("pic_order_cnt_type", 2)
	switch s.OrderType {
	case 0:
		r.UEMax("log2_max_pic_order_cnt_lsb_minus4", 12)
	case 1:
		r.Skip(1) // delta_pic_order_always_zero_flag
		r.SE()    // offset_for_non_ref_pic
		r.SE()    // offset_for_top_to_bottom_field
		for range r.UEMax("num_ref_frames_in_pic_order_cnt_cycle", 255) {
			r.SE() // offset_for_ref_frame
		}
	}
}

// readSize reads the size in macroblocks and the cropping rectangle, §7.4.2.1.1.
func (s *SPS) readSize(r *bits.Reader, chroma int) {
	const most = 4096 // macroblocks: 65,536 samples, four times what level 6.2 allows
	width := 16 * (1 + r.UEMax("pic_width_in_mbs_minus1", most-1))
	height := 16 * (1 + r.UEMax("pic_height_in_map_units_minus1", most-1))
	fields := 1
	if !r.Flag() { // frame_mbs_only_flag
		fields = 2
		r.Skip(1) // mb_adaptive_frame_field_flag
	}
	height *= fields
	r.Skip(1)     // direct_8x8_inference_flag
	if r.Flag() { // frame_cropping_flag
		unitX, unitY := 1, fields
		if chroma == 1 || chroma == 2 {
			unitX = 2
		}
		if chroma == 1 {
			unitY *= 2
		}
		width -= unitX * r.UEMax("frame_crop_left_offset", 0xffff)
		width -= unitX * r.UEMax("frame_crop_right_offset", 0xffff)
		height -= unitY * r.UEMax("frame_crop_top_offset", 0xffff)
		height -= unitY * r.UEMax("frame_crop_bottom_offset", 0xffff)
		if width <= 0 || height <= 0 {
			r.Fail("cropping leaves %d x %d samples", width, height)
		}
	}
	s.Width, s.Height = width, height
}

// readVUI reads the video usability information as far as bitstream_restriction, §E.1.1.
func (s *SPS) readVUI(r *bits.Reader) {
	nal.SkipVUIHead(r)
	if r.Flag() { // timing_info_present_flag
		s.TickUnits, s.TimeScale, s.FixedRate = r.Bits(32), r.Bits(32), r.Flag()
	}
	hrd := false
	for range 2 { // nal_hrd_parameters_present_flag, vcl_hrd_parameters_present_flag
		if r.Flag() {
			hrd = true
			skipHRD(r)
		}
	}
	if hrd {
		r.Skip(1) // low_delay_hrd_flag
	}
	r.Skip(1)                                   // pic_struct_present_flag
	if s.ReorderSet = r.Flag(); !s.ReorderSet { // bitstream_restriction_flag
		return
	}
	r.Skip(1) // motion_vectors_over_pic_boundaries_flag
	for range 4 {
		r.UE() // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal and _vertical
	}
	s.MaxReorder = r.UEMax("max_num_reorder_frames", 16)
}

// skipHRD passes over hypothetical reference decoder parameters, §E.1.2.
func skipHRD(r *bits.Reader) {
	count := 1 + r.UEMax("cpb_cnt_minus1", 31)
	r.Skip(8) // bit_rate_scale, cpb_size_scale
	for range count {
		r.UE()    // bit_rate_value_minus1
		r.UE()    // cpb_size_value_minus1
		r.Skip(1) // cbr_flag
	}
	r.Skip(20) // four lengths of 5 bits
}

// FrameRate gives pictures a second by the VUI: time_scale / num_units_in_tick counts fields, so half of it, also for
// progressive pictures (§E.2.1). It is 0 where the VUI has no timing.
func (s SPS) FrameRate() float64 {
	if s.TickUnits == 0 {
		return 0
	}
	return float64(s.TimeScale) / (2 * float64(s.TickUnits))
}

// Reorder gives how many pictures may be held back for reordering: max_num_reorder_frames of the VUI; without it 0 where
// there can be none (Baseline, intra profiles, order count type 2), else -1 for not told (§E.2.1).
func (s SPS) Reorder() int {
	switch {
	case s.ReorderSet:
		return s.MaxReorder
	case s.ProfileIDC == 66, s.OrderType == 2:
		return 0
	case s.constraint(3):
		switch s.ProfileIDC {
		case 44, 86, 100, 110, 122, 244:
			return 0 // all pictures are IDR pictures
		}
	}
	return -1
}

// Profile gives the profile as people write it, such as "High" (§A.2); "profile 118" where it has no name here.
func (s SPS) Profile() string {
	switch s.ProfileIDC {
	case 66:
		if s.constraint(1) {
			return "Constrained Baseline"
		}
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100:
		return "High"
	case 110:
		return "High 10" + s.intra()
	case 122:
		return "High 4:2:2" + s.intra()
	case 244:
		if s.constraint(3) {
			return "High 4:4:4 Intra"
		}
		return "High 4:4:4 Predictive"
	case 44:
		return "CAVLC 4:4:4 Intra"
	}
	return fmt.Sprintf("profile %d", s.ProfileIDC)
}

// Level gives the level as people write it, such as "3.1", or "1b" (§A.3.1, §A.3.4).
func (s SPS) Level() string {
	oldProfile := s.ProfileIDC == 66 || s.ProfileIDC == 77 || s.ProfileIDC == 88
	if s.LevelIDC == 9 || s.LevelIDC == 11 && oldProfile && s.constraint(3) {
		return "1b"
	}
	return fmt.Sprintf("%d.%d", s.LevelIDC/10, s.LevelIDC%10)
}

func (s SPS) constraint(n int) bool { return s.Constraints>>(7-n)&1 == 1 }

func (s SPS) intra() string {
	if s.constraint(3) {
		return " Intra"
	}
	return ""
}
