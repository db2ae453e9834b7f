package rtp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/h264"
)

// z is n zero bytes in hexadecimal, that make units large.
func z(n int) string { return strings.Repeat("00", n) }

// Each frame, in one or more parts, gives these payloads, and they give the frame: the one that was sent, with what was put in front of
// it where back says so. Payloads are at most 64 bytes.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec media.Codec
		key   bool
		parts []string
		want  []string // M is the marker
		back  string
	}{
		{"H.264 single unit", media.H264, false, []string{"00000003 419a11"}, []string{"419a11 M"}, ""},
		{"H.264 two slices", media.H264, false, []string{"00000002 419a 00000003 419b01"}, []string{"419a", "419b01 M"}, ""},
		{
			"H.264 key frame behind its parameter sets", media.H264, true,
			[]string{"00000003 658801"},
			[]string{"78 0005" + sps + "0004" + pps, "658801 M"},
			"00000005" + sps + "00000004" + pps + "00000003 658801",
		},
		{
			"H.264 parameter sets stand behind a delimiter, overlay and all", media.H264, true,
			[]string{"00000002 0910", "00000004 06050180", "00000003 658801"},
			[]string{"0910", "78 0005" + sps + "0004" + pps, "06050180", "658801 M"},
			"00000002 0910 00000005" + sps + "00000004" + pps + "00000004 06050180 00000003 658801",
		},
		{
			"H.264 with an SPS of its own", media.H264, true,
			[]string{"00000004 6764001f 00000003 658801"},
			[]string{pps, "6764001f", "658801 M"},
			"00000004" + pps + "00000004 6764001f 00000003 658801",
		},
		{
			"H.264 with parameter sets of its own", media.H264, true,
			[]string{"00000004 6764001f 00000002 68ee 00000003 658801"},
			[]string{"6764001f", "68ee", "658801 M"},
			"",
		},
		{
			"H.264 unit of 64 bytes", media.H264, false,
			[]string{"00000040 41" + z(63)},
			[]string{"41" + z(63) + " M"},
			"",
		},
		{
			"H.264 unit of 65 bytes", media.H264, false,
			[]string{"00000041 41" + z(62) + "0102"},
			[]string{"5c81" + z(62), "5c41 0102 M"},
			"",
		},
		{
			"H.264 three fragments", media.H264, false,
			[]string{"0000007e 65" + z(62) + z(62) + "01"},
			[]string{"7c85" + z(62), "7c05" + z(62), "7c45 01 M"},
			"",
		},
		{
			"H.264 fragments that end with a full packet", media.H264, false,
			[]string{"0000007d 65" + z(62) + z(62)},
			[]string{"7c85" + z(62), "7c45" + z(62) + " M"},
			"",
		},
		{
			"H.265 key frame", media.HEVC, true,
			[]string{"00000003 460150", "00000004 26010203"},
			[]string{"460150", hevcVPS, hevcSPS, hevcPPS, "26010203 M"},
			"00000003 460150 00000004" + hevcVPS + "00000004" + hevcSPS + "00000004" + hevcPPS + "00000004 26010203",
		},
		{
			"H.265 fragments", media.HEVC, false,
			[]string{"00000042 0203" + z(61) + "010203"},
			[]string{"6203 81" + z(61), "6203 41 010203 M"},
			"",
		},
		{
			"H.265 fragments of a high layer", media.HEVC, false,
			[]string{"00000041 270b" + z(61) + "0102"},
			[]string{"630b 93" + z(61), "630b 53 0102 M"},
			"",
		},
		{"AV1 frame", media.AV1, false, []string{"3203 010203"}, []string{"10 30 010203 M"}, ""},
		{
			"AV1 key frame", media.AV1, true,
			[]string{"3203 010203"},
			[]string{"28 0c 08 000000043cfeccdaf90040 30 010203 M"},
			sequence + "3203 010203",
		},
		{
			"AV1 key frame with its sequence header and an overlay", media.AV1, true,
			[]string{"0a0b 000000043cfeccdaf90040", "2a02 0680", "3203 010203"},
			[]string{"38 0c 08 000000043cfeccdaf90040 03 28 0680 30 010203 M"},
			"",
		},
		{
			"AV1 four OBUs", media.AV1, false,
			[]string{"2a0101 2a0102 2a0103 320104"},
			[]string{"30 02 2801 02 2802 28 03", "10 30 04 M"},
			"",
		},
		{
			"AV1 small OBU behind a large one", media.AV1, false,
			[]string{"2a40" + z(64) + "3201aa"},
			[]string{"50 28" + z(62), "90 0000", "10 30 aa M"},
			"",
		},
		{
			"AV1 fragments", media.AV1, false,
			[]string{"327f" + z(62) + z(63) + "0102"},
			[]string{"50 30" + z(62), "d0" + z(63), "90 0102 M"},
			"",
		},
		{
			"AV1 layers ride with nobody", media.AV1, false,
			[]string{"2e0001aa 36080101"},
			[]string{"10 2c00 aa", "10 3408 01 M"},
			"",
		},
		{"AV1 OBU without payload", media.AV1, false, []string{"2a00"}, []string{"10 28 M"}, ""},
		{"VP8 frame", media.VP8, true, []string{"10020304"}, []string{"10 10020304 M"}, ""},
		{"VP8 fragments", media.VP8, false, []string{z(63) + "0102"}, []string{"10" + z(63), "00 0102 M"}, ""},
		{"VP9 key frame", media.VP9, true, []string{"824983"}, []string{"0c 824983 M"}, ""},
		{"VP9 fragments", media.VP9, false, []string{z(126) + "86"}, []string{"48" + z(63), "40" + z(63), "44 86 M"}, ""},
		{"AAC", media.AAC, false, []string{"211004"}, []string{"0010 0018 211004 M"}, ""},
		{"AAC fragments", media.AAC, false, []string{z(60) + "0102"}, []string{"0010 01f0" + z(60), "0010 01f0 0102 M"}, ""},
		{"Opus", media.Opus, false, []string{"fc" + z(90)}, []string{"fc" + z(90)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := track(t, tt.codec)
			var parts [][]byte
			for _, part := range tt.parts {
				parts = append(parts, mediatest.Unhex(t, part))
			}
			l := link{p: packetizer(t, tr, 64), sequence: 0xffff}
			packets := l.packets(t, 7000, tt.key, parts...)
			var want []Packet
			for _, payload := range tt.want {
				text, marker := strings.CutSuffix(payload, " M")
				want = append(want, Packet{Header: Header{Marker: marker}, Payload: mediatest.Unhex(t, text)})
			}
			if diff := cmp.Diff(outline(want), outline(packets)); diff != "" {
				t.Errorf("payloads (-want +got)\n%s", diff)
			}
			back := mediatest.Unhex(t, strings.Join(tt.parts, ""))
			if tt.back != "" {
				back = mediatest.Unhex(t, tt.back)
			}
			for i := range want { // what the table says, not what was made
				want[i].Sequence, want[i].Timestamp = uint16(0xffff+i), 7000
			}
			frames := push(t, depacketizer(t, tr), want...)
			same(t, frames, back)
			if frames[0].Timestamp != 7000 || frames[0].Gap {
				t.Errorf("got %+v", frames[0])
			}
		})
	}
}

