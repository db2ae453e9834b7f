package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
	"pgregory.net/rapid"
)

var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000}
	audio = &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000}
)

// sent is a frame as a publisher sends it: times in milliseconds, those of arrival from the start of the test.
type sent struct {
	kind string // "K" key frame, "v" picture, "a" sound, "A" sound that is the clock
	dts  int64
	cts  int64 // PTS - DTS
	at   int64 // arrival
}

func (s sent) frame() *media.Frame {
	f := &media.Frame{Track: video, DTS: media.Time(s.dts) * media.Millisecond, Key: s.kind == "K"}
	if s.kind == "a" || s.kind == "A" {
		f.Track, f.Key = audio, s.kind == "A"
	}
	f.PTS = f.DTS + media.Time(s.cts)*media.Millisecond
	return f
}

func (s sent) isClock() bool { return s.kind != "a" }

// start is when the tests' clocks begin.
var start = time.Unix(1_800_000_000, 0)

func moment(ms int64) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// run sends frames through a line that begins at the first, or at the next one after "align".
func run(line *timeline, frames []sent) (got []string) {
	fresh := true
	for _, s := range frames {
		if s.kind == "align" {
			fresh = true
			continue
		}
		f := s.frame()
		if fresh {
			line.align(f, moment(s.at))
			fresh = false
		}
		v := line.place(f, s.isClock(), moment(s.at))
		if v == jumped {
			got = append(got, s.kind+" dropped")
			continue
		}
		word := map[verdict]string{fits: "", clamped: " clamped", rebased: " rebased"}[v]
		got = append(got, fmt.Sprintf("%s %d%s", s.kind, f.DTS.Ticks(1000), word))
	}
	return got
}

