package hls

import (
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
)

// longestOpening is how long frames are collected before the first playlist, and the longest segment without key frames.
const longestOpening = 10 * media.Time(time.Second)

// shape says how long a stream's segments and parts are.
type shape struct {
	target int        // whole seconds: no segment is longer when rounded
	part   media.Time // no part is longer
	step   media.Time // how long most frames of the clock last
	sound  media.Time // a little more than a frame of sound lasts
}

// shapeOf looks at the frames that a playlist begins with: each segment of them must fit, and frames fill a part nearly. It is false
// where they have no whole segment yet, and that is not enough.
func shapeOf(items []item, wish, part media.Time, enough bool) (shape, bool) {
	isClock := media.Codec.IsAudio
	if slices.ContainsFunc(items, func(it item) bool { return it.frame.Track.Codec.IsVideo() }) {
		isClock = media.Codec.IsVideo
	}
	var begun, last, longest media.Time
	var steps []media.Time
	for _, it := range items {
		f := it.frame
		switch {
		case !isClock(f.Track.Codec):
			continue
		case len(steps) == 0 && last == 0 && !f.Key && f.Track.Codec.IsVideo():
			continue
		case last == 0:
			begun = f.DTS
		default:
			steps = append(steps, f.DTS-last)
			if length := f.DTS - begun; isDue(f, length, wish, f.DTS-last) {
				begun, longest = f.DTS, max(longest, min(length, longestOpening))
			}
		}
		if last = f.DTS; last == 0 {
			last = 1 // zero means that there was none
		}
	}
	if longest == 0 && (enough || last-begun >= longestOpening) {
		longest = max(wish, min(last-begun, longestOpening))
	}
	if longest == 0 || len(steps) == 0 {
		return shape{}, false
	}
	slices.Sort(steps)
	step := max(steps[len(steps)/2], media.Millisecond)
	count := max((part+step/2)/step, 1)
	slack := min(step/4, count*step/10) // for clocks that are not exact; no part may be shorter than 85 % (RFC 8216bis §4.4.4.9)
	second := media.Time(time.Second)
	return shape{
		target: int((max(longest, wish) + second/2) / second),
		part:   (count*step + slack + media.Millisecond - 1) / media.Millisecond * media.Millisecond,
		step:   step,
		sound:  soundOf(items),
	}, true
}

// usualSound is how long a frame of sound lasts, at least, since it may become another: of AAC at 44.1 kHz.
const usualSound = 24 * media.Millisecond

// soundOf gives a little more than a frame of sound lasts, for parts of sound alone: those are not cut where pictures begin.
func soundOf(items []item) media.Time {
	lasts := usualSound
	i := slices.IndexFunc(items, func(it item) bool { return it.frame.Track.Codec.IsAudio() })
	if i >= 0 {
		if n := codec.FrameSamples(items[i].frame.Track, items[i].frame.Data); n > 0 {
			lasts = max(lasts, media.FromTicks(int64(n), items[i].frame.Track.ClockRate))
		}
	}
	return lasts/media.Millisecond*media.Millisecond + 2*media.Millisecond
}
