//go:build linux

package mediatest

import (
	"path/filepath"
	"testing"
)

// Numbers come through encoder and decoder, each in its place.
func TestCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	for _, c := range []Counted{
		{Pictures: 60, Rate: 30, BFrames: true},
		{Pictures: 60, From: 100_000, Rate: 30000, Per: 1001},
	} {
		file := c.File(t)
		numbers := Numbers(t, file)
		if len(numbers) != c.Pictures {
			t.Errorf("%s: %d pictures, want %d", filepath.Base(file), len(numbers), c.Pictures)
		}
		for i, n := range numbers {
			if n != c.From+i {
				t.Errorf("%s: picture %d has the number %d", filepath.Base(file), i, n)
			}
		}
		reordered := false
		for _, g := range only(Tags(t, file), VideoTag) {
			reordered = reordered || g.PTS() != g.Time
		}
		if reordered != c.BFrames {
			t.Errorf("%s: reordered %v, want %v", filepath.Base(file), reordered, c.BFrames)
		}
	}
}

// A number is read back, and one wrong cell is noticed.
func TestCode(t *testing.T) {
	for _, n := range []uint32{0, 1, 2, 1000, 1<<24 - 1} {
		picture := paint(n)
		if got, err := read(picture); err != nil || got != int(n) {
			t.Errorf("%d: got %d, %v", n, got, err)
		}
		for cell := range 32 {
			wrong := paint(n)
			at := cell/cellColumns*cellSize*countedWidth + cell%cellColumns*cellSize
			for y := range cellSize {
				for x := range cellSize {
					wrong[at+y*countedWidth+x] ^= 0xff
				}
			}
			if got, err := read(wrong); err == nil {
				t.Errorf("%d with cell %d wrong: got %d", n, cell, got)
			}
		}
	}
}

func TestCountedTimes(t *testing.T) {
	for _, c := range []Counted{{Rate: 25}, {Rate: 60}, {Rate: 30000, Per: 1001}} {
		for _, n := range []int{0, 1, 2, 29, 30, 100_000} {
			ticks := c.PTS(n)
			if got := c.Number(ticks + 44); got != n { // half a millisecond, as RTMP rounds
				t.Errorf("%+v: picture %d at %d is taken for %d", c, n, ticks, got)
			}
		}
	}
}
