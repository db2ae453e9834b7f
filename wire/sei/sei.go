// Package sei carries overlay states inside coded pictures: as SEI user data in H.264 and H.265, as metadata OBUs in AV1.
//
// All functions take an access unit as the Data of a media.Frame: NAL units behind their 4-byte lengths, or OBUs without
// temporal delimiters. A writer asks [Place] where a state belongs and puts the bytes of [Append] there, between two parts of
// the shared data. What a publisher sends under our UUID goes through [Payloads] where it is trusted, through [Strip] where
// it is not. User data under other UUIDs is passed on as it is.
package sei

import (
	"bytes"
	"encoding/binary"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/av1"
)

// uuid marks overlay states, 5b6d1f0e-2c8a-4c1b-9e7a-73696d756c63. It has no zero byte, and what may stand before it in a
// message ends in no two zeros, so that emulation prevention never comes between its bytes: a NAL unit that holds a message of
// ours holds these bytes.
const uuid = "\x5b\x6d\x1f\x0e\x2c\x8a\x4c\x1b\x9e\x7a\x73\x69\x6d\x75\x6c\x63"

const (
	userData        = 5    // payloadType of user_data_unregistered (ITU-T H.264 §D.1.7, H.265 §D.2.7)
	privateMetadata = 6    // metadata_type, the first of "unregistered user private" (AV1 §6.7.1)
	stopBit         = 0x80 // rbsp_trailing_bits and trailing_bits, where what they follow ends with a whole byte
	lengthSize      = 4    // bytes of a NAL unit's length
	emulation       = 0x03 // emulation_prevention_three_byte
)

// Carries says whether pictures of c can carry overlay states: those of H.264, HEVC and AV1.
func Carries(c media.Codec) bool { return c == media.H264 || c == media.HEVC || c == media.AV1 }

// Append writes payload behind dst as a part of an access unit of c: a NAL unit with its 4-byte length, or an OBU with its
// size. Any payload comes back as it is from [Payloads]; overlay states have at most 4,096 bytes. A codec that carries none is a
// [*wire.UnsupportedError].
func Append(dst []byte, c media.Codec, payload []byte) ([]byte, error) {
	return appendMessage(dst, c, uuid, payload)
}

// appendMessage writes user data under the UUID id.
//
//	H.264 §7.3.2.3.1, H.265 §7.3.5 :  length 4 · 06 or 4E 01 · type 05 · size, n × FF and a last byte · UUID 16 · payload · 80
//	AV1 §5.8 :                        2A · obu_size, leb128 · metadata_type 06 · UUID 16 · payload · 80
func appendMessage(dst []byte, c media.Codec, id string, payload []byte) ([]byte, error) {
	switch c {
	case media.H264:
		return appendUnit(dst, id, payload, 0x06), nil
	case media.HEVC:
		return appendUnit(dst, id, payload, 0x4E, 0x01), nil
	case media.AV1:
		return appendOBU(dst, id, payload), nil
	}
	return dst, unsupported(c)
}

func appendUnit(dst []byte, id string, payload []byte, header ...byte) []byte {
	start := len(dst)
	dst = append(append(dst, 0, 0, 0, 0), header...)
	e := escaper{out: append(dst, userData)} // neither header nor type is zero
	size := len(id) + len(payload)
	for ; size >= 0xFF; size -= 0xFF {
		e.out = append(e.out, 0xFF)
	}
	e.write([]byte{byte(size)})
	e.write([]byte(id))
	e.write(payload)
	e.write([]byte{stopBit})
	return withLength(e.out, start)
}

func appendOBU(dst []byte, id string, payload []byte) []byte {
	dst = av1.AppendLEB128(append(dst, 0x2A), uint32(1+len(id)+len(payload)+1))
	dst = append(append(dst, privateMetadata), id...)
	return append(append(dst, payload...), stopBit)
}

// withLength fills in the length of the NAL unit that ends b, whose length stands at byte start.
func withLength(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-lengthSize))
	return b
}

// escaper puts emulation prevention into what follows the header of a NAL unit: a 3 where two zeros are followed by a byte of at
// most 3 (H.264 §7.4.1, H.265 §7.4.2.1).
type escaper struct {
	out   []byte
	zeros int // at the end of out
}

func (e *escaper) write(rbsp []byte) {
	for len(rbsp) > 0 {
		if e.zeros == 0 { // up to a zero nothing happens
			n := bytes.IndexByte(rbsp, 0)
			if n < 0 {
				n = len(rbsp) - 1
			}
			e.out = append(e.out, rbsp[:n]...)
			rbsp = rbsp[n:]
		}
		b := rbsp[0]
		rbsp = rbsp[1:]
		if e.zeros == 2 && b <= 3 {
			e.out = append(e.out, emulation)
			e.zeros = 0
		}
		e.out = append(e.out, b)
		if b == 0 {
			e.zeros++
		} else {
			e.zeros = 0
		}
	}
}

func unsupported(c media.Codec) error {
	return &wire.UnsupportedError{Format: "overlay in a picture", Msg: "the codec " + c.String() + ", only h264, hevc and av1"}
}
