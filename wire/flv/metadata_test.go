package flv

import (
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/amf"
)

// obs is what OBS 29 sends, in its order.
func obs() amf.ECMA {
	return amf.ECMA{
		{Key: "duration", Value: 0.0},
		{Key: "fileSize", Value: 0.0},
		{Key: "width", Value: 1280.0},
		{Key: "height", Value: 720.0},
		{Key: "videocodecid", Value: 7.0},
		{Key: "videodatarate", Value: 2500.0},
		{Key: "framerate", Value: 30.0},
		{Key: "audiocodecid", Value: 10.0},
		{Key: "audiodatarate", Value: 128.0},
		{Key: "audiosamplerate", Value: 48000.0},
		{Key: "audiosamplesize", Value: 16.0},
		{Key: "audiochannels", Value: 2.0},
		{Key: "stereo", Value: true},
		{Key: "2.1", Value: false},
		{Key: "encoder", Value: "obs-output module (libobs version 29.0.2)"},
	}
}

func tracks(video, audio media.Codec) []*media.Track {
	return []*media.Track{
		{ID: 3, Codec: media.Metadata},
		{ID: 0, Codec: video, ClockRate: 90000, Format: media.Format{Width: 1280, Height: 720, FrameRate: 60}},
		{ID: 1, Codec: audio, ClockRate: 48000, Format: media.Format{Channels: 2}},
		{ID: 2, Codec: audio, ClockRate: 44100, Format: media.Format{Channels: 1}},
	}
}

// replace changes members of m, appends those that are not there, and takes out those whose value is nil.
func replace(m amf.ECMA, changes ...amf.Member) amf.ECMA {
	for _, c := range changes {
		var next amf.ECMA
		found := false
		for _, member := range m {
			if member.Key != c.Key {
				next = append(next, member)
			} else if found = true; c.Value != nil {
				next = append(next, c)
			}
		}
		if m = next; !found {
			m = append(m, c)
		}
	}
	return m
}

