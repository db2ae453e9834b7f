//go:build linux

package accept_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// source is a clip that a publisher sends, and the media time of its first picture in ticks.
type source struct {
	mediatest.Counted
	zero int64
}

// at gives the media time of the picture with a number.
func (s source) at(number int) int64 { return s.zero + s.PTS(number) }

// shown gives the number of the picture at a media time.
func (s source) shown(at int64) int { return s.Number(at - s.zero) }

// wish is a change that a proof asked for, and where it is due.
type wish struct {
	style  string // by which the state is known
	cue    string
	at     int64 // media time, ticks; below 0: now
	number int   // of the picture at which it is due; -1: that of the answer
	source *source
	change
}

// wish asks for changes up to a picture of the source, which has 3 s more: every other one for now, the rest for pictures to come: key
// frames, and any others. Their styles are numbered from first on.
func (g *gateway) wish(t *testing.T, s stream, from source, first, changes, end int) []*wish {
	t.Helper()
	second := from.Second()
	begin := from.shown(g.newest(t, s))
	random := rand.New(rand.NewPCG(uint64(from.Rate), uint64(first)))
	names := []string{"red", "greek", "arabic", "emoji", "large"}
	wishes := make([]*wish, 0, changes)
	last := 0
	for i := range changes {
		now := from.shown(g.newest(t, s))
		w := &wish{style: fmt.Sprint("e", first+i), at: -1, number: -1, source: &from}
		body := fmt.Sprintf(`"action":"show","product":%q,"style":%q`, names[random.IntN(len(names))], w.style)
		if i%5 == 4 {
			body = fmt.Sprintf(`"action":"update","slot":"main","style":%q`, w.style)
		}
		if i%2 == 0 {
			w.number = max(last+8, now+second/2+random.IntN(second/2))
			if i%10 == 0 {
				w.number = from.From + (w.number-from.From+second-1)/second*second // a key frame
			}
			last = w.number
			w.at = from.at(w.number)
			body += fmt.Sprintf(`,"at":{"media":%d}`, w.at)
		}
		w.cue = g.show(t, s, "{"+body+"}").Cue
		wishes = append(wishes, w)
		next := begin + (end-begin)*(i+1)/changes // the picture at which the next one is asked for
		pause := time.Duration(float64(next-from.shown(g.newest(t, s))) / float64(second) * float64(time.Second))
		time.Sleep(max(0, time.Duration(float64(pause)*(0.5+random.Float64()))))
	}
	return wishes
}

// learn waits until changes are through, and asks what became of them.
func (g *gateway) learn(t *testing.T, s stream, wishes []*wish) []*wish {
	t.Helper()
	for _, w := range wishes {
		mediatest.Within(t, patience, "change "+w.style, func() bool {
			w.change = g.cue(t, s, w.cue)
			return w.Progress != "pending"
		})
	}
	return wishes
}

// checkAnswers checks what the API said of each change, and finds the pictures of those for now.
func checkAnswers(t *testing.T, wishes []*wish) {
	t.Helper()
	named, alone := 0, 0
	for _, w := range wishes {
		if w.Progress != "written" || w.Seq == nil || w.At == nil {
			t.Fatalf("change %s is %s (%s)", w.style, w.Progress, w.Error)
		}
		number := w.source.shown(*w.At)
		if w.number < 0 {
			alone++
			w.number = number
			continue
		}
		named++
		if w.Late || number != w.number {
			t.Errorf("change %s for picture %d: the answer says picture %d, late %v", w.style, w.number, number, w.Late)
		}
	}
	t.Logf("%d changes named their picture, %d came at once", named, alone)
}

// checkSkew compares each change's picture with the one that a recording shows at the time that a carriage gives.
func (r *recording) checkSkew(t *testing.T, name, carriage string, wishes []*wish) {
	t.Helper()
	states, last, faults := r.carried(carriage)
	for _, f := range faults {
		t.Errorf("%s by %s: %s", r.name, carriage, f)
	}
	if len(states) == 0 {
		t.Errorf("%s by %s: no state at all", r.name, carriage)
		return
	}
	exact, looked, worst := 0, 0, 0
	for _, w := range wishes {
		seq := *w.Seq
		if r.joins && seq <= r.seen[carriage][0].Seq || r.ends && seq > last {
			continue
		}
		looked++
		s, known := states[seq]
		if !known {
			t.Errorf("%s by %s: change %s, state %d, is missing; the last state is %d", r.name, carriage, w.style, seq, last)
			continue
		}
		if got := s.style(); !slices.ContainsFunc(wishes, func(w *wish) bool { return *w.Seq == seq && w.style == got }) {
			t.Errorf("%s by %s: state %d shows %s, which nobody asked for there", r.name, carriage, seq, got)
		}
		number, err := r.at(s.from)
		if err != nil {
			t.Errorf("%s by %s: change %s: %v", r.name, carriage, w.style, err)
			continue
		}
		if r.shown == nil {
			r.shown = make(map[int64][]int)
		}
		r.shown[seq] = append(r.shown[seq], number)
		if skew := number - w.number; skew != 0 {
			t.Errorf("%s by %s: change %s is due at picture %d and seen at %d", r.name, carriage, w.style, w.number, number)
			worst = max(worst, skew, -skew)
			continue
		}
		exact++
	}
	prefix := "skew_" + name + "_" + r.name + "_" + carriage
	figure(t, prefix+"_exact", float64(exact), fmt.Sprintf("of %d changes", looked))
	figure(t, prefix+"_worst", float64(worst), "frames")
}

// style gives that of the card in the main slot.
func (s sighting) style() string {
	for _, c := range s.Show {
		if c.Slot == "main" {
			return c.Style
		}
	}
	return "nothing"
}

// checkJoin checks that the first picture comes with the state that holds there.
func (r *recording) checkJoin(t *testing.T, carriage string, wishes []*wish) {
	t.Helper()
	first := r.seen[carriage][0]
	if first.pts != r.head {
		t.Errorf("%s by %s: the first state is at %d ms, the first picture at %d ms", r.name, carriage, first.pts, r.head)
	}
	var want *wish // the newest at or before that picture
	for _, w := range wishes {
		if *w.At <= first.Now && (want == nil || *w.Seq > *want.Seq) {
			want = w
		}
	}
	if want == nil || first.Seq != *want.Seq {
		t.Errorf("%s by %s: it begins with state %d, want that of %+v", r.name, carriage, first.Seq, want)
	}
}
