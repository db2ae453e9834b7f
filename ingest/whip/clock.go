package whip

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

// How sound is kept with the pictures.
const (
	slewRate  = 50                      // sound moves by at most one part in so many: 20 ms in a second
	slewFrom  = 4 * media.Millisecond   // differences up to this are let be
	roughFrom = 8 * media.Millisecond   // and those by arrival up to this
	mostApart = media.Time(time.Second) // sender reports that put the tracks further apart than arrival does are not believed
)

// clock puts the tracks of one publisher on one line. Each has timestamps of its own, from a base that nobody knows; at first they are put
// together by when they arrive, and then, by the sender reports, by when they were made (RFC 3550 §6.4.1). Pictures keep
// their place, and sound moves slowly.
//
// What arrives may have waited: on the way, and in OBS each sound for a picture that is later. OBS's reports tell the time at which a packet
// was sent. So the earliest counts: of packets, of the last reports, and of both, since nothing was made later than it was sent.
type clock struct {
	begun time.Time // arrival of the first packet
	hands [2]hand   // of pictures and of sound
	turn  time.Time // when the spans of the hands began
	way   recent    // how much later reports arrive than they tell, on our clock less the sender's
}

// spans are how many pieces of time count, each spanTime long: clocks drift.
const (
	spans    = 2
	spanTime = 8 * time.Second
)

// span is the least of a piece of time.
type span struct {
	known bool
	least media.Time
}

func (s *span) add(t media.Time) {
	if !s.known || t < s.least {
		*s = span{true, t}
	}
}

// hand is one track's part of a clock.
type hand struct {
	begun  bool
	given  bool        // a frame was handed out
	offset media.Time  // of the clock, less that of the track
	first  media.Time  // the offset by arrival of the first packet
	late   [spans]span // the offset by arrival of others
	real   recent      // what the sender's time of day was, less the track's time, by reports
	moving bool        // the offset is on its way
	moved  time.Time   // when it was last moved
}

// least gives the offset by arrival of the packet that waited least of late; false where none has come.
func (h *hand) least() (least media.Time, known bool) {
	var sum span
	for _, s := range h.late {
		if s.known {
			sum.add(s.least)
		}
	}
	return sum.least, sum.known
}

// begin sets where a track's time 0 lies: it arrived at the time given.
func (c *clock) begin(kind int, arrival time.Time) {
	h := &c.hands[kind]
	if h.begun {
		return
	}
	h.begun = true
	if c.begun.IsZero() {
		c.begun, c.turn = arrival, arrival
	}
	h.offset = c.since(arrival)
	h.first, h.moved = h.offset, arrival
	c.arrive(kind, 0, arrival)
}

// since gives a moment on our clock.
func (c *clock) since(at time.Time) media.Time { return media.Time(at.Sub(c.begun)) }

// arrive learns from the arrival of a packet of the track's time t.
func (c *clock) arrive(kind int, t media.Time, arrival time.Time) {
	if arrival.Sub(c.turn) >= spanTime {
		c.turn = arrival
		for i := range c.hands {
			h := &c.hands[i]
			h.late[1], h.late[0] = h.late[0], span{}
		}
	}
	c.hands[kind].late[0].add(c.since(arrival) - t)
}

// report learns from a sender report: the track's time t was at the time of day wall, in nanoseconds since an epoch of the sender's.
func (c *clock) report(kind int, t, wall media.Time, arrival time.Time) {
	c.hands[kind].real.add(wall - t)
	c.way.add(c.since(arrival) - wall)
}

// made gives what the sender's time of day is, less the track's time. A report must have come.
func (c *clock) made(h *hand) media.Time {
	made := h.real.least()
	if late, arrived := h.least(); arrived {
		made = min(made, late-c.way.least())
	}
	return made
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

// slew moves sound towards where the sender reports put it, or else where it arrives.
func (c *clock) slew(h, other *hand, now time.Time) {
	goal, from, known := c.goal(h, other)
	if !known {
		h.moved = now
		return
	}
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
	h.moving = h.moving && difference != 0 || difference > from || difference < -from
	if h.moving {
		h.offset += max(-step, min(step, difference))
	}
}

// goal gives where sound belongs, and up to which difference it is let be.
func (c *clock) goal(h, other *hand) (goal, from media.Time, known bool) {
	if h.real.n > 0 && other.real.n > 0 && other.begun {
		return c.made(h) + other.offset - c.made(other), slewFrom, true
	}
	mine, known := h.least()
	its, both := other.least()
	return mine + other.offset - its, roughFrom, known && both
}

// apart tells how far sound lies from where the sender reports put it; false while these have not told.
func (c *clock) apart() (media.Time, bool) {
	v, a := &c.hands[picture], &c.hands[sound]
	if v.real.n == 0 || a.real.n == 0 {
		return 0, false
	}
	return (a.offset - c.made(a)) - (v.offset - c.made(v)), true
}

// fromNTP reads the time of day of a sender report: 32 bits of seconds and 32 behind the point.
func fromNTP(ntp uint64) media.Time {
	return media.Time(ntp>>32)*media.Time(time.Second) + media.Time(ntp&(1<<32-1)*uint64(time.Second)>>32)
}
