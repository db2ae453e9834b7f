package media_test

import (
	"math"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"pgregory.net/rapid"
)

// clocks are the rates in hertz that wire formats use.
var clocks = [...]int{
	1, 1000, 7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 90000, 96000, 192000,
	1_000_000, 10_000_000, 27_000_000, 1_000_000_000,
}

func TestFromTicks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ticks int64
		rate  int
		want  media.Time
	}{
		{"zero", 0, 90000, 0},
		{"one millisecond", 1, 1000, media.Millisecond},
		{"one tick of 90 kHz", 1, 90000, 11111},
		{"two ticks of 90 kHz round up", 2, 90000, 22222},
		{"five ticks of 90 kHz round up", 5, 90000, 55556},
		{"negative rounds like positive", -5, 90000, -55556},
		{"half a nanosecond goes away from zero", 1, 2_000_000_000, 1},
		{"minus half a nanosecond too", -1, 2_000_000_000, -1},
		{"an AAC frame", 1024, 44100, 23219955},
		{"the last 32-bit millisecond", math.MaxUint32, 1000, media.Time(math.MaxUint32) * media.Millisecond},
		{"the last 33-bit tick", 1<<33 - 1, 90000, 95443717677778},
		{"nanoseconds at the end", math.MaxInt64, 1_000_000_000, math.MaxInt64},
		{"nanoseconds at the start", math.MinInt64, 1_000_000_000, math.MinInt64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := media.FromTicks(tc.ticks, tc.rate); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		name string
		time media.Time
		rate int
		want int64
	}{
		{"zero", 0, 90000, 0},
		{"just under half a millisecond", media.Millisecond/2 - 1, 1000, 0},
		{"half a millisecond", media.Millisecond / 2, 1000, 1},
		{"minus half a millisecond", -media.Millisecond / 2, 1000, -1},
		{"a film frame", 41708333, 90000, 3754},
		{"two centuries", math.MaxInt64, 90000, 830103483316930},
		{"two centuries before", -math.MaxInt64, 90000, -830103483316930},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.time.Ticks(tc.rate); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestTicksRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(clocks[:]).Draw(t, "rate")
		most := math.MaxInt64 / int64(time.Second) * int64(rate)
		if rate == int(time.Second) {
			most = math.MaxInt64
		}
		ticks := rapid.Int64Range(-most, most).Draw(t, "ticks")
		if got := media.FromTicks(ticks, rate).Ticks(rate); got != ticks {
			t.Fatalf("%d ticks of %d Hz came back as %d", ticks, rate, got)
		}
	})
}

func TestTicksIsWithinHalfATick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(clocks[:]).Draw(t, "rate")
		at := media.Time(rapid.Int64Range(-1<<62, 1<<62).Draw(t, "time"))
		off := (media.FromTicks(at.Ticks(rate), rate) - at).Duration().Abs()
		if most := time.Second/time.Duration(2*rate) + 1; off > most {
			t.Fatalf("%d ns is off by %v on a clock of %d Hz, more than %v", at, off, rate, most)
		}
	})
}

func TestTicksKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(clocks[:]).Draw(t, "rate")
		a := media.Time(rapid.Int64().Draw(t, "a"))
		b := media.Time(rapid.Int64().Draw(t, "b"))
		if a > b {
			a, b = b, a
		}
		if a.Ticks(rate) > b.Ticks(rate) {
			t.Fatalf("%d comes before %d, but not on a clock of %d Hz", a, b, rate)
		}
	})
}

func TestRateMustBePositive(t *testing.T) {
	for name, convert := range map[string]func(){
		"from a rate of 0":        func() { media.FromTicks(1, 0) },
		"from a negative rate":    func() { media.FromTicks(1, -1) },
		"to a rate of 0":          func() { media.Time(1).Ticks(0) },
		"to a rate below nothing": func() { media.Time(1).Ticks(-90000) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			convert()
		})
	}
}

func TestTimePrints(t *testing.T) {
	at := media.Time(62*time.Second + 500*time.Millisecond)
	if got, want := at.String(), "1m2.5s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := at.Duration(), 62500*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
