package flv

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// checkError compares an error with the kind that a table wants: "" for none, "syntax" or "unsupported", and its offset.
func checkError(t *testing.T, err error, kind string, offset int64) {
	t.Helper()
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	got, at := "", int64(0)
	switch {
	case errors.As(err, &syntax):
		got, at = "syntax", syntax.Offset
	case errors.As(err, &unsupported):
		got, at = "unsupported", unsupported.Offset
	case err != nil:
		got = "another"
	}
	if got != kind || at != offset {
		t.Errorf("got error %v (%s at %d), want %s at %d", err, got, at, kind, offset)
	}
}

// What is written and read back, with the body aabb. Bytes by hand from FLV 10.1 §E.4.3 and Enhanced RTMP v2.
var videoBothWays = []struct {
	name        string
	form        Form
	codec       media.Codec
	kind        PacketKind
	key         bool
	composition int32
	header      string
	want        Video // without Codec, Kind, Key, Composition and Body
}{
	{"h264 start", Legacy, media.H264, SequenceStart, false, 0, "17 00 000000", Video{FrameType: KeyFrame}},
	{"h264 key", Legacy, media.H264, Coded, true, 66, "17 01 000042", Video{FrameType: KeyFrame}},
	{"h264 inter", Legacy, media.H264, Coded, false, -1, "27 01 ffffff", Video{FrameType: InterFrame}},
	{"h264 latest", Legacy, media.H264, Coded, false, 1<<23 - 1, "27 01 7fffff", Video{FrameType: InterFrame}},
	{"h264 earliest", Legacy, media.H264, Coded, false, -1 << 23, "27 01 800000", Video{FrameType: InterFrame}},
	{"h264 end", Legacy, media.H264, SequenceEnd, false, 0, "17 02 000000", Video{FrameType: KeyFrame}},
	{"hevc has no number", Legacy, media.HEVC, SequenceStart, false, 0, "90 68766331", enhanced(FourCCHVC1, KeyFrame)},
	{"avc1 start", Enhanced, media.H264, SequenceStart, false, 0, "90 61766331", enhanced(FourCCAVC1, KeyFrame)},
	{"avc1 coded", Enhanced, media.H264, Coded, true, 33, "91 61766331 000021", enhanced(FourCCAVC1, KeyFrame)},
	{"avc1 coded x", Enhanced, media.H264, Coded, false, 0, "a3 61766331", enhanced(FourCCAVC1, InterFrame)},
	{"hvc1 coded", Enhanced, media.HEVC, Coded, false, -2, "a1 68766331 fffffe", enhanced(FourCCHVC1, InterFrame)},
	{"hvc1 coded x", Enhanced, media.HEVC, Coded, true, 0, "93 68766331", enhanced(FourCCHVC1, KeyFrame)},
	{"hvc1 end", Enhanced, media.HEVC, SequenceEnd, false, 0, "92 68766331", enhanced(FourCCHVC1, KeyFrame)},
	{"av01 coded", Enhanced, media.AV1, Coded, true, 0, "91 61763031", enhanced(FourCCAV01, KeyFrame)},
	{"av01 metadata", Enhanced, media.AV1, VideoMetadata, true, 9, "d4 61763031", enhanced(FourCCAV01, CommandFrame)},
	{"vp08 coded", Enhanced, media.VP8, Coded, false, 0, "a1 76703038", enhanced(FourCCVP08, InterFrame)},
	{"vp09 start", Enhanced, media.VP9, SequenceStart, true, 0, "90 76703039", enhanced(FourCCVP09, KeyFrame)},
}

func enhanced(f FourCC, frame FrameType) Video {
	return Video{FourCC: f, FrameType: frame, Enhanced: true}
}

func TestVideoBothWays(t *testing.T) {
	for _, tt := range videoBothWays {
		t.Run(tt.name, func(t *testing.T) {
			header := mediatest.Unhex(t, tt.header)
			got, err := AppendVideoHeader([]byte{}, tt.form, tt.codec, tt.kind, tt.key, tt.composition)
			if err != nil || !bytes.Equal(got, header) {
				t.Errorf("written: got %x and error %v, want %x", got, err, header)
			}
			want := tt.want
			want.Codec, want.Kind, want.Body = tt.codec, tt.kind, []byte{0xAA, 0xBB}
			if tt.kind == Coded {
				want.Key, want.Composition = tt.key, tt.composition
			}
			read, err := ParseVideo(append(header, 0xAA, 0xBB), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Video{want}, read); diff != "" {
				t.Errorf("read: (-want +got)\n%s", diff)
			}
		})
	}
}

