// Package media holds the values that flow through simulcart: media time, tracks and frames.
//
// It knows no protocol and no container. Everything else in the program imports it, and it imports nothing of ours.
package media

import (
	"math/bits"
	"time"
)

// Time is a position on a stream's own timeline, in nanoseconds. Zero is the presentation time of the session's first
// video frame (of its first audio frame where there is no video); decode times may be negative. It never wraps: wire
// clocks are unwrapped when read and wrapped when written, at the edge only.
type Time int64

// Millisecond is one millisecond, the tick of RTMP.
const Millisecond = Time(time.Millisecond)

// FromTicks converts a count of ticks of a clock of rate hertz, rounded to the nearest nanosecond, halves away from
// zero. Ticks of any rate up to 1 GHz come back unchanged from [Time.Ticks]. It panics where rate is not positive.
func FromTicks(ticks int64, rate int) Time {
	return Time(scale(ticks, int64(time.Second), int64(rate)))
}

// Ticks converts t to a count of ticks of a clock of rate hertz, rounded to the nearest tick, halves away from zero.
// The caller wraps the result to the width of its wire clock. It panics where rate is not positive.
func (t Time) Ticks(rate int) int64 {
	return scale(int64(t), int64(rate), int64(time.Second))
}

// Duration gives t as the standard library's type, for printing and for arithmetic with clocks.
func (t Time) Duration() time.Duration { return time.Duration(t) }

// String prints t as a duration, such as 1m2.5s.
func (t Time) String() string { return time.Duration(t).String() }

// scale returns v*num/den, rounded to nearest, with a 128-bit product, so that centuries of nanoseconds do not overflow.
func scale(v, num, den int64) int64 {
	if num <= 0 || den <= 0 {
		panic("media: a clock rate must be positive")
	}
	u, negative := uint64(v), v < 0
	if negative {
		u = -u
	}
	hi, lo := bits.Mul64(u, uint64(num))
	var carry uint64
	lo, carry = bits.Add64(lo, uint64(den)/2, 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(den))
	if negative {
		return -int64(q)
	}
	return int64(q)
}

// Unwrapper turns the readings of a wire clock that wraps into a count that does not. The zero value is not usable:
// set Bits. Each reading is taken as the one nearest to the reading before it, so that steps of up to half the range go
// either way; the first reading is taken as it is.
type Unwrapper struct {
	Bits uint8 // width of the wire clock, 2 to 63: 32 for RTMP and RTP, 33 for MPEG-TS

	last    int64
	started bool
}

// Unwrap takes the next reading of the wire clock. Bits above the clock's width are ignored.
func (u *Unwrapper) Unwrap(reading uint64) int64 {
	span := int64(1) << u.Bits
	v := int64(reading & uint64(span-1))
	if !u.started {
		u.started, u.last = true, v
		return v
	}
	step := (v - u.last) & (span - 1)
	if step >= span/2 {
		step -= span
	}
	u.last += step
	return u.last
}
