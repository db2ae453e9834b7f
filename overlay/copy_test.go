package overlay_test

import (
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
	c := overlay.ReadCopy(&media.Frame{PTS: 80 * ms, Data: data})
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
	if overlay.ReadCopy(&media.Frame{Data: []byte("{")}).By(&overlay.View{}) != nil {
		t.Error("something is seen of what cannot be read")
	}
}