// What others send and we do not write.
func TestParseVideoOnly(t *testing.T) {
	body := []byte{0xAA}
	coded := Video{Codec: media.AV1, FourCC: FourCCAV01, Enhanced: true, Kind: Coded, FrameType: InterFrame, Body: body}
	with := func(v Video, change func(*Video)) Video {
		change(&v)
		return v
	}
	tests := []struct {
		name string
		hex  string
		want []Video
	}{
		{"empty", "", []Video{{Kind: Empty}}},
		{"command", "57 00", []Video{{Kind: Command, FrameType: CommandFrame, Body: []byte{0}}}},
		{"command of a codec we do not do", "52 01", []Video{{Kind: Command, FrameType: CommandFrame, Body: []byte{1}}}},
		{"end without composition time", "17 02", []Video{{Codec: media.H264, Kind: SequenceEnd, FrameType: KeyFrame, Body: []byte{}}}},
		{"generated key frame", "47 01 000000 aa", []Video{
			{Codec: media.H264, Kind: Coded, FrameType: GeneratedKeyFrame, Key: true, Body: body},
		}},
		{"disposable", "37 01 000000 aa", []Video{{Codec: media.H264, Kind: Coded, FrameType: DisposableFrame, Body: body}}},
		{"hevc as number 12", "1c 01 000021 aa", []Video{
			{Codec: media.HEVC, Kind: Coded, FrameType: KeyFrame, Key: true, Composition: 33, Body: body},
		}},
		{"start of hevc as number 12", "1c 00 000000 aa", []Video{{Codec: media.HEVC, Kind: SequenceStart, FrameType: KeyFrame, Body: body}}},
		{"av1 as number 13", "2d 01 000000 aa", []Video{{Codec: media.AV1, Kind: Coded, FrameType: InterFrame, Body: body}}},
		{"empty start, as ffmpeg sends for av1", "90 61763031", []Video{
			{Codec: media.AV1, FourCC: FourCCAV01, Enhanced: true, Kind: SequenceStart, FrameType: KeyFrame, Body: []byte{}},
		}},
		{"coded x of av1", "a3 61763031 aa", []Video{coded}},
		{"enhanced command", "d1 01", []Video{{Enhanced: true, Kind: Command, FrameType: CommandFrame, Body: []byte{1}}}},
		{"metadata of a reserved frame type", "f4 61763031 aa", []Video{
			with(coded, func(v *Video) { v.Kind, v.FrameType = VideoMetadata, 7 }),
		}},
		{"time offset", "a7 02 0f423f 01 61763031 aa", []Video{with(coded, func(v *Video) { v.NanoOffset = 999_999 })}},
		{"time offset with more data", "a7 03 000102ff 01 61763031 aa", []Video{with(coded, func(v *Video) { v.NanoOffset = 258 })}},
		{"unknown modex, then time offset", "a7 00 00 f7 02 000001 01 61763031 aa", []Video{with(coded, func(v *Video) { v.NanoOffset = 1 })}},
		{"long modex", "a7 ff 0100" + strings.Repeat("00", 257) + "11 61763031 aa", []Video{coded}},
		{"one track", "a6 01 61763031 05 aa", []Video{with(coded, func(v *Video) { v.TrackID, v.Multitrack = 5, true })}},
		{"many tracks", "a6 11 61763031 00 000001 aa 01 000000", []Video{
			with(coded, func(v *Video) { v.Multitrack = true }),
			with(coded, func(v *Video) { v.TrackID, v.Multitrack, v.Body = 1, true, []byte{} }),
		}},
		{"many codecs", "96 21 61763031 00 000001 aa 68766331 01 000004 000002 aa", []Video{
			with(coded, func(v *Video) { v.Multitrack, v.FrameType, v.Key = true, KeyFrame, true }),
			{
				Codec: media.HEVC, FourCC: FourCCHVC1, Enhanced: true, Kind: Coded, FrameType: KeyFrame, Key: true, TrackID: 1,
				Multitrack: true, Composition: 2, Body: body,
			},
		}},
		{"time offset and tracks", "a7 02 000003 06 01 61763031 05 aa", []Video{
			with(coded, func(v *Video) { v.TrackID, v.Multitrack, v.NanoOffset = 5, true, 3 }),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseVideo(mediatest.Unhex(t, tt.hex), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseVideoErrors(t *testing.T) {
	tests := []struct {
		name   string
		hex    string
		kind   string
		offset int64
		parsed int // packets given all the same
	}{
		{"sorenson", "12 00", "unsupported", 0, 0},
		{"screen", "13", "unsupported", 0, 0},
		{"vp6", "14", "unsupported", 0, 0},
		{"unknown number", "1f", "unsupported", 0, 0},
		{"no packet type", "17", "syntax", 1, 0},
		{"unknown packet type", "17 03", "syntax", 1, 0},
		{"composition time cut", "17 01 0000", "syntax", 2, 0},
		{"frame type 0", "07 01 000000", "syntax", 0, 0},
		{"enhanced frame type 6", "e1 61763031", "syntax", 0, 0},
		{"no fourcc", "91 617630", "syntax", 1, 0},
		{"unknown fourcc", "91 76766331 aa", "unsupported", 5, 0},
		{"sound in a video message", "91 6d703461 aa", "unsupported", 5, 0},
		{"enhanced composition time cut", "91 68766331 0000", "syntax", 5, 0},
		{"ts sequence start", "95 61763031", "unsupported", 5, 0},
		{"unknown packet type 8", "98 61763031", "unsupported", 5, 0},
		{"modex without size", "a7", "syntax", 1, 0},
		{"modex without long size", "a7 ff 00", "syntax", 2, 0},
		{"modex cut", "a7 02 0000", "syntax", 2, 0},
		{"modex without type", "a7 00 00", "syntax", 3, 0},
		{"time offset of 2 bytes", "a7 01 0000 01 61763031", "syntax", 1, 0},
		{"time offset of a millisecond", "a7 02 0f4240 01 61763031", "syntax", 1, 0},
		{"no multitrack type", "a6", "syntax", 1, 0},
		{"multitrack type 3", "a6 31", "unsupported", 1, 0},
		{"multitrack in multitrack", "a6 06", "syntax", 1, 0},
		{"modex in multitrack", "a6 07", "syntax", 1, 0},
		{"no track id", "a6 01 61763031", "syntax", 6, 0},
		{"no fourcc of a track", "a6 21 6176", "syntax", 2, 0},
		{"no size of a track", "a6 11 61763031 00 0000", "syntax", 7, 0},
		{"second track cut", "a6 11 61763031 00 000000 01 000002 aa", "syntax", 14, 1},
		{"one of two tracks", "96 21 76766331 00 000001 aa 61763031 01 000001 aa", "unsupported", 10, 1},
		{"nine tracks", "a6 11 61763031" + strings.Repeat("00 000000", 9), "unsupported", 38, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseVideo(mediatest.Unhex(t, tt.hex), nil)
			checkError(t, err, tt.kind, tt.offset)
			if len(got) != tt.parsed {
				t.Errorf("got %d packets, want %d", len(got), tt.parsed)
			}
		})
	}
}

func TestVideoHeaderErrors(t *testing.T) {
	tests := []struct {
		name        string
		form        Form
		codec       media.Codec
		kind        PacketKind
		composition int32
	}{
		{"sound", Enhanced, media.AAC, Coded, 0},
		{"overlay", Legacy, media.Overlay, Coded, 0},
		{"beyond 24 bits", Legacy, media.H264, Coded, 1 << 23},
		{"before 24 bits", Enhanced, media.HEVC, Coded, -1<<23 - 1},
		{"composition time of av1", Enhanced, media.AV1, Coded, 1},
		{"legacy metadata", Legacy, media.H264, VideoMetadata, 0},
		{"command", Enhanced, media.H264, Command, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendVideoHeader(nil, tt.form, tt.codec, tt.kind, true, tt.composition)
			if err == nil || len(got) != 0 {
				t.Errorf("got %x and error %v", got, err)
			}
		})
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	enhanced, legacy := mediatest.Unhex(t, "a1 68766331 000021 aabb"), mediatest.Unhex(t, "27 01 000021 aabb")
	audio := mediatest.Unhex(t, "af 01 aabb")
	videos, audios := make([]Video, 0, 1), make([]Audio, 0, 1)
	n := testing.AllocsPerRun(100, func() {
		videos, _ = ParseVideo(enhanced, videos[:0])
		videos, _ = ParseVideo(legacy, videos[:0])
		audios, _ = ParseAudio(audio, audios[:0])
	})
	if n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Coded.String(): "coded", PacketKind(99).String(): "kind 99", Legacy.String(): "legacy", Enhanced.String(): "enhanced",
		FourCCMP3.String(): ".mp3", FourCC(0).String(): `\x00\x00\x00\x00`, TagAudio.String(): "audio", TagVideo.String(): "video",
		TagData.String(): "data", TagType(7).String(): "type 7",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for c := media.Unknown; c <= media.Metadata; c++ {
		if f := FourCCOf(c); (f != 0) != (c.IsVideo() || c.IsAudio()) || f != 0 && f.Codec() != c {
			t.Errorf("%s: got FourCC %q, which means %s", c, f, f.Codec())
		}
	}
}