// What others send and we never do.
func TestReadGolden(t *testing.T) {
	for _, tt := range []struct {
		name    string
		codec   media.Codec
		packets []string
		want    []string
	}{
		{"H.264 STAP-A with a slice", media.H264, []string{"78 0002 0910 0003 658801 M"}, []string{"00000002 0910 00000003 658801"}},
		{"H.264 fragment that is all", media.H264, []string{"7cc5 01 M"}, []string{"00000002 6501"}},
		{"H.264 without marker", media.H264, []string{"4101", "4102 M"}, []string{"00000002 4101 00000002 4102"}},
		{"H.265 aggregate", media.HEVC, []string{"6001 0003 460150 0004 26010203 M"}, []string{"00000003 460150 00000004 26010203"}},
		{"AV1 with lengths for all", media.AV1, []string{"00 03 30aabb 02 30cc M"}, []string{"3202aabb 3201cc"}},
		{"AV1 with OBU sizes", media.AV1, []string{"20 04 3202aabb 3201cc M"}, []string{"3202aabb 3201cc"}},
		{"AV1 with a size of more bytes than it needs", media.AV1, []string{"10 328100aa M"}, []string{"3201aa"}},
		{"AV1 delimiter and tile list", media.AV1, []string{"00 02 1200 02 4000 02 30cc M"}, []string{"3201cc"}},
		{"AV1 goes on and ends with others", media.AV1, []string{"50 30aa", "e0 01 bb 30cc", "90 dd M"}, []string{"3202aabb 3202ccdd"}},
		{"AV1 fragment with lengths", media.AV1, []string{"40 02 30aa", "80 01 bb M"}, []string{"3202aabb"}},
		{"AV1 element of no bytes", media.AV1, []string{"00 00 02 30aa M"}, []string{"3201aa"}},
		{"VP8 with everything", media.VP8, []string{"90 f0 8001 05 a1 aabb", "80 80 01 cc M"}, []string{"aabbcc"}},
		{"VP8 with a short picture id", media.VP8, []string{"90 80 01 aabb M"}, []string{"aabb"}},
		{"VP8 with a second partition", media.VP8, []string{"10 aa", "11 bb M"}, []string{"aabb"}},
		{"VP9 with everything", media.VP9, []string{"fe 8001 20 03 05 02 18 0140 00b4 02 14 01 18 0203 aabb M"}, []string{"aabb"}},
		{"VP9 not flexible", media.VP9, []string{"ac 01 20 07 aabb M"}, []string{"aabb"}},
		{"AAC two frames", media.AAC, []string{"0020 0010 0018 aabb ccddee M"}, []string{"aabb", "ccddee"}},
		{"Opus with a marker", media.Opus, []string{"fc01 M", "fc02"}, []string{"fc01", "fc02"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := depacketizer(t, track(t, tt.codec))
			var frames []Frame
			for i, payload := range tt.packets {
				text, marker := strings.CutSuffix(payload, " M")
				p := Packet{Header: Header{Sequence: uint16(i), Timestamp: 100, Marker: marker}, Payload: mediatest.Unhex(t, text)}
				frames = append(frames, push(t, d, p)...)
			}
			var want [][]byte
			for _, data := range tt.want {
				want = append(want, mediatest.Unhex(t, data))
			}
			same(t, frames, want...)
			if last := frames[len(frames)-1]; tt.codec == media.AAC && last.Timestamp != 100+1024 {
				t.Errorf("the second frame has the time %d", last.Timestamp)
			}
		})
	}
}