func TestBuildMetadata(t *testing.T) {
	noVideo := []amf.Member{{Key: "width"}, {Key: "height"}, {Key: "videocodecid"}, {Key: "videodatarate"}, {Key: "framerate"}}
	tests := []struct {
		name      string
		tracks    []*media.Track
		publisher amf.ECMA
		form      Form
		want      amf.ECMA
	}{
		{"as obs said it", tracks(media.H264, media.AAC), obs(), Legacy, obs()},
		{
			"enhanced", tracks(media.HEVC, media.Opus), obs(), Enhanced,
			replace(obs(), amf.Member{Key: "videocodecid", Value: 1752589105.0}, amf.Member{Key: "audiocodecid", Value: 1332770163.0}),
		},
		{
			"legacy where there is a number", tracks(media.AV1, media.MP3), obs(), Legacy,
			replace(obs(), amf.Member{Key: "videocodecid", Value: 1635135537.0}, amf.Member{Key: "audiocodecid", Value: 2.0}),
		},
		{
			"what obs said wrong", tracks(media.H264, media.AAC),
			replace(
				obs(), amf.Member{Key: "width", Value: "wide"}, amf.Member{Key: "height", Value: math.NaN()},
				amf.Member{Key: "audiosamplerate", Value: 44100.0}, amf.Member{Key: "stereo", Value: false},
				amf.Member{Key: "duration", Value: 90.0},
			), Legacy, obs(),
		},
		{
			"filesize of ffmpeg", tracks(media.H264, media.AAC),
			append(amf.ECMA{{Key: "filesize", Value: 4094.0}}, obs()[2:]...), Legacy,
			append(append(amf.ECMA{{Key: "filesize", Value: 0.0}}, obs()[2:]...), amf.Member{Key: "duration", Value: 0.0}),
		},
		{
			"what is of no use live", tracks(media.H264, media.AAC),
			replace(
				obs(), amf.Member{Key: "keyframes", Value: amf.Object{}}, amf.Member{Key: "videoTrackIdInfoMap", Value: amf.Object{}},
				amf.Member{Key: "custom", Value: amf.Array{1.0}},
			), Legacy, replace(obs(), amf.Member{Key: "custom", Value: amf.Array{1.0}}),
		},
		{"twice the same", tracks(media.H264, media.AAC), append(obs(), obs()[:10]...), Legacy, obs()},
		{"audio alone", tracks(media.Overlay, media.AAC), obs(), Legacy, replace(obs(), noVideo...)},
		{
			"nothing said", tracks(media.H264, media.AAC), nil, Legacy,
			replace(obs(), amf.Member{Key: "videodatarate"}, amf.Member{Key: "audiodatarate"}, amf.Member{Key: "2.1"},
				amf.Member{Key: "encoder"}, amf.Member{Key: "framerate", Value: 60.0}),
		},
		{
			"tracks that tell nothing", []*media.Track{{Codec: media.H264}, {Codec: media.AAC}}, obs(), Legacy, obs(),
		},
		{"no tracks", nil, nil, Legacy, obs()[:2]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, BuildMetadata(tt.tracks, tt.publisher, tt.form)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// With as many members as may come, what goes out can still be read by a peer with our limits.
func TestBuildMetadataOfManyMembers(t *testing.T) {
	var publisher amf.ECMA
	for i := range amf.MaxKeys {
		publisher = append(publisher, amf.Member{Key: strconv.Itoa(i), Value: true})
	}
	built := BuildMetadata(tracks(media.H264, media.AAC), publisher, Legacy)
	if _, _, err := amf.Decode(amf.Append(nil, built)); err != nil {
		t.Error(err)
	}
}

func TestMetadataBothWays(t *testing.T) {
	tests := []struct {
		name string
		form Form
		m    Metadata
	}{
		{"nothing", Legacy, Metadata{}},
		{"legacy", Legacy, Metadata{
			Video: media.H264, Width: 720, Height: 1280, FrameRate: 29.97, VideoRate: 1953.125,
			Audio: media.MP3, SampleRate: 44100, Channels: 1, AudioRate: 128, Encoder: "x",
		}},
		{"six channels", Legacy, Metadata{Audio: media.AAC, Channels: 6}},
		{"enhanced", Enhanced, Metadata{Video: media.H264, Audio: media.AAC}},
		{"vp9 and flac", Enhanced, Metadata{Video: media.VP9, Audio: media.FLAC}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.m, ParseMetadata(tt.m.ECMA(tt.form))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseMetadataOnly(t *testing.T) {
	tests := []struct {
		name  string
		value any
		want  Metadata
	}{
		{"no object", "text", Metadata{}},
		{"codecs as text", amf.Object{{Key: "videocodecid", Value: "avc1"}, {Key: "audiocodecid", Value: "mp4a"}}, Metadata{Video: media.H264, Audio: media.AAC}},
		{"numbers that are not Adobe's", amf.Object{{Key: "videocodecid", Value: 12.0}}, Metadata{Video: media.HEVC}},
		{"av1 as a number", amf.Object{{Key: "videocodecid", Value: 13.0}}, Metadata{Video: media.AV1}},
		{"mp3 8 kHz", amf.Object{{Key: "audiocodecid", Value: 14.0}}, Metadata{Audio: media.MP3}},
		{"kinds mixed up", amf.Object{{Key: "videocodecid", Value: 1332770163.0}, {Key: "audiocodecid", Value: "avc1"}}, Metadata{}},
		{"codec unknown", amf.Object{{Key: "videocodecid", Value: 2.0}, {Key: "audiocodecid", Value: 7.0}}, Metadata{}},
		{"mono", amf.Object{{Key: "stereo", Value: false}}, Metadata{Channels: 1}},
		{"out of range", amf.Object{
			{Key: "width", Value: 1e300},
			{Key: "height", Value: -720.0},
			{Key: "framerate", Value: math.Inf(1)},
			{Key: "audiochannels", Value: 300.0},
		}, Metadata{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ParseMetadata(tt.value)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseData(t *testing.T) {
	tests := []struct {
		name  string
		body  []byte
		text  string
		value any
		kind  string
		at    int64
	}{
		{"wrapped", amf.Append(nil, "@setDataFrame", "onMetaData", amf.ECMA{{Key: "a", Value: 1.0}}), "onMetaData", amf.ECMA{{Key: "a", Value: 1.0}}, "", 0},
		{"bare", amf.Append(nil, "onTextData", amf.Object{}), "onTextData", amf.Object{}, "", 0},
		{"name alone", amf.Append(nil, "onCuePoint"), "onCuePoint", nil, "", 0},
		{"two values", amf.Append(nil, "|RtmpSampleAccess", true, false), "|RtmpSampleAccess", true, "", 0},
		{"nothing", nil, "", nil, "syntax", 0},
		{"no name", amf.Append(nil, 1.0), "", nil, "syntax", 0},
		{"wrapped nothing", amf.Append(nil, "@setDataFrame"), "", nil, "syntax", 0},
		{"fault behind the value", append(amf.Append(nil, "x", true), 0x11), "x", true, "unsupported", 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name, value, err := ParseData(tt.body)
			checkError(t, err, tt.kind, tt.at)
			if diff := cmp.Diff([]any{tt.text, tt.value}, []any{name, value}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
