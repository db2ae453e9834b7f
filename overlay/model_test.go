package overlay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// A model is what a timeline should do, told simply: lists that are sorted and walked. Frames come every 40 ms, in order,
// with holes now and then.
type model struct {
	prices  map[string]int64
	visible map[string]modelCard // by slot
	timed   []modelChange
	now     []modelChange
	arrived int
	seq     int64
	states  []overlay.State // without cards: At and Seq
	cards   []string        // of each state
}

type modelCard struct {
	cue, product string
	price        int64
	style        string
	until        media.Time // 0: none
}

type modelChange struct {
	overlay.Change
	ticket *overlay.Ticket
	only   string // hides this cue
	price  string // takes over the price of this product
	order  int
}

// step is one thing that happens to the visible cards at a due time.
func (m *model) due(limit media.Time) (c modelChange, when media.Time, slot string, ok bool) {
	slices.SortStableFunc(m.timed, func(a, b modelChange) int {
		if a.When.Media != b.When.Media {
			return int(a.When.Media - b.When.Media)
		}
		return a.order - b.order
	})
	if len(m.timed) > 0 && m.timed[0].When.Media <= limit {
		c, when, ok = m.timed[0], m.timed[0].When.Media, true
	}
	for name, card := range m.visible {
		if card.until != 0 && card.until <= limit && (!ok || card.until < when || card.until == when && (slot == "" || name < slot)) {
			when, slot, ok = card.until, name, true
		}
	}
	return c, when, slot, ok
}

// pass lets a frame go by and gives the state that must be in front of it, "" for none.
func (m *model) pass(pts media.Time) string {
	const half = 20 * ms
	m.timed = slices.DeleteFunc(m.timed, func(c modelChange) bool { return c.Strict && c.When.Media <= pts-half })
	changed, late := false, false
	for {
		c, when, slot, ok := m.due(pts + half)
		if !ok {
			break
		}
		worked := true
		if slot != "" {
			delete(m.visible, slot)
		} else {
			m.timed = m.timed[1:]
			worked = m.apply(c, pts)
		}
		changed = changed || worked
		late = late || worked && when <= pts-half
	}
	for _, c := range m.now {
		changed = m.apply(c, pts) || changed
	}
	m.now = nil
	if !changed {
		return ""
	}
	m.seq++
	m.states = append(m.states, overlay.State{Seq: m.seq, At: pts, Late: late})
	m.cards = append(m.cards, m.String())
	return fmt.Sprint(m.seq, " ", late, " ", m)
}

func (m *model) apply(c modelChange, pts media.Time) bool {
	until := media.Time(0)
	if c.TTL > 0 {
		until = pts + media.Time(c.TTL)
	}
	switch {
	case c.price != "":
		for slot, card := range m.visible {
			if price, there := m.prices[c.price]; card.product == c.price && there {
				card.price = price
				m.visible[slot] = card
			} else if card.product == c.price {
				delete(m.visible, slot)
			}
		}
	case c.Action == overlay.Clear:
		clear(m.visible)
	case c.Action == overlay.Hide:
		for slot, card := range m.visible {
			if card.cue == c.only || c.only == "" && slot == c.Slot {
				delete(m.visible, slot)
			}
		}
	case c.Action == overlay.Update:
		card, there := m.visible[c.Slot]
		if !there {
			return false
		}
		card.style = c.Style
		if until != 0 {
			card.until = until
		}
		m.visible[c.Slot] = card
	default:
		if _, there := m.visible[c.Slot]; !there && len(m.visible) == overlay.MaxCards {
			return false
		}
		m.visible[c.Slot] = modelCard{c.ticket.ID(), c.Product, m.prices[c.Product], c.Style, until}
	}
	return true
}

