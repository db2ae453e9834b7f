package rtmp

import (
	"testing"

	"github.com/simulcart/simulcart/outputs"
)

// The newest state is the newest, also while an older one goes out beside it.
func TestCarriedSeqDoesNotFall(t *testing.T) {
	s := newSale(t, video)
	carried := &outputs.Carried{}
	l := s.leg("out", Push{Overlays: both, Carried: carried})
	s.shoot(shot{key: true, pts: ms(80), seq: 1}, moved(40, 200, 2), moved(80, 120, 0))
	l.sends("metadata@0 config@0 picture0+1@0 picture1+2@40 text1@80 picture2@80")
	if got := carried.Status().Seq; got != 2 {
		t.Errorf("got state %d, want 2", got)
	}
}

// A state that went out pins no picture.
func TestCarrierKeepsNoState(t *testing.T) {
	s := newSale(t, video)
	l := s.leg("out", Push{Overlays: both})
	s.shoot(shot{key: true, pts: ms(80), seq: 1}, moved(40, 200, 2), moved(80, 120, 3), moved(500, 620, 0))
	l.send()
	for i, state := range l.sn.overlays.waiting[:cap(l.sn.overlays.waiting)] {
		if state != nil {
			t.Errorf("place %d keeps state %d", i, state.Seq)
		}
	}
}
