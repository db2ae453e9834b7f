package nal

import "github.com/simulcart/simulcart/wire/bits"

// SkipVUIHead passes over what the video usability information of both standards begins with: aspect ratio, overscan, video
// signal type and chroma location (ITU-T H.264 §E.1.1, H.265 §E.2.1).
func SkipVUIHead(r *bits.Reader) {
	if r.Flag() && r.Bits(8) == 255 { // aspect_ratio_info_present_flag, aspect_ratio_idc: Extended_SAR
		r.Skip(32)
	}
	if r.Flag() { // overscan_info_present_flag
		r.Skip(1)
	}
	if r.Flag() { // video_signal_type_present_flag
		r.Skip(4)     // video_format, video_full_range_flag
		if r.Flag() { // colour_description_present_flag
			r.Skip(24)
		}
	}
	if r.Flag() { // chroma_loc_info_present_flag
		r.UE()
		r.UE()
	}
}
