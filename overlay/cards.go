package overlay

import (
	"slices"
	"strings"

	"github.com/simulcart/simulcart/media"
)

// cards are what is visible, by slot. They are copied to be changed, so that a write that fails can be undone.
type cards []shown

// shown is a visible card.
type shown struct {
	Card
	missed bool // the frame of its end came, and could not take it
}

// apply carries c out at the media time at. products is the catalog.
func (cs cards) apply(c *change, at media.Time, products map[string]*Product) (cards, error) {
	switch c.Action {
	case Show:
		return cs.show(c, at, c.product(products))
	case Update:
		return cs.update(c, at)
	case Hide:
		return slices.DeleteFunc(slices.Clone(cs), c.aims), nil
	case Clear:
		return nil, nil
	case Annotate:
		return cs, nil
	}
	return cs.refresh(c.Product, products[c.Product]), nil
}

func (cs cards) show(c *change, at media.Time, p *Product) (cards, error) {
	if p == nil {
		return cs, ErrNoProduct
	}
	if err := showable(p); err != nil {
		return cs, err
	}
	card := shown{Card: Card{Cue: c.ID, Slot: c.Slot, Style: c.Style, From: at, Until: c.end(at), Product: p}}
	if c.Pos != nil {
		card.Pos = *c.Pos
	}
	i, taken := slices.BinarySearchFunc(cs, c.Slot, func(c shown, slot string) int { return strings.Compare(c.Slot, slot) })
	if taken {
		cs = slices.Clone(cs)
		cs[i] = card
		return cs, nil
	}
	if len(cs) == MaxCards {
		return cs, ErrSlots
	}
	return slices.Insert(slices.Clone(cs), i, card), nil
}

// product gives what a show shows; nil where the catalog lacks it.
func (c *Change) product(catalog map[string]*Product) *Product {
	if c.Given != nil {
		return c.Given
	}
	return catalog[c.Product]
}

// showable says whether p can be on the wire: its link must fit there.
func showable(p *Product) error {
	if f := linkFault("link", p.Link, MaxWireLink); f != nil {
		return Faults{f}
	}
	return nil
}

func (cs cards) update(c *change, at media.Time) (cards, error) {
	cs = slices.Clone(cs)
	found := false
	for i := range cs {
		if !c.aims(cs[i]) {
			continue
		}
		found = true
		if c.Pos != nil {
			cs[i].Pos = *c.Pos
		}
		if c.Style != "" {
			cs[i].Style = c.Style
		}
		if c.TTL > 0 {
			cs[i].Until, cs[i].missed = c.end(at), false
		}
	}
	if !found {
		return cs, ErrNotShown
	}
	return cs, nil
}

// refresh puts the catalog's version of a product in place of the one shown; nil takes it away.
func (cs cards) refresh(id string, p *Product) cards {
	cs = slices.Clone(cs)
	if p == nil {
		return slices.DeleteFunc(cs, func(c shown) bool { return c.Product.ID == id })
	}
	for i := range cs {
		if cs[i].Product.ID == id {
			cs[i].Product = p
		}
	}
	return cs
}

// aims says whether an update or hide means the card.
func (c *change) aims(card shown) bool {
	switch {
	case c.only != "":
		return card.Cue == c.only
	case c.Slot != "":
		return card.Slot == c.Slot && (c.Product == "" || card.Product.ID == c.Product)
	case c.Product != "":
		return card.Product.ID == c.Product
	}
	return card.Slot == defaultSlot
}

// end is when a card of the change ends that begins at a media time; 0 where it does not end by itself.
func (c *change) end(at media.Time) media.Time {
	if c.TTL == 0 {
		return 0
	}
	return at + media.Time(c.TTL)
}

// expiry gives the card that ends first by itself; -1 where none does.
func (cs cards) expiry() int {
	first := -1
	for i := range cs {
		if cs[i].Until != 0 && (first < 0 || cs[i].Until < cs[first].Until) {
			first = i
		}
	}
	return first
}

// plain gives the cards of a state.
func (cs cards) plain() []Card {
	list := make([]Card, len(cs))
	for i := range cs {
		list[i] = cs[i].Card
	}
	return list
}

// shows says whether a product is visible.
func (cs cards) shows(product string) bool {
	return slices.ContainsFunc(cs, func(c shown) bool { return c.Product.ID == product })
}
