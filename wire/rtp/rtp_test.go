package rtp

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

func TestHeader(t *testing.T) {
	for _, tt := range []struct {
		name  string
		h     Header
		bytes string
	}{
		{"zero", Header{}, "80 00 0000 00000000 00000000"},
		{"all", Header{Marker: true, PayloadType: 127, Sequence: 0xfffe, Timestamp: 0xfffffffd, SSRC: 0xfffffffc}, "80 ff fffe fffffffd fffffffc"},
		{"usual", Header{PayloadType: 96, Sequence: 1, Timestamp: 2, SSRC: 0x01020304}, "80 60 0001 00000002 01020304"},
		{"marker", Header{Marker: true, PayloadType: 97}, "80 e1 0000 00000000 00000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := mediatest.Unhex(t, tt.bytes)
			if got := tt.h.Append([]byte{9}); !bytes.Equal(got[1:], want) {
				t.Errorf("got %x, want %x", got[1:], want)
			}
			p, err := ParsePacket(append(want, 1, 2, 3))
			if diff := cmp.Diff(Packet{Header: tt.h, Payload: []byte{1, 2, 3}}, p); diff != "" || err != nil {
				t.Errorf("error %v (-want +got)\n%s", err, diff)
			}
			other := pion.Header{
				Version: 2, Marker: tt.h.Marker, PayloadType: tt.h.PayloadType,
				SequenceNumber: tt.h.Sequence, Timestamp: tt.h.Timestamp, SSRC: tt.h.SSRC,
			}
			if b, err := other.Marshal(); err != nil || !bytes.Equal(b, want) {
				t.Errorf("pion: got %x and error %v, want %x", b, err, want)
			}
		})
	}
}

func TestParsePacket(t *testing.T) {
	for _, tt := range []struct {
		name, bytes, payload string
	}{
		{"no payload", "8060 0001 00000002 00000003", ""},
		{"contributing sources", "8260 0001 00000002 00000003 aaaaaaaa bbbbbbbb 0102", "0102"},
		{"extension", "9060 0001 00000002 00000003 bede 0001 10ff0000 0102", "0102"},
		{"extension of a profile", "9060 0001 00000002 00000003 1234 0001 ffffffff 0102", "0102"},
		{"padding", "a060 0001 00000002 00000003 0102 000003", "0102"},
		{"padding alone", "a060 0001 00000002 00000003 000003", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParsePacket(mediatest.Unhex(t, tt.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if want := mediatest.Unhex(t, tt.payload); !bytes.Equal(p.Payload, want) || p.Sequence != 1 || p.Timestamp != 2 || p.SSRC != 3 {
				t.Errorf("got %+v, want %x", p, want)
			}
		})
	}
	for _, tt := range []struct {
		name, bytes string
		unsupported bool
	}{
		{"nothing", "", false},
		{"11 bytes", "8060 0001 00000002 000000", false},
		{"version 1", "4060 0001 00000002 00000003", true},
		{"sources cut short", "8260 0001 00000002 00000003 aaaaaaaa", false},
		{"extension cut short", "9060 0001 00000002 00000003 bede", false},
		{"extension longer than the packet", "9060 0001 00000002 00000003 bede 0002 00000000", false},
		{"padding longer than the packet", "a060 0001 00000002 00000003 0105", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParsePacket(mediatest.Unhex(t, tt.bytes))
			var syntax *wire.SyntaxError
			var unsupported *wire.UnsupportedError
			if errors.As(err, &syntax) == tt.unsupported || errors.As(err, &unsupported) != tt.unsupported {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestClock(t *testing.T) {
	const hour = media.Time(time.Hour)
	wrap := media.FromTicks(1<<32, 90000) // 13 h 15 min
	for _, tt := range []struct {
		name string
		c    Clock
		at   media.Time
		want uint32
	}{
		{"zero", Clock{Rate: 90000}, 0, 0},
		{"base", Clock{Rate: 90000, Base: 7}, 0, 7},
		{"a frame at 30 a second", Clock{Rate: 90000}, media.Time(time.Second) / 30, 3000},
		{"before zero", Clock{Rate: 90000, Base: 10}, -20 * media.Millisecond, math.MaxUint32 - 1789},
		{"the last before the wrap", Clock{Rate: 90000}, wrap - 11111, math.MaxUint32},
		{"the wrap", Clock{Rate: 90000}, wrap, 0},
		{"behind the wrap", Clock{Rate: 90000}, wrap + 11111, 1},
		{"the base wraps", Clock{Rate: 90000, Base: math.MaxUint32}, 11111, 0},
		{"many wraps", Clock{Rate: 90000, Base: 5}, 10*wrap + hour, 324000005},
		{"sound", Clock{Rate: 48000}, 1024 * media.Time(time.Second) / 48000, 1024},
		{"half a tick", Clock{Rate: 1000}, media.Millisecond / 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.Timestamp(tt.at); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// What a clock writes, a timeline with its base reads, over any number of wraps.
func TestTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]int{90000, 48000, 44100, 8000, 96000}).Draw(t, "rate")
		base := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 1, 1 << 31, math.MaxUint32})).Draw(t, "base")
		c, l := Clock{Rate: rate, Base: base}, Timeline{Rate: rate, Base: base}
		ticks := rapid.Int64Range(-1<<30, 1<<30).Draw(t, "first")
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			at := media.FromTicks(ticks, rate)
			if got := l.Time(c.Timestamp(at)); got != at {
				t.Fatalf("got %v, want %v", got, at)
			}
			ticks += rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "step")
		}
	})
	l := Timeline{Rate: 90000, Base: 1000}
	for _, tt := range []struct {
		timestamp uint32
		want      int64 // ticks
	}{{900, -100}, {1000, 0}, {1000 + 1<<31 - 1, 1<<31 - 1}, {1000 + 1<<31, 1 << 31}, {999, 1<<32 - 1}, {1000, 1 << 32}, {999, 1<<32 - 1}} {
		if got := l.Time(tt.timestamp).Ticks(90000); got != tt.want {
			t.Errorf("%d: got %d, want %d", tt.timestamp, got, tt.want)
		}
	}
}

