package rtsp

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
)

// made makes a track as an ingest does; its ID is what a description gives it.
func made(t testing.TB, id uint8, c media.Codec, config string) *media.Track {
	t.Helper()
	tr, err := codec.NewTrack(id, c, mediatest.Unhex(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// Each description gives the text, and the text gives the description.
func TestDescription(t *testing.T) {
	opening := func(lines ...string) []string {
		return append([]string{"v=0", "o=- 7 8 IN IP4 0.0.0.0", "s=show", "c=IN IP4 0.0.0.0", "t=0 0", "a=range:npt=now-"}, lines...)
	}
	for _, tt := range []struct {
		name string
		d    Description
		text []string
	}{
		{"nothing", Description{Name: "show", ID: 7, Version: 8}, opening()},
		{
			"H.264 and AAC",
			Description{Name: "show", ID: 7, Version: 8, Control: "*", Medias: []Media{
				{Kind: "video", PayloadType: 96, Control: "trackID=0", Track: made(t, 0, media.H264, "0142c01eff e10005 6742c01e88 010004 68ce3c80")},
				{Kind: "audio", PayloadType: 97, Control: "trackID=1", Track: made(t, 1, media.AAC, "1190")},
			}},
			opening(
				"a=control:*",
				"m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
				"a=fmtp:96 packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHog=,aM48gA==", "a=control:trackID=0",
				"m=audio 0 RTP/AVP 97", "a=rtpmap:97 mpeg4-generic/48000/2",
				"a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190", "a=control:trackID=1",
			),
		},
		{
			"VP8 and Opus with types of their own",
			Description{Name: "show", ID: 7, Version: 8, Control: "rtsp://h/s?token=x", Medias: []Media{
				{Kind: "video", PayloadType: 127, Control: "rtsp://h/s/trackID=0?token=x", Track: made(t, 0, media.VP8, "")},
				{Kind: "audio", PayloadType: 101, Track: made(t, 1, media.Opus, "00 02 0000 00000000 0000 00")},
			}},
			opening(
				"a=control:rtsp://h/s?token=x",
				"m=video 0 RTP/AVP 127", "a=rtpmap:127 VP8/90000", "a=control:rtsp://h/s/trackID=0?token=x",
				"m=audio 0 RTP/AVP 101", "a=rtpmap:101 opus/48000/2", "a=fmtp:101 sprop-stereo=1",
			),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := tt.d.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(crlf(tt.text...), string(text)); diff != "" {
				t.Errorf("text (-want +got)\n%s", diff)
			}
			got, err := ParseDescription([]byte(crlf(tt.text...)))
			if diff := cmp.Diff(&tt.d, got); diff != "" || err != nil {
				t.Errorf("error %v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestMarshalDescription(t *testing.T) {
	d := Description{Medias: []Media{{Track: made(t, 9, media.VP8, "")}, {Track: made(t, 9, media.VP8, "")}}}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"s= \r\n", "m=video 0 RTP/AVP 96\r\n", "m=video 0 RTP/AVP 97\r\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	many := make([]Media, 17)
	for i := range many {
		many[i] = Media{Track: made(t, 0, media.VP8, "")}
	}
	if _, err := (Description{Medias: many[:16]}).Marshal(); err != nil {
		t.Errorf("16 tracks: %v", err)
	}
	for _, tt := range []struct {
		name  string
		d     Description
		fault string
	}{
		{"17 tracks", Description{Medias: many}, "sdp_media"},
		{"no payload format", Description{Medias: []Media{{Track: &media.Track{Codec: media.FLAC}}}}, "unsupported"},
		{"too long", Description{Name: strings.Repeat("x", 65536)}, "body_size"},
		{"a line break in the name", Description{Name: "a\r\na=b"}, errText.Error()},
		{"a line break in a URL", Description{Control: "a\nb"}, errText.Error()},
		{"a line break in a track's URL", Description{Medias: []Media{{Control: "a\nb", Track: many[0].Track}}}, errText.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.d.Marshal(); fault(err) != tt.fault {
				t.Errorf("got %v, want %s", err, tt.fault)
			}
		})
	}
}

// What others write.
func TestParseDescription(t *testing.T) {
	const head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nt=0 0\r\n"
	for _, tt := range []struct {
		name, text string
		want       string // of the first track: kind, type, codec or the fault
	}{
		{"H.264 without parameters", head + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", "video 96 h264"},
		{"parameters of another type", head + "m=video 0 RTP/AVP 96 97\r\na=fmtp:97 packetization-mode=2\r\na=rtpmap:96 H264/90000\r\n", "video 96 h264"},
		{"an unknown coding", head + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 theora/90000\r\n", "video 96 unsupported"},
		{"a static type", head + "m=audio 0 RTP/AVP 0\r\n", "audio 0 unsupported"},
		{"rtpmap of another type", head + "m=audio 0 RTP/AVP 96\r\na=rtpmap:97 opus/48000/2\r\n", "audio 96 unsupported"},
		{"rtpmap that is none", head + "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 opus\r\n", "audio 96 syntax"},
		{"data", head + "m=application 0 RTP/AVP wb\r\n", "application 0 syntax"},
		{"type 128", head + "m=audio 0 RTP/AVP 128\r\n", "audio 0 syntax"},
		{"no type", head + "m=audio 0 RTP/AVP\r\n", "audio 0 syntax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ParseDescription([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			m := d.Medias[0]
			got := fmt.Sprint(m.Kind, " ", m.PayloadType, " ", fault(m.Fault))
			if m.Track != nil {
				got += m.Track.Codec.String()
			}
			if got != tt.want || d.Name != "No Name" {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, text, fault string }{
		{"nothing", "", "syntax"},
		{"no session", "m=video 0 RTP/AVP 96\r\n", "syntax"},
		{"secrets", "v=0\r\nSECRET", "syntax"},
		{"17 tracks", head + strings.Repeat("m=audio 0 RTP/AVP 0\r\n", 17), "sdp_media"},
		{"more than 64 KiB", strings.Repeat("x", 65537), "body_size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseDescription([]byte(tt.text))
			if fault(err) != tt.fault || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v, want %s", err, tt.fault)
			}
		})
	}
	if _, err := ParseDescription([]byte(head + strings.Repeat("m=audio 0 RTP/AVP 0\r\n", 16))); err != nil {
		t.Errorf("16 tracks: %v", err)
	}
}

// The descriptions of wire/rtp's golden files, which ffmpeg wrote.
func TestRealDescriptions(t *testing.T) {
	for name, want := range map[string]media.Codec{
		"h264": media.H264, "hevc": media.HEVC, "vp8": media.VP8, "vp9": media.VP9, "aac": media.AAC, "opus": media.Opus,
	} {
		text, err := os.ReadFile("../rtp/testdata/ffmpeg-" + name + ".sdp")
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDescription(text)
		if err != nil || len(d.Medias) != 1 || d.Medias[0].Track == nil || d.Medias[0].Track.Codec != want {
			t.Errorf("%s: got %+v and error %v", name, d, err)
		}
	}
}
