package whip

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

const ms = media.Millisecond

// after gives the moment so many milliseconds behind the first packet.
func after(n int64) time.Time { return time.Unix(100, 0).Add(time.Duration(n) * time.Millisecond) }

// Without sender reports the tracks lie as they arrive.
func TestClockGoesByArrival(t *testing.T) {
	c := &clock{}
	c.begin(sound, after(0))
	c.begin(picture, after(30))
	c.begin(picture, after(99)) // is known
	if got := c.time(picture, 400*ms, after(430)); got != 430*ms {
		t.Errorf("pictures at %v", got)
	}
	if got := c.time(sound, 400*ms, after(400)); got != 400*ms {
		t.Errorf("sound at %v", got)
	}
	if _, ok := c.apart(); ok {
		t.Error("how far they lie apart is not known")
	}
}

// Sender reports move sound: at once before any went out, slowly then, and not where they cannot be true.
func TestClockGoesByReports(t *testing.T) {
	for name, tt := range map[string]struct {
		given bool       // sound went out before the reports
		apart media.Time // of what the reports say, sound later than it arrived
		want  map[int64]media.Time
	}{
		"before the first sound":      {false, 60 * ms, map[int64]media.Time{0: 60 * ms, 5000: 60 * ms}},
		"later, forwards":             {true, 60 * ms, map[int64]media.Time{0: 0, 1000: 20 * ms, 2000: 40 * ms, 3000: 60 * ms, 9000: 60 * ms}},
		"later, back":                 {true, -30 * ms, map[int64]media.Time{0: 0, 1000: -20 * ms, 2000: -30 * ms, 9000: -30 * ms}},
		"a little":                    {true, 3 * ms, map[int64]media.Time{0: 0, 5000: 0}},
		"more than a second":          {true, 1100 * ms, map[int64]media.Time{0: 0, 5000: 0}},
		"at once more than a second":  {false, -1100 * ms, map[int64]media.Time{0: 0, 5000: 0}},
		"no more than a second, back": {false, -900 * ms, map[int64]media.Time{0: -900 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			c.begin(picture, after(0))
			c.begin(sound, after(0))
			if tt.given {
				c.time(sound, 0, after(0))
			}
			const epoch = 3_900_000_000_000 * ms
			c.report(picture, 100*ms, epoch+100*ms, after(100))
			c.report(sound, 100*ms, epoch+100*ms+tt.apart, after(100))
			for at := int64(0); at <= 9000; at += 20 {
				got := c.time(sound, media.Time(at)*ms, after(at)) - media.Time(at)*ms
				if want, asked := tt.want[at]; asked && (got-want > ms/2 || want-got > ms/2) {
					t.Errorf("after %d ms sound is moved by %v, want %v", at, got, want)
				}
				if picture := c.time(picture, media.Time(at)*ms, after(at)); picture != media.Time(at)*ms {
					t.Fatalf("pictures moved to %v", picture)
				}
			}
		})
	}
}

// OBS sends its sound when the next picture is there, and reports as if it had been made then: the earliest is true.
func TestClockGoesByTheEarliest(t *testing.T) {
	for name, reports := range map[string]bool{"reports": true, "arrival": false} {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			waits := []int64{33, 27, 20, 13, 7, 0, 30, 24} // of sound, milliseconds
			c.begin(picture, after(50))
			c.begin(sound, after(50+waits[0]))
			for at := int64(0); at <= 5000; at += 20 {
				wait := waits[at/20%int64(len(waits))]
				c.arrive(picture, media.Time(at)*ms, after(50+at))
				c.arrive(sound, media.Time(at)*ms, after(50+at+wait))
				if reports && at%960 == 0 { // each time the sound has waited as long
					c.report(picture, media.Time(at)*ms, media.Time(10_000+at)*ms, after(50+at))
					c.report(sound, media.Time(at)*ms, media.Time(10_000+at+wait)*ms, after(50+at+wait))
				}
				got := c.time(sound, media.Time(at)*ms, after(50+at+wait)) - c.time(picture, media.Time(at)*ms, after(50+at))
				if at == 5000 && (got < -ms || got > 8*ms) {
					t.Errorf("at last sound is moved by %v", got)
				}
			}
		})
	}
}

func TestFromNTP(t *testing.T) {
	for ntp, want := range map[uint64]media.Time{0: 0, 1 << 31: 500 * ms, 3_900_000_000<<32 | 1<<30: 3_900_000_000_250 * ms} {
		if got := fromNTP(ntp); got != want {
			t.Errorf("%x: got %v, want %v", ntp, got, want)
		}
	}
}

// Key frames are asked for at the start, on a clock while none come, and at a wish, but not for each wish.
func TestKeyer(t *testing.T) {
	for name, tt := range map[string]struct {
		came  []int64 // when key frames come
		wants []int64 // when somebody needs one
		asks  []int64 // when the publisher is asked
	}{
		"none come":                       {nil, []int64{0}, []int64{0, 1000, 2000, 3000, 4000, 5000}},
		"each is given":                   {[]int64{30, 2050, 4060}, []int64{0}, []int64{0, 2030, 4050}},
		"it sends one a second by itself": {[]int64{0, 1000, 2000, 3000, 4000, 5000}, nil, []int64{0}},
		"a wish":                          {[]int64{30, 1030, 3030, 5000}, []int64{1000}, []int64{0, 1000}},
		"wishes one after the other":      {[]int64{30, 530, 880, 2900, 4900}, []int64{500, 510, 550, 560, 900}, []int64{0, 500, 800, 1100, 2100}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keyer{}
			var asks []int64
			for at := int64(0); at <= 5000; at += 10 {
				for _, came := range tt.came {
					if came == at {
						k.took(after(at))
					}
				}
				for _, wants := range tt.wants {
					if wants == at {
						k.want()
					}
				}
				if k.ask(after(at)) {
					asks = append(asks, at)
				}
			}
			if len(asks) != len(tt.asks) {
				t.Fatalf("asked at %v, want %v", asks, tt.asks)
			}
			for i := range asks {
				if asks[i] != tt.asks[i] {
					t.Errorf("asked at %v, want %v", asks, tt.asks)
					break
				}
			}
		})
	}
}
