package flv

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

// Headers of MP3 frames.
const (
	mp3At44kStereo = "\xff\xfb\x90\x64"
	mp3At48kMono   = "\xff\xfb\x94\xc4"
	mp3At22kMono   = "\xff\xf3\x20\xc4" // as ffmpeg wrote it, see testdata/ffmpeg-mp3.flv
	mp3At8kStereo  = "\xff\xe3\x28\x04"
	mp3At11kStereo = "\xff\xe3\x20\x04"
)

// What is written and read back. Bytes by hand from FLV 10.1 §E.4.2 and Enhanced RTMP v2, for MP3 as ffmpeg 5.1 writes them.
var audioBothWays = []struct {
	name   string
	form   Form
	codec  media.Codec
	kind   PacketKind
	body   string
	header string
	want   Audio // without Codec, Kind and Body
}{
	{"aac start", Legacy, media.AAC, SequenceStart, "\x11\x90", "af 00", Audio{SampleRate: 44100, Channels: 2}},
	{"aac coded", Legacy, media.AAC, Coded, "\x21", "af 01", Audio{SampleRate: 44100, Channels: 2}},
	{"mp3 44.1 kHz", Legacy, media.MP3, Coded, mp3At44kStereo, "2f", Audio{SampleRate: 44100, Channels: 2}},
	{"mp3 48 kHz", Legacy, media.MP3, Coded, mp3At48kMono, "2e", Audio{SampleRate: 44100, Channels: 1}},
	{"mp3 22 kHz", Legacy, media.MP3, Coded, mp3At22kMono, "2a", Audio{SampleRate: 22050, Channels: 1}},
	{"mp3 11 kHz", Legacy, media.MP3, Coded, mp3At11kStereo, "27", Audio{SampleRate: 11025, Channels: 2}},
	{"mp3 8 kHz", Legacy, media.MP3, Coded, mp3At8kStereo, "23", Audio{SampleRate: 5512, Channels: 2}},
	{"mp3 by the track", Legacy, media.MP3, Coded, "\x00", "2a", Audio{SampleRate: 22050, Channels: 1}},
	{"opus has no number", Legacy, media.Opus, Coded, "\xfc", "91 4f707573", Audio{FourCC: FourCCOpus, Enhanced: true}},
	{"mp4a start", Enhanced, media.AAC, SequenceStart, "\x11\x90", "90 6d703461", Audio{FourCC: FourCCMP4A, Enhanced: true}},
	{"mp4a coded", Enhanced, media.AAC, Coded, "\x21", "91 6d703461", Audio{FourCC: FourCCMP4A, Enhanced: true}},
	{"mp4a end", Enhanced, media.AAC, SequenceEnd, "", "92 6d703461", Audio{FourCC: FourCCMP4A, Enhanced: true}},
	{"mp3 enhanced", Enhanced, media.MP3, Coded, "\xff", "91 2e6d7033", Audio{FourCC: FourCCMP3, Enhanced: true}},
	{"flac start", Enhanced, media.FLAC, SequenceStart, "fLaC", "90 664c6143", Audio{FourCC: FourCCFLAC, Enhanced: true}},
	{
		"opus channels", Enhanced, media.Opus, MultichannelConfig, "\x01\x01\x00\x00\x00\x04", "94 4f707573",
		Audio{FourCC: FourCCOpus, Enhanced: true},
	},
}

func TestAudioBothWays(t *testing.T) {
	for _, tt := range audioBothWays {
		t.Run(tt.name, func(t *testing.T) {
			track := &media.Track{Codec: tt.codec, ClockRate: 22050, Format: media.Format{Channels: 1}}
			header := mediatest.Unhex(t, tt.header)
			got, err := AppendAudioHeader([]byte{}, tt.form, track, tt.kind, []byte(tt.body))
			if err != nil || !bytes.Equal(got, header) {
				t.Errorf("written: got %x and error %v, want %x", got, err, header)
			}
			want := tt.want
			want.Codec, want.Kind, want.Body = tt.codec, tt.kind, []byte(tt.body)
			read, err := ParseAudio(append(header, tt.body...), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Audio{want}, read); diff != "" {
				t.Errorf("read: (-want +got)\n%s", diff)
			}
		})
	}
}

