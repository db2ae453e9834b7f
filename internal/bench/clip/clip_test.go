package clip_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/bench/clip"
)

// A second of the stream has the bits that were asked for, and one second of each rhythm.
func TestRate(t *testing.T) {
	for kbits, opus := range map[int]bool{1000: false, 2500: true, 6000: false, 50_000: false} {
		c := clip.New(kbits, opus)
		var sum, pictures, sounds int
		timeline, frames := c.Timeline(), 94
		if opus {
			frames = 100
		}
		last := time.Duration(0)
		for e := timeline.Next(); e.At < 2*time.Second; e = timeline.Next() {
			if e.At < last {
				t.Fatalf("%v follows %v", e.At, last)
			}
			last = e.At
			if !e.Video {
				sum += len(c.Sound)
				sounds++
				continue
			}
			data, _ := c.Picture(e.Number)
			sum += len(data)
			pictures++
		}
		if got, want := float64(sum*8)/2, float64(kbits)*1000; math.Abs(got/want-1) > 0.01 {
			t.Errorf("%d kbit/s: got %.0f bits a second", kbits, got)
		}
		if pictures != 60 || sounds != frames {
			t.Errorf("2 s: got %d pictures and %d frames of sound, want 60 and %d", pictures, sounds, frames)
		}
	}
}

// Each picture is two NAL units, of which the first has the stamp; no zero byte stands in them.
func TestPicture(t *testing.T) {
	c := clip.New(6000, false)
	for n, want := range map[int]byte{0: 5, 1: 1, 59: 1, 60: 5} {
		data, stamp := c.Picture(n)
		sent, number := 123456*time.Hour+789, 1<<30+n
		clip.Put(data[stamp:], sent, number)
		gotSent, gotNumber, at, ok := clip.Find(data)
		if !ok || gotSent != sent || gotNumber != number || at != stamp {
			t.Errorf("picture %d: stamp %v %d at %d, %v, want %v %d at %d", n, gotSent, gotNumber, at, ok, sent, number, stamp)
		}
		var types []byte
		for rest := data; len(rest) > 0; {
			size := binary.BigEndian.Uint32(rest)
			unit := rest[4 : 4+size]
			if bytes.IndexByte(unit, 0) >= 0 {
				t.Errorf("picture %d has a zero byte", n)
			}
			types, rest = append(types, unit[0]&0x1f), rest[4+size:]
		}
		if !bytes.Equal(types, []byte{6, want}) {
			t.Errorf("picture %d: NAL units of types %v, want 6 and %d", n, types, want)
		}
	}
}

func TestFindNothing(t *testing.T) {
	whole, stamp := clip.New(1000, false).Picture(1)
	for name, b := range map[string][]byte{"empty": nil, "no mark": whole[:stamp], "cut": whole[:stamp+clip.StampSize-1]} {
		if _, _, _, ok := clip.Find(b); ok {
			t.Errorf("%s: found a stamp", name)
		}
	}
}
