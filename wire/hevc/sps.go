package hevc

import (
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/nal"
)

// SPS is what simulcart reads of a sequence parameter set, ITU-T H.265 §7.3.2.2.1 and §E.2.1.
type SPS struct {
	Level      ProfileLevel
	ID         int    // sps_seq_parameter_set_id, 0 to 15
	Width      int    // luma samples, after the conformance window
	Height     int    // luma samples, after the conformance window
	MaxReorder int    // sps_max_num_reorder_pics of the highest temporal layer, 0 to 16
	TickUnits  uint32 // vui_num_units_in_tick; 0 where the VUI has no timing
	TimeScale  uint32 // vui_time_scale; 0 where the VUI has no timing
}

// ParseSPS reads a NAL unit of type SPS, header and emulation prevention bytes included. Offsets in its errors count
// from behind the header, without the emulation prevention bytes.
func ParseSPS(unit []byte) (SPS, error) {
	if len(unit) < 2 || TypeOf(unit) != SequenceSet {
		return SPS{}, &wire.SyntaxError{Format: "hevc sps", Msg: "not a NAL unit of type 33"}
	}
	if layer := unit[0]&1<<5 | unit[1]>>3; layer != 0 {
		return SPS{}, &wire.UnsupportedError{Format: "hevc sps", Msg: "an SPS of a layer above the base"}
	}
	r := bits.NewReader("hevc sps", nal.Payload(unit, 2))
	r.Skip(4) // sps_video_parameter_set_id
	layers := 1 + int(r.Bits(3))
	if layers > 7 {
		r.Fail("8 temporal layers, more than 7")
	}
	r.Skip(1) // sps_temporal_id_nesting_flag
	s := SPS{Level: readProfileLevel(r, layers)}
	s.ID = r.UEMax("sps_seq_parameter_set_id", 15)
	s.readSize(r)
	r.UEMax("bit_depth_luma_minus8", 8)
	r.UEMax("bit_depth_chroma_minus8", 8)
	orderBits := 4 + r.UEMax("log2_max_pic_order_cnt_lsb_minus4", 12)
	s.readOrdering(r, layers)
	skipTools(r)
	skipReferences(r, orderBits)
	r.Skip(2)     // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
	if r.Flag() { // vui_parameters_present_flag
		s.readVUI(r)
	}
	if err := r.Err(); err != nil {
		return SPS{}, err
	}
	return s, nil
}

// FrameRate gives pictures a second by the VUI (§E.3.1). It is 0 where the VUI has no timing.
func (s SPS) FrameRate() float64 {
	if s.TickUnits == 0 {
		return 0
	}
	return float64(s.TimeScale) / float64(s.TickUnits)
}

// readProfileLevel reads profile_tier_level with its sub-layers, §7.3.3.
func readProfileLevel(r *bits.Reader, layers int) ProfileLevel {
	var raw [12]byte
	for i := range raw {
		raw[i] = byte(r.Bits(8))
	}
	if layers < 2 {
		return parseProfileLevel(raw[:])
	}
	sub := 0
	for layer := range 8 { // flags of each sub-layer but the last, then zeros up to 8 pairs
		profile, level := r.Flag(), r.Flag()
		if layer >= layers-1 {
			continue
		}
		if profile {
			sub += 88
		}
		if level {
			sub += 8
		}
	}
	r.Skip(sub)
	return parseProfileLevel(raw[:])
}

// readSize reads the picture size and the conformance window, §7.4.3.2.1.
func (s *SPS) readSize(r *bits.Reader) {
	const most = 0xffff // samples, four times what level 6.2 allows
	chroma := r.UEMax("chroma_format_idc", 3)
	if chroma == 3 && r.Flag() { // separate_colour_plane_flag
		chroma = 0
	}
	s.Width = r.UEMax("pic_width_in_luma_samples", most)
	s.Height = r.UEMax("pic_height_in_luma_samples", most)
	if r.Flag() { // conformance_window_flag
		unitX, unitY := 1, 1
		if chroma == 1 || chroma == 2 {
			unitX = 2
		}
		if chroma == 1 {
			unitY = 2
		}
		s.Width -= unitX * r.UEMax("conf_win_left_offset", most)
		s.Width -= unitX * r.UEMax("conf_win_right_offset", most)
		s.Height -= unitY * r.UEMax("conf_win_top_offset", most)
		s.Height -= unitY * r.UEMax("conf_win_bottom_offset", most)
	}
	if s.Width <= 0 || s.Height <= 0 {
		r.Fail("a picture of %d x %d samples", s.Width, s.Height)
	}
}

