package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/media"
)

// ErrCatalogFull says that a catalog has MaxProducts.
var ErrCatalogFull = errors.New("overlay: the catalog is full")

// RowError says which of several products has a fault.
type RowError struct {
	Row int // its index
	Err error
}

// Error gives "product 3: …", counted from 1.
func (e *RowError) Error() string { return fmt.Sprintf("product %d: %v", e.Row+1, e.Err) }

// Unwrap gives the fault itself.
func (e *RowError) Unwrap() error { return e.Err }

// PutProducts takes products into the catalog, in place of those with the same ids: all or none, with a [*RowError] for the
// first that is at fault. The cards that show one get the new version with the next frame; the ticket, nil where nothing
// visible changes, is for the last of them. The products are copied.
func (t *Timeline) PutProducts(ps ...*Product) (*Ticket, error) {
	for i, p := range ps {
		if err := p.Validate(); err != nil {
			return nil, &RowError{i, err}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	added := map[string]bool{}
	for i, p := range ps {
		if t.inUseLocked(p.ID) {
			if err := showable(p); err != nil {
				return nil, &RowError{i, err}
			}
		}
		if t.products[p.ID] == nil {
			added[p.ID] = true
		}
		if len(t.products)+len(added) > MaxProducts {
			return nil, &RowError{i, ErrCatalogFull}
		}
	}
	var ticket *Ticket
	for _, p := range ps {
		if got := t.putLocked(p); got != nil {
			ticket = got
		}
	}
	return ticket, nil
}

func (t *Timeline) putLocked(p *Product) *Ticket {
	before := t.products[p.ID]
	if before != nil && bytes.Equal(before.JSON(), p.JSON()) {
		return nil
	}
	if t.products == nil {
		t.products = make(map[string]*Product)
	}
	t.products[p.ID] = p.clone()
	t.notifyLocked()
	return t.refreshLocked(p.ID)
}

// refreshLocked has the cards of a product follow the catalog; nil where there is none.
func (t *Timeline) refreshLocked(id string) *Ticket {
	if !t.session.cards.shows(id) {
		return nil
	}
	for _, c := range t.waiting {
		if c.Action == refresh && c.Product == id {
			return &Ticket{t, c}
		}
	}
	return t.acceptLocked(&change{Change: Change{Action: refresh, Product: id}})
}

// inUseLocked says whether a product is visible, or will be.
func (t *Timeline) inUseLocked(id string) bool {
	shows := func(c *change) bool { return c.Action == Show && c.Product == id }
	return t.session.cards.shows(id) || slices.ContainsFunc(t.waiting, shows) || slices.ContainsFunc(t.queue, shows)
}

// DeleteProduct takes a product out of the catalog. Its cards go with the next frame, for which the ticket is, nil where there
// are none; changes that would show it are refused.
func (t *Timeline) DeleteProduct(id string) (*Ticket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.products[id] == nil {
		return nil, ErrNoProduct
	}
	delete(t.products, id)
	refused := func(c *change) bool {
		if c.Action != Show || c.Product != id || c.Given != nil {
			return false
		}
		t.stats.Refused++
		t.finishLocked(c, Refused, ErrNoProduct)
		return true
	}
	t.queue = slices.DeleteFunc(t.queue, refused)
	t.waiting = slices.DeleteFunc(t.waiting, refused)
	t.notifyLocked()
	return t.refreshLocked(id), nil
}

// Product gives a product of the catalog, nil where it has none of that id. It must not be changed.
func (t *Timeline) Product(id string) *Product {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.products[id]
}

// Products gives the catalog by id. The products must not be changed.
func (t *Timeline) Products() []*Product {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.products), func(a, b *Product) int { return strings.Compare(a.ID, b.ID) })
}

// DeleteCue takes back a change that is pending, or hides what it shows, with the next frame. The ticket is for whichever it
// was; for a cue that was taken back before, it is that one's.
func (t *Timeline) DeleteCue(id string, now time.Time) (*Ticket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.known[id]
	if c == nil || c.Action == refresh {
		return nil, ErrNoCue
	}
	if c.progress == Cancelled {
		return &Ticket{t, c}, nil
	}
	for _, list := range []*[]*change{&t.queue, &t.waiting} {
		if i := slices.Index(*list, c); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
			t.finishLocked(c, Cancelled, nil)
			t.notifyLocked()
			return &Ticket{t, c}, nil
		}
	}
	hide := &change{Change: Change{Action: Hide}, only: id}
	if !slices.ContainsFunc(t.session.cards, hide.aims) {
		return nil, ErrNoCue
	}
	for _, w := range t.waiting {
		if w.only == id {
			return &Ticket{t, w}, nil
		}
	}
	if err := t.admitLocked(now); err != nil {
		return nil, err
	}
	return t.acceptLocked(hide), nil
}

// Cue gives a change as it stands. It knows those that are pending, and the last 1,024 others.
func (t *Timeline) Cue(id string) (Cue, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.known[id]; c != nil && c.Action != refresh {
		return c.cue(), nil
	}
	return Cue{}, ErrNoCue
}

// Schedule gives the changes that wait: those for the next frame, then those for a media time, in their order.
func (t *Timeline) Schedule() []Cue {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Cue
	for _, c := range slices.Concat(t.waiting, t.queue) {
		if c.Action != refresh {
			list = append(list, c.cue())
		}
	}
	return list
}

// Current gives the state that was written last in this session; without cards and with Seq 0 where none was. live says
// whether there is a session.
func (t *Timeline) Current() (s State, live bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	live = t.session.stream != ""
	if n := len(t.session.history); n > 0 {
		return *t.session.history[n-1], live
	}
	return State{Stream: t.session.stream}, live
}

// Newest gives the highest media time that has passed; false where no frame has.
func (t *Timeline) Newest() (at media.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.session.clock.newest, t.session.clock.passed
}

// Stats gives the counts.
func (t *Timeline) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Changed gives a channel that is closed when a state was written, or the schedule, the catalog or the session changed. Ask
// for it before looking.
func (t *Timeline) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// Track gives the track that the stream's overlay frames have: the same for as long as the timeline lasts.
func (t *Timeline) Track() *media.Track {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trackLocked()
}

// clone gives a copy that shares nothing.
func (p *Product) clone() *Product {
	c := *p
	c.Title, c.Variant = slices.Clone(p.Title), slices.Clone(p.Variant)
	c.Price, c.Was = slices.Clone(p.Price), slices.Clone(p.Was)
	if p.Stock != nil {
		stock := *p.Stock
		c.Stock = &stock
	}
	return &c
}
