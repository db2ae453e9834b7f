package rtmp

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
)

// onTextData has the PTS of its picture, and goes right before the first picture whose DTS is no less, whatever is between.
func TestTextWaitsForItsTime(t *testing.T) {
	for name, tt := range map[string]struct {
		shots []shot
		want  string
	}{
		"no reordering": {
			[]shot{still(0, true, 1), still(40, false, 0), still(80, false, 2)},
			"text1@0 picture0+1@0 picture1@40 text2@80 picture2+2@80",
		},
		"reordered": { // I P B B P
			[]shot{{key: true, pts: ms(80), seq: 1}, moved(40, 200, 2), moved(80, 120, 0), moved(120, 160, 0), moved(160, 320, 0), moved(200, 240, 0)},
			"picture0+1@0 picture1+2@40 text1@80 picture2@80 picture3@120 picture4@160 text2@200 picture5@200",
		},
		"first DTS below 0": {
			[]shot{{key: true, dts: ms(-80), seq: 1}, moved(-40, 120, 0), moved(0, 40, 0), moved(40, 80, 0)},
			"picture0+1@0 picture1@40 text1@80 picture2@80 picture3@120",
		},
		"between two pictures": { // a hole: no picture has that very time
			[]shot{{key: true, pts: ms(90), seq: 1}, moved(50, 130, 0), moved(89, 170, 0), moved(91, 171, 0)},
			"picture0+1@0 picture1@50 picture2@89 text1@90 picture3@91",
		},
		"several at once": {
			[]shot{{key: true, pts: ms(80), seq: 1}, moved(10, 90, 2), moved(20, 100, 3), moved(500, 580, 4)},
			"picture0+1@0 picture1+2@10 picture2+3@20 text1@80 text2@90 text3@100 picture3+4@500",
		},
		"parts of milliseconds": { // 33.366667 is 33 ms, 133.466667 is 133 ms, and 66.733333 is 67 ms, as for pictures
			[]shot{
				{key: true, pts: 66_733_333, seq: 1},
				{dts: 33_366_667, pts: 133_466_667, seq: 2},
				{dts: 66_733_333, pts: 100_100_000},
				{dts: 100_100_000, pts: 166_833_333},
				{dts: 133_466_667, pts: 200_200_000},
			},
			"picture0+1@0 picture1+2@33 text1@67 picture2@67 picture3@100 text2@133 picture4@133",
		},
		"equal but for rounding": { // 40.4 ms waits for 40.3 ms: on the wire both are 40
			[]shot{{key: true, pts: 40_400_000, seq: 1}, {dts: 39_400_000, pts: 79_400_000}, {dts: 40_300_000, pts: 80_300_000}},
			"picture0+1@0 picture1@39 text1@40 picture2@40",
		},
		"sound between": { // does not release it
			[]shot{{key: true, pts: ms(80), seq: 1}, heard(21, 0), moved(40, 120, 0), heard(85, 0), moved(90, 170, 0)},
			"picture0+1@0 config@21 sound1@21 picture2@40 sound3@85 text1@80 picture4@90",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, video, audio)
			l := s.leg("out", Push{Overlays: both})
			s.shoot(tt.shots...)
			l.sends("metadata@0 config@0", tt.want)
		})
	}
}

// Timestamps of more than 24 bits have another header, and those of more than 32 wrap.
func TestTextInALongSession(t *testing.T) {
	s := newSale(t, video)
	l := s.leg("out", Push{Overlays: both})
	s.shoot(still(0, true, 0))
	l.sends("metadata@0 config@0 picture0@0")
	for n, at := range []int64{1<<24 - 1, 1 << 30, 1<<31 - 1, 5 << 29, 3 << 30, 1<<32 - 40, 1<<32 + 500} {
		seq := int64(n + 1)
		s.shoot(shot{dts: ms(at), pts: ms(at + 40), key: true, seq: seq}, moved(at+40, at+80, 0))
		l.sends(fmt.Sprintf("picture%d+%d@%d text%d@%d picture%d@%d", 2*n+1, seq, at, seq, at+40, 2*n+2, at+40))
	}
}

// drawn lets a sale fail a property.
type drawn struct {
	testing.TB
	rt *rapid.T
}

func (d drawn) Errorf(format string, args ...any) { d.rt.Errorf(format, args...) }
func (d drawn) Fatalf(format string, args ...any) { d.rt.Fatalf(format, args...) }
func (d drawn) Fatal(args ...any)                 { d.rt.Fatal(args...) }
func (d drawn) Cleanup(f func())                  { d.rt.Cleanup(f) }

// Streams with pictures in any order, steady or not, with sounds between, and states as the injector writes them.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSale(drawn{t, rt}, video, audio)
		steady := rapid.Bool().Draw(rt, "steady")
		shots := drawShots(rt, steady)
		carried := &outputs.Carried{}
		l := s.leg("out", Push{Overlays: both, Carried: carried})
		var got []part
		for rest := shots; len(rest) > 0; { // in batches of any length
			n := min(len(rest), rapid.IntRange(1, 30).Draw(rt, "batch"))
			s.shoot(rest[:n]...)
			rest = rest[n:]
			parts, _ := l.send()
			got = append(got, only(parts, "picture", "sound", "text")...)
		}
		expect(s.t, got, outcomes(s, shots)...)
		checkOrder(rt, got, steady)
		checkStates(rt, s, got, carried.Status())
	})
}

