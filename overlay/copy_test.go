package overlay_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// Each view sees a state once, equal views the same bytes.
func TestCopy(t *testing.T) {
	data, err := overlay.EncodeState(&overlay.State{Stream: "a", Seq: 3, At: 40 * ms, Cards: []overlay.Card{{Cue: "c", Slot: "main", Style: "card", Product: plain("A")}}})
	if err != nil {
		t.Fatal(err)
	}
	var r overlay.Reader
	c := r.Read(&media.Frame{PTS: 80 * ms, Data: data})
	var got [4]*overlay.Sight
	var all sync.WaitGroup
	for i := range got {
		view := &overlay.View{Currency: []string{"EUR", "USD"}[i%2], Link: map[string]string{"b": "2", "a": "1"}}
		all.Go(func() { got[i] = c.By(view) })
	}
	all.Wait()
	if got[0] != got[2] || got[1] != got[3] || got[0] == got[1] {
		t.Errorf("got %p", got)
	}
	if s := got[1]; s.Seq != 3 || s.Counts.NoPrice != 1 {
		t.Errorf("got %+v", s)
	}
	m, err := overlay.ParseMessage(got[0].Text)
	if err != nil || m.At != 3600 || m.Now != 7200 || m.Show[0].Product.Link != "https://shop.example.com/A?a=1&b=2" {
		t.Errorf("got %s, %v", got[0].Text, err)
	}
	begin, err := overlay.ParseMessage(c.Begin(&overlay.View{Currency: "EUR"}))
	if err != nil || begin.At != 3600 || begin.Now != 3600 || begin.Seq != 3 || c.State().Seq != 3 {
		t.Errorf("as it began: %+v, %v", begin, err)
	}
	timed := c.Timed(&overlay.View{Currency: "EUR"}, func(at media.Time) uint32 { return 1<<32 - 1000 + uint32(at.Ticks(90000)) })
	if again := c.Timed(&overlay.View{Currency: "EUR"}, nil); &again[0] != &timed[0] || !bytes.Contains(timed, []byte(`"at":3600,"now":7200,"rtp":2600,`)) {
		t.Errorf("for a data channel: %s", timed)
	}
	bad := r.Read(&media.Frame{Data: []byte("{")})
	if bad.Timed(&overlay.View{}, nil) != nil || bad.By(&overlay.View{}) != nil || bad.Begin(&overlay.View{}) != nil || bad.State() != nil {
		t.Error("something is seen of what cannot be read")
	}
}

// A repeat is the same state at another time: it is not read again, nor seen through a view again.
func TestRepeatsAreReadOnce(t *testing.T) {
	state := func(seq int64) []byte {
		data, err := overlay.EncodeState(&overlay.State{Stream: "a", Seq: seq, At: 40 * ms, Cards: []overlay.Card{{Cue: "c", Slot: "main", Style: "card", Product: plain("A")}}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var r overlay.Reader
	view, first, second := &overlay.View{Currency: "EUR"}, state(1), state(2)
	for n, data := range [][]byte{first, first, second, first} {
		now := media.Time(n+1) * 80 * ms
		seen := r.Read(&media.Frame{PTS: now, Data: data}).By(view)
		m, err := overlay.ParseMessage(seen.Text)
		if err != nil || m.Now != now.Ticks(90000) || m.Seq != seen.Seq || (m.Seq == 2) != (n == 2) {
			t.Errorf("copy %d: got %s, %v", n, seen.Text, err)
		}
	}
	got := testing.AllocsPerRun(100, func() { r.Read(&media.Frame{PTS: 80 * ms, Data: first}).By(view) })
	if got > 30 {
		t.Errorf("%v allocations for a repeat: it is read again", got)
	}
}
