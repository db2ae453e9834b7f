package transcode

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
)

// Times that a child rounds to milliseconds come out within a millisecond of what they are, rising, without drift, also where the source's
// clock is off by 200 parts in a million, and through holes.
func TestSoundClock(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lasts := rapid.SampledFrom([]media.Time{20 * media.Millisecond, media.FromTicks(1024, 48000), media.FromTicks(1024, 44100)}).Draw(rt, "length")
		off := media.Time(rapid.IntRange(-200, 200).Draw(rt, "ppm"))
		at := media.Time(rapid.Int64Range(0, 1<<50).Draw(rt, "start"))
		hole := rapid.IntRange(1, 5000).Draw(rt, "hole")
		var c soundClock
		last := never
		for n := range 6000 {
			told := media.FromTicks(at.Ticks(1000), 1000)
			got := c.place(told, lasts)
			if diff := got - at; diff > media.Millisecond || diff < -media.Millisecond {
				rt.Fatalf("frame %d at %v is placed at %v", n, at, got)
			}
			if got <= last {
				rt.Fatalf("frame %d at %v after %v", n, got, last)
			}
			last = got
			at += lasts + lasts*off/1_000_000
			if n == hole {
				at += 500 * media.Millisecond
			}
		}
	})
}
