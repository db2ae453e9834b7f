// Package nal walks the NAL units that H.264 and HEVC share: units behind lengths, and emulation prevention.
package nal

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/simulcart/simulcart/wire"
)

// Units walks data, NAL units behind their lengths of 4 bytes, big-endian, as media.Frame holds H.264 and HEVC (ISO/IEC
// 14496-15 §5.3.3 and §8.3.2). Units of no bytes are passed over. A unit that does not fit ends the walk with a nil unit
// and a [*wire.SyntaxError]. The units are parts of data, not copies.
func Units(data []byte) iter.Seq2[[]byte, error] { return units(data, 4) }

// Relength gives data, NAL units behind lengths of size bytes (1 to 4), with 4-byte lengths. Where size is 4 it checks data
// and gives it back as it is; else the result is a copy. Data that does not fit its lengths is a [*wire.SyntaxError].
func Relength(data []byte, size int) ([]byte, error) {
	if size < 1 || size > 4 {
		return nil, unitsError(0, "lengths of %d bytes, not 1 to 4", size)
	}
	count := 0
	for _, err := range units(data, size) {
		if err != nil {
			return nil, err
		}
		count++
	}
	if size == 4 {
		return data, nil
	}
	out := make([]byte, 0, len(data)+count*(4-size))
	for unit, err := range units(data, size) {
		if err != nil {
			return nil, err
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(unit)))
		out = append(out, unit...)
	}
	return out, nil
}

// Payload takes the emulation prevention bytes out of a NAL unit: each 3 that follows two zeros (ITU-T H.264 §7.3.1,
// H.265 §7.3.1.1). The result starts behind the unit's header of the given length; it is nil where the unit has no more.
func Payload(unit []byte, header int) []byte {
	if len(unit) <= header {
		return nil
	}
	out := make([]byte, 0, len(unit)-header)
	zeros := 0
	for _, b := range unit[header:] {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}

func units(data []byte, size int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for at := 0; at < len(data); {
			if len(data)-at < size {
				yield(nil, unitsError(at, "a NAL unit length of %d bytes needed, %d left", size, len(data)-at))
				return
			}
			length := uint64(0)
			for _, b := range data[at : at+size] {
				length = length<<8 | uint64(b)
			}
			at += size
			if length > uint64(len(data)-at) {
				yield(nil, unitsError(at, "a NAL unit of %d bytes, %d left", length, len(data)-at))
				return
			}
			unit := data[at : at+int(length) : at+int(length)]
			at += int(length)
			if length > 0 && !yield(unit, nil) {
				return
			}
		}
	}
}

func unitsError(at int, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "NAL units", Offset: int64(at), Msg: fmt.Sprintf(msg, args...)}
}
