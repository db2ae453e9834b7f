package overlay

import (
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	longestStep  = media.Time(minTTL)           // between frames; what is longer is a hole or a bridge, and tells nothing
	usualStep    = media.Time(time.Second / 30) // where nothing tells
	videoGone    = media.Time(time.Second)      // without video for this long, a state goes in front of a frame of sound
	repeatLatest = media.Time(2 * time.Second)  // a state is repeated after this time where key frames are rarer
)

// role is what a frame is to the timeline.
type role uint8

const (
	bystander role = iota // it carries no state
	ticking               // a frame of the clock track: the video where there is one, else the audio
	standIn               // sound, while the video is gone
)

// frameClock follows the frames of one session.
type frameClock struct {
	started bool       // a frame of the clock track has come
	sound   bool       // the clock track is audio
	heard   bool       // first is set
	passed  bool       // newest is set
	max     media.Time // the highest PTS of the clock track
	dts     media.Time // of its last frame
	newest  media.Time // the highest PTS of all frames that could carry a state
	frames  uint64     // of the clock track
	count   uint       // of steps
	steps   [5]media.Time
	first   media.Time // DTS of the first frame of sound
	rate    float64    // of the clock track, as it says itself; 0: not told
}

// role says what f is. Sound is the clock from the first group that starts with it, until there is video.
func (c *frameClock) role(f *media.Frame) role {
	switch codec := f.Track.Codec; {
	case codec.IsVideo():
		c.sound, c.rate = false, f.Track.Format.FrameRate
		return ticking
	case !codec.IsAudio():
		return bystander
	case f.Key:
		c.sound = true
	}
	if c.sound {
		c.rate = 0
		return ticking
	}
	if !c.heard {
		c.heard, c.first = true, f.DTS
	}
	last := c.first
	if c.started {
		last = c.dts
	}
	if f.DTS-last >= videoGone {
		return standIn
	}
	return bystander
}

// pass takes note of a frame that goes by.
func (c *frameClock) pass(f *media.Frame, r role) {
	if !c.passed || f.PTS > c.newest {
		c.passed, c.newest = true, f.PTS
	}
	if r != ticking {
		return
	}
	if step := f.DTS - c.dts; c.started && step > 0 && step <= longestStep {
		c.steps[c.count%uint(len(c.steps))] = step
		c.count++
	}
	if !c.started || f.PTS > c.max {
		c.max = f.PTS
	}
	c.started, c.dts = true, f.DTS
	c.frames++
}

// half is half the time between two frames: the median of the last steps, so that neither a hole nor a wrong time moves it.
func (c *frameClock) half() media.Time {
	n := min(c.count, uint(len(c.steps)))
	if n > 0 {
		steps := c.steps
		slices.Sort(steps[:n])
		return steps[n/2] / 2
	}
	if c.rate >= 5 && c.rate < 1000 {
		return media.Time(float64(time.Second)/c.rate) / 2
	}
	return usualStep / 2
}

// carrier is a frame that could carry a state.
type carrier struct {
	pts, dts media.Time
	half     media.Time // of the time between frames
	fresh    bool       // its PTS exceeds every PTS before it
	rises    bool       // its PTS exceeds that of the last state
}

// standing is how a wanted media time stands to a carrier.
type standing uint8

const (
	early   standing = iota // a later frame is meant
	matched                 // this frame is meant
	open                    // an earlier picture is meant, which may come yet
	passed                  // its picture cannot come any more
)

// standing judges a wanted media time. The frame that is meant has its PTS within half a frame of it.
func (c *carrier) standing(due media.Time, missed bool) standing {
	switch {
	case due > c.pts+c.half:
		return early
	case due > c.pts-c.half:
		return matched
	case missed || c.dts >= due+c.half:
		return passed
	}
	return open
}

// limiter allows changes at a steady rate with a burst.
type limiter struct {
	full time.Time // when the whole burst is there again
}

// take gives 0 where a change may be made, else how long to wait.
func (l *limiter) take(now time.Time) time.Duration {
	next := l.full
	if next.Before(now) {
		next = now
	}
	if wait := next.Sub(now) - (changeBurst-1)*changeInterval; wait > 0 {
		return wait
	}
	l.full = next.Add(changeInterval)
	return 0
}
