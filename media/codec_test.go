package media_test

import (
	"testing"

	"github.com/simulcart/simulcart/media"
)

func TestCodec(t *testing.T) {
	const video, audio, neither = 1, 2, 0
	for _, tc := range []struct {
		codec media.Codec
		name  string
		kind  int
	}{
		{media.Unknown, "unknown", neither},
		{media.H264, "h264", video},
		{media.HEVC, "hevc", video},
		{media.AV1, "av1", video},
		{media.VP8, "vp8", video},
		{media.VP9, "vp9", video},
		{media.AAC, "aac", audio},
		{media.Opus, "opus", audio},
		{media.FLAC, "flac", audio},
		{media.MP3, "mp3", audio},
		{media.Overlay, "overlay", neither},
		{media.Metadata, "metadata", neither},
		{media.Data, "data", neither},
		{media.Data + 1, "unknown", neither},
		{255, "unknown", neither},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.codec.String(); got != tc.name {
				t.Errorf("got %q, want %q", got, tc.name)
			}
			if got, want := tc.codec.IsVideo(), tc.kind == video; got != want {
				t.Errorf("IsVideo: got %v, want %v", got, want)
			}
			if got, want := tc.codec.IsAudio(), tc.kind == audio; got != want {
				t.Errorf("IsAudio: got %v, want %v", got, want)
			}
		})
	}
}
