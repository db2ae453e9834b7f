package rtp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/hevc"
)

// golden reads what ffprobe and the neighbouring packages know of real configurations.
func golden(t testing.TB, path, name string) []byte {
	t.Helper()
	type entry struct{ Name, Config string }
	for _, e := range mediatest.Golden[entry](t, path) {
		if e.Name == name {
			return mediatest.Unhex(t, e.Config)
		}
	}
	t.Fatalf("no %s in %s", name, path)
	return nil
}

// made makes a track as an ingest does.
func made(t testing.TB, c media.Codec, config []byte) *media.Track {
	t.Helper()
	tr, err := codec.NewTrack(7, c, config)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestMapping(t *testing.T) {
	const (
		aacParameters = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config="
		hevcUnits     = ";sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwA/lZQJ;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwA/oAUCAXHy5ZWVKTC8BaAgAAADACAAAAMDwQ==;sprop-pps=RAHAc8GJ"
	)
	hvcC := golden(t, "../hevc/testdata/ffprobe.json", "hevc_main")
	for _, tt := range []struct {
		name       string
		track      *media.Track
		rtpmap     string
		parameters string
		back       bool // reading it gives the whole track
	}{
		{
			"H.264", made(t, media.H264, mediatest.Unhex(t, "0142c01eff e10005 6742c01e88 010004 68ce3c80")),
			"H264/90000", "packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHog=,aM48gA==", true,
		},
		{"H.264 without a configuration", bare(t, media.H264), "H264/90000", "packetization-mode=1", true},
		{
			"H.264 without parameter sets", &media.Track{Codec: media.H264, ClockRate: 90000, Config: mediatest.Unhex(t, "014d001fffe000")},
			"H264/90000", "packetization-mode=1;profile-level-id=4D001F", false,
		},
		{"H.265", made(t, media.HEVC, hvcC), "H265/90000", "profile-id=1;tier-flag=0;level-id=63" + hevcUnits, false},
		{
			"H.265 high tier without parameter sets",
			&media.Track{Codec: media.HEVC, ClockRate: 90000, Config: append(append([]byte{1, 0x22}, hvcC[2:22]...), 0)},
			"H265/90000", "profile-id=2;tier-flag=1;level-id=63", false,
		},
		{"H.265 without a configuration", bare(t, media.HEVC), "H265/90000", "", true},
		{"AV1", track(t, media.AV1), "AV1/90000", "profile=0;level-idx=8;tier=0", false},
		{"AV1 high tier", made(t, media.AV1, mediatest.Unhex(t, "81 2d 80 00")), "AV1/90000", "profile=1;level-idx=13;tier=1", false},
		{"AV1 without a configuration", bare(t, media.AV1), "AV1/90000", "", true},
		{"VP8", bare(t, media.VP8), "VP8/90000", "", true},
		{"VP9", made(t, media.VP9, mediatest.Unhex(t, "01000000 00 00 82 02 02 02 0000")), "VP9/90000", "profile-id=0", true},
		{"VP9 profile 2", made(t, media.VP9, mediatest.Unhex(t, "01000000 02 00 a2 02 02 02 0000")), "VP9/90000", "profile-id=2", true},
		{"VP9 without a configuration", bare(t, media.VP9), "VP9/90000", "", false},
		{"AAC", made(t, media.AAC, mediatest.Unhex(t, "119056e500")), "mpeg4-generic/48000/2", aacParameters + "119056e500", true},
		{"AAC mono", made(t, media.AAC, mediatest.Unhex(t, "1208")), "mpeg4-generic/44100/1", aacParameters + "1208", true},
		{"HE-AAC", made(t, media.AAC, mediatest.Unhex(t, "2b118800")), "mpeg4-generic/24000/2", aacParameters + "2b118800", true},
		{"Opus", made(t, media.Opus, mediatest.Unhex(t, "00 02 0000 00000000 0000 00")), "opus/48000/2", "sprop-stereo=1", true},
		{"Opus mono", made(t, media.Opus, mediatest.Unhex(t, "00 01 0000 00000000 0000 00")), "opus/48000/2", "sprop-stereo=0", true},
		{"Opus without a configuration", bare(t, media.Opus), "opus/48000/2", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := MappingOf(tt.track)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tt.rtpmap, tt.parameters}, []string{m.RTPMap(), m.Parameters}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			read, err := ParseRTPMap(tt.rtpmap)
			if err != nil {
				t.Fatal(err)
			}
			read.Parameters = tt.parameters
			if diff := cmp.Diff(m, read); diff != "" {
				t.Errorf("read (-want +got)\n%s", diff)
			}
			back, err := read.Track(tt.track.ID)
			if err != nil {
				t.Fatal(err)
			}
			want := *tt.track
			if !tt.back { // what stays: the configuration goes its own way
				want.Config, want.Format = back.Config, back.Format
			}
			if diff := cmp.Diff(&want, back); diff != "" {
				t.Errorf("track (-want +got)\n%s", diff)
			}
		})
	}
}

