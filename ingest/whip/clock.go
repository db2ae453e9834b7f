package whip

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

// How sound is kept with the pictures.
const (
	slewRate  = 50                      // sound moves by at most one part in so many: 20 ms in a second
	slewFrom  = 4 * media.Millisecond   // differences up to this are let be
	mostApart = media.Time(time.Second) // sender reports that put the tracks further apart than arrival does are not believed
)

// clock puts the tracks of one publisher on one line. Each has timestamps of its own, from a base that nobody knows; at first they are put
// together by when they arrive, and then, by the sender reports, by when they were made (RFC 3550 §6.4.1). Pictures keep
// their place, and sound moves slowly.
type clock struct {
	begun time.Time // arrival of the first packet
	hands [2]hand   // of pictures and of sound
}

// hand is one track's part of a clock.
type hand struct {
	begun  bool
	given  bool       // a frame was handed out
	offset media.Time // of the clock, less that of the track
	first  media.Time // the offset by arrival
	told   bool       // a sender report came
	real   media.Time // what the sender's time of day is, less the track's time
	moving bool       // the offset is on its way
	moved  time.Time  // when it was last moved
}

// begin sets where a track's time 0 lies: it arrived at the time given.
func (c *clock) begin(kind int, arrival time.Time) {
	h := &c.hands[kind]
	if h.begun {
		return
	}
	h.begun = true
	if c.begun.IsZero() {
		c.begun = arrival
	}
	h.offset = media.Time(arrival.Sub(c.begun))
	h.first, h.moved = h.offset, arrival
}

// report learns from a sender report: the track's time t was at the time of day wall, in nanoseconds since an epoch of the sender's.
func (c *clock) report(kind int, t, wall media.Time) {
	h := &c.hands[kind]
	h.told, h.real = true, wall-t
}

// time gives the time of a frame on the line.
func (c *clock) time(kind int, t media.Time, now time.Time) media.Time {
	h := &c.hands[kind]
	if kind == sound {
		c.slew(h, &c.hands[picture], now)
	}
	h.given = true
	return t + h.offset
}

// slew moves sound towards where the sender reports put it.
func (c *clock) slew(h, other *hand, now time.Time) {
	if !h.told || !other.told || !other.begun {
		h.moved = now
		return
	}
	goal := h.real + other.offset - other.real
	if apart := goal - h.first; apart > mostApart || apart < -mostApart {
		return
	}
	if !h.given {
		h.offset, h.moved = goal, now
		return
	}
	step := media.Time(now.Sub(h.moved)) / slewRate
	h.moved = now
	difference := goal - h.offset
	h.moving = h.moving && difference != 0 || difference > slewFrom || difference < -slewFrom
	if h.moving {
		h.offset += max(-step, min(step, difference))
	}
}

// apart tells how far sound lies from where the sender reports put it; false while these have not told.
func (c *clock) apart() (media.Time, bool) {
	v, a := &c.hands[0], &c.hands[1]
	if !v.told || !a.told {
		return 0, false
	}
	return (a.offset - a.real) - (v.offset - v.real), true
}

// fromNTP reads the time of day of a sender report: 32 bits of seconds and 32 behind the point.
func fromNTP(ntp uint64) media.Time {
	return media.Time(ntp>>32)*media.Time(time.Second) + media.Time(ntp&(1<<32-1)*uint64(time.Second)>>32)
}
