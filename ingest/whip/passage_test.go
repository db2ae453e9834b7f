package whip

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

// journey is a publisher whose clock is another one, behind a network: 30 pictures a second, a report each second, and a key frame each two.
type journey struct {
	encoding, up, down media.Time
	jitter             media.Time // of each way, at most
	drift              media.Time // of the publisher's clock, in a second
}

// last lets a passage of so many seconds be measured.
func (j journey) last(seconds int) *passage {
	const epoch, interval = 3_900_000_000_000 * ms, 33 * ms
	p := &passage{}
	wobble := func(i int) media.Time { return j.jitter * media.Time(i*7%11) / 10 }
	var asked media.Time
	waits := false
	for i := range seconds * 30 {
		at := media.Time(i) * interval // by our clock, when the picture is taken
		theirs := epoch + at + at/media.Time(time.Second)*j.drift
		t := theirs - epoch - 5000*ms // by the track
		if i%30 == 1 {
			p.report(t-20*ms, theirs-20*ms, after(0).Add((at - 20*ms + j.up + wobble(i)).Duration()))
		}
		if i%60 == 20 {
			asked, waits = at+11*ms, true
		}
		if waits && at >= asked+j.down+wobble(i+3) {
			p.answer(t, after(0).Add(asked.Duration()))
			waits = false
		}
		p.picture(t, after(0).Add((at + j.encoding + j.up + wobble(i+5)).Duration()))
	}
	return p
}

// The delay is known within half a picture, whatever the publisher's clock says.
func TestPassage(t *testing.T) {
	for name, j := range map[string]journey{
		"on this machine":     {encoding: 8 * ms},
		"near":                {encoding: 20 * ms, up: 10 * ms, down: 10 * ms, jitter: 5 * ms},
		"far":                 {encoding: 30 * ms, up: 110 * ms, down: 90 * ms, jitter: 30 * ms},
		"slow encoder":        {encoding: 400 * ms, up: 20 * ms, down: 20 * ms},
		"a clock that drifts": {encoding: 20 * ms, up: 30 * ms, down: 30 * ms, drift: media.Time(50 * time.Microsecond)},
	} {
		t.Run(name, func(t *testing.T) {
			p := j.last(40)
			trip, known := p.trip()
			if want := j.up + j.down + j.jitter; !known || media.Time(trip)-want > 17*ms || want-media.Time(trip) > 17*ms {
				t.Errorf("there and back in %v, known %t, want %v", trip, known, want)
			}
			delay, ok := p.delay(trip)
			if want := j.encoding + j.up + j.jitter/2; !ok || media.Time(delay)-want > 17*ms || want-media.Time(delay) > 17*ms {
				t.Errorf("got %v, known %t, want %v", delay, ok, want)
			}
		})
	}
}

// Nothing is told that is not known, or that cannot be.
func TestPassageThatIsNotKnown(t *testing.T) {
	silent := &passage{}
	for i := range int64(100) {
		silent.picture(media.Time(i)*33*ms, after(33*i))
	}
	silent.answer(0, after(0))
	if _, ok := silent.delay(100 * time.Millisecond); ok {
		t.Error("without reports")
	}
	if _, ok := silent.trip(); ok {
		t.Error("without reports there is no way there and back")
	}
	short := journey{encoding: 20 * ms}.last(1)
	if _, ok := short.trip(); ok {
		t.Error("one second has no three key frames")
	}
	for name, encoding := range map[string]media.Time{"in no time": -100 * ms, "too long": 11_000 * ms} {
		p := journey{encoding: encoding}.last(10)
		if d, ok := p.delay(0); ok {
			t.Errorf("%s: got %v", name, d)
		}
	}
}

// A key frame answers a request where there was one since the last.
func TestKeyFrameAnswers(t *testing.T) {
	k := &keyer{}
	if _, once := k.took(after(0)); once {
		t.Error("nobody has asked")
	}
	k.want()
	k.ask(after(10))
	if asked, once := k.took(after(50)); !once || !asked.Equal(after(10)) {
		t.Errorf("asked at %v, once %t", asked, once)
	}
	k.want()
	k.ask(after(1000))
	k.ask(after(2000))
	if _, once := k.took(after(2050)); once {
		t.Error("it was asked for twice")
	}
	if _, once := k.took(after(2100)); once {
		t.Error("it answers nothing")
	}
}