func (m *model) String() string {
	var list []string
	for slot, c := range m.visible {
		list = append(list, fmt.Sprint(slot, " ", c))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func cardsText(s *overlay.State) string {
	var list []string
	for _, c := range s.Cards {
		list = append(list, fmt.Sprint(c.Slot, " ", modelCard{c.Cue, c.Product.ID, c.Product.Price[0].Amount, c.Style, c.Until}))
	}
	return strings.Join(list, ", ")
}

// Any sequence of changes, retries, deletions, takeovers, failed writes and holes gives at each frame exactly the model's state.
func TestTimelineAgainstModel(t *testing.T) {
	operations := 1000
	if testing.Short() {
		operations = 200
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := &both{T: rt, rig: newRig(t), pts: -40 * ms}
		b.model = &model{prices: map[string]int64{}, visible: map[string]modelCard{}}
		for _, p := range b.line.Products() {
			b.prices[p.ID] = p.Price[0].Amount
		}
		for range operations {
			switch n := rapid.IntRange(0, 19).Draw(rt, "operation"); {
			case n < 10:
				b.change()
			case n < 11:
				b.deleteCue()
			case n < 13:
				b.putProduct()
			case n < 14:
				b.deleteProduct()
			default:
				b.frame()
			}
		}
		b.checkPast()
	})
}

// both are a timeline and its model.
type both struct {
	*rapid.T
	*rig
	*model
	pts   media.Time
	taken []modelChange
}

func (b *both) Fatalf(format string, args ...any) { b.T.Fatalf(format, args...) }

func (b *both) change() {
	if len(b.taken) > 0 && rapid.IntRange(0, 9).Draw(b.T, "retry") < 3 {
		c := b.taken[len(b.taken)-1-rapid.IntRange(0, min(len(b.taken)-1, 20)).Draw(b.T, "which")]
		if again, err := b.line.Apply(c.Change, b.rig.now); err != nil || again.Done() != c.ticket.Done() {
			b.Fatalf("retried change: %v", err)
		}
		return
	}
	b.arrived++
	c := overlay.Change{
		ID:     fmt.Sprint("x", b.arrived),
		Action: rapid.SampledFrom([]overlay.Action{overlay.Show, overlay.Show, overlay.Show, overlay.Update, overlay.Hide, overlay.Clear}).Draw(b.T, "action"),
		Slot:   rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(b.T, "slot"),
		Style:  rapid.SampledFrom([]string{"big", "small"}).Draw(b.T, "style"),
		TTL:    rapid.SampledFrom([]time.Duration{0, 0, 200 * time.Millisecond, 777 * time.Millisecond, 2 * time.Second}).Draw(b.T, "ttl"),
		Strict: rapid.IntRange(0, 3).Draw(b.T, "strict") == 0,
	}
	if c.Action == overlay.Show {
		c.Product = rapid.SampledFrom([]string{"A", "B", "C", "D", "E", "F"}).Draw(b.T, "product")
	}
	if rapid.Bool().Draw(b.T, "timed") {
		c = at(c, b.pts+media.Time(rapid.IntRange(-100, 1500).Draw(b.T, "in"))*ms)
	}
	b.rig.now = b.rig.now.Add(time.Second)
	ticket, err := b.line.Apply(c, b.rig.now)
	_, known := b.prices[c.Product]
	switch {
	case c.Action == overlay.Show && known == errors.Is(err, overlay.ErrNoProduct):
		b.Fatalf("product known: %v, got %v", known, err)
	case errors.Is(err, overlay.ErrPast) != (known || c.Action != overlay.Show) && c.Strict && c.When.Clock == overlay.Media && b.pts >= 0 && c.When.Media <= b.pts+20*ms:
		b.Fatalf("strict change for the past: got %v", err)
	case err != nil:
		return
	}
	m := modelChange{Change: c, ticket: ticket, order: b.arrived}
	b.taken = append(b.taken, m)
	if c.When.Clock == overlay.Media {
		b.timed = append(b.timed, m)
	} else {
		b.model.now = append(b.model.now, m)
	}
}

func (b *both) deleteCue() {
	if len(b.taken) == 0 {
		return
	}
	c := b.taken[rapid.IntRange(0, len(b.taken)-1).Draw(b.T, "cue")]
	b.rig.now = b.rig.now.Add(time.Second)
	_, err := b.line.DeleteCue(c.ID, b.rig.now)
	same := func(o modelChange) bool { return o.ID == c.ID && o.only == "" }
	visible := false
	for _, card := range b.visible {
		visible = visible || card.cue == c.ID
	}
	waits := slices.ContainsFunc(b.timed, same) || slices.ContainsFunc(b.model.now, same)
	b.timed = slices.DeleteFunc(b.timed, same)
	b.model.now = slices.DeleteFunc(b.model.now, same)
	again := slices.ContainsFunc(b.model.now, func(o modelChange) bool { return o.only == c.ID })
	if !waits && visible && !again {
		b.model.now = append(b.model.now, modelChange{Change: overlay.Change{Action: overlay.Hide}, only: c.ID})
	}
	if (waits || visible) && err != nil {
		b.Fatalf("delete %s: %v", c.ID, err)
	}
}

// follow has the model's cards of a product follow the catalog with the next frame.
func (b *both) follow(id string) {
	shows := false
	for _, card := range b.visible {
		shows = shows || card.product == id
	}
	if shows && !slices.ContainsFunc(b.model.now, func(c modelChange) bool { return c.price == id }) {
		b.model.now = append(b.model.now, modelChange{price: id})
	}
}

func (b *both) putProduct() {
	p := plain(rapid.SampledFrom([]string{"A", "B", "C", "D", "E", "F"}).Draw(b.T, "product"))
	p.Price[0].Amount = int64(rapid.IntRange(100, 102).Draw(b.T, "price"))
	if _, err := b.line.PutProducts(p); err != nil {
		b.Fatalf("put %s: %v", p.ID, err)
	}
	if before, there := b.prices[p.ID]; !there || before != p.Price[0].Amount {
		b.prices[p.ID] = p.Price[0].Amount
		b.follow(p.ID)
	}
}

func (b *both) deleteProduct() {
	id := rapid.SampledFrom([]string{"E", "F"}).Draw(b.T, "product")
	_, there := b.prices[id]
	if _, err := b.line.DeleteProduct(id); there != (err == nil) {
		b.Fatalf("delete %s: %v", id, err)
	}
	if !there {
		return
	}
	delete(b.prices, id)
	shows := func(c modelChange) bool { return c.Action == overlay.Show && c.Product == id }
	b.timed = slices.DeleteFunc(b.timed, shows)
	b.model.now = slices.DeleteFunc(b.model.now, shows)
	b.follow(id)
}

// frame lets a frame go by, now and then behind a hole, by another publisher, or at the second try.
func (b *both) frame() {
	b.pts += 40 * ms
	kind := rapid.IntRange(0, 29).Draw(b.T, "frame")
	if kind == 0 {
		b.pts += media.Time(rapid.IntRange(6, 20).Draw(b.T, "hole")) * 40 * ms
	}
	f := &media.Frame{Track: video25, PTS: b.pts, DTS: b.pts, Key: kind < 3}
	want := b.pass(b.pts)
	if kind == 1 || kind == 3 {
		b.deny = 1
		if err := b.in.WriteFrame(f); (err == nil) != (b.deny == 1) {
			b.Fatalf("got %v from a writer that is fenced", err)
		}
		b.takeOver()
		if b.deny == 1 { // there was nothing to write
			b.deny = 0
			return
		}
	}
	if err := b.in.WriteFrame(f); err != nil {
		b.Fatalf("%v", err)
	}
	s := b.front()
	if s != nil && len(b.states) > 0 && s.At < b.pts { // a repeat
		if want != "" || s.Seq != b.seq || cardsText(s) != b.cards[len(b.cards)-1] {
			b.Fatalf("at %v: got the repeat %d %s, want %s", b.pts, s.Seq, cardsText(s), want)
		}
		return
	}
	got := ""
	if s != nil {
		got = fmt.Sprint(s.Seq, " ", s.Late, " ", cardsText(s))
	}
	if got != want {
		b.Fatalf("at %v:\ngot  %s\nwant %s", b.pts, got, want)
	}
	if f.Key && s == nil && len(b.states) > 0 {
		b.Fatalf("at %v: no state in front of a key frame", b.pts)
	}
}

// checkPast asks for each media time again.
func (b *both) checkPast() {
	for i := max(0, len(b.states)-100); i < len(b.states); i++ {
		want := b.states[i]
		end := want.At
		if i+1 < len(b.states) {
			end = b.states[i+1].At - 1
		}
		for _, when := range []media.Time{want.At, end} {
			got := b.line.At(when)
			if got.Seq == 0 && i+1 == len(b.states) {
				continue // something is foreseen there
			}
			if got.Seq != want.Seq || got.At != want.At || got.Late != want.Late || cardsText(&got) != b.cards[i] {
				b.Fatalf("at %v: got %d %s, want %d %s", when, got.Seq, cardsText(&got), want.Seq, b.cards[i])
			}
		}
	}
}

// With pictures reordered, states rise in the order of decoding, and each change is written once: one for a media time at its
// picture or late, one for now at a picture newer than all before it.
func TestReorderedStates(t *testing.T) {
	streams := [][]*media.Frame{reordered(480, 25, 1, 1, false), reordered(480, 30000, 1001, 3, true), reordered(480, 60, 1, 4, false)}
	rapid.Check(t, func(rt *rapid.T) {
		fs := rapid.SampledFrom(streams).Draw(rt, "stream")
		half := (fs[49].PTS - fs[48].PTS).Duration()
		r := newRig(t)
		newest := media.Time(-1)
		type wanted struct {
			*overlay.Ticket
			newest media.Time
			change overlay.Change
		}
		var all []wanted
		var last *overlay.State
		for i, f := range fs {
			for range rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(rt, "changes") {
				c := in(show("A"), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "slot"))
				if rapid.Bool().Draw(rt, "timed") {
					c = at(c, f.PTS+media.Time(rapid.IntRange(-100, 400).Draw(rt, "in"))*ms)
				}
				if i < 440 {
					all = append(all, wanted{r.apply(c), newest, c})
				}
			}
			newest = max(newest, f.PTS)
			s := r.write(f)
			if s != nil && (last == nil || s.Seq != last.Seq) {
				if s.At != f.PTS || last != nil && (s.Seq != last.Seq+1 || s.At <= last.At) {
					rt.Fatalf("got seq %d at %v behind %+v", s.Seq, s.At, last)
				}
				last = s
			}
		}
		for _, w := range all {
			got := w.Cue()
			due, off := w.change.When.Media, (got.Receipt.At - w.change.When.Media).Duration().Abs()
			switch timed := w.change.When.Clock == overlay.Media; {
			case got.Progress != overlay.Written:
				rt.Fatalf("%+v was not written", got)
			case timed && off > half/2+time.Millisecond && !got.Receipt.Late:
				rt.Fatalf("wanted at %v, got %+v", due, got.Receipt)
			case !timed && got.Receipt.At <= w.newest:
				rt.Fatalf("wanted behind %v, got %+v", w.newest, got.Receipt)
			}
		}
	})
}
