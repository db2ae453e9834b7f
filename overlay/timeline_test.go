package overlay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

func in(c overlay.Change, slot string) overlay.Change {
	c.Slot = slot
	return c
}

func ttl(c overlay.Change, d time.Duration) overlay.Change {
	c.TTL = d
	return c
}

func TestCoalescing(t *testing.T) {
	r := newRig(t)
	r.video(0, 3)
	tickets := []*overlay.Ticket{r.apply(show("A")), r.apply(in(show("B"), "side")), r.apply(in(show("C"), "side"))}
	s := r.video(3, 4)
	if s == nil || s.Seq != 1 || cardsOf(s) != "main:A side:C" {
		t.Errorf("got %s, want one state with all changes", cardsOf(s))
	}
	for _, ticket := range tickets {
		if got := ticket.Cue(); got.Progress != overlay.Written || got.Receipt != (overlay.Receipt{Seq: 1, At: 120 * ms, DTS: 120 * ms, Frame: 4}) || got.ID != ticket.ID() {
			t.Errorf("got %+v", got)
		}
	}
}

func TestUpdateKeepsTheCue(t *testing.T) {
	r := newRig(t)
	pos := overlay.Position{Anchor: overlay.TopLeft}
	r.refuse(overlay.Change{Action: overlay.Update}, overlay.ErrNotShown)
	r.apply(show("A"))
	before := r.video(0, 1)
	c := overlay.Change{Action: overlay.Update, Product: "A", Pos: &pos, Style: "big", TTL: time.Second}
	ticket := r.apply(c)
	pos.Anchor = overlay.Center // the caller's own
	after := r.video(1, 2)
	want := before.Cards[0]
	want.Pos.Anchor, want.Style, want.Until = overlay.TopLeft, "big", 1040*ms
	if got := after.Cards[0]; got.Cue != want.Cue || got.From != 0 || got.Pos != want.Pos || got.Style != "big" || got.Until != want.Until {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := ticket.Cue(); got.Until != 1040*ms {
		t.Errorf("got %+v", got)
	}
	r.apply(overlay.Change{Action: overlay.Update, Slot: "main"})
	if s := r.video(2, 3); s.Cards[0].Until != want.Until || s.Cards[0].Style != "big" {
		t.Errorf("got %+v, want nothing but a new state", s.Cards[0])
	}
	r.refuse(overlay.Change{Action: overlay.Update, Slot: "main", Product: "B"}, overlay.ErrNotShown)
	if s := r.video(3, 27); s == nil || s.At != 1040*ms || len(s.Cards) != 0 {
		t.Errorf("got %+v, want it gone by itself", s)
	}
}

func TestHideAndClear(t *testing.T) {
	fill := func(r *rig) {
		r.apply(show("A"))
		r.apply(in(show("B"), "b"))
		r.apply(in(show("B"), "c"))
	}
	tests := map[string]struct {
		change overlay.Change
		want   string
	}{
		"main":               {overlay.Change{Action: overlay.Hide}, "b:B c:B"},
		"slot":               {overlay.Change{Action: overlay.Hide, Slot: "b"}, "c:B main:A"},
		"product":            {overlay.Change{Action: overlay.Hide, Product: "B"}, "main:A"},
		"slot and product":   {overlay.Change{Action: overlay.Hide, Slot: "c", Product: "B"}, "b:B main:A"},
		"slot, not product":  {overlay.Change{Action: overlay.Hide, Slot: "c", Product: "A"}, "b:B c:B main:A"},
		"slot that is empty": {overlay.Change{Action: overlay.Hide, Slot: "x"}, "b:B c:B main:A"},
		"clear":              {overlay.Change{Action: overlay.Clear}, ""},
		"replace":            {overlay.Change{Action: overlay.Show, Product: "C", Slot: "b"}, "b:C c:B main:A"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			fill(r)
			r.video(0, 1)
			r.apply(tt.change)
			if s := r.video(1, 2); s == nil || s.Seq != 2 || cardsOf(s) != tt.want {
				t.Errorf("got %s, want %s", cardsOf(s), tt.want)
			}
		})
	}
}

