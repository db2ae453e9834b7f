package overlay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// full has every member, a link with parameters, and a title of emoji.
func full() wireProduct {
	stock := int64(3)
	return wireProduct{
		id: "A", title: strings.Repeat("👍🏽", 4), variant: "Red", price: Money{5, "EUR"}, was: Money{7, "EUR"}, avail: InStock, stock: &stock,
		base: "https://a.example/", link: "https://a.example/?utm_source=x", image: "https://a.example/i", gtin: "96385074", lang: "en",
	}
}

// Members go in their order as the room shrinks byte by byte: image, gtin, variant, was, the title's end, link parameters.
func TestDropOrder(t *testing.T) {
	whole := full()
	var got []string
	for size := whole.size(); size > 0; size-- {
		p := full()
		if !p.fit(size) {
			break
		}
		if p.size() > size {
			t.Fatalf("%d bytes in a room of %d", p.size(), size)
		}
		if p.id == "" || p.price != whole.price || p.avail != whole.avail || p.stock == nil || p.base == "" || p.lang == "" || p.shortened != (size < whole.size()) {
			t.Errorf("%d bytes: got %+v", size, p)
		}
		left := fmt.Sprint(p.image != "", p.gtin != "", p.variant != "", p.was != Money{}, utf8.RuneCountInString(p.title), !p.plain)
		if !slices.Contains(got, left) {
			got = append(got, left)
		}
	}
	want := []string{
		"true true true true 8 true", "false true true true 8 true", "false false true true 8 true", "false false false true 8 true",
		"false false false false 8 true", "false false false false 6 true", "false false false false 4 true", "false false false false 2 true",
		"false false false false 1 true", "false false false false 1 false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Cards whose products cannot shrink go from the last.
func TestSqueezeDropsCards(t *testing.T) {
	var cs []wireCard
	for i := range 4 {
		p := full()
		p.id = strings.Repeat("i", 1500)
		cs = append(cs, wireCard{&Card{Slot: fmt.Sprint(i), Style: "s"}, p})
	}
	w := &Shown{stream: "a", seq: 1}
	got := w.squeeze(cs)
	if len(got) != 2 || got[1].Slot != "1" || w.Counts.Dropped != 2 {
		t.Errorf("got %d cards and %+v, want the first two", len(got), w.Counts)
	}
}
