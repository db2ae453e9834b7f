package overlay_test

import (
	"testing"

	"github.com/simulcart/simulcart/media"
)

// A repeat never goes with a picture from before the state, which slow pictures in another order could bring about.
func TestRepeatIsNotBeforeItsState(t *testing.T) {
	r := newRig(t)
	second := 1000 * ms
	r.write(&media.Frame{Track: video25, PTS: 1 * second, DTS: 0, Key: true})
	r.apply(show("A"))
	for n, pts := range []media.Time{4, 2, 3, 7, 5, 6} { // I P B B P B B, one a second
		dts := media.Time(n+1) * second
		if s := r.write(&media.Frame{Track: video25, PTS: pts * second, DTS: dts}); s != nil && s.At > pts*second {
			t.Errorf("state of %v in front of a picture of %v", s.At, pts*second)
		}
	}
}
