package transcode

import (
	"testing"

	"github.com/simulcart/simulcart/media"
)

// The least that makes a stream fit is made, and nothing where nothing is of use.
func TestFor(t *testing.T) {
	plain := []media.Codec{media.H264, media.AAC}
	for _, tt := range []struct {
		name   string
		tracks []media.Codec
		takes  []media.Codec
		want   Kind
		ok     bool
	}{
		{"what fits", []media.Codec{media.H264, media.AAC, media.Overlay}, plain, 0, false},
		{"nothing yet", nil, plain, 0, false},
		{"sound", []media.Codec{media.H264, media.Opus}, plain, Sound, true},
		{"other sound", []media.Codec{media.H264, media.FLAC}, plain, Sound, true},
		{"pictures", []media.Codec{media.VP8, media.AAC}, plain, Legacy, true},
		{"both, in either order", []media.Codec{media.Opus, media.AV1}, plain, Legacy, true},
		{"both, in either order ", []media.Codec{media.VP9, media.Opus}, plain, Legacy, true},
		{"HEVC is not made", []media.Codec{media.HEVC, media.AAC}, plain, 0, false},
		{"but the sound beside it", []media.Codec{media.HEVC, media.Opus}, plain, Sound, true},
		{"pictures that are taken", []media.Codec{media.VP9, media.Opus}, []media.Codec{media.VP9, media.AAC}, Sound, true},
		{"all is taken", []media.Codec{media.VP9, media.Opus}, []media.Codec{media.VP9, media.Opus}, 0, false},
		{"AAC is not taken either", []media.Codec{media.H264, media.Opus}, []media.Codec{media.H264}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tracks []*media.Track
			for _, c := range tt.tracks {
				tracks = append(tracks, &media.Track{Codec: c})
			}
			takes := func(c media.Codec) bool {
				for _, taken := range tt.takes {
					if c == taken {
						return true
					}
				}
				return false
			}
			if got, ok := For(tracks, takes); got != tt.want || ok != tt.ok {
				t.Errorf("got %v %t, want %v %t", got, ok, tt.want, tt.ok)
			}
		})
	}
}
