package mediatest

import (
	"encoding/hex"
	"time"
)

// Configurations as ffmpeg makes them.
var (
	SmallAVC  = mustUnhex("0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800") // H.264 High of 64x36
	StereoAAC = mustUnhex("1190")                                                                                     // AAC-LC of 48 kHz
)

func mustUnhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("mediatest: a configuration is not hexadecimal: " + err.Error())
	}
	return b
}

// Slices makes pictures that no decoder can read, no two alike. The zero value is ready.
type Slices struct{ n byte }

// Next gives an access unit whose one slice has so many bytes.
func (s *Slices) Next(key bool, size int) []byte {
	data := make([]byte, 4+size)
	data[1], data[2], data[3] = byte(size>>16), byte(size>>8), byte(size)
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	s.n++
	for i := 5; i < len(data); i++ {
		data[i] = s.n ^ byte(i) | 1
	}
	return data
}

// Opus gives a packet of 20 ms, another one for each n.
func Opus(n byte) []byte { return []byte{0xfc, n, n + 1, n + 2} }

// Bad is a network that loses one datagram in 20, and lets others overtake each other.
func Bad(seed uint64) Trouble {
	return Trouble{Loss: 0.05, Delay: 25 * time.Millisecond, Jitter: 30 * time.Millisecond, Double: 0.01, Seed: seed}
}