// Everything that cannot be sent is left out, and is no error.
func TestNothingToSend(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec media.Codec
		parts []string
	}{
		{"no units", media.H264, []string{""}},
		{"units without bytes", media.H264, []string{"00000000 00000000"}},
		{"H.264 types of RTP", media.H264, []string{"00000002 0001 00000002 7801 00000002 7c85 00000001 1f"}},
		{"H.265 types of RTP, and a unit of one byte", media.HEVC, []string{"00000003 600101 00000003 620101 00000001 26"}},
		{"AV1 delimiter, tile list and padding", media.AV1, []string{"1200 4200 7a01ff"}},
		{"no parts", media.AV1, nil},
		{"VP8 frame of no bytes", media.VP8, []string{""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var parts [][]byte
			for _, part := range tt.parts {
				parts = append(parts, mediatest.Unhex(t, part))
			}
			got, err := packetizer(t, track(t, tt.codec), 0).Payloads(true, parts...)
			if err != nil || len(got) > 0 {
				t.Errorf("got %v and error %v", got, err)
			}
		})
	}
}

// Parameter sets that are too large for one aggregate come one by one, in fragments if they must; a single one comes as it is.
func TestLargeParameterSets(t *testing.T) {
	set := func(kind byte, n int) []byte {
		return append([]byte{0x60 | kind, 0x42, 0xc0, 0x1e}, make([]byte, n-4)...)
	}
	for _, tt := range []struct {
		name     string
		sps, pps [][]byte
		want     []string
	}{
		{
			"one byte too many",
			[][]byte{set(7, 30)},
			[][]byte{set(8, 30)},
			[]string{"6742c01e" + z(26), "6842c01e" + z(26), "6501 M"},
		},
		{
			"as many as fit",
			[][]byte{set(7, 30)},
			[][]byte{set(8, 29)},
			[]string{"78 001e 6742c01e" + z(26) + "001d 6842c01e" + z(25), "6501 M"},
		},
		{
			"one does not fit alone",
			[][]byte{set(7, 65)},
			[][]byte{set(8, 4)},
			[]string{"7c87 42c01e" + z(59), "7c47 0000", "6842c01e", "6501 M"},
		},
		{"an SPS alone", [][]byte{set(7, 4)}, nil, []string{"6742c01e", "6501 M"}},
		{"types that RTP took", [][]byte{{0x78, 1}}, nil, []string{"6501 M"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := h264.Config{LengthSize: 4, SPS: tt.sps, PPS: tt.pps}.Append(nil)
			l := link{p: packetizer(t, &media.Track{Codec: media.H264, ClockRate: 90000, Config: config}, 64)}
			var want []Packet
			for _, payload := range tt.want {
				text, marker := strings.CutSuffix(payload, " M")
				want = append(want, Packet{Header: Header{Marker: marker}, Payload: mediatest.Unhex(t, text)})
			}
			for range 2 { // the second time with what the first has prepared
				if diff := cmp.Diff(outline(want), outline(l.packets(t, 0, true, units([]byte{0x65, 1})))); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
		})
	}
}
