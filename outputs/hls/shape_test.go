package hls

import (
	"fmt"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

// The shape of a stream is that of its first segments, and steady pictures fill parts to 85 % at least.
func TestShape(t *testing.T) {
	tests := []struct {
		name       string
		source     source
		length     float64 // seconds that are there
		wish, part time.Duration
		enough     bool
		target     int
		least      media.Time // of a part of whole pictures; 0: no shape
	}{
		{"30 pictures a second", source{video: picture}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"29.97, in milliseconds", source{video: picture, step: 33366667, rounded: true}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"25", source{video: picture, step: ms(40), group: 25}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"24", source{video: picture, step: media.Time(time.Second) / 24, group: 24}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(208)},
		{"50", source{video: picture, step: ms(20), group: 50}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"60, in milliseconds", source{video: picture, step: media.Time(time.Second) / 60, group: 60, rounded: true}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"5", source{video: picture, step: ms(200), group: 5}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"1", source{video: picture, step: ms(1000), group: 2}, 4.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(1000)},
		{"parts of 100 ms", source{video: picture}, 2.1, 2 * time.Second, 100 * time.Millisecond, false, 2, ms(100)},
		{"parts of 1 s", source{video: picture}, 2.1, 2 * time.Second, time.Second, false, 2, ms(1000)},
		{"groups of 0.5 s", source{video: picture, group: 15}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(200)},
		{"groups of 8.33 s", source{video: picture, group: 250}, 8.4, 2 * time.Second, 200 * time.Millisecond, false, 8, ms(200)},
		{"groups of 8.33 s, but nobody wants to wait", source{video: picture, group: 250}, 4, 2 * time.Second, 200 * time.Millisecond, true, 4, ms(200)},
		{"no segment yet", source{video: picture, group: 250}, 4, 2 * time.Second, 200 * time.Millisecond, false, 0, 0},
		{"no key frames but the first", source{video: picture, group: -1}, 10.1, 2 * time.Second, 200 * time.Millisecond, false, 10, ms(200)},
		{"sound alone", source{audio: sound}, 2.1, 2 * time.Second, 200 * time.Millisecond, false, 2, ms(192)},
		{"segments of 1 s", source{video: picture}, 1.1, time.Second, 200 * time.Millisecond, false, 1, ms(200)},
		{"segments of 10 s", source{video: picture}, 10.1, 10 * time.Second, 200 * time.Millisecond, false, 10, ms(200)},
		{"one picture", source{video: picture}, 0.01, 2 * time.Second, 200 * time.Millisecond, true, 0, 0},
		{"nothing", source{}, 1, 2 * time.Second, 200 * time.Millisecond, true, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := shapeOf(itemsOf(tt.source.until(seconds(tt.length))), media.Time(tt.wish), media.Time(tt.part), tt.enough)
			if ok != (tt.least > 0) || got.target != tt.target {
				t.Fatalf("got %+v, %v", got, ok)
			}
			if ok && (got.part < tt.least || got.part*85/100 > tt.least) {
				t.Errorf("part target %v: pictures of %v are not 85 to 100 %% of it", got.part, tt.least)
			}
			if got.part%media.Millisecond != 0 {
				t.Errorf("part target %v", got.part)
			}
		})
	}
}

// A stream that waits for its first key frame has no shape, however long it waits.
func TestShapeWithoutKey(t *testing.T) {
	frames := source{video: picture, group: -1}.until(seconds(20))[1:]
	if got, ok := shapeOf(itemsOf(frames), ms(2000), ms(200), true); ok {
		t.Errorf("got %+v", fmt.Sprint(got))
	}
}