// The parameter sets of HEVC come back, in a configuration that tells what the encoder's own does.
func TestMappingOfHEVC(t *testing.T) {
	for _, name := range []string{"hevc_main", "hevc_1080p", "hevc_main10", "hevc_422", "hevc_tlayers", "hevc_scaling", "hevc_nob"} {
		t.Run(name, func(t *testing.T) {
			track := made(t, media.HEVC, golden(t, "../hevc/testdata/ffprobe.json", name))
			m, err := MappingOf(track)
			if err != nil {
				t.Fatal(err)
			}
			back, err := m.Track(7)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := hevc.ParseConfig(track.Config)
			got, _ := hevc.ParseConfig(back.Config)
			want.Arrays = slices.DeleteFunc(want.Arrays, func(a hevc.Array) bool { return a.Type == hevc.PrefixSEI }) // which SDP has no word for
			for i := range want.Arrays {
				want.Arrays[i].Complete = false // the same
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(track.Format, back.Format); diff != "" {
				t.Errorf("format (-want +got)\n%s", diff)
			}
		})
	}
}

func TestMappingOfErrors(t *testing.T) {
	for name, tr := range map[string]*media.Track{
		"no payload format": {Codec: media.FLAC}, "avcC": {Codec: media.H264, Config: []byte{1}}, "hvcC": {Codec: media.HEVC, Config: []byte{1}},
		"av1C": {Codec: media.AV1, Config: []byte{1}}, "vpcC": {Codec: media.VP9, Config: []byte{1}}, "AAC without a configuration": {Codec: media.AAC},
		"dOps":          {Codec: media.Opus, Config: []byte{1}},
		"Opus surround": {Codec: media.Opus, Config: mediatest.Unhex(t, "00 06 0138 0000bb80 0000 01 04 02 000401020503")},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := MappingOf(tr); err == nil || m != (Mapping{}) {
				t.Errorf("got %+v and error %v", m, err)
			}
		})
	}
}

func TestParseRTPMapErrors(t *testing.T) {
	for _, s := range []string{
		"", "H264", "/90000", "H264/", "H264/x", "H264/-1", "H264/0", "H264/99999999", "opus/48000/0", "opus/48000/256", "opus/48000/2/1",
		strings.Repeat("x", 100),
	} {
		m, err := ParseRTPMap(s)
		var syntax *wire.SyntaxError
		if !errors.As(err, &syntax) || m != (Mapping{}) || len(err.Error()) > 130 {
			t.Errorf("%q: got %+v and error %v", s, m, err)
		}
	}
}