func TestFourSlots(t *testing.T) {
	r := newRig(t)
	for _, slot := range []string{"a", "b", "c", "d"} {
		r.apply(in(show("A"), slot))
	}
	r.refuse(in(show("A"), "e"), overlay.ErrSlots)
	r.apply(in(show("B"), "d"))
	r.apply(at(overlay.Change{Action: overlay.Hide, Slot: "a"}, 400*ms))
	r.refuse(at(in(show("A"), "e"), 399*ms), overlay.ErrSlots)
	fits := r.apply(at(in(show("A"), "e"), 480*ms))
	r.apply(at(in(show("A"), "a"), 440*ms)) // comes between: then there is no room for e
	r.video(0, 20)
	if got := fits.Cue(); got.Progress != overlay.Refused || !errors.Is(got.Err, overlay.ErrSlots) {
		t.Errorf("got %+v, want it refused", got)
	}
	if s, _ := r.line.Current(); s.At != 440*ms || len(s.Cards) != 4 {
		t.Errorf("got %+v, want no state for a change that could not be made", s)
	}
}

func TestExpiry(t *testing.T) {
	r := newRig(t)
	r.video(0, 5)
	r.apply(ttl(show("A"), 390*time.Millisecond))
	if s := r.video(5, 6); s.Cards[0].Until != 590*ms {
		t.Errorf("got %v, want 590ms", s.Cards[0].Until)
	}
	r.apply(at(show("B"), 590*ms)) // right behind it
	if s := r.video(6, 16); s == nil || s.At != 600*ms || s.Seq != 2 || cardsOf(s) != "main:B" || s.Late {
		t.Errorf("got %+v, want one follow the other", s)
	}
	r.apply(ttl(show("C"), 200*time.Millisecond))
	r.video(16, 17)
	if s := r.write(frame(40)); s == nil || s.At != 1600*ms || len(s.Cards) != 0 || !s.Late {
		t.Errorf("got %+v, want it end late, behind a hole", s)
	}
}

func TestForecastAndPast(t *testing.T) {
	r := newRig(t)
	if s := r.line.At(0); s.Stream != "session1" || s.Seq != 0 || len(s.Cards) != 0 {
		t.Errorf("got %+v, want nothing", s)
	}
	r.video(0, 5)
	r.apply(show("A"))
	r.video(5, 6) // seq 1 at 200
	r.apply(ttl(at(show("B"), 1000*ms), time.Second))
	r.apply(at(overlay.Change{Action: overlay.Hide}, 3000*ms))
	r.apply(show("C")) // waits: not foreseen
	for _, tt := range []struct {
		at   media.Time
		want string
	}{
		{-1, "0 0 "},
		{199 * ms, "0 0 "},
		{200 * ms, "1 200 main:A"},
		{999 * ms, "1 200 main:A"},
		{1000 * ms, "0 1000 main:B"},
		{2000 * ms, "0 2000 "},
		{4000 * ms, "0 3000 "},
	} {
		s := r.line.At(tt.at)
		if got := fmt.Sprint(s.Seq, " ", int(s.At/ms), " ", cardsOf(&s)); got != tt.want {
			t.Errorf("at %v: got %s, want %s", tt.at, got, tt.want)
		}
	}
	for n := 6; n < 600; n++ {
		r.apply(show("AB"[n%2 : n%2+1]))
		r.video(n, n+1)
	}
	for n := 500; n < 600; n++ {
		for _, d := range []media.Time{0, 39 * ms} {
			s := r.line.At(media.Time(n)*40*ms + d)
			if got, want := cardsOf(&s), "main:"+"AB"[n%2:n%2+1]; s.At != media.Time(n)*40*ms || got != want {
				t.Errorf("frame %d: got %s at %v, want %s", n, got, s.At, want)
			}
		}
	}
	if s := r.line.At(100 * ms); s.Seq != 0 {
		t.Errorf("got %+v, want a time that is forgotten", s)
	}
}

