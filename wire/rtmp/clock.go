package rtmp

// clock turns a peer's timestamps, milliseconds in 32 bits (Adobe RTMP §5.3.1), into a count that does not wrap. Publishers that make
// their messages as FLV, as ffmpeg does, leave the highest bit out: their clock begins anew after 24.9 days, that of others after 49.7.
// So each reading is taken as the one of 31 bits that is nearest to the reading before it, which is right for both, and for steps of
// up to 12 days either way. The first reading is taken as it is. The zero value is ready.
type clock struct {
	last    int64
	started bool
}

// unwrap takes the next reading.
func (c *clock) unwrap(reading uint32) int64 {
	if !c.started {
		c.started, c.last = true, int64(reading)
		return c.last
	}
	step := int32((reading-uint32(c.last))<<1) >> 1 // the 31st bit is the sign
	c.last += int64(step)
	return c.last
}