// drawShots draws a stream: groups of pictures in any order of decoding, within a few of their order of showing. Steady streams
// have equal steps, so that each PTS is the DTS of some picture; the others have holes and parts of milliseconds.
func drawShots(rt *rapid.T, steady bool) (shots []shot) {
	const step = 33_366_667
	var order []int // by decoding: the place in showing
	var keys []bool
	for range rapid.IntRange(1, 4).Draw(rt, "groups") {
		keys = append(keys, true)
		order = append(order, len(order))
		for range rapid.IntRange(0, 4).Draw(rt, "runs") {
			first := len(order)
			run := make([]int, rapid.IntRange(1, 5).Draw(rt, "run"))
			for i := range run {
				run[i] = first + i
			}
			order = append(order, rapid.Permutation(run).Draw(rt, "order")...)
			keys = append(keys, make([]bool, len(run))...)
		}
	}
	shown := make([]media.Time, len(order)) // by place
	for i := range shown {
		shown[i] = media.Time(i) * step
		if !steady && i > 0 {
			shown[i] = shown[i-1] + media.Time(rapid.Int64Range(1_000_000, 60_000_000).Draw(rt, "step"))
		}
	}
	var delay media.Time // from decoding to showing, so that DTS is never above PTS
	for i, place := range order {
		delay = max(delay, shown[i]-shown[place])
	}
	newest, seq, heard := media.Time(-1), int64(0), -delay
	for i, place := range order {
		sh := shot{dts: shown[i] - delay, pts: shown[place], key: keys[i]}
		for ; rapid.Bool().Draw(rt, "sound") && heard <= sh.dts; heard += 21_333_333 {
			shots = append(shots, shot{track: audio, dts: heard, pts: heard})
		}
		heard = max(heard, sh.dts)
		switch fresh := sh.pts > newest; {
		case fresh && rapid.IntRange(0, 2).Draw(rt, "state") == 0:
			seq++
			sh.seq, sh.shows = seq, []string{"", "A", "A B", "A B C D"}[seq%4]
		case seq > 0 && (sh.key || fresh && rapid.IntRange(0, 9).Draw(rt, "repeat") == 0):
			sh.seq, sh.shows = seq, []string{"", "A", "A B", "A B C D"}[seq%4]
		}
		newest = max(newest, sh.pts)
		shots = append(shots, sh)
	}
	return shots
}

// outcomes says what must go out: each picture with its state, and in front of it, in their order, the states of the pictures up
// to it whose PTS is not above its DTS and was above that of the pictures before.
func outcomes(s *sale, shots []shot) (want []string) {
	gone := make([]bool, len(shots))
	for i, sh := range shots {
		at := s.onWire(sh.dts)
		if sh.track != nil {
			want = append(want, fmt.Sprintf("sound%d@%d", i, at))
			continue
		}
		for j, earlier := range shots[:i+1] {
			if pts := s.onWire(earlier.pts); earlier.seq > 0 && !gone[j] && pts <= at {
				gone[j] = true
				want = append(want, fmt.Sprintf("text%d@%d", earlier.seq, pts))
			}
		}
		word := fmt.Sprintf("picture%d", i)
		if sh.seq > 0 {
			word += fmt.Sprintf("+%d", sh.seq)
		}
		want = append(want, fmt.Sprintf("%s@%d", word, at))
	}
	return want
}

// checkOrder checks that timestamps never fall among pictures and states; in steady streams among sounds, too. Where the pictures
// have holes, a state may stand behind a sound that is later by less than the hole.
func checkOrder(rt *rapid.T, got []part, steady bool) {
	last := int64(0)
	for _, p := range got {
		if p.What == "sound" && !steady {
			continue
		}
		if p.At < last {
			rt.Errorf("%v behind a message of %d", p, last)
		}
		last = p.At
	}
}

// checkStates checks that each state went out by each carriage, first copies in the order of seq, and that the counts say so.
func checkStates(rt *rapid.T, s *sale, got []part, carried outputs.CarriedStatus) {
	counts := func(parts []part) (c outputs.Copies) {
		for _, p := range parts {
			switch {
			case p.Seq == int64(c.States)+1:
				c.States++
			case p.Seq == int64(c.States) && p.Seq > 0:
				c.Repeats++
			case p.Seq > 0:
				rt.Errorf("%v behind state %d", p, c.States)
			}
			c.Bytes += uint64(len(p.Text))
		}
		return c
	}
	pictures := only(got, "picture")
	inside, beside := counts(pictures), counts(only(got, "text"))
	if carried.SEI != inside || inside.States != uint64(len(s.begun)) {
		rt.Errorf("counted %+v in pictures, read %+v, of %d states", carried.SEI, inside, len(s.begun))
	}
	due := uint64(0) // the last picture lets no later state go
	for _, at := range s.begun {
		if s.onWire(at) <= pictures[len(pictures)-1].At {
			due++
		}
	}
	if carried.AMF != beside || beside.States != due {
		rt.Errorf("counted %+v as onTextData, read %+v, of %d states", carried.AMF, beside, due)
	}
	if carried.Unreadable != 0 {
		rt.Errorf("%d copies could not be carried", carried.Unreadable)
	}
}
