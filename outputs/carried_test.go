package outputs

import (
	"sync"
	"testing"
)

func TestCarriedCounts(t *testing.T) {
	var c Carried
	if got := c.Status(); got != (CarriedStatus{}) {
		t.Errorf("a new one: got %+v", got)
	}
	c.State(CarriesSEI, 7, 100)
	c.State(CarriesAMF, 7, 110)
	c.State(CarriesAMF, 8, 120)
	c.Repeat(CarriesSEI, 5)
	c.Repeat(CarriesSEI, 6)
	c.Repeat(CarriesAMF, 1000)
	c.Reduce(Reductions{NoPrice: 1, OtherLang: 2, Shortened: 3, NoParams: 4, NoMeta: 5, Dropped: 6})
	c.Reduce(Reductions{NoPrice: 10, OtherLang: 10, Shortened: 10, NoParams: 10, NoMeta: 10, Dropped: 10})
	c.Reduce(Reductions{})
	c.Lose()
	c.Lose()
	want := CarriedStatus{
		SEI:        Copies{States: 1, Repeats: 2, Bytes: 111},
		AMF:        Copies{States: 2, Repeats: 1, Bytes: 1230},
		Seq:        8,
		Reductions: Reductions{NoPrice: 11, OtherLang: 12, Shortened: 13, NoParams: 14, NoMeta: 15, Dropped: 16},
		Unreadable: 2,
	}
	if got := c.Status(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.State(CarriesSEI, 1, 1) // a new session counts its states from 1 again
	if got := c.Status(); got.Seq != 1 || got.SEI.States != 2 {
		t.Errorf("in the next session: got %+v, want state 1", got)
	}
}

// Without anybody who counts all calls do nothing.
func TestNobodyCounts(t *testing.T) {
	var c *Carried
	c.State(CarriesSEI, 1, 1)
	c.Repeat(CarriesAMF, 1)
	c.Reduce(Reductions{Dropped: 1})
	c.Lose()
	if got := c.Status(); got != (CarriedStatus{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

// The players of a stream count in one place, while the status is read.
func TestCarriedByMany(t *testing.T) {
	const players, each = 8, 500
	var c Carried
	var all sync.WaitGroup
	for range players {
		all.Go(func() {
			for n := range int64(each) {
				c.State(CarriesSEI, n+1, 2)
				c.Repeat(CarriesAMF, 3)
				c.Reduce(Reductions{NoPrice: 1, Dropped: 2})
				c.Lose()
			}
		})
	}
	all.Go(func() {
		for range each {
			s := c.Status() // all of one moment: a first copy is counted with its bytes
			if s.SEI.Bytes != 2*s.SEI.States || s.AMF.Bytes != 3*s.AMF.Repeats || s.Dropped != 2*s.NoPrice {
				t.Errorf("got %+v in the middle of a count", s)
				return
			}
		}
	})
	all.Wait()
	const total = players * each
	want := CarriedStatus{
		SEI:        Copies{States: total, Bytes: 2 * total},
		AMF:        Copies{Repeats: total, Bytes: 3 * total},
		Seq:        each,
		Reductions: Reductions{NoPrice: total, Dropped: 2 * total},
		Unreadable: total,
	}
	if got := c.Status(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
