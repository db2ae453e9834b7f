package rtp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// script is a list of packets as "sequence@timestamp payload" with " M" for the marker.
func script(t testing.TB, lines ...string) (all []Packet) {
	t.Helper()
	for _, line := range lines {
		var p Packet
		text, marker := strings.CutSuffix(line, " M")
		head, payload, _ := strings.Cut(text, " ")
		if _, err := fmt.Sscanf(head, "%d@%d", &p.Sequence, &p.Timestamp); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		p.Marker, p.Payload = marker, mediatest.Unhex(t, payload)
		all = append(all, p)
	}
	return all
}

// told writes frames as "timestamp data", with " gap" where something before was lost.
func told(frames []Frame) (lines []string) {
	for _, f := range frames {
		line := fmt.Sprintf("%d %x", f.Timestamp, f.Data)
		if f.Gap {
			line += " gap"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestLoss(t *testing.T) {
	for _, tt := range []struct {
		name    string
		codec   media.Codec
		packets []string
		want    []string
		lost    uint64
	}{
		{"nothing", media.H264, []string{"1@0 4101 M", "2@3 4102 M"}, []string{"0 000000024101", "3 000000024102"}, 0},
		{
			"the end of a frame, and whether the next one is whole cannot be known", media.H264,
			[]string{"1@0 4101", "3@3 4102 M", "4@6 4103 M"},
			[]string{"6 000000024103 gap"},
			1,
		},
		{
			"the middle of a frame", media.H264,
			[]string{"1@0 4101", "3@0 4102 M", "4@3 4103 M"},
			[]string{"3 000000024103 gap"},
			1,
		},
		{
			"the next frame begins with a delimiter", media.H264,
			[]string{"1@0 4101", "3@3 0910", "4@3 4102 M"},
			[]string{"3 0000000209100000000241 02 gap"},
			1,
		},
		{
			"the next frame begins with parameter sets", media.H264,
			[]string{"1@0 4101", "3@3 78 0002 6742 0002 68ce", "4@3 6502 M"},
			[]string{"3 00000002674200000002 68ce 00000002 6502 gap"},
			1,
		},
		{
			"a small STAP-A begins nothing", media.H264,
			[]string{"1@0 4101", "3@3 78 00 M", "4@6 4102 M"},
			[]string{"6 00000002 4102 gap"},
			1,
		},
		{
			"nothing but an H.264 header", media.H264,
			[]string{"1@0 4101", "3@3 67 M", "4@6 4102 M"},
			[]string{"6 00000002 4102 gap"},
			1,
		},
		{
			"H.265 begins with its VPS", media.HEVC,
			[]string{"1@0 020101", "3@3 40010c", "4@3 260101 M"},
			[]string{"3 00000003 40010c 00000003 260101 gap"},
			1,
		},
		{
			"H.265 begins with an aggregate", media.HEVC,
			[]string{"1@0 020101", "3@3 6001 0003 42010c", "4@3 260101 M"},
			[]string{"3 00000003 42010c 00000003 260101 gap"},
			1,
		},
		{
			"a whole frame between frames without markers", media.H264,
			[]string{"1@0 4101", "2@3 4102", "4@6 4103", "5@9 4104", "6@12 4105"},
			[]string{"0 00000002 4101", "9 00000002 4104 gap"},
			1,
		},
		{
			"a fragment", media.H264,
			[]string{"1@0 7c85 01", "3@0 7c45 03 M", "4@3 4102 M"},
			[]string{"3 00000002 4102 gap"},
			1,
		},
		{"frame that does not end", media.H264, []string{"1@0 7c85 01 M", "2@3 4102 M"}, []string{"3 00000002 4102 gap"}, 0},
		{"AV1 key frame", media.AV1, []string{"1@0 1030aa", "3@3 1830bb M"}, []string{"3 3201bb gap"}, 1},
		{"AV1 frame", media.AV1, []string{"1@0 1030aa", "3@3 1030bb M", "4@6 1030cc M"}, []string{"6 3201cc gap"}, 1},
		{"AV1 end", media.AV1, []string{"1@0 5030aa M", "2@3 1030bb M"}, []string{"3 3201bb gap"}, 0},
		{"VP8", media.VP8, []string{"1@0 10aa", "3@3 10bb M"}, []string{"3 bb gap"}, 1},
		{"VP8 beginning", media.VP8, []string{"1@0 10aa M", "3@3 00bb M", "4@6 10cc M"}, []string{"0 aa", "6 cc gap"}, 1},
		{"VP9", media.VP9, []string{"1@0 08aa", "3@3 48bb M"}, []string{"3 bb gap"}, 1},
		{"VP9 beginning", media.VP9, []string{"1@0 08aa M", "3@3 40bb M", "4@6 48cc M"}, []string{"0 aa", "6 cc gap"}, 1},
		{"Opus", media.Opus, []string{"1@0 fc01", "4@9 fc02"}, []string{"0 fc01", "9 fc02 gap"}, 2},
		{
			"AAC fragment", media.AAC,
			[]string{"1@0 0010 0018 aa", "3@1024 0010 0010 bbcc M"},
			[]string{"1024 bbcc gap"},
			1,
		},
		{
			"AAC beginning", media.AAC,
			[]string{"1@0 0010 0010 aabb M", "3@1024 0010 0018 cc M", "4@2048 0010 0010 ddee M"},
			[]string{"0 aabb", "2048 ddee gap"},
			1,
		},
		{
			"AAC end of a frame", media.AAC,
			[]string{"1@0 0010 0018 aa", "2@1024 0010 0010 bbcc M"},
			[]string{"1024 bbcc gap"},
			0,
		},
		{
			"late and doubled", media.VP8,
			[]string{"65535@0 10aa", "65535@0 10aa", "65500@0 10ff M", "0@0 00bb M", "65535@0 10aa", "0@0 00bb M", "1@3 10cc M"},
			[]string{"0 aabb", "3 cc"},
			0,
		},
		{
			"the furthest ahead", media.Opus,
			[]string{"1@0 fc01", "3001@5 fc02"},
			[]string{"0 fc01", "5 fc02 gap"},
			2999,
		},
		{
			"a new start is believed with its second packet", media.Opus,
			[]string{"1@0 fc01", "3002@5 fc02", "3003@6 fc03", "3004@7 fc04"},
			[]string{"0 fc01", "6 fc03 gap", "7 fc04"},
			0,
		},
		{
			"a new start at the wrap", media.Opus,
			[]string{"30000@0 fc01", "65535@5 fc02", "0@6 fc03", "1@7 fc04"},
			[]string{"0 fc01", "6 fc03 gap", "7 fc04"},
			0,
		},
		{
			"a stray packet", media.Opus,
			[]string{"1@0 fc01", "9000@5 fc02", "2@6 fc03", "9001@7 fc04", "3@8 fc05"},
			[]string{"0 fc01", "6 fc03", "8 fc05"},
			0,
		},
		{
			"the furthest behind", media.Opus,
			[]string{"1000@0 fc01", "902@5 fc02", "901@6 fc03", "902@7 fc04", "903@8 fc05"},
			[]string{"0 fc01", "7 fc04 gap", "8 fc05"},
			0,
		},
		{
			"padding between frames", media.H264,
			[]string{"1@0 4101 M", "2@0", "3@3", "4@6 4102", "5@6 M", "6@9 4103 M"},
			[]string{"0 00000002 4101", "6 00000002 4102", "9 00000002 4103"},
			0,
		},
		{
			"padding behind a loss", media.H264,
			[]string{"1@0 4101 M", "3@3", "4@6 4102 M"},
			[]string{"0 00000002 4101", "6 00000002 4102 gap"},
			1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := depacketizer(t, track(t, tt.codec))
			got := told(push(t, d, script(t, tt.packets...)...))
			var want []string
			for _, line := range tt.want {
				at, data, _ := strings.Cut(line, " ")
				data, gap := strings.CutSuffix(data, " gap")
				data = strings.ReplaceAll(data, " ", "")
				if gap {
					data += " gap"
				}
				want = append(want, at+" "+data)
			}
			if diff := cmp.Diff(want, got); diff != "" || d.Lost() != tt.lost {
				t.Errorf("lost %d, want %d (-want +got)\n%s", d.Lost(), tt.lost, diff)
			}
		})
	}
}

// A packet of another source is a new start.
func TestSource(t *testing.T) {
	d := depacketizer(t, track(t, media.VP8))
	packets := script(t, "1@0 10aa", "70@3 10bb M", "71@6 10cc M")
	packets[1].SSRC, packets[2].SSRC = 5, 5
	want := []string{"3 bb gap", "6 cc"}
	if diff := cmp.Diff(want, told(push(t, d, packets...))); diff != "" || d.Lost() != 0 {
		t.Errorf("lost %d (-want +got)\n%s", d.Lost(), diff)
	}
}

// A packet that breaks its format costs its frame, and no other one.
func TestPushErrors(t *testing.T) {
	for _, tt := range []struct {
		name        string
		codec       media.Codec
		packets     []string
		want        string // the end of the error
		unsupported bool
	}{
		{"H.264 header alone", media.H264, []string{"67"}, "a payload of 1 bytes", false},
		{"H.264 unit within a fragmented one", media.H264, []string{"7c85 01", "4101"}, "a unit of type 1 within a fragmented one", false},
		{"H.264 STAP-A within a fragmented unit", media.H264, []string{"7c85 01", "78 0002 4101"}, "an aggregate within a fragmented unit", false},
		{"H.264 STAP-A with half a length", media.H264, []string{"78 0002 4101 00"}, "the length of an aggregated unit is cut short", false},
		{"H.264 STAP-A cut short", media.H264, []string{"78 0003 4101"}, "an aggregated unit of 3 bytes, 2 left", false},
		{"H.264 STAP-A in a STAP-A", media.H264, []string{"78 0002 7801"}, "an aggregated unit of type 24 and 2 bytes", false},
		{"H.264 STAP-A with no unit", media.H264, []string{"78 0000"}, "an aggregated unit of type 0 and 0 bytes", false},
		{"H.264 STAP-B", media.H264, []string{"79 0000 0002 4101"}, "H.264 packets of type 25, use packetization-mode 0 or 1", true},
		{"H.264 FU-B", media.H264, []string{"7d85 0000 01"}, "H.264 packets of type 29, use packetization-mode 0 or 1", true},
		{"H.264 type 0", media.H264, []string{"0001"}, "h264 packets of type 0", true},
		{"H.264 type 30", media.H264, []string{"1e01"}, "h264 packets of type 30", true},
		{"H.264 fragment without bytes", media.H264, []string{"7c85"}, "a fragment without bytes", false},
		{"H.264 begins within another", media.H264, []string{"7c85 01", "7c85 01"}, "a fragmented unit begins within another", false},
		{"H.264 did not begin", media.H264, []string{"7c05 01"}, "a fragment of a unit that did not begin", false},
		{"H.264 fragment of a STAP-A", media.H264, []string{"7c98 01"}, "fragments of a unit of type 24", false},
		{"H.265 header alone", media.HEVC, []string{"4001"}, "a payload of 2 bytes", false},
		{"H.265 PACI", media.HEVC, []string{"6401 00"}, "hevc packets of type 50", true},
		{"H.265 unit of one byte", media.HEVC, []string{"6001 0001 02"}, "an aggregated unit of type 0 and 1 bytes", false},
		{"H.265 fragment of a fragment", media.HEVC, []string{"6201 b1 01"}, "fragments of a unit of type 49", false},
		{"AV1 nothing", media.AV1, []string{"10"}, "a payload of 1 bytes", false},
		{"AV1 goes on from nothing", media.AV1, []string{"9030aa"}, "an OBU goes on: true, and it began: false", false},
		{"AV1 does not go on", media.AV1, []string{"5030aa", "1030bb"}, "an OBU goes on: false, and it began: true", false},
		{"AV1 length without end", media.AV1, []string{"00 80"}, "the length of an OBU is no leb128 number of 32 bits", false},
		{"AV1 element cut short", media.AV1, []string{"00 03 30aa"}, "an OBU of 3 bytes, 2 left", false},
		{"AV1 too few elements", media.AV1, []string{"30 02 30aa 02 30bb"}, "2 OBUs, 3 told", false},
		{"AV1 forbidden bit", media.AV1, []string{"10 b0aa"}, "the forbidden bit of an OBU header is set", false},
		{"AV1 size smaller than the element", media.AV1, []string{"10 3201aabb"}, "an OBU of 3 bytes in an element of 4", false},
		{"VP8 nothing but a descriptor", media.VP8, []string{"10"}, "a descriptor without bytes behind it", false},
		{"VP8 descriptor cut short", media.VP8, []string{"90 80 80"}, "1 bytes needed, 0 left", false},
		{"VP8 does not begin", media.VP8, []string{"00aa"}, "a packet begins the frame: false, with 0 bytes there", false},
		{"VP8 begins twice", media.VP8, []string{"10aa", "10bb"}, "a packet begins the frame: true, with 1 bytes there", false},
		{"VP9 descriptor cut short", media.VP9, []string{"8a 80"}, "1 bytes needed, 0 left", false},
		{"VP9 four references", media.VP9, []string{"58 01 01 01 01 aa"}, "more than 3 references", false},
		{"VP9 references cut short", media.VP9, []string{"58 01"}, "1 bytes needed, 0 left", false},
		{"VP9 structure cut short", media.VP9, []string{"0a 10 0140"}, "4 bytes needed, 2 left", false},
		{"VP9 picture group cut short", media.VP9, []string{"0a 08 ff 0c 01"}, "3 bytes needed, 1 left", false},
		{"VP9 spatial layer", media.VP9, []string{"28 02 00 aa"}, "VP9 with spatial layers", true},
		{"VP9 does not begin", media.VP9, []string{"00aa"}, "a packet begins the frame: false, with 0 bytes there", false},
		{"AAC nothing", media.AAC, []string{"00"}, "a payload of 1 bytes", false},
		{"AAC no headers", media.AAC, []string{"0000 aa"}, "AU headers of 0 bits, 1 bytes left", false},
		{"AAC half a header", media.AAC, []string{"0008 00 aa"}, "AU headers of 8 bits, 2 bytes left", false},
		{"AAC headers cut short", media.AAC, []string{"0020 0010"}, "AU headers of 32 bits, 2 bytes left", false},
		{"AAC interleaved", media.AAC, []string{"0010 0011 aabb"}, "interleaved AAC frames", true},
		{"AAC frame of no bytes", media.AAC, []string{"0010 0000 aabb"}, "a frame of no bytes", false},
		{"AAC second frame cut short", media.AAC, []string{"0020 0008 0010 aabb"}, "a frame of 2 bytes, 1 left", false},
		{"AAC whole within a fragmented one", media.AAC, []string{"0010 0018 aa", "0010 0008 bb"}, "whole frames within a fragmented one", false},
		{"AAC fragment without bytes", media.AAC, []string{"0010 0018"}, "a fragment of 0 bytes behind 0 of a frame of 3", false},
		{"AAC more than there should be", media.AAC, []string{"0010 0018 aabb", "0010 0018 ccdd"}, "a fragment of 2 bytes behind 2 of a frame of 3", false},
		{"Opus of 63 frames", media.Opus, []string{"ff3f"}, "63 frames, 60480 samples, not 1 to 5760", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			good := map[media.Codec]string{
				media.H264: "4101", media.HEVC: "020101", media.AV1: "1030aa", media.VP8: "10aa", media.VP9: "08aa", media.AAC: "00100008aa", media.Opus: "fc01",
			}[tt.codec]
			d := depacketizer(t, track(t, tt.codec))
			frames := push(t, d, script(t, "0@0 "+good+" M")...)
			var err error
			for i, payload := range tt.packets {
				more, failed := d.Push(script(t, fmt.Sprintf("%d@9000 %s", i+1, payload))[0])
				if i < len(tt.packets)-1 && failed != nil {
					t.Fatalf("packet %d: %v", i, failed)
				}
				frames, err = append(frames, more...), failed
			}
			var s *wire.SyntaxError
			var u *wire.UnsupportedError
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) || errors.As(err, &s) == tt.unsupported || errors.As(err, &u) != tt.unsupported {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			next := len(tt.packets) + 1
			frames = append(frames, push(t, d, script(t, fmt.Sprintf("%d@18000 %s M", next, good), fmt.Sprintf("%d@27000 %s M", next+1, good))...)...)
			frames = slices.DeleteFunc(frames, func(f Frame) bool { return f.Timestamp == 9000 && tt.name == "AAC second frame cut short" })
			var times []string
			for _, f := range frames {
				times = append(times, fmt.Sprint(f.Timestamp, f.Gap))
			}
			if diff := cmp.Diff([]string{"0 false", "18000 true", "27000 false"}, times); diff != "" {
				t.Errorf("frames (-want +got)\n%s", diff)
			}
		})
	}
}

// No frame grows over its bound, however it comes.
func TestFrameBound(t *testing.T) {
	for _, tt := range []struct {
		name    string
		codec   media.Codec
		packets []string
		most    int // one byte too few at some place
		enough  int // 0: one byte more
	}{
		{"H.264 unit", media.H264, []string{"410102"}, 6, 0},
		{"H.264 second unit", media.H264, []string{"4101", "410102"}, 12, 0},
		{"H.264 STAP-A", media.H264, []string{"78 0002 4101 0003 410102"}, 12, 0},
		{"H.264 fragment's head", media.H264, []string{"7c85 01"}, 4, 6},
		{"H.264 fragment", media.H264, []string{"7c85 01", "7c05 02"}, 6, 0},
		{"AV1 element", media.AV1, []string{"10 30aabb"}, 2, 4},
		{"AV1 size", media.AV1, []string{"10 30aabb"}, 3, 0},
		{"VP8", media.VP8, []string{"10 aa", "00 bb"}, 1, 0},
		{"VP9", media.VP9, []string{"08 aa", "00 bb"}, 1, 0},
		{"AAC", media.AAC, []string{"0010 0010 aabb"}, 1, 0},
		{"AAC fragment", media.AAC, []string{"0010 0018 aa", "0010 0018 bb"}, 1, 0},
		{"Opus", media.Opus, []string{"fc01"}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.enough == 0 {
				tt.enough = tt.most + 1
			}
			for _, most := range []int{tt.most, tt.enough} {
				d, err := NewDepacketizer(track(t, tt.codec), most)
				if err != nil {
					t.Fatal(err)
				}
				for i, payload := range tt.packets {
					_, err = d.Push(script(t, fmt.Sprintf("%d@0 %s", i, payload))[0])
				}
				var limit *LimitError
				switch over := most == tt.most; {
				case over && (!errors.As(err, &limit) || limit.Max != most || limit.Seen != most+1):
					t.Errorf("%d bytes: got %v", most, err)
				case !over && err != nil:
					t.Errorf("%d bytes: got %v", most, err)
				}
			}
		})
	}
	want := "rtp: frame too large: 7 bytes, allowed 6"
	if got := (&LimitError{Seen: 7, Max: 6, Msg: "frame too large"}).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNewDepacketizer(t *testing.T) {
	for name, tr := range map[string]*media.Track{
		"no payload format": {Codec: media.MP3}, "AAC without a configuration": {Codec: media.AAC, ClockRate: 48000},
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := NewDepacketizer(tr, 0); err == nil {
				t.Errorf("got %+v", d)
			}
		})
	}
	if d := depacketizer(t, bare(t, media.H264)); d.most != 8<<20 {
		t.Errorf("default: got %d", d.most)
	}
}

// An error tells where in the payload.
func TestPushOffsets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		codec   media.Codec
		payload string
		want    int64
	}{
		{"header alone", media.H264, "67", 0},
		{"STAP-A with half a length", media.H264, "78 0002 4101 00", 5},
		{"STAP-A cut short", media.H264, "78 0001 41 0003 4101", 6},
		{"AP cut short", media.HEVC, "6001 0003 4101", 4},
		{"fragment without bytes", media.HEVC, "6201 93", 2},
		{"AV1 length without end", media.AV1, "00 02 30aa 80", 4},
		{"AV1 element cut short", media.AV1, "00 02 30aa 03 30", 5},
		{"VP8", media.VP8, "90 80 80", 3},
		{"VP9", media.VP9, "0a 10 0140", 2},
		{"AAC frame of no bytes", media.AAC, "0020 0008 0000 aa", 4},
		{"AAC second frame cut short", media.AAC, "0020 0008 0010 aabb", 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := depacketizer(t, track(t, tt.codec)).Push(script(t, "0@0 "+tt.payload)[0])
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset != tt.want || syntax.Format != "rtp "+tt.codec.String() {
				t.Errorf("got %v, want one at byte %d", err, tt.want)
			}
		})
	}
}