func TestSessions(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	r.video(0, 2)
	waiting, timed := r.apply(show("B")), r.apply(at(show("B"), 9000*ms))
	clock := show("C")
	clock.When = overlay.When{Clock: overlay.Wall, Wall: time.Unix(1000, 0)}
	wall := r.apply(clock)
	changed := r.line.Changed()
	r.line.End()
	r.line.End()
	select {
	case <-changed:
	default:
		t.Error("the end was not told")
	}
	if waiting.Cue().Progress != overlay.Ended || timed.Cue().Progress != overlay.Ended || wall.Cue().Progress != overlay.Pending {
		t.Errorf("got %+v, %+v, %+v", waiting.Cue(), timed.Cue(), wall.Cue())
	}
	if s, live := r.line.Current(); live || s.Seq != 0 {
		t.Errorf("got %+v, %v, want no session", s, live)
	}
	next := r.apply(show("D"))
	seen := in(show("E"), "e")
	seen.When.Clock = overlay.Seen
	r.apply(seen)
	later := r.apply(at(in(show("F"), "f"), 400*ms))
	r.line.Begin("session2")
	if s := r.video(0, 1); s == nil || s.Stream != "session2" || s.Seq != 1 || cardsOf(s) != "e:E main:D" || !done(next) {
		t.Errorf("got %+v, want what was asked for between the sessions", s)
	}
	if s := r.video(1, 11); cardsOf(s) != "e:E f:F main:D" || !done(later) {
		t.Errorf("got %s", cardsOf(s))
	}
	if _, live := r.line.Current(); !live {
		t.Error("got no session")
	}
	r.line.SetWall(0, time.Unix(999, 600_000_000))
	if s := r.video(11, 12); cardsOf(s) != "e:E f:F main:C" || !s.Late {
		t.Errorf("got %s, want the change by the clock", cardsOf(s))
	}
	r.apply(show("A"))
	r.line.Begin("session3") // without an end before
	if s := r.video(0, 1); s != nil {
		t.Errorf("got %+v, want a clean start", s)
	}
}

func TestEndWhileAStateIsOnItsWay(t *testing.T) {
	r := newRig(t)
	ticket := r.apply(show("A"))
	r.in.Next = ender{r.line}
	if err := r.in.WriteFrame(frame(0)); !errors.Is(err, errFenced) {
		t.Errorf("got %v", err)
	}
	if got := ticket.Cue(); got.Progress != overlay.Ended {
		t.Errorf("got %+v, want it ended", got)
	}
}

// ender ends the session instead of writing.
type ender struct{ line *overlay.Timeline }

func (e ender) WriteFrame(*media.Frame) error {
	e.line.End()
	return errFenced
}

func TestWallClock(t *testing.T) {
	r := newRig(t)
	r.video(0, 1)
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	by := func(c overlay.Change, d time.Duration) overlay.Change {
		c.When = overlay.When{Clock: overlay.Wall, Wall: noon.Add(d)}
		return c
	}
	first := r.apply(by(show("A"), 400*time.Millisecond))
	if got := first.Cue(); got.From != 0 {
		t.Errorf("got %v, want no media time yet", got.From)
	}
	r.line.SetWall(0, noon)
	second := r.apply(by(show("B"), 800*time.Millisecond))
	year := r.apply(by(show("C"), 365*24*time.Hour))
	if got := second.Cue(); got.From != 800*ms {
		t.Errorf("got %v, want 800ms", got.From)
	}
	r.video(1, 15)
	if got := first.Cue().Receipt; got.At != 400*ms {
		t.Errorf("got %v, want 400ms", got.At)
	}
	r.line.SetWall(600*ms, noon.Add(500*time.Millisecond)) // re-based
	r.video(15, 30)
	if got := second.Cue().Receipt; got.At != 880*ms && got.At != 920*ms || got.Late {
		t.Errorf("got %+v, want 900ms, half a frame off", got)
	}
	if done(year) {
		t.Error("a year has passed")
	}
}

