package clip

import (
	"bytes"
	"time"
)

// The stamp is the payload of a user data SEI (ITU-T H.264 §D.1.7): 16 bytes that name it, then time and number, seven bits in each
// byte with the highest bit set, so that no byte is zero.
const (
	mark      = "simulcart-bench!"
	timeSize  = 9 // 63 bits of nanoseconds
	countSize = 5

	StampSize = len(mark) + timeSize + countSize // bytes of a stamp
)

// Put writes the stamp of picture number n, sent at a time since any fixed moment.
func Put(b []byte, sent time.Duration, n int) {
	copy(b, mark)
	b = b[len(mark):]
	putBits(b[:timeSize], uint64(sent))
	putBits(b[timeSize:timeSize+countSize], uint64(n))
}

// Find gives the first stamp in b, and where it begins.
func Find(b []byte) (sent time.Duration, n, at int, ok bool) {
	at = bytes.Index(b, []byte(mark))
	if at < 0 || len(b) < at+StampSize {
		return 0, 0, 0, false
	}
	b = b[at+len(mark):]
	return time.Duration(bits(b[:timeSize])), int(bits(b[timeSize : timeSize+countSize])), at, true
}

func putBits(b []byte, v uint64) {
	for i := range b {
		b[i] = 0x80 | byte(v>>(7*(len(b)-1-i)))
	}
}

func bits(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<7 | uint64(x&0x7f)
	}
	return v
}
