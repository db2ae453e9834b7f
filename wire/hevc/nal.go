package hevc

import "fmt"

// NALType is nal_unit_type, ITU-T H.265 table 7-1. Values of slices that a relay does not tell apart have no name.
//
//	forbidden_zero_bit 1 · nal_unit_type 6 · nuh_layer_id 6 · nuh_temporal_id_plus1 3
type NALType uint8

// The NAL unit types that streams carry.
const (
	TrailN        NALType = 0  // slice of a trailing picture, not referred to in its layer
	TrailR        NALType = 1  // slice of a trailing picture
	BLAWithLead   NALType = 16 // BLA_W_LP, the first type of the key pictures (IRAP, 16 to 23)
	IDRWithLead   NALType = 19 // IDR_W_RADL
	IDR           NALType = 20 // IDR_N_LP
	CRA           NALType = 21 // clean random access: a decoder can start here
	VideoSet      NALType = 32 // VPS
	SequenceSet   NALType = 33 // SPS
	PictureSet    NALType = 34 // PPS
	Delimiter     NALType = 35 // access unit delimiter
	EndOfSequence NALType = 36 //
	EndOfStream   NALType = 37 //
	Filler        NALType = 38 // bits without meaning, for a constant rate
	PrefixSEI     NALType = 39 // supplemental enhancement information before the picture
	SuffixSEI     NALType = 40 // and behind it
)

var nalNames = [...]string{
	TrailN: "trailing slice, not referred to", TrailR: "trailing slice", BLAWithLead: "BLA slice",
	IDRWithLead: "IDR slice with leading pictures", IDR: "IDR slice", CRA: "CRA slice",
	VideoSet: "VPS", SequenceSet: "SPS", PictureSet: "PPS", Delimiter: "access unit delimiter",
	EndOfSequence: "end of sequence", EndOfStream: "end of stream", Filler: "filler data",
	PrefixSEI: "prefix SEI", SuffixSEI: "suffix SEI",
}

// TypeOf gives the type of a NAL unit of at least one byte, its header first.
func TypeOf(unit []byte) NALType { return NALType(unit[0] >> 1 & 63) }

// String gives the name used in logs, "type 48" where there is none.
func (t NALType) String() string {
	if int(t) < len(nalNames) && nalNames[t] != "" {
		return nalNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}