func TestSeen(t *testing.T) {
	r := newRig(t)
	seen := show("A")
	seen.When.Clock = overlay.Seen
	r.video(0, 5)
	r.apply(seen)
	if s := r.video(5, 6); cardsOf(s) != "main:A" || s.Late {
		t.Errorf("got %+v, want it now", s)
	}
	r.line.SetEncoderDelay(400 * time.Millisecond)
	seen.Product = "B"
	ticket := r.apply(seen)
	if s := r.video(6, 16); cardsOf(s) != "main:B" || s.At != 600*ms || s.Late {
		t.Errorf("got %+v, want it at 600ms, %+v", s, ticket.Cue())
	}
	if got, ok := r.line.Newest(); got != 600*ms || !ok {
		t.Errorf("got %v, want 600ms", got)
	}
	seen.Product = "C"
	r.apply(seen)
	if s := r.write(frame(40)); cardsOf(s) != "main:C" || s.Late {
		t.Errorf("got %+v, want what was seen never late", s)
	}
}

// What was measured of the publisher counts where no delay is set.
func TestMeasuredDelay(t *testing.T) {
	r := newRig(t)
	seen := show("A")
	seen.When.Clock = overlay.Seen
	r.video(0, 5)
	r.line.MeasureDelay(200 * time.Millisecond)
	r.apply(seen)
	if s := r.video(5, 10); cardsOf(s) != "main:A" || s.At != 360*ms || s.Late {
		t.Errorf("got %+v, want it at 360ms", s)
	}
	for _, tt := range []struct{ set, measured, want time.Duration }{
		{0, 0, 0}, {0, time.Second, time.Second}, {2 * time.Second, time.Second, 2 * time.Second}, {2 * time.Second, 0, 2 * time.Second},
	} {
		r.line.SetEncoderDelay(tt.set)
		r.line.MeasureDelay(tt.measured)
		if got := r.line.EncoderDelay(); got != tt.want {
			t.Errorf("set %v, measured %v: got %v, want %v", tt.set, tt.measured, got, tt.want)
		}
	}
}

