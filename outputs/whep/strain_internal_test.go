package whep

import (
	"testing"
	"time"
)

// What a viewer says, and when, and whether the pictures rest then. A report is of the second before.
func TestStrain(t *testing.T) {
	const pli = -1
	type word struct {
		at    int // ms
		loss  float64
		rests bool
	}
	for name, words := range map[string][]word{
		"no loss":                    {{1000, 0, false}, {1500, pli, false}, {2000, 0, false}},
		"loss that is repaired":      {{1000, 0.2, false}, {2000, 0.29, false}, {3000, 0.2, false}, {9000, 0.2, false}},
		"too little":                 {{1000, 0.05, false}, {1500, pli, false}, {2000, 0.09, false}, {3000, 0.05, false}, {3500, pli, false}},
		"too short":                  {{1000, 0.3, false}, {1500, pli, false}, {1900, pli, false}, {2000, 0, false}},
		"with a pause":               {{1000, 0.2, false}, {1500, pli, false}, {2000, 0.05, false}, {3000, 0.2, false}, {3900, pli, false}},
		"a complaint of before":      {{500, pli, false}, {2000, 0.2, false}, {3000, 0.2, false}, {4000, 0.2, false}},
		"then a complaint":           {{1000, 0.2, false}, {2000, 0.2, false}, {2500, pli, true}, {3000, 0.2, true}, {3499, 0.2, true}, {3500, 0, false}},
		"a complaint, then a report": {{1000, 0.1, false}, {1500, pli, false}, {2000, 0.1, true}, {3001, pli, false}},
		"ruinous, without complaint": {{1000, 0.3, false}, {2000, 0.3, true}, {3000, 0, false}},
		"ruinous for a moment":       {{1000, 0.9, false}, {2000, 0.2, false}, {3000, 0.9, false}, {4000, 0.2, false}},
		"reports of a rest":          {{1000, 0.5, false}, {2000, 0.5, true}, {3500, 0.5, false}, {3999, pli, false}, {4001, 0.5, true}},
		"again, for longer":          {{1000, 0.5, false}, {2000, pli, true}, {4500, 0.2, false}, {4600, pli, true}, {6599, pli, true}, {6600, 0, false}},
		"again, much later":          {{1000, 0.5, false}, {2000, pli, true}, {30_000, 0.5, false}, {31_000, 0.4, true}, {31_999, 0.5, true}, {32_000, pli, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var s strain
			begin := time.Now()
			for _, w := range words {
				now := begin.Add(time.Duration(w.at) * time.Millisecond)
				if w.loss != pli {
					s.report(w.loss, now.Add(-time.Second), now)
				} else if useful := s.complain(now); useful == w.rests {
					t.Errorf("%d ms: a key frame is of use: %t", w.at, useful)
				}
				if got := s.rests(now); got != w.rests {
					t.Errorf("%d ms: rests %t, want %t", w.at, got, w.rests)
				}
			}
		})
	}
}

// However long a network carries too little, there are pictures now and then.
func TestRestsAreBounded(t *testing.T) {
	var s strain
	begin := time.Now()
	var rested, most time.Duration
	rests := 0
	for at := time.Duration(0); at < time.Minute; at += 100 * time.Millisecond {
		now := begin.Add(at)
		s.report(0.5, now.Add(-time.Second), now)
		s.complain(now)
		if s.breaks() {
			rests++
			rested = 0
		}
		if s.rests(now) {
			rested += 100 * time.Millisecond
			most = max(most, rested)
		}
	}
	if rests < 6 || rests > 12 || most != longestRest {
		t.Errorf("%d rests in a minute, the longest of %v", rests, most)
	}
}