// readOrdering reads the sizes of the picture buffer; the last of them is that of the highest temporal layer.
func (s *SPS) readOrdering(r *bits.Reader, layers int) {
	if !r.Flag() { // sps_sub_layer_ordering_info_present_flag
		layers = 1
	}
	for range layers {
		r.UEMax("sps_max_dec_pic_buffering_minus1", 15)
		s.MaxReorder = r.UEMax("sps_max_num_reorder_pics", 15)
		r.UE() // sps_max_latency_increase_plus1
	}
}

// skipTools passes over the block sizes and coding tools between the picture buffer and the reference pictures.
func skipTools(r *bits.Reader) {
	for range 6 {
		r.UE() // sizes and depths of coding and transform blocks, log2
	}
	if r.Flag() { // scaling_list_enabled_flag
		if r.Flag() { // sps_scaling_list_data_present_flag
			skipScalingLists(r)
		}
	}
	r.Skip(2)     // amp_enabled_flag, sample_adaptive_offset_enabled_flag
	if r.Flag() { // pcm_enabled_flag
		r.Skip(8) // bit depths
		r.UE()    // log2_min_pcm_luma_coding_block_size_minus3
		r.UE()    // log2_diff_max_min_pcm_luma_coding_block_size
		r.Skip(1) // pcm_loop_filter_disabled_flag
	}
}

// skipScalingLists passes over scaling_list_data, §7.3.4.
func skipScalingLists(r *bits.Reader) {
	for size := range 4 {
		step := 1
		if size == 3 {
			step = 3
		}
		for matrix := 0; matrix < 6; matrix += step {
			if !r.Flag() { // scaling_list_pred_mode_flag
				r.UE() // scaling_list_pred_matrix_id_delta
				continue
			}
			if size > 1 {
				r.SE() // scaling_list_dc_coef_minus8
			}
			for range min(64, 1<<(4+2*size)) {
				r.SE() // scaling_list_delta_coef
			}
		}
	}
}

// skipReferences passes over the short-term and long-term reference picture sets, §7.3.2.2.1 and §7.3.7. What a set's
// length depends on is how many pictures the set before it holds.
func skipReferences(r *bits.Reader, orderBits int) {
	held := 0
	for set := range r.UEMax("num_short_term_ref_pic_sets", 64) {
		if r.Err() != nil {
			return
		}
		if set > 0 && r.Flag() { // inter_ref_pic_set_prediction_flag
			held = skipPredictedSet(r, held)
		} else {
			held = skipPlainSet(r)
		}
	}
	if !r.Flag() { // long_term_ref_pics_present_flag
		return
	}
	for range r.UEMax("num_long_term_ref_pics_sps", 32) {
		r.Skip(orderBits + 1) // lt_ref_pic_poc_lsb_sps, used_by_curr_pic_lt_sps_flag
	}
}

// skipPredictedSet passes over a set that differs from the one before, and gives how many pictures it holds.
func skipPredictedSet(r *bits.Reader, before int) int {
	r.Skip(1) // delta_rps_sign
	r.UE()    // abs_delta_rps_minus1
	held := 0
	for range before + 1 {
		used := r.Flag()      // used_by_curr_pic_flag
		if used || r.Flag() { // use_delta_flag, there only for pictures not used
			held++
		}
	}
	if held > 16 {
		r.Fail("a reference picture set of %d pictures, more than 16", held)
	}
	return held
}

// skipPlainSet passes over a set that stands for itself, and gives how many pictures it holds.
func skipPlainSet(r *bits.Reader) int {
	held := r.UEMax("num_negative_pics", 16)
	held += r.UEMax("num_positive_pics", 16)
	if held > 16 {
		r.Fail("a reference picture set of %d pictures, more than 16", held)
	}
	for range held {
		r.UE()    // delta_poc_s0_minus1 or s1
		r.Skip(1) // used_by_curr_pic_s0_flag or s1
	}
	return held
}

// readVUI reads the video usability information as far as the timing, §E.2.1.
func (s *SPS) readVUI(r *bits.Reader) {
	nal.SkipVUIHead(r)
	r.Skip(3)     // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
	if r.Flag() { // default_display_window_flag
		for range 4 {
			r.UE()
		}
	}
	if r.Flag() { // vui_timing_info_present_flag
		s.TickUnits, s.TimeScale = r.Bits(32), r.Bits(32)
	}
}
