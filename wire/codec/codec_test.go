package codec_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/codec"
)

// Configurations that x264, x265, SVT-AV1, libvpx, libopus and ffmpeg made; the formats are what ffprobe says of them.
const (
	avcC       = "0164002affe1001b6764002aacd940780227e5c044000003000400000301e03c60c65801000468ef8fcbfdf8f800"
	avcC2      = "0164002afde1001b6764002aacd940780227e5c044000003000400000301e03c60c65801000468ef8fcbfdf8f800"
	hvcC       = "0102200000009000000000005df000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003005d959409a10001002942010102200000030090000003000003005da00280802d136595952930bc05a02000007d20000ea601a2000100064401c073c189"
	av1C       = "81090c000a0b0000004aabbfc3700be001"
	vpcC       = "010000000015820202020000"
	dOps       = "000201380000bb80000000"
	opusHead   = "4f707573486561640102380180bb0000000000"
	streamInfo = "1200120000010e0005170bb802f000004b00581c026f9fb198c5a69bdefdd58a1c2c"
)

func TestNewTrack(t *testing.T) {
	hvcC1 := strings.Replace(hvcC, "00000f03", "00000c03", 1)
	for _, tc := range []struct {
		name   string
		codec  media.Codec
		given  string
		config string // as the track holds it
		clock  int
		want   media.Format
	}{
		{"H.264", media.H264, avcC, avcC, 90000, media.Format{
			Profile: "High", Level: "4.2", Width: 1920, Height: 1080, FrameRate: 60, Reorder: 2,
		}},
		{"H.264 with 2-byte lengths", media.H264, avcC2, avcC, 90000, media.Format{
			Profile: "High", Level: "4.2", Width: 1920, Height: 1080, FrameRate: 60, Reorder: 2,
		}},
		{"HEVC", media.HEVC, hvcC, hvcC, 90000, media.Format{
			Profile: "Main 10", Level: "3.1", Width: 1280, Height: 720, FrameRate: 30000.0 / 1001, Reorder: 2,
		}},
		{"HEVC with 1-byte lengths", media.HEVC, hvcC1, hvcC, 90000, media.Format{
			Profile: "Main 10", Level: "3.1", Width: 1280, Height: 720, FrameRate: 30000.0 / 1001, Reorder: 2,
		}},
		{"AV1", media.AV1, av1C, av1C, 90000, media.Format{Profile: "Main", Level: "4.1", Width: 1920, Height: 1080}},
		{"VP8", media.VP8, "", "", 90000, media.Format{}},
		{"VP8 with something", media.VP8, vpcC, "", 90000, media.Format{}},
		{"VP9", media.VP9, vpcC, vpcC, 90000, media.Format{Profile: "Profile 0", Level: "2.1"}},
		{"VP9 without version and flags", media.VP9, vpcC[8:], vpcC, 90000, media.Format{Profile: "Profile 0", Level: "2.1"}},
		{"AAC", media.AAC, "121056e500", "121056e500", 44100, media.Format{Profile: "AAC-LC", Channels: 2}},
		{"HE-AAC", media.AAC, "2b920800", "2b920800", 22050, media.Format{Profile: "HE-AAC", Channels: 2}},
		{"Opus", media.Opus, dOps, dOps, 48000, media.Format{Profile: "Opus", Channels: 2}},
		{"Opus by OpusHead", media.Opus, opusHead, dOps, 48000, media.Format{Profile: "Opus", Channels: 2}},
		{"FLAC", media.FLAC, streamInfo, streamInfo, 48000, media.Format{Profile: "FLAC 16 bit", Channels: 2}},
		{
			"FLAC by header", media.FLAC, "664c614380000022" + streamInfo, streamInfo, 48000,
			media.Format{Profile: "FLAC 16 bit", Channels: 2},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			given := mediatest.Unhex(t, tc.given)
			got, err := codec.NewTrack(7, tc.codec, given)
			if err != nil {
				t.Fatal(err)
			}
			clear(given) // the track holds a copy
			want := &media.Track{ID: 7, Codec: tc.codec, ClockRate: tc.clock, Format: tc.want}
			if tc.config != "" {
				want.Config = mediatest.Unhex(t, tc.config)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNewTrackRefuses(t *testing.T) {
	for _, c := range []media.Codec{media.H264, media.HEVC, media.AV1, media.VP9, media.AAC, media.Opus, media.FLAC} {
		t.Run(c.String(), func(t *testing.T) {
			got, err := codec.NewTrack(1, c, []byte{1})
			var syntax *wire.SyntaxError
			if got != nil || !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), "read the "+c.String()+" configuration: ") {
				t.Errorf("got %v, error %v, want a syntax error", got, err)
			}
		})
	}
	for _, c := range []media.Codec{media.Unknown, media.MP3, media.Overlay, media.Metadata, 200} {
		t.Run("no configuration of "+c.String(), func(t *testing.T) {
			got, err := codec.NewTrack(1, c, nil)
			var refused *wire.UnsupportedError
			if got != nil || !errors.As(err, &refused) {
				t.Errorf("got %v, error %v, want an unsupported error", got, err)
			}
		})
	}
}

// A stream whose parameter sets we cannot read is still relayed: decoders may read more than we do.
func TestNewTrackOfUnreadableSets(t *testing.T) {
	for name, c := range map[string]struct {
		codec  media.Codec
		config string
	}{
		"H.264 without sets":   {media.H264, "0164002affe000"},
		"H.264 with a cut SPS": {media.H264, "0164002affe1000367640001000168"},
		"HEVC without sets":    {media.HEVC, "01016000000090000000000000f000fcfdf8f800000f00"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := codec.NewTrack(1, c.codec, mediatest.Unhex(t, c.config))
			if err != nil || got.Format != (media.Format{Reorder: -1}) || len(got.Config) == 0 {
				t.Errorf("got %+v, %v; want a track that tells nothing of its pictures", got, err)
			}
		})
	}
}

func TestMP3Track(t *testing.T) {
	got, err := codec.MP3Track(3, mediatest.Unhex(t, "fffb9064"))
	want := &media.Track{
		ID: 3, Codec: media.MP3, ClockRate: 44100, Format: media.Format{Profile: "MPEG-1 layer 3", Channels: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	var syntax *wire.SyntaxError
	if got, err := codec.MP3Track(3, mediatest.Unhex(t, "0000")); got != nil || !errors.As(err, &syntax) {
		t.Errorf("got %v, error %v", got, err)
	}
}

func TestLengthSize(t *testing.T) {
	for _, tc := range []struct {
		name   string
		codec  media.Codec
		config string
		want   int
		fails  bool
	}{
		{"H.264", media.H264, avcC, 4, false},
		{"H.264 with 2-byte lengths", media.H264, avcC2, 2, false},
		{"HEVC", media.HEVC, hvcC, 4, false},
		{"AV1", media.AV1, av1C, 0, false},
		{"H.264 cut short", media.H264, avcC[:12], 0, true},
		{"HEVC cut short", media.HEVC, hvcC[:12], 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := codec.LengthSize(tc.codec, mediatest.Unhex(t, tc.config))
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("got %d, error %v, want %d", got, err, tc.want)
			}
		})
	}
}

func TestFrameData(t *testing.T) {
	for _, tc := range []struct {
		name  string
		codec media.Codec
		size  int
		data  string
		want  string // empty for an error
	}{
		{"H.264", media.H264, 4, "000000026588", "000000026588"},
		{"H.264 with 2-byte lengths", media.H264, 2, "00026588", "000000026588"},
		{"H.264 cut short", media.H264, 4, "0000000265", ""},
		{"HEVC with 1-byte lengths", media.HEVC, 1, "022601", "000000022601"},
		{"HEVC cut short", media.HEVC, 1, "0226", ""},
		{"AV1", media.AV1, 0, "12003201aa", "3201aa"},
		{"AV1 cut short", media.AV1, 0, "32", ""},
		{"VP9", media.VP9, 0, "82", "82"},
		{"AAC", media.AAC, 0, "2110", "2110"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := codec.FrameData(tc.codec, tc.size, mediatest.Unhex(t, tc.data))
			if (err != nil) != (tc.want == "") || !bytes.Equal(got, mediatest.Unhex(t, tc.want)) {
				t.Errorf("got %x, error %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestFrameSamples(t *testing.T) {
	for _, tc := range []struct {
		name  string
		track media.Track
		data  string
		want  int
	}{
		{"AAC", media.Track{Codec: media.AAC, Config: mediatest.Unhex(t, "1210")}, "2110", 1024},
		{"AAC of 960", media.Track{Codec: media.AAC, Config: mediatest.Unhex(t, "1194")}, "2110", 960},
		{"HE-AAC, of the core", media.Track{Codec: media.AAC, Config: mediatest.Unhex(t, "2b920800")}, "2110", 1024},
		{"Opus", media.Track{Codec: media.Opus}, "fc", 960},
		{"FLAC", media.Track{Codec: media.FLAC}, "fff85a880000", 4608},
		{"MP3", media.Track{Codec: media.MP3}, "fffb9064", 1152},
		{"AAC without a configuration", media.Track{Codec: media.AAC}, "2110", 0},
		{"Opus without a byte", media.Track{Codec: media.Opus}, "", 0},
		{"FLAC without a frame", media.Track{Codec: media.FLAC}, "00", 0},
		{"MP3 without a header", media.Track{Codec: media.MP3}, "0000", 0},
		{"video", media.Track{Codec: media.H264}, "0000000165", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := mediatest.Unhex(t, tc.data)
			got := codec.FrameSamples(&tc.track, data)
			if got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
			if n := testing.AllocsPerRun(10, func() { got = codec.FrameSamples(&tc.track, data) }); n > 0 && tc.want > 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

func FuzzNewTrack(f *testing.F) {
	for c, text := range map[media.Codec]string{
		media.H264: avcC, media.HEVC: hvcC, media.AV1: av1C, media.VP9: vpcC,
		media.AAC: "121056e500", media.Opus: opusHead, media.FLAC: streamInfo,
	} {
		f.Add(uint8(c), mediatest.Unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, c uint8, config []byte) {
		first, err := codec.NewTrack(1, media.Codec(c), config)
		if err != nil {
			return
		}
		if first.ClockRate <= 0 {
			t.Fatalf("got %+v", first)
		}
		again, err := codec.NewTrack(1, media.Codec(c), first.Config)
		if diff := cmp.Diff(first, again); diff != "" || err != nil {
			t.Errorf("error %v, -first +again:\n%s", err, diff)
		}
	})
}

func FuzzFrameData(f *testing.F) {
	f.Add(uint8(media.H264), 2, []byte{0, 1, 0x65})
	f.Add(uint8(media.AV1), 0, []byte{0x12, 0, 0x32, 1, 0xaa})
	f.Fuzz(func(t *testing.T, c uint8, size int, data []byte) {
		got, err := codec.FrameData(media.Codec(c), size, data)
		if err != nil {
			return
		}
		again, err := codec.FrameData(media.Codec(c), 4, got)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("got %x, error %v, want %x", again, err, got)
		}
	})
}
