package sei

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// units gives NAL units, in hexadecimal, behind their lengths.
func units(t testing.TB, hexes ...string) (data []byte) {
	t.Helper()
	for _, s := range hexes {
		unit := unhex(t, s)
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(unit))), unit...)
	}
	return data
}

// syntaxOf gives format, offset and text of a syntax error, empty where there is none.
func syntaxOf(t testing.TB, err error) string {
	t.Helper()
	var s *wire.SyntaxError
	if err != nil && !errors.As(err, &s) {
		t.Fatalf("got error %v of another type", err)
	}
	if s == nil {
		return ""
	}
	return s.Error()
}

func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec media.Codec
		data  []byte
		want  int
		err   string
	}{
		{"a slice alone", media.H264, units(t, "41 9a"), 0, ""},
		{"behind delimiter, sets and SEI", media.H264, units(t, "09 f0", "67 42", "68 ce", "06 01 01 00 80", "65 88", "65 89"), 27, ""},
		{"as x264 writes it", media.H264, units(t, "06 05 00 80", "67 42", "68 ce", "06 05 00 80", "65 88"), 28, ""},
		{"before a partition", media.H264, units(t, "67", "02 00"), 5, ""},
		{"before the prefix of a slice", media.H264, units(t, "68", "6e 00", "65 88"), 5, ""},
		{"before a slice of another layer", media.H264, units(t, "68", "74 00"), 5, ""},
		{"empty units", media.H264, units(t, "", "67", "", "65 88", ""), 13, ""},
		{"H.265 behind delimiter, sets and SEI", media.HEVC, units(t, "46 01 50", "40 01", "42 01", "44 01", "4e 01 81 01 00 80", "28 01 af"), 35, ""},
		{"H.265 trailing slice", media.HEVC, units(t, "02 01 d0", "50 01 84 01 00 80"), 0, ""},
		{"H.265 unit of one byte", media.HEVC, units(t, "42", "26"), 5, ""},
		{"AV1 behind the sequence header", media.AV1, unhex(t, "0a 02 0000 32 01 10"), 4, ""},
		{"AV1 in front of other metadata", media.AV1, unhex(t, "0a 02 0000 2a 02 0480 32 01 10"), 4, ""},
		{"AV1 without sequence header", media.AV1, unhex(t, "2a 02 0480 32 01 10 0a 00"), 0, ""},
		{"AV1 frame that goes to the end", media.AV1, unhex(t, "0a 01 00 30 10 10"), 3, ""},
		{"AV1 behind a delimiter that should not be there", media.AV1, unhex(t, "12 00 1a 01 00"), 2, ""},
		{"AV1 with an extension", media.AV1, unhex(t, "0e 00 01 00 36 08 01 10"), 4, ""},
		{"nothing", media.H264, nil, 0, "access unit: at byte 0: no picture in 0 bytes"},
		{"no slice", media.H264, units(t, "67", "68"), 0, "access unit: at byte 10: no picture in 10 bytes"},
		{"no frame", media.AV1, unhex(t, "0a 01 00 7a 00"), 0, "access unit: at byte 5: no picture in 5 bytes"},
		{"sequence header without a size", media.AV1, unhex(t, "08 01 00 32 01 10"), 0, "access unit: at byte 6: no picture in 6 bytes"},
		{"length cut short", media.H264, append(units(t, "67"), 0, 0, 0), 0, "NAL units: at byte 5: a NAL unit length of 4 bytes needed, 3 left"},
		{"unit cut short", media.HEVC, append(units(t, "42 01"), 0xff, 0xff, 0xff, 0xff, 2), 0, "NAL units: at byte 10: a NAL unit of 4294967295 bytes, 1 left"},
		{"OBU cut short", media.AV1, unhex(t, "0a 01 00 32 05 10"), 0, "av1 OBU: at byte 5: an OBU of 5 bytes, 1 left"},
		{"fault behind the first slice", media.H264, append(units(t, "65 88"), 9), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Place(tt.codec, tt.data)
			if got != tt.want || syntaxOf(t, err) != tt.err {
				t.Errorf("got %d, %v, want %d, %s", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	const ours = "05 12 U 6162"
	for _, tt := range []struct {
		name  string
		codec media.Codec
		data  []byte
		want  []byte
		found bool
	}{
		{"ours between others", media.H264, units(t, "67", "06 "+ours+"80", "65 88"), units(t, "67", "65 88"), true},
		{"nothing else", media.H264, units(t, "06 "+ours+"80"), []byte{}, true},
		{"twice", media.H264, units(t, "06 "+ours+"80", "65 88", "06 "+ours+ours+"80"), units(t, "65 88"), true},
		{"empty units stay", media.H264, units(t, "", "06 "+ours+"80", ""), units(t, "", ""), true},
		{"another UUID", media.H264, units(t, "06 05 12 dc45e9bde6d948b7962cd820d923eeef 6162 80", "65"), nil, false},
		{"our UUID in a message of another type", media.H264, units(t, "06 04 12 U 6162 80", "65"), nil, false},
		{"our UUID further on in a message", media.H264, units(t, "06 05 12 6162 U 80", "65"), nil, false},
		{"our UUID in a slice", media.H264, units(t, "65 05 12 U 6162 80"), nil, false},
		{"a message too small for a UUID", media.H264, units(t, "06 05 0f U 80", "65"), nil, false},
		{"first of several", media.H264, units(t, "06"+ours+"01 02 aabb 80", "65"), units(t, "06 01 02 aabb 80", "65"), true},
		{"last of several", media.H264, units(t, "06 01 02 aabb"+ours+"80"), units(t, "06 01 02 aabb 80"), true},
		{"in the middle", media.H264, units(t, "26 01 02 aabb"+ours+"ff05 01 cc 80"), units(t, "26 01 02 aabb ff05 01 cc 80"), true},
		{"emulation prevention comes", media.H264, units(t, "06 07 02 0000"+ours+"01 00 80"), units(t, "06 07 02 0000 03 01 00 80"), true},
		{"emulation prevention goes", media.H264, units(t, "06"+"05 12 U 0000 03 01 01 aa 80"), units(t, "06 01 01 aa 80"), true},
		{"emulation prevention stays", media.H264, units(t, "06"+ours+"07 04 0000 03 00 01 80"), units(t, "06 07 04 0000 03 00 01 80"), true},
		{"without trailing bits", media.H264, units(t, "06"+ours+"01 01 aa"), units(t, "06 01 01 aa 80"), true},
		{"zeros behind the trailing bits", media.H264, units(t, "06"+ours+"01 01 aa 80 0000 03"), units(t, "06 01 01 aa 80"), true},
		{"cut short", media.H264, units(t, "06"+"05 13 U 6162 80", "65"), units(t, "65"), true},
		{"cut short behind another", media.H264, units(t, "06 01 01 80"+"05 ff ff ff ff 00 U 6162 80", "65"), units(t, "06 01 01 80 80", "65"), true},
		{"behind a message that is cut short", media.H264, units(t, "06 01 ff"+ours+"80", "65"), nil, false},
		{"before a message that is cut short", media.H264, units(t, "06"+ours+"01 ff 80", "65"), units(t, "06 01 ff 80", "65"), true},
		{"a fault further on", media.H264, append(units(t, "06"+ours+"80"), 0, 0, 9, 9, 7), []byte{0, 0, 9, 9, 7}, true},
		{"a fault in front", media.H264, append([]byte{0, 1, 0, 0}, units(t, "06"+ours+"80")...), nil, false},
		{"H.265", media.HEVC, units(t, "42 01", "4e 01"+ours+"81 01 aa 80", "26 01"), units(t, "42 01", "4e 01 81 01 aa 80", "26 01"), true},
		{"H.265 behind the picture", media.HEVC, units(t, "26 01", "50 01"+ours+"80"), units(t, "26 01"), true},
		{"H.265 SEI of one byte", media.HEVC, units(t, "4e", "26 01"), nil, false},
		{"AV1", media.AV1, unhex(t, "0a0100 2a 14 06 U 6162 80 2a 02 0480 32 01 10"), unhex(t, "0a0100 2a 02 0480 32 01 10"), true},
		{"AV1 without trailing bits", media.AV1, unhex(t, "2a 11 06 U 32 01 10"), unhex(t, "32 01 10"), true},
		{"AV1 with a long type", media.AV1, unhex(t, "2a 13 868000 U 32 01 10"), unhex(t, "32 01 10"), true},
		{"AV1 without a size", media.AV1, unhex(t, "32 01 10 28 06 U 80"), unhex(t, "32 01 10"), true},
		{"AV1 with an extension", media.AV1, unhex(t, "2e 08 12 06 U 80 32 01 10"), unhex(t, "32 01 10"), true},
		{"AV1 of another type", media.AV1, unhex(t, "2a 12 07 U 80 32 01 10"), nil, false},
		{"AV1 with a type without an end", media.AV1, unhex(t, "2a 18 8080808080808080 U 32 01 10"), nil, false},
		{"AV1 with a fault", media.AV1, unhex(t, "2a 12 06 U 80 80"), unhex(t, "80"), true},
		{"no data", media.H264, nil, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := bytes.Clone(tt.data)
			got, found := Strip(tt.codec, tt.data)
			want := tt.want
			if !tt.found {
				want = tt.data
				if len(got) > 0 && &got[0] != &tt.data[0] {
					t.Error("got a copy")
				}
			}
			if !bytes.Equal(got, want) || found != tt.found {
				t.Errorf("got %x, %v, want %x, %v", got, found, want, tt.found)
			}
			if !bytes.Equal(before, tt.data) {
				t.Error("the access unit was written to")
			}
			if again, found := Strip(tt.codec, got); found {
				t.Errorf("stripped again: got %x", again)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	const foreign = "the uuid of 16 !"
	for _, tt := range []struct {
		name  string
		codec media.Codec
		data  []byte
		want  []string // "type payload", or an error
	}{
		{"several units", media.H264, units(t, "67", "06 01 02 aabb 05 00 80", "65", "06 ff01 01 cc 80"), []string{"1 aabb", "5 ", "256 cc"}},
		{"emulation prevention", media.H264, units(t, "06 07 05 000003 0000 03 03 80"), []string{"7 0000000003"}},
		{"a type after zeros", media.H264, units(t, "06 07 02 0000 03 01 01 00 80"), []string{"7 0000", "1 00"}},
		{"no trailing bits", media.H264, units(t, "06 04 01 aa"), []string{"4 aa"}},
		{"only trailing bits", media.H264, units(t, "06 80"), nil},
		{"only a header", media.H264, units(t, "06", "65"), nil},
		{"size beyond the unit", media.H264, units(t, "67", "06 01 00 04 05 aa 80", "06 02 00 80"), []string{"1 ", "SEI: at byte 12: a message of type 4 and 5 bytes, 1 left", "2 "}},
		{"offset behind emulation prevention", media.H264, units(t, "06 07 04 000003000003 01 05 09 80"), []string{"7 00000000", "SEI: at byte 13: a message of type 1 and 5 bytes, 1 left"}},
		{"size without an end", media.H264, units(t, "06 04 ffff 80"), []string{"SEI: at byte 5: a message of type 4 and 510 bytes, 0 left"}},
		{"type without an end", media.H264, units(t, "06 ffff 80"), []string{"SEI: at byte 5: a message of type 510 and 0 bytes, 0 left"}},
		{"type without a size", media.HEVC, units(t, "4e 01 04 80"), []string{"SEI: at byte 6: a message of type 4 and 0 bytes, 0 left"}},
		{"H.265 before and behind", media.HEVC, units(t, "4e 01 81 01 aa 80", "26 01", "50 01 84 01 bb 80"), []string{"129 aa", "132 bb"}},
		{"lengths with a fault", media.H264, append(units(t, "06 01 00 80"), 0), []string{"1 ", "NAL units: at byte 8: a NAL unit length of 4 bytes needed, 1 left"}},
		{"AV1", media.AV1, unhex(t, "0a0100 2a 04 04b50080 2a 06 8101 aa 80 00 00 32 01 10"), []string{"4 b500", "129 aa"}},
		{"AV1 payload that ends like trailing bits", media.AV1, unhex(t, "2a 04 06 8080 80"), []string{"6 8080"}},
		{"AV1 type of 32 bits", media.AV1, unhex(t, "2a 06 ffffffff0f 80"), []string{fmt.Sprint(math.MaxInt32, " ")}},
		{"AV1 without trailing bits", media.AV1, unhex(t, "2a 02 04b5 2a 02 0580"), []string{"av1 metadata: at byte 4: no trailing bits", "5 "}},
		{"AV1 without a type", media.AV1, unhex(t, "32 00 2a 00 2a 02 0580"), []string{"av1 OBU: at byte 4: a leb128 number without an end in 0 bytes", "5 "}},
		{"AV1 with a fault", media.AV1, unhex(t, "2a 02 0580 ff"), []string{"5 ", "av1 OBU: at byte 4: the forbidden bit of an OBU header is set"}},
		{"ours among others", media.H264, units(t, "06 05 10"+fmt.Sprintf("%x", foreign)+"05 10 U 80"), []string{fmt.Sprintf("5 %x", foreign), fmt.Sprintf("5 %x", uuid)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for m, err := range Messages(tt.codec, tt.data) {
				if err != nil {
					got = append(got, syntaxOf(t, err))
					continue
				}
				got = append(got, fmt.Sprintf("%d %x", m.Type, m.Payload))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, err := range Messages(tt.codec, tt.data) {
				if err == nil {
					break // a walk may end early
				}
			}
		})
	}
}

func TestPayloads(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		want []string // the payload, or an error
	}{
		{"none", units(t, "65 88"), nil},
		{"several", units(t, "06 05 11 U 61 01 00 05 11 U 62 80", "65", "06 05 11 U 63 80"), []string{"a", "b", "c"}},
		{"faults of others", units(t, "06 01 05 80", "06 05 11 U 61 80"), []string{"a"}},
		{"cut short", units(t, "06 05 11 U 61 05 12 U 61 80", "06 05 11 U 62 80"), []string{"a", "SEI: at byte 24: a message of type 5 and 18 bytes, 17 left", "b"}},
		{"lengths with a fault", append(units(t, "06 05 11 U 61 80"), 1, 2, 3, 4), []string{"a", "NAL units: at byte 29: a NAL unit of 16909060 bytes, 0 left"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for p, err := range Payloads(media.H264, tt.data) {
				if err != nil {
					p = []byte(syntaxOf(t, err))
				}
				got = append(got, string(p))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, err := range Payloads(media.H264, tt.data) {
				if err == nil {
					break // a walk may end early
				}
			}
		})
	}
}

// What a hostile publisher can put into one picture costs time in proportion to its size, and no more memory than a few copies.
func TestHostile(t *testing.T) {
	const size = 1 << 18
	message := "\x05\x12" + uuid + "ab"
	for _, tt := range []struct {
		name     string
		rbsp     string
		ours     int
		messages int // errors aside
		left     int // bytes after Strip
	}{
		{"thousands of ours", strings.Repeat(message, size/len(message)) + "\x80", size / len(message), size / len(message), 0},
		{"thousands of others", strings.Repeat("\x01\x00", size/2) + message + "\x80", 1, size/2 + 1, 4 + 1 + size + 1},
		{"a type without an end", strings.Repeat("\xff", size) + uuid, 0, 0, 4 + 1 + size + 16},
		{"a type above 32 bits", strings.Repeat("\xff", 9<<20) + "\x00\x00" + message, 1, 2, 4 + 1 + 9<<20 + 2 + 1},
		{"a size without an end", message + "\x05" + strings.Repeat("\xff", size) + uuid, 1, 1, 4 + 1 + 1 + size + 16 + 1},
		{"nothing but zeros", strings.Repeat("\x00\x00\x03", size/3), 0, size / 3, 4 + 1 + size/3*3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := append(binary.BigEndian.AppendUint32(nil, uint32(1+len(tt.rbsp))), "\x06"+tt.rbsp...)
			messages, payloads := 0, 0
			for _, err := range Messages(media.H264, data) {
				if syntaxOf(t, err) == "" {
					messages++
				}
			}
			for _, err := range Payloads(media.H264, data) {
				if syntaxOf(t, err) == "" {
					payloads++
				}
			}
			out, found := Strip(media.H264, data)
			if messages != tt.messages || payloads != tt.ours || found != (tt.ours > 0) || len(out) != tt.left {
				t.Errorf("got %d messages, %d ours, %d bytes left (%v), want %d, %d, %d", messages, payloads, len(out), found, tt.messages, tt.ours, tt.left)
			}
		})
	}
	t.Run("thousands of units", func(t *testing.T) {
		data := bytes.Repeat(units(t, "06 05 10 U 80"), size/24)
		if out, found := Strip(media.H264, data); len(out) != 0 || !found {
			t.Errorf("got %d bytes, %v", len(out), found)
		}
	})
}
