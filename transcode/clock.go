package transcode

import "github.com/simulcart/simulcart/media"

// tolerance is how far a child's time may be from that of its source to be the same: its container counts milliseconds.
const tolerance = 4 * media.Millisecond

// soundClock gives frames of sound their times: those that the child tells, which are whole milliseconds, without the rounding.
type soundClock struct {
	next    media.Time // when the next frame begins, by its samples
	started bool
}

// follow is by which part of its error the clock is corrected with each frame. Rounding evens out; what the source's clock runs faster or
// slower than its samples is followed with a lag of a few microseconds.
const follow = 32

// place gives the time of a frame that the child says is at told and that lasts so long.
func (c *soundClock) place(told, lasts media.Time) media.Time {
	at := c.next + (told-c.next)/follow
	if off := told - c.next; !c.started || off > tolerance || off < -tolerance {
		at = told // the start, or a hole in the source
	}
	c.next, c.started = at+lasts, true
	return at
}