func TestDeleteCue(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	r.video(0, 1)
	timed, now := r.apply(at(show("B"), 400*ms)), r.apply(show("C"))
	if got := r.line.Schedule(); len(got) != 2 || got[0].ID != now.ID() || got[1].ID != timed.ID() || got[1].From != 400*ms {
		t.Errorf("got %+v", got)
	}
	for _, ticket := range []*overlay.Ticket{timed, now, now} {
		got, err := r.line.DeleteCue(ticket.ID(), r.now)
		if err != nil || !done(got) || got.Cue().Progress != overlay.Cancelled {
			t.Errorf("got %v", err)
		}
	}
	s := r.video(1, 20)
	if s != nil {
		t.Errorf("got %+v, want no change", s)
	}
	shown, _ := r.line.Current()
	first, err := r.line.DeleteCue(shown.Cards[0].Cue, r.now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.line.DeleteCue(shown.Cards[0].Cue, r.now)
	if err != nil || again.ID() != first.ID() {
		t.Errorf("got %v, %v, want the same hide", again, err)
	}
	if s := r.video(20, 21); s == nil || len(s.Cards) != 0 || !done(first) {
		t.Errorf("got %+v, want it hidden", s)
	}
	for _, id := range []string{shown.Cards[0].Cue, "nothing"} {
		if _, err := r.line.DeleteCue(id, r.now); !errors.Is(err, overlay.ErrNoCue) {
			t.Errorf("%s: got %v, want %v", id, err, overlay.ErrNoCue)
		}
	}
	if _, err := r.line.Cue("nothing"); !errors.Is(err, overlay.ErrNoCue) {
		t.Errorf("got %v, want %v", err, overlay.ErrNoCue)
	}
}

func TestRetriedChange(t *testing.T) {
	r := newRig(t)
	c := show("A")
	c.ID = "retry-1"
	c.Pos = &overlay.Position{Anchor: overlay.Top}
	first := r.apply(c)
	c.Pos = &overlay.Position{Anchor: overlay.Top}
	if again := r.apply(c); again.Done() != first.Done() {
		t.Error("a retried change was taken twice")
	}
	if s := r.video(0, 1); s == nil || s.Cards[0].Cue != "retry-1" {
		t.Errorf("got %+v", s)
	}
	if again := r.apply(c); !done(again) || again.Cue().Receipt.Seq != 1 {
		t.Error("a retried change was taken twice")
	}
	if s := r.video(1, 2); s != nil {
		t.Errorf("got %+v, want nothing", s)
	}
	c.Product = "B"
	r.refuse(c, overlay.ErrConflict)
	c.ID = "c8" // as if it were one of ours
	taken := r.apply(c)
	for range 3 {
		if got := r.apply(show("A")); got.ID() == taken.ID() {
			t.Error("an id was given twice")
		}
	}
	for range 1100 {
		r.apply(show("A"))
		r.write(frame(1))
		r.write(frame(2))
		r.line.End()
		r.line.Begin("x")
	}
	if _, err := r.line.Cue("retry-1"); !errors.Is(err, overlay.ErrNoCue) {
		t.Errorf("got %v, want the oldest forgotten", err)
	}
}

func TestRefusedChanges(t *testing.T) {
	r := newRig(t)
	r.refuse(show("X"), overlay.ErrNoProduct)
	long := plain("L")
	long.Link += strings.Repeat("a", 200)
	if _, err := r.line.PutProducts(long); err != nil {
		t.Fatal(err)
	}
	var faults overlay.Faults
	if _, err := r.line.Apply(show("L"), r.now); !errors.As(err, &faults) || faults[0].Field != "link" {
		t.Errorf("got %v, want a fault of the link", err)
	}
	bad := overlay.Change{
		ID: "a b", Action: 9, Slot: "A", Style: "A", TTL: -1, When: overlay.When{Clock: 9}, Product: strings.Repeat("p", 51),
		Pos: &overlay.Position{Box: overlay.Box{W: 1}},
	}
	_, err := r.line.Apply(bad, r.now)
	if !errors.As(err, &faults) || len(faults) != 8 {
		t.Errorf("got %v, want eight faults", err)
	}
	for _, c := range []overlay.Change{{}, at(show("A"), 1<<62), {Action: overlay.Clear, When: overlay.When{Clock: overlay.Wall}}} {
		if _, err := r.line.Apply(c, r.now); !errors.As(err, &faults) || len(faults) != 1 {
			t.Errorf("got %v, want one fault", err)
		}
	}
	var rate *overlay.RateError
	now := r.now.Add(time.Minute)
	for range 50 {
		if _, err := r.line.Apply(show("A"), now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.line.Apply(show("A"), now); !errors.As(err, &rate) || rate.Retry != 50*time.Millisecond || rate.Error() == "" {
		t.Errorf("got %v, want too many", err)
	}
	r.video(0, 1)
	shown, _ := r.line.Current()
	if _, err := r.line.DeleteCue(shown.Cards[0].Cue, now); !errors.As(err, &rate) {
		t.Errorf("got %v, want too many", err)
	}
	for range overlay.MaxScheduled {
		r.now = r.now.Add(time.Minute)
		r.apply(overlay.Change{Action: overlay.Clear, When: overlay.When{Clock: overlay.Media, Media: 1e15}})
	}
	r.refuse(show("A"), overlay.ErrFull)
}

func TestCatalog(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	r.apply(in(show("B"), "b"))
	r.video(0, 1)
	dearer := plain("A")
	dearer.Price[0].Amount = 101
	ticket, err := r.line.PutProducts(dearer, plain("G"))
	if err != nil || ticket == nil {
		t.Fatalf("got %v, %v, want a ticket", ticket, err)
	}
	dearer.Price[0].Amount = 5 // the caller's own
	twice := plain("A")
	twice.Price[0].Amount = 102
	again, _ := r.line.PutProducts(twice)
	if again.ID() != ticket.ID() {
		t.Error("two versions for one frame are two changes")
	}
	s := r.video(1, 2)
	if s == nil || s.Seq != 2 || s.Cards[1].Product.Price[0].Amount != 102 || s.Cards[1].From != 0 || !done(ticket) {
		t.Errorf("got %+v, want the new price in place", s)
	}
	if got, err := r.line.PutProducts(twice); got != nil || err != nil {
		t.Errorf("got %v, %v, want nothing for the same version", got, err)
	}
	if got := r.line.Schedule(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	if got := r.line.Product("A"); got == nil || got.Price[0].Amount != 102 {
		t.Errorf("got %+v", got)
	}
	if got := r.line.Products(); len(got) != 7 || got[0].ID != "A" || got[6].ID != "G" {
		t.Errorf("got %d products", len(got))
	}
}

func TestCatalogFaults(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	r.video(0, 1)
	r.apply(at(show("B"), 400*ms))
	broken, long := plain("G"), plain("B")
	broken.GTIN = "1"
	long.Link += strings.Repeat("a", 200)
	var row *overlay.RowError
	for name, ps := range map[string][]*overlay.Product{"broken": {plain("G"), broken}, "too long to be shown": {plain("G"), long}} {
		_, err := r.line.PutProducts(ps...)
		var faults overlay.Faults
		if !errors.As(err, &row) || row.Row != 1 || !errors.As(err, &faults) || !strings.HasPrefix(err.Error(), "product 2: ") {
			t.Errorf("%s: got %v, want a fault of the second", name, err)
		}
		if r.line.Product("G") != nil {
			t.Errorf("%s: the first was taken", name)
		}
	}
	var many []*overlay.Product
	for i := range overlay.MaxProducts {
		many = append(many, plain(fmt.Sprint(i)))
	}
	if _, err := r.line.PutProducts(many...); !errors.Is(err, overlay.ErrCatalogFull) {
		t.Errorf("got %v, want %v", err, overlay.ErrCatalogFull)
	}
}

func TestDeleteProduct(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	r.apply(in(show("B"), "b"))
	r.video(0, 1)
	timed := r.apply(at(show("A"), 400*ms))
	ticket, err := r.line.DeleteProduct("A")
	if err != nil || ticket == nil || timed.Cue().Progress != overlay.Refused {
		t.Fatalf("got %v, %+v", err, timed.Cue())
	}
	if _, err := r.line.DeleteProduct("A"); !errors.Is(err, overlay.ErrNoProduct) {
		t.Errorf("got %v, want %v", err, overlay.ErrNoProduct)
	}
	if s := r.video(1, 2); cardsOf(s) != "b:B" || !done(ticket) {
		t.Errorf("got %s, want the product gone", cardsOf(s))
	}
	if got, err := r.line.DeleteProduct("C"); got != nil || err != nil {
		t.Errorf("got %v, %v, want nothing to do", got, err)
	}
	if _, err := r.line.Cue(ticket.ID()); !errors.Is(err, overlay.ErrNoCue) {
		t.Errorf("got %v, want internal changes kept inside", err)
	}
}

func TestTicketNames(t *testing.T) {
	for p, want := range []string{"pending", "written", "cancelled", "refused", "ended"} {
		if got := overlay.Progress(p).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