// What others send and we do not write.
func TestParseAudioOnly(t *testing.T) {
	opus := Audio{Codec: media.Opus, FourCC: FourCCOpus, Enhanced: true, Kind: Coded, Body: []byte{0xAA}}
	second := opus
	second.TrackID, second.Multitrack = 1, true
	precise := second
	precise.NanoOffset = 500_000
	tests := []struct {
		name string
		hex  string
		want []Audio
	}{
		{"silence", "", []Audio{{Kind: Empty}}},
		{"aac of another rate and mono", "a2 01 aa", []Audio{{Codec: media.AAC, Kind: Coded, SampleRate: 5512, Channels: 1, Body: []byte{0xAA}}}},
		{"mp3 8 kHz by its own format", "ef aa", []Audio{{Codec: media.MP3, Kind: Coded, SampleRate: 8000, Channels: 2, Body: []byte{0xAA}}}},
		{"one track", "95 01 4f707573 01 aa", []Audio{second}},
		{"time offset", "97 02 07a120 05 01 4f707573 01 aa", []Audio{precise}},
		{"many tracks", "95 11 4f707573 01 000001 aa 01 000001 aa", []Audio{second, second}},
		{"many codecs", "95 21 4f707573 01 000001 aa 6d703461 02 000000", []Audio{
			second, {Codec: media.AAC, FourCC: FourCCMP4A, Enhanced: true, Kind: Coded, TrackID: 2, Multitrack: true, Body: []byte{}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseAudio(mediatest.Unhex(t, tt.hex), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseAudioErrors(t *testing.T) {
	tests := []struct {
		name   string
		hex    string
		kind   string
		offset int64
		parsed int
	}{
		{"pcm", "3f aa", "unsupported", 0, 0},
		{"adpcm", "1f aa", "unsupported", 0, 0},
		{"nellymoser", "6f aa", "unsupported", 0, 0},
		{"g711", "7f aa", "unsupported", 0, 0},
		{"speex", "bf aa", "unsupported", 0, 0},
		{"reserved", "cf aa", "unsupported", 0, 0},
		{"aac without packet type", "af", "syntax", 1, 0},
		{"aac of packet type 2", "af 02", "syntax", 1, 0},
		{"no fourcc", "91 4f70", "syntax", 1, 0},
		{"modex cut", "97 05", "syntax", 2, 0},
		{"ac-3", "91 61632d33 aa", "unsupported", 5, 0},
		{"pictures in an audio message", "91 61763031", "unsupported", 5, 0},
		{"packet type 3", "93 4f707573", "unsupported", 5, 0},
		{"one of two tracks", "95 21 65632d33 00 000000 4f707573 01 000000", "unsupported", 10, 1},
		{"track cut", "95 01 4f707573", "syntax", 6, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseAudio(mediatest.Unhex(t, tt.hex), nil)
			checkError(t, err, tt.kind, tt.offset)
			if len(got) != tt.parsed {
				t.Errorf("got %d packets, want %d", len(got), tt.parsed)
			}
		})
	}
}

func TestAudioHeaderErrors(t *testing.T) {
	tests := []struct {
		name  string
		form  Form
		codec media.Codec
		kind  PacketKind
	}{
		{"pictures", Enhanced, media.H264, Coded},
		{"start of legacy mp3", Legacy, media.MP3, SequenceStart},
		{"end of legacy aac", Legacy, media.AAC, SequenceEnd},
		{"metadata", Enhanced, media.AAC, VideoMetadata},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendAudioHeader(nil, tt.form, &media.Track{Codec: tt.codec}, tt.kind, nil)
			if err == nil || len(got) != 0 {
				t.Errorf("got %x and error %v", got, err)
			}
		})
	}
}

func TestAppendConfig(t *testing.T) {
	streamInfo := mediatest.Unhex(t, "1000 1000 000000 000000 0ac442f0 00000000 00000000000000000000000000000000")
	tests := []struct {
		name   string
		codec  media.Codec
		config []byte
		want   []byte
	}{
		{"avcC", media.H264, []byte{1, 2, 3}, []byte{1, 2, 3}},
		{"vpcC", media.VP9, []byte{1, 0, 0, 0, 0, 31}, []byte{1, 0, 0, 0, 0, 31}},
		{"nothing", media.VP8, nil, []byte{}},
		{
			"opus", media.Opus, mediatest.Unhex(t, "00 01 0138 0000bb80 0000 00"), // what ffmpeg sends for mono, below, in its MP4 form
			mediatest.Unhex(t, "4f70757348656164 01 01 3801 80bb0000 0000 00"),
		},
		{"flac", media.FLAC, streamInfo, append(mediatest.Unhex(t, "664c6143 80 000022"), streamInfo...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendConfig([]byte{}, &media.Track{Codec: tt.codec, Config: tt.config})
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("got %x and error %v, want %x", got, err, tt.want)
			}
		})
	}
	for _, c := range []media.Codec{media.Opus, media.FLAC} {
		if _, err := AppendConfig(nil, &media.Track{Codec: c, Config: []byte{1}}); err == nil {
			t.Errorf("%s of one byte: no error", c)
		}
	}
}
