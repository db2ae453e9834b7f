package fmp4_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// H.264, AV1, VP9, AAC and Opus are as ffmpeg 5.1 writes them into a DASH manifest of the same tracks (-c copy -f dash).
func TestCodecString(t *testing.T) {
	hevc := func(old, changed string) string { return strings.Replace(hvcC, old, changed, 1) }
	for _, tc := range []struct {
		name   string
		codec  media.Codec
		config string
		want   string
	}{
		{"H.264", media.H264, avcC, "avc1.64000a"},
		{"H.264 with constraints", media.H264, "0142c01effe000", "avc1.42c01e"},
		{"HEVC Main 10", media.HEVC, hvcC, "hvc1.2.4.L93.90"},
		{"HEVC Main", media.HEVC, hevc("0102200000009000000000005d", "010160000000b000000000005d"), "hvc1.1.6.L93.B0"},
		{"HEVC with all there is", media.HEVC, hevc("0102200000009000000000005d", "01e680000001b0010203040599"), "hvc1.C6.80000001.H153.B0.1.2.3.4.5"},
		{"HEVC without constraints", media.HEVC, hevc("0102200000009000000000005d", "0101600000000000000000005d"), "hvc1.1.6.L93"},
		{"AV1", media.AV1, "81000c000a0a00000002afff9b5f2008", "av01.0.00M.08"},
		{"AV1 High tier, 10 bits", media.AV1, "810dcc00", "av01.0.13H.10"},
		{"AV1 monochrome", media.AV1, "81081c00", "av01.0.08M.08.1.110.01.01.01.0"},
		{"AV1 4:4:4", media.AV1, "81280000", "av01.1.08M.08.0.000.01.01.01.0"},
		{"AV1 with told chroma position", media.AV1, "81080e00", "av01.0.08M.08.0.112.01.01.01.0"},
		{"VP9 of no level", media.VP9, "01000000000082020202 0000", "vp09.00.21.08"},
		{"VP9", media.VP9, "010000000015820202020000", "vp09.00.21.08"},
		{"VP9 of BT.2020", media.VP9, "010000000233a20910090000", "vp09.02.51.10.01.09.16.09.00"},
		{"VP9 with all values", media.VP9, "010000000015830101010000", "vp09.00.21.08.01.01.01.01.01"},
		{"AAC-LC", media.AAC, "118856e500", "mp4a.40.2"},
		{"AAC Main", media.AAC, "0990", "mp4a.40.1"},
		{"HE-AAC", media.AAC, "2b920800", "mp4a.40.5"},
		{"HE-AAC told behind", media.AAC, "139056e5a0", "mp4a.40.5"},
		{"HE-AACv2", media.AAC, "eb8a0800", "mp4a.40.29"},
		{"Opus", media.Opus, dOps, "opus"},
		{"FLAC", media.FLAC, streamInfo, "fLaC"},
		{"MP3", media.MP3, "", "mp4a.40.34"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := fmp4.CodecString(&media.Track{
				Codec: tc.codec, Config: mediatest.Unhex(t, tc.config), Format: media.Format{Width: 640, Height: 360},
			})
			if err != nil || got != tc.want {
				t.Errorf("got %q, error %v, want %q", got, err, tc.want)
			}
		})
	}
	for _, c := range []media.Codec{media.H264, media.HEVC, media.AV1, media.VP9, media.AAC, media.VP8, media.Overlay} {
		t.Run("broken "+c.String(), func(t *testing.T) {
			if got, err := fmp4.CodecString(&media.Track{Codec: c, Config: []byte{1}}); err == nil || got != "" {
				t.Errorf("got %q, want an error", got)
			}
		})
	}
}

// Levels by size alone, VP9 annex A.
func TestVP9Levels(t *testing.T) {
	for _, tc := range []struct {
		width, height int
		want          string
	}{
		{0, 0, "10"},
		{256, 144, "10"},
		{426, 240, "20"},
		{640, 480, "30"},
		{1280, 720, "31"},
		{1920, 1080, "40"},
		{3840, 2160, "50"},
		{7680, 4320, "60"},
	} {
		got, err := fmp4.CodecString(&media.Track{
			Codec: media.VP9, Config: mediatest.Unhex(t, "01000000000082020202 0000"), Format: media.Format{Width: tc.width, Height: tc.height},
		})
		if want := "vp09.00." + tc.want + ".08"; err != nil || got != want {
			t.Errorf("%d x %d: got %q, error %v, want %q", tc.width, tc.height, got, err, want)
		}
	}
}

// What is said to be carried is what has a name, and nothing else has.
func TestCarries(t *testing.T) {
	for c := media.Unknown; c <= media.Data; c++ {
		_, err := fmp4.CodecString(&media.Track{Codec: c})
		var unsupported *wire.UnsupportedError
		if got, want := fmp4.Carries(c), !errors.As(err, &unsupported); got != want {
			t.Errorf("%s: got %t, want %t: %v", c, got, want, err)
		}
	}
}
