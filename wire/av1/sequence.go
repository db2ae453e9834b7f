package av1

import "github.com/simulcart/simulcart/wire/bits"

// Sequence is what simulcart reads of a sequence header OBU, AV1 §5.5.1.
type Sequence struct {
	Profile         uint8  // seq_profile, 0 to 7
	LevelIndex      uint8  // seq_level_idx[0], 0 to 31
	HighTier        bool   // seq_tier[0]
	Width           int    // max_frame_width, 1 to 65536
	Height          int    // max_frame_height, 1 to 65536
	TickUnits       uint32 // num_units_in_display_tick; 0 without timing
	TimeScale       uint32 // time_scale; 0 without timing
	TicksPerPicture uint32 // 0 where the interval between pictures is not told to be equal
}

// ParseSequence reads the payload of a sequence header OBU. Offsets in its errors count from the payload's start.
func ParseSequence(payload []byte) (Sequence, error) {
	r := bits.NewReader("av1 sequence header", payload)
	s := Sequence{Profile: uint8(r.Bits(3))}
	r.Skip(1)     // still_picture
	if r.Flag() { // reduced_still_picture_header
		s.LevelIndex = uint8(r.Bits(5))
	} else {
		s.readOperation(r)
	}
	widthBits, heightBits := 1+int(r.Bits(4)), 1+int(r.Bits(4))
	s.Width, s.Height = 1+int(r.Bits(widthBits)), 1+int(r.Bits(heightBits))
	if err := r.Err(); err != nil {
		return Sequence{}, err
	}
	return s, nil
}

// FrameRate gives pictures a second where the sequence header has timing and says that intervals are equal; else 0.
func (s Sequence) FrameRate() float64 {
	if s.TickUnits == 0 || s.TicksPerPicture == 0 {
		return 0
	}
	return float64(s.TimeScale) / (float64(s.TickUnits) * float64(s.TicksPerPicture))
}

// readOperation reads timing and the operating points, the first of which counts.
func (s *Sequence) readOperation(r *bits.Reader) {
	delayBits := 0
	decoderModel := false
	if r.Flag() { // timing_info_present_flag
		s.TickUnits, s.TimeScale = r.Bits(32), r.Bits(32)
		if r.Flag() { // equal_picture_interval
			s.TicksPerPicture = r.UE() + 1
		}
		if decoderModel = r.Flag(); decoderModel { // decoder_model_info_present_flag
			delayBits = 1 + int(r.Bits(5))
			r.Skip(32 + 5 + 5) // num_units_in_decoding_tick, two lengths
		}
	}
	displayDelay := r.Flag() // initial_display_delay_present_flag
	points := 1 + int(r.Bits(5))
	for point := range points {
		r.Skip(12) // operating_point_idc
		level, tier := uint8(r.Bits(5)), false
		if level > 7 {
			tier = r.Flag()
		}
		if point == 0 {
			s.LevelIndex, s.HighTier = level, tier
		}
		if decoderModel && r.Flag() { // decoder_model_present_for_this_op
			r.Skip(2*delayBits + 1)
		}
		if displayDelay && r.Flag() { // initial_display_delay_present_for_this_op
			r.Skip(4)
		}
	}
}
