//go:build linux

package mediatest

import (
	"os/exec"
	"testing"
	"time"
)

// What is heard as a beep.
const (
	beepLoud  = 3000                   // of 32768
	beepQuiet = 300 * time.Millisecond // before it
	aacFrame  = 1024                   // samples
	soundRate = 48000
	mostApart = 400 * time.Millisecond // what is further from any picture has lost its own
)

// Beat is a beep of a recording with the picture that it belongs to.
type Beat struct {
	Number int           // of the picture
	Apart  time.Duration // how much later the beep is heard than the picture is seen
}

// Beats finds the beeps in an FLV of H.264 without B-frames and AAC at 48 kHz, as a player hears them that knows nothing of delays of
// encoders. The beeps are at each picture whose number is a multiple of every; those whose picture is not there are left out.
func Beats(t testing.TB, path string, every int) []Beat {
	t.Helper()
	var sounds, pictures []int64 // times in milliseconds
	for _, g := range CodedTags(Tags(t, path)) {
		switch g.Type {
		case AudioTag:
			sounds = append(sounds, g.Time)
		case VideoTag:
			pictures = append(pictures, g.PTS())
		}
	}
	numbers := Numbers(t, path)
	if len(numbers) != len(pictures) {
		t.Fatalf("%s has %d pictures, of which %d can be read", path, len(pictures), len(numbers))
	}
	seen := make(map[int]int64) // when, by number
	for i, n := range numbers {
		if _, again := seen[n]; !again && n%every == 0 {
			seen[n] = pictures[i]
		}
	}
	var beats []Beat
	for _, at := range beeps(t, path, sounds) {
		best := Beat{Number: -1}
		for n, shown := range seen {
			if apart := at - time.Duration(shown)*time.Millisecond; best.Number < 0 || apart.Abs() < best.Apart.Abs() {
				best = Beat{n, apart}
			}
		}
		if best.Number >= 0 && best.Apart.Abs() < mostApart {
			beats = append(beats, best)
		}
	}
	return beats
}

// beeps gives when beeps are heard, by the times of the sound frames in milliseconds.
func beeps(t testing.TB, path string, frames []int64) (times []time.Duration) {
	t.Helper()
	Need(t, "ffmpeg")
	samples, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:a", "-ac", "1", "-f", "s16le", "pipe:1").Output()
	if err != nil || len(frames) == 0 || len(samples) != 2*aacFrame*len(frames) {
		t.Fatalf("decode the sound of %s: %d samples of %d frames: %v", path, len(samples)/2, len(frames), err)
	}
	last := time.Duration(frames[0]) * time.Millisecond // when it was loud: what the sound begins with may be the rest of a beep
	for i := range len(samples) / 2 {
		level := int(int16(samples[2*i]) | int16(samples[2*i+1])<<8)
		if level < beepLoud && level > -beepLoud {
			continue
		}
		at := time.Duration(frames[i/aacFrame])*time.Millisecond + time.Duration(i%aacFrame)*time.Second/soundRate
		if at-last > beepQuiet {
			times = append(times, at)
		}
		last = at
	}
	return times
}
