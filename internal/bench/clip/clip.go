// Package clip makes the stream that the benchmark publishes: H.264 of 30 pictures a second with a key frame every 2 s, and AAC or Opus
// of 48 kHz. Each picture carries a stamp: when it was written, and its number.
//
// Its codec configuration is real. Its slices are bytes without a meaning, since no server under measurement decodes them; none of the
// bytes is zero, so that nothing needs emulation prevention.
package clip

import (
	"encoding/hex"
	"time"
)

// The rhythm of the stream.
const (
	Rate       = 30 // pictures a second
	Group      = 60 // pictures from key frame to key frame
	SampleRate = 48_000

	aacSamples  = 1024 // of a frame (ISO/IEC 14496-3 §4.5.1.1)
	opusSamples = 960  // 20 ms

	audioBits = 128_000 // a second
	keyWeight = 6       // a key frame is as large as so many other pictures
	minSlice  = 64      // bytes
)

// NAL unit types and headers (ITU-T H.264 §7.4.1).
const (
	headerSEI   = 0x06
	headerIDR   = 0x65
	headerSlice = 0x41
)

// A Clip is one stream of a bit rate. What it gives is shared by all who publish it, the pictures aside, which [Clip.Picture] makes
// anew.
type Clip struct {
	SPS, PPS []byte // 1280x720, main profile, level 3.1
	Config   []byte // of the sound: AAC-LC, stereo (ISO/IEC 14496-3 §1.6.2.1), or OpusHead (RFC 7845 §5.1)
	Sound    []byte // every frame of it
	Opus     bool   // that is what the sound is in

	key, other int // bytes of a picture's slice
}

// New makes a clip of so many kbit/s, the sound among them.
func New(kbits int, opus bool) *Clip {
	c := &Clip{SPS: unhex("674d401fda014016ec0440000003004000000f03c60ca8"), PPS: unhex("68ef0fc8"), Config: []byte{0x11, 0x90}, Opus: opus}
	c.Sound = filler(audioBits / 8 * c.samples() / SampleRate)
	if opus {
		c.Config = append([]byte("OpusHead"), 1, 2, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 0)
		c.Sound[0] = 31<<3 | 4 // one frame of 20 ms, stereo (RFC 6716 §3.1)
	}
	group := max(0, kbits*1000-audioBits) / 8 * Group / Rate
	c.other = max(minSlice, group/(Group-1+keyWeight))
	c.key = c.other * keyWeight
	return c
}

// Picture gives picture n of the group: NAL units with lengths of 4 bytes, as RTMP and MP4 have them, and where in it the stamp is.
func (c *Clip) Picture(n int) (data []byte, stamp int) {
	size, header := c.other, []byte{headerSlice, 0x9a}
	if n%Group == 0 {
		size, header = c.key, []byte{headerIDR, 0x88}
	}
	const sei = 3 + StampSize + 1 // header, payload type and size; the stop bit behind the payload (H.264 §7.3.2.3)
	data = appendLength(data, sei)
	data = append(data, headerSEI, 5, byte(StampSize))
	stamp = len(data)
	data = append(data, make([]byte, StampSize)...)
	Put(data[stamp:], 0, 0)
	data = append(data, 0x80)
	rest := max(minSlice, size-len(data)-4)
	data = appendLength(data, rest)
	data = append(data, header...)
	return append(data, filler(rest-len(header))...), stamp
}

// samples gives those of a frame of the sound.
func (c *Clip) samples() int {
	if c.Opus {
		return opusSamples
	}
	return aacSamples
}

// An Event is one frame of the stream at its time.
type Event struct {
	At     time.Duration // since the stream's start
	Number int           // among the pictures, or the frames of the sound
	Video  bool
}

// A Timeline gives all frames of the stream, the earliest first.
type Timeline struct{ pictures, sounds, samples int }

// Timeline gives one that is at the start of the clip.
func (c *Clip) Timeline() *Timeline { return &Timeline{samples: c.samples()} }

// Next gives the next frame.
func (t *Timeline) Next() Event {
	picture := time.Duration(t.pictures) * time.Second / Rate
	sound := time.Duration(t.sounds) * time.Second * time.Duration(t.samples) / SampleRate
	if picture <= sound {
		t.pictures++
		return Event{At: picture, Number: t.pictures - 1, Video: true}
	}
	t.sounds++
	return Event{At: sound, Number: t.sounds - 1}
}

// filler gives n bytes, none of them zero, which do not repeat soon.
func filler(n int) []byte {
	b, state := make([]byte, n), uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state>>24) | 1
	}
	return b
}

// unhex reads a constant.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("clip: a constant is no hexadecimal number")
	}
	return b
}

func appendLength(b []byte, n int) []byte {
	return append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