func TestTrack(t *testing.T) {
	const sizes = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
	h264 := func(p string) Mapping { return Mapping{Name: "H264", Rate: 90000, Parameters: p} }
	aac := func(p string) Mapping { return Mapping{Name: "MPEG4-GENERIC", Rate: 48000, Channels: 2, Parameters: p} }
	for _, tt := range []struct {
		name string
		m    Mapping
		want string // the end of the error, or the configuration where there is none
	}{
		{"lower case", Mapping{Name: "h264", Rate: 90000}, ""},
		{"as ffmpeg writes it", h264("packetization-mode=1; sprop-parameter-sets=Z0LAHog=,aM48gA==; profile-level-id=42C01E"), "0142c01effe100056742c01e8801000468ce3c80"},
		{"without the signs at the end", h264("sprop-parameter-sets=Z0LAHog,aM48gA"), "0142c01effe100056742c01e8801000468ce3c80"},
		{"upper case and blanks", h264(" SPROP-PARAMETER-SETS = Z0LAHog= , aM48gA== ,, ;"), "0142c01effe100056742c01e8801000468ce3c80"},
		{"an SPS alone", h264("sprop-parameter-sets=Z0LAHog="), ""},
		{"a short SPS", h264("sprop-parameter-sets=Z0LA,aM48gA=="), ""},
		{"an extension of the SPS", h264("sprop-parameter-sets=Z0LAHog=,aM48gA==,bQE="), "0142c01effe100056742c01e8801000468ce3c80"},
		{"not base64", h264("sprop-parameter-sets=%%%"), "sprop-parameter-sets is not base64"},
		{"32 units", h264("sprop-parameter-sets=" + strings.Repeat("aM48gA==,", 32)), "sprop-parameter-sets holds 32 units, more than 31"},
		{"a large unit", h264("sprop-parameter-sets=" + strings.Repeat("aaaa", 21846)), "sprop-parameter-sets holds a unit of 65538 bytes"},
		{"interleaved", h264("packetization-mode=2"), `H.264 with packetization-mode "2", use 0 or 1`},
		{"a rate of its own", Mapping{Name: "H264", Rate: 48000}, "h264 at 48000 hertz"},
		{"H.265 with an SPS that cannot be read", Mapping{Name: "H265", Rate: 90000, Parameters: "sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE="}, ""},
		{"H.265 without a PPS", Mapping{Name: "H265", Rate: 90000, Parameters: "sprop-vps=QAE=;sprop-sps=QgE="}, ""},
		{"H.265 not base64", Mapping{Name: "H265", Rate: 90000, Parameters: "sprop-vps=*"}, "sprop-vps is not base64"},
		{"VP9 profile 1", Mapping{Name: "VP9", Rate: 90000, Parameters: "profile-id=1"}, `VP9 with profile-id "1", use 0 or 2`},
		{"AAC as ffmpeg writes it", aac("profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=119056E500"), "119056e500"},
		{"AAC-lbr", aac("mode=AAC-lbr;sizelength=6;config=1190"), "AAC with mode=AAC-lbr, use AAC-hbr"},
		{"AAC without sizes", aac("mode=AAC-hbr;config=1190"), "AAC with sizelength=, use 13"},
		{"AAC without a configuration", aac(sizes), "config is not hexadecimal"},
		{"AAC with half a byte", aac(sizes + "config=119"), "config is not hexadecimal"},
		{"AAC with a configuration that cannot be read", aac(sizes + "config=11"), "4 bits needed, 3 left"},
		{"Opus at another rate", Mapping{Name: "opus", Rate: 44100, Channels: 2}, "opus at 44100 hertz"},
		{"something else", Mapping{Name: strings.Repeat("x", 50), Rate: 90000}, `the payload format "` + strings.Repeat("x", 40) + `"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.m.Track(3)
			if err != nil {
				if tt.want == "" || !strings.HasSuffix(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			if diff := cmp.Diff(mediatest.Unhex(t, tt.want), append([]byte{}, got.Config...)); diff != "" || got.ID != 3 || got.ClockRate != tt.m.Rate {
				t.Errorf("got %+v (-want +got)\n%s", got, diff)
			}
		})
	}
}

// A sender's clock that is not the sampling rate of the configuration counts.
func TestClockOfAAC(t *testing.T) {
	m := Mapping{Name: "mpeg4-generic", Rate: 48000, Channels: 2, Parameters: "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=2b118800"}
	tr, err := m.Track(1)
	if err != nil {
		t.Fatal(err)
	}
	frames := push(t, depacketizer(t, tr), script(t, "1@0 0020 0008 0008 aabb M")...)
	if len(frames) != 2 || frames[1].Timestamp != 2048 {
		t.Errorf("got %v", told(frames))
	}
}
