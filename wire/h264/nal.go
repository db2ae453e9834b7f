package h264

import "fmt"

// NALType is nal_unit_type, ITU-T H.264 table 7-1. The set is closed: values that the standard leaves open have no name.
//
//	forbidden_zero_bit 1 · nal_ref_idc 2 · nal_unit_type 5
type NALType uint8

// The NAL unit types that streams carry.
const (
	Slice         NALType = 1  // of a picture that is no IDR picture
	PartitionA    NALType = 2  //
	PartitionB    NALType = 3  //
	PartitionC    NALType = 4  //
	IDR           NALType = 5  // slice of an IDR picture: a decoder can start here
	SEI           NALType = 6  // supplemental enhancement information
	SequenceSet   NALType = 7  // SPS
	PictureSet    NALType = 8  // PPS
	Delimiter     NALType = 9  // access unit delimiter
	EndOfSequence NALType = 10 //
	EndOfStream   NALType = 11 //
	Filler        NALType = 12 // bits without meaning, for a constant rate
	SPSExtension  NALType = 13 //
	Prefix        NALType = 14 // of a scalable or multiview stream
	SubsetSPS     NALType = 15 //
)

var nalNames = [...]string{
	Slice: "slice", PartitionA: "partition A", PartitionB: "partition B", PartitionC: "partition C", IDR: "IDR slice",
	SEI: "SEI", SequenceSet: "SPS", PictureSet: "PPS", Delimiter: "access unit delimiter",
	EndOfSequence: "end of sequence", EndOfStream: "end of stream", Filler: "filler data",
	SPSExtension: "SPS extension", Prefix: "prefix", SubsetSPS: "subset SPS",
}

// TypeOf gives the type of a NAL unit of at least one byte, its header first.
func TypeOf(unit []byte) NALType { return NALType(unit[0] & 31) }

// String gives the name used in logs, "type 20" where there is none.
func (t NALType) String() string {
	if int(t) < len(nalNames) && nalNames[t] != "" {
		return nalNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}
