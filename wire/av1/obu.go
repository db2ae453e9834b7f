package av1

import (
	"fmt"
	"iter"
	"math"

	"github.com/simulcart/simulcart/wire"
)

// OBUType is obu_type, AV1 §6.2.2. The set is closed: reserved values have no name.
type OBUType uint8

// The OBU types.
const (
	SequenceHeader       OBUType = 1
	TemporalDelimiter    OBUType = 2 // starts a temporal unit; media.Frame goes without
	FrameHeader          OBUType = 3
	TileGroup            OBUType = 4
	Metadata             OBUType = 5
	Frame                OBUType = 6 // a frame header with its tiles
	RedundantFrameHeader OBUType = 7
	TileList             OBUType = 8
	Padding              OBUType = 15
)

var obuNames = [...]string{
	SequenceHeader: "sequence header", TemporalDelimiter: "temporal delimiter", FrameHeader: "frame header",
	TileGroup: "tile group", Metadata: "metadata", Frame: "frame", RedundantFrameHeader: "redundant frame header",
	TileList: "tile list", Padding: "padding",
}

// String gives the name used in logs, "type 9" where there is none.
func (t OBUType) String() string {
	if int(t) < len(obuNames) && obuNames[t] != "" {
		return obuNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// OBU is one open bitstream unit in the low-overhead format, AV1 §5.2 and §5.3:
//
//	forbidden 1 · obu_type 4 · extension 1 · has_size 1 · reserved 1
//	[ temporal_id 3 · spatial_id 2 · reserved 3 ]     with extension
//	[ obu_size, leb128 ]                              with has_size; without, the unit goes to the end of the data
//	payload
type OBU struct {
	Type       OBUType
	TemporalID uint8  // 0 without an extension
	SpatialID  uint8  // 0 without an extension
	Payload    []byte // what follows header and size
	Raw        []byte // the whole unit
}

// OBUs walks data, a temporal unit as media.Frame holds it or the configOBUs of an av1C. A unit that does not fit ends the walk
// with an empty unit and a [*wire.SyntaxError]. The units are parts of data, not copies.
func OBUs(data []byte) iter.Seq2[OBU, error] {
	return func(yield func(OBU, error) bool) {
		for at := 0; at < len(data); {
			u, err := ReadOBU(data, at)
			if err != nil {
				yield(OBU{}, err)
				return
			}
			if !yield(u, nil) {
				return
			}
			at += len(u.Raw)
		}
	}
}

// WithoutTemporalDelimiters checks data, a temporal unit, and gives it without its temporal delimiters: data itself where
// there is none, a part of it where they all come first, as they should, else a copy.
func WithoutTemporalDelimiters(data []byte) ([]byte, error) {
	leading, kept := 0, 0 // bytes of delimiters at the start, and of all other units
	for u, err := range OBUs(data) {
		switch {
		case err != nil:
			return nil, err
		case u.Type != TemporalDelimiter:
			kept += len(u.Raw)
		case kept == 0:
			leading += len(u.Raw)
		}
	}
	if leading+kept == len(data) {
		return data[leading:], nil
	}
	out := make([]byte, 0, kept)
	for u, err := range OBUs(data) {
		if err != nil {
			return nil, err
		}
		if u.Type != TemporalDelimiter {
			out = append(out, u.Raw...)
		}
	}
	return out, nil
}

// ReadLEB128 reads a number of seven bits a byte, the lowest first, AV1 §4.10.5, and gives how many bytes it took: 1 to 8.
// Values above 2^32-1 and numbers cut short are a [*wire.SyntaxError].
func ReadLEB128(b []byte) (v uint32, size int, err error) {
	var wide uint64
	for i := range min(len(b), 8) {
		wide |= uint64(b[i]&127) << (7 * i)
		if b[i]&128 != 0 {
			continue
		}
		if wide > math.MaxUint32 {
			return 0, 0, syntax(0, "a leb128 number of %d, more than 32 bits", wide)
		}
		return uint32(wide), i + 1, nil
	}
	return 0, 0, syntax(0, "a leb128 number without an end in %d bytes", min(len(b), 8))
}

// AppendLEB128 writes v behind dst in the fewest bytes, 1 to 5.
func AppendLEB128(dst []byte, v uint32) []byte {
	for v >= 128 {
		dst = append(dst, byte(v)|128)
		v >>= 7
	}
	return append(dst, byte(v))
}

// ReadOBU gives the unit that begins at byte start of data, which must be a byte of data: a step of [OBUs] for those who need
// offsets. A unit that does not fit is a [*wire.SyntaxError]. The unit is a part of data, not a copy.
func ReadOBU(data []byte, start int) (OBU, error) {
	head := data[start]
	if head&0x80 != 0 {
		return OBU{}, syntax(start, "the forbidden bit of an OBU header is set")
	}
	u := OBU{Type: OBUType(head >> 3 & 15)}
	at := start + 1
	if head&4 != 0 { // obu_extension_flag
		if at == len(data) {
			return OBU{}, syntax(at, "the extension of an OBU header is missing")
		}
		u.TemporalID, u.SpatialID = data[at]>>5, data[at]>>3&3
		at++
	}
	end := len(data)
	if head&2 != 0 { // obu_has_size_field
		payload, size, err := ReadLEB128(data[at:])
		if err != nil {
			return OBU{}, syntax(at, "the size of an OBU is no leb128 number of 32 bits")
		}
		at += size
		if uint64(payload) > uint64(len(data)-at) {
			return OBU{}, syntax(at, "an OBU of %d bytes, %d left", payload, len(data)-at)
		}
		end = at + int(payload)
	}
	u.Payload, u.Raw = data[at:end:end], data[start:end:end]
	return u, nil
}

func syntax(at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "av1 OBU", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}