func TestReport(t *testing.T) {
	wall := time.Date(2025, 11, 24, 13, 0, 0, 500_000_000, time.UTC)
	b, err := Report{SSRC: 1, Wall: wall, Timestamp: 2, Packets: 3, Octets: 4, CNAME: "simulcart"}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	want := mediatest.Unhex(t, "80c8 0006 00000001 ecced550 80000000 00000002 00000003 00000004 81ca 0004 00000001 01 09 73696d756c63617274 00")
	if !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, want)
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(packets) != 2 {
		t.Fatalf("got %v and error %v", packets, err)
	}
	b, err = Report{SSRC: 1, Wall: wall, Timestamp: 2, Packets: 3, Octets: 4, CNAME: "simulcart", Bye: true}.Marshal()
	if bye := mediatest.Unhex(t, "81cb 0001 00000001"); err != nil || !bytes.Equal(b, append(want, bye...)) {
		t.Errorf("the last one: got %x and error %v", b, err)
	}
	if _, err := (Report{CNAME: strings.Repeat("x", 256)}).Marshal(); err == nil {
		t.Error("a CNAME of 256 bytes was written")
	}
	if got := NTP(time.Unix(-2208988800, 0)); got != 0 {
		t.Errorf("1900: got %d", got)
	}
}

func TestNewPacketizer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		track *media.Track
		most  int
		want  string // the end of the error
	}{
		{"63 bytes", bare(t, media.H264), 63, "payloads of 63 bytes, not 64 to 61440"},
		{"more than 60 KiB", bare(t, media.H264), 60<<10 + 1, "payloads of 61441 bytes, not 64 to 61440"},
		{"60 KiB", bare(t, media.H264), InterleavedPayload, ""},
		{"default", bare(t, media.VP8), 0, ""},
		{"negative", bare(t, media.VP8), -1, "not 64 to 61440"},
		{"FLAC", &media.Track{Codec: media.FLAC}, 0, "not supported: the codec flac"},
		{"broken avcC", &media.Track{Codec: media.H264, Config: []byte{1}}, 0, "at least 7 bytes needed, 1 there"},
		{"broken hvcC", &media.Track{Codec: media.HEVC, Config: []byte{1}}, 0, "at least 23 bytes needed, 1 there"},
		{"broken av1C", &media.Track{Codec: media.AV1, Config: []byte{1}}, 0, "at least 4 bytes needed, 1 there"},
		{"broken OBUs in av1C", &media.Track{Codec: media.AV1, Config: []byte{0x81, 0, 0, 0, 0x0a, 9}}, 0, "an OBU of 9 bytes, 0 left"},
		{"broken dOps", &media.Track{Codec: media.Opus, Config: []byte{1}}, 0, "at least 11 bytes needed, 1 there"},
		{"Opus surround", &media.Track{Codec: media.Opus, Config: mediatest.Unhex(t, "00 06 0138 0000bb80 0000 01 04 02 000401020503")}, 0, "Opus of 6 channels, only mono and stereo"},
		{"AAC without a bound", bare(t, media.AAC), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewPacketizer(tt.track, tt.most)
			if tt.want == "" {
				if err != nil || p == nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if got := packetizer(t, bare(t, media.VP8), 0).most; got != 1200 {
		t.Errorf("default: got %d", got)
	}
}

func TestPayloadErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec media.Codec
		parts [][]byte
		want  string // the end of the error
	}{
		{"unit cut short", media.H264, [][]byte{{0, 0, 0, 5, 0x65}}, "a NAL unit of 5 bytes, 1 left"},
		{"length cut short", media.HEVC, [][]byte{{0, 0}}, "a NAL unit length of 4 bytes needed, 2 left"},
		{"OBU cut short", media.AV1, [][]byte{{0x32, 2, 0}}, "an OBU of 2 bytes, 1 left"},
		{"VP8 in two parts", media.VP8, [][]byte{{1}, {2}}, "a frame of vp8 in 2 parts, not 1"},
		{"AAC in no parts", media.AAC, nil, "a frame of aac in 0 parts, not 1"},
		{"AAC of 8,192 bytes", media.AAC, [][]byte{make([]byte, 8192)}, "an AAC frame of 8192 bytes, more than 8191"},
		{"Opus of 1,489 bytes", media.Opus, [][]byte{append([]byte{0xfc}, make([]byte, 1488)...)}, "an Opus packet of 1489 bytes, more than 1488"},
		{"Opus of 63 frames", media.Opus, [][]byte{{0xff, 63}}, "63 frames, 60480 samples, not 1 to 5760"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := packetizer(t, track(t, tt.codec), 0).Payloads(true, tt.parts...)
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) || len(got) > 0 {
				t.Errorf("got %v and error %v, want %s", got, err, tt.want)
			}
		})
	}
	for codec, size := range map[media.Codec]int{media.AAC: 8191, media.Opus: 1488} {
		frame := append([]byte{0xfc}, make([]byte, size-1)...)
		if _, err := packetizer(t, track(t, codec), 0).Payloads(true, frame); err != nil {
			t.Errorf("%s of %d bytes: %v", codec, size, err)
		}
	}
}
