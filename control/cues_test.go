package control

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/overlay"
)

// TestCues shows a product over a stream that is published, and finds it in the snapshot.
func TestCues(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		d := desired("a")
		d.Catalog = []*overlay.Product{product("p", 1)}
		b.apply(ctx, d)
		cues, err := b.Cues("maria")
		if err != nil {
			t.Fatal(err)
		}
		changed := cues.Changed()
		ticket, err := cues.Apply(ctx, overlay.Change{Product: "p", ID: "first"})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		default:
			t.Error("a change was taken and not told")
		}
		if got := cues.Look(); got.Live || len(got.Schedule) != 1 || got.Schedule[0].ID != "first" {
			t.Errorf("before the session: %+v", got)
		}
		b.publish()
		synctest.Wait()
		<-ticket.Done()
		got := cues.Look()
		if !got.Live || got.State.Seq != 1 || len(got.State.Cards) != 1 || got.State.Cards[0].Product.ID != "p" || got.Newest == 0 {
			t.Errorf("after the first picture: %+v", got)
		}
		cue, err := cues.Cue("first")
		if err != nil || cue.Progress != overlay.Written || cue.Receipt.Seq != 1 {
			t.Errorf("cue: %+v, %v", cue, err)
		}
		if wall := b.Wall("maria", cue.Receipt.At); time.Since(wall).Abs() > time.Minute {
			t.Errorf("wall time of the change: %v, it is %v", wall, time.Now())
		}
		st, _ := b.Stream("maria")
		if o := st.Overlays; o.Seq != 1 || o.Cards != 1 || o.Changes != 1 || o.States != 1 || o.Bytes == 0 {
			t.Errorf("status: %+v", o)
		}
		if c := st.Destinations[0].Overlays; c.Carriage != "sei+amf" {
			t.Errorf("status of the destination: %+v", c)
		}
		if _, err := cues.Delete(ctx, "first"); err != nil {
			t.Error(err)
		}
		if _, err := cues.Delete(ctx, "none"); !errors.Is(err, overlay.ErrNoCue) {
			t.Errorf("got %v, want ErrNoCue", err)
		}
	})
}