func TestTimeline(t *testing.T) {
	const week = 7 * 24 * 3600 * 1000
	for _, tc := range []struct {
		name   string
		frames []sent
		want   []string
	}{
		{
			"media time 0 is the first picture's PTS, its DTS is negative",
			[]sent{{"K", 5000, 66, 0}, {"v", 5033, 99, 33}, {"v", 5066, 0, 66}, {"a", 5066, 0, 66}, {"a", 5045, 0, 70}},
			[]string{"K -66", "v -33", "v 0", "a 0", "a 1 clamped"},
		},
		{
			"a small step back is evened out, then the times are true again",
			[]sent{{"K", 0, 0, 0}, {"v", 40, 0, 40}, {"v", 80, 0, 80}, {"v", 10, 0, 120}, {"v", 50, 0, 160}, {"v", 90, 0, 200}},
			[]string{"K 0", "v 40", "v 80", "v 81 clamped", "v 82 clamped", "v 90"},
		},
		{
			"99 ms back is clamped",
			[]sent{{"K", 0, 0, 0}, {"v", 200, 0, 200}, {"v", 101, 0, 240}},
			[]string{"K 0", "v 200", "v 201 clamped"},
		},
		{
			"100 ms back is a jump, until the key frame",
			[]sent{{"K", 0, 0, 0}, {"v", 200, 0, 200}, {"v", 100, 0, 240}, {"v", 110, 0, 280}, {"K", 95, 0, 320}, {"v", 135, 0, 360}},
			[]string{"K 0", "v 200", "v dropped", "v dropped", "K 320 rebased", "v 360"},
		},
		{
			"a jump back that is caught up by the key frame moves nothing",
			[]sent{
				{"K", 0, 0, 0},
				{"a", 200, 0, 200},
				{"v", 200, 0, 200},
				{"a", 90, 0, 220},
				{"v", 90, 0, 220},
				{"a", 190, 0, 320},
				{"v", 190, 0, 320},
				{"K", 290, 0, 420},
				{"a", 290, 0, 420},
			},
			[]string{"K 0", "a 200", "v 200", "a dropped", "v dropped", "a 201 clamped", "v dropped", "K 290", "a 290"},
		},
		{
			"a hole that arrival confirms is kept",
			[]sent{{"K", 0, 0, 0}, {"v", 40, 0, 40}, {"v", 9040, 0, 9040}, {"a", 9040, 0, 9045}},
			[]string{"K 0", "v 40", "v 9040", "a 9040"},
		},
		{
			"a hole may be 1 s ahead of its arrival",
			[]sent{{"K", 0, 0, 0}, {"v", 9040, 0, 8040}, {"v", 9080, 0, 8080}},
			[]string{"K 0", "v 9040", "v 9080"},
		},
		{
			"a step forward beyond that is a jump",
			[]sent{{"K", 0, 0, 0}, {"v", 9040, 0, 8039}, {"a", 9040, 0, 8039}, {"K", 10040, 0, 9039}, {"a", 10060, 0, 9059}},
			[]string{"K 0", "v dropped", "a dropped", "K 9039 rebased", "a 9059"},
		},
		{
			"an encoder that starts again at 0 on the same connection",
			[]sent{
				{"K", 3600_000, 0, 0},
				{"a", 3600_000, 0, 0},
				{"v", 3600_040, 0, 40},
				{"a", 0, 0, 500},
				{"v", 0, 0, 500},
				{"K", 40, 0, 540},
				{"a", 45, 0, 545},
				{"v", 80, 0, 580},
			},
			[]string{"K 0", "a 0", "v 40", "a dropped", "v dropped", "K 540 rebased", "a 545", "v 580"},
		},
		{
			"one wrong time costs the pictures up to the next key frame, and moves nothing",
			[]sent{{"K", 0, 0, 0}, {"v", 40, 0, 40}, {"v", week, 0, 80}, {"v", 120, 0, 120}, {"a", 130, 0, 130}, {"K", 160, 0, 160}, {"v", 200, 0, 200}},
			[]string{"K 0", "v 40", "v dropped", "v dropped", "a 130", "K 160", "v 200"},
		},
		{
			"one wrong time of sound costs that frame",
			[]sent{{"K", 0, 0, 0}, {"a", 0, 0, 0}, {"a", week, 0, 21}, {"a", 43, 0, 43}, {"K", 60, 0, 60}, {"a", 64, 0, 64}},
			[]string{"K 0", "a 0", "a dropped", "a 43", "K 60", "a 64"},
		},
		{
			"sound that was wrong once waits for the pictures when all jump",
			[]sent{
				{"K", 0, 0, 0},
				{"a", 0, 0, 0},
				{"a", week, 0, 21},
				{"K", 40, 0, 40},
				{"a", 43, 0, 43},
				{"a", week + 80, 0, 80},
				{"v", week + 80, 0, 80},
				{"K", week + 120, 0, 120},
				{"a", week + 125, 0, 125},
			},
			[]string{"K 0", "a 0", "a dropped", "K 40", "a 43", "a dropped", "v dropped", "K 120 rebased", "a 125"},
		},
		{
			"sound that jumps alone goes on with its own offset after the next key frame",
			[]sent{
				{"K", 0, 0, 0},
				{"a", 0, 0, 0},
				{"v", 40, 0, 40},
				{"a", week, 0, 50},
				{"v", 80, 0, 80},
				{"a", week + 40, 0, 90},
				{"K", 120, 0, 120},
				{"a", week + 80, 0, 130},
				{"v", 160, 0, 160},
				{"a", week + 120, 0, 170},
			},
			[]string{"K 0", "a 0", "v 40", "a dropped", "v 80", "a dropped", "K 120", "a 130 rebased", "v 160", "a 170"},
		},
		{
			"sound with its own offset gets the common one when all jump",
			[]sent{
				{"K", 0, 0, 0},
				{"a", 0, 0, 0},
				{"a", week, 0, 50},
				{"K", 60, 0, 60},
				{"a", week + 50, 0, 100},
				{"v", 2 * week, 0, 140},
				{"a", 2 * week, 0, 140},
				{"K", 2*week + 40, 0, 180},
				{"a", 2*week + 45, 0, 185},
			},
			[]string{"K 0", "a 0", "a dropped", "K 60", "a 100 rebased", "v dropped", "a dropped", "K 180 rebased", "a 185"},
		},
		{
			"the only track may go on at any frame",
			[]sent{{"A", 0, 0, 0}, {"A", 21, 0, 21}, {"A", week, 0, 43}, {"A", week + 21, 0, 64}},
			[]string{"A 0", "A 21", "A 43 rebased", "A 64"},
		},
		{
			"a publisher that comes back starts again at 0",
			[]sent{
				{"K", 7000, 0, 0},
				{"a", 7010, 0, 10},
				{"v", 7040, 0, 40},
				{"align", 0, 0, 0},
				{"K", 0, 66, 30_000},
				{"a", 0, 0, 30_000},
				{"v", 33, 0, 30_033},
			},
			[]string{"K 0", "a 10", "v 40", "K 29934", "a 29934", "v 29967"},
		},
		{
			"a takeover without a pause rises all the same",
			[]sent{{"K", 7000, 0, 0}, {"v", 7040, 200, 40}, {"a", 7100, 0, 40}, {"align", 0, 0, 0}, {"K", 0, 200, 41}, {"a", 0, 0, 41}},
			[]string{"K 0", "v 40", "a 100", "K 101", "a 101"},
		},
		{
			"a file sent at once is no jump, nor what follows in real time",
			[]sent{{"K", 0, 0, 0}, {"v", 900, 0, 1}, {"v", 1800, 0, 2}, {"K", 2700, 0, 3}, {"v", 3600, 0, 4}, {"v", 4500, 0, 5}, {"v", 5400, 0, 900}},
			[]string{"K 0", "v 900", "v 1800", "K 2700", "v 3600", "v 4500", "v 5400"},
		},
		{
			"a network that stalls and catches up is no jump",
			[]sent{{"K", 0, 0, 0}, {"v", 40, 0, 6000}, {"v", 3000, 0, 6001}, {"v", 6000, 0, 6002}, {"v", 6040, 0, 6040}},
			[]string{"K 0", "v 40", "v 3000", "v 6000", "v 6040"},
		},
		{
			"times over 32 bits",
			[]sent{{"K", 1<<32 - 20, 0, 0}, {"v", 1<<32 + 20, 0, 40}, {"a", 1<<32 + 21, 0, 41}, {"v", 1<<32 + 60, 0, 80}},
			[]string{"K 0", "v 40", "a 41", "v 80"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, run(&timeline{}, tc.frames)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// OBS on a slow uplink leaves out half of its pictures, and what it sends late keeps its time.
func TestTimelineKeepsTrueTimesOfHalfTheFrames(t *testing.T) {
	var line timeline
	rng := uint32(7)
	for i := range int64(3000) {
		dts := i * 100 / 3
		rng = rng*1664525 + 1013904223
		s := sent{"v", dts, 66, dts + dts/2} // the uplink takes 2/3 of what it should
		if i%60 == 0 {
			s.kind = "K"
		} else if rng>>31 == 0 {
			continue
		}
		f := s.frame()
		if i == 0 {
			line.align(f, moment(s.at))
		}
		if v := line.place(f, true, moment(s.at)); v != fits || f.PTS.Ticks(1000) != dts {
			t.Fatalf("picture %d: verdict %d, PTS %v, want %d ms", i, v, f.PTS, dts)
		}
	}
}

func TestTimelineFollowsADriftingClock(t *testing.T) {
	for name, ppm := range map[string]int64{"fast": 200, "slow": -200} {
		t.Run(name, func(t *testing.T) {
			var line timeline
			const day = 24 * 3600 * 1000
			for at := int64(0); at < day; at += 1000 {
				dts := at + at*ppm/1_000_000
				f := sent{kind: "K", dts: dts}.frame()
				if at == 0 {
					line.align(f, moment(at))
				}
				if v := line.place(f, true, moment(at)); v != fits || f.DTS.Ticks(1000) != dts {
					t.Fatalf("after %d ms: verdict %d, DTS %v, want %d ms", at, v, f.DTS, dts)
				}
			}
		})
	}
}

// A step of the wall clock changes nothing: only differences of monotonic readings are used.
func TestTimelineKnowsNoWallClock(t *testing.T) {
	var line timeline
	began := time.Now()
	for i := range int64(10) {
		f := sent{kind: "K", dts: i * 40}.frame()
		arrival := began.Add(time.Duration(i) * 40 * time.Millisecond)
		if i == 0 {
			line.align(f, arrival)
		}
		if v := line.place(f, true, arrival); v != fits {
			t.Fatalf("frame %d: verdict %d", i, v)
		}
	}
	if !strings.Contains(line.zero.String(), " m=") || !strings.Contains(line.at.String(), " m=") {
		t.Error("the line has lost the monotonic clock")
	}
}

// Whatever a publisher sends: decode times rise strictly for each track, and nothing is shown before it is decoded.
func TestTimelineRises(t *testing.T) {
	steps := rapid.OneOf(
		rapid.Int64Range(0, 50), rapid.Int64Range(0, 50), rapid.Int64Range(0, 50), // as it should be
		rapid.Int64Range(-120, 1200), rapid.Int64Range(-1<<31, 1<<31),
	)
	rapid.Check(t, func(t *rapid.T) {
		var line timeline
		last := make(map[uint8]media.Time)
		soundOnly := rapid.Bool().Draw(t, "sound only")
		var dts, at int64
		for i, n := 0, rapid.IntRange(1, 80).Draw(t, "frames"); i < n; i++ {
			dts += steps.Draw(t, "step")
			at += rapid.Int64Range(0, 60).Draw(t, "arrival")
			kind := "A"
			if !soundOnly {
				kind = rapid.SampledFrom([]string{"K", "v", "v", "a", "a"}).Draw(t, "kind")
			}
			s := sent{kind, dts, rapid.Int64Range(0, 200).Draw(t, "composition"), at}
			f := s.frame()
			if i == 0 || rapid.IntRange(0, 30).Draw(t, "reconnect") == 0 {
				line.align(f, moment(at))
			}
			if line.place(f, s.isClock(), moment(at)) == jumped {
				continue
			}
			if before, known := last[f.Track.ID]; known && f.DTS <= before {
				t.Fatalf("%s: DTS %v after %v", kind, f.DTS, before)
			}
			if f.PTS < f.DTS {
				t.Fatalf("%s: PTS %v before DTS %v", kind, f.PTS, f.DTS)
			}
			last[f.Track.ID] = f.DTS
		}
	})
}

// After a jump, and after any pause, the line goes on where real time is.
func TestTimelineGoesOnWithRealTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var line timeline
		first := sent{"K", rapid.Int64Range(0, 1<<32).Draw(t, "first"), 0, 0}
		pause := rapid.Int64Range(1, 1800_000).Draw(t, "pause")
		second := sent{"K", rapid.Int64Range(0, 1<<33).Draw(t, "second"), 0, pause}
		f := first.frame()
		line.align(f, moment(0))
		line.place(f, true, moment(0))
		if rapid.Bool().Draw(t, "reconnect") {
			line.align(second.frame(), moment(pause))
		}
		f = second.frame()
		v := line.place(f, true, moment(pause))
		off := second.dts - first.dts - pause
		if v == clamped || v == fits && off <= 1000 { // no jump
			return
		}
		if got := f.DTS.Ticks(1000); got != pause {
			t.Fatalf("verdict %d: DTS %d ms after a pause of %d ms", v, got, pause)
		}
	})
}
