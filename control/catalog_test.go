package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/overlay"
)

func product(id string, amount int64) *overlay.Product {
	return &overlay.Product{
		ID: id, Title: []overlay.Text{{Lang: "en", Text: "Product " + id}},
		Price: []overlay.Money{{Amount: amount, Currency: "EUR"}}, Link: "https://shop.example.com/" + id,
	}
}

// names gives products as "a:1 b:2".
func names(products []*overlay.Product) string {
	var out []string
	for _, p := range products {
		out = append(out, fmt.Sprintf("%s:%d", p.ID, p.Price[0].Amount))
	}
	return strings.Join(out, " ")
}

func catalogOf(t *testing.T, b *bench, stream string) Catalog {
	t.Helper()
	c, err := b.Catalog(stream)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func check(t *testing.T, name string, c Catalog, want string) {
	t.Helper()
	if diff := cmp.Diff(want, names(c.Products())); diff != "" {
		t.Errorf("%s (-want +got): %s", name, diff)
	}
}

func TestCatalogOwnHidesShared(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.apply(ctx, desired())
		shared, own := catalogOf(t, b, ""), catalogOf(t, b, "maria")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(shared.Put(ctx, product("a", 1), product("b", 2)))
		must(own.Put(ctx, product("b", 20), product("c", 30)))
		check(t, "the stream's", own, "a:1 b:20 c:30")
		check(t, "the shared", shared, "a:1 b:2")
		must(shared.Put(ctx, product("b", 3)))
		check(t, "after a change of what is hidden", own, "a:1 b:20 c:30")
		must(own.Delete(ctx, "b"))
		check(t, "after its own went", own, "a:1 b:3 c:30")
		if err := own.Delete(ctx, "b"); !errors.Is(err, overlay.ErrNoProduct) {
			t.Errorf("delete a shared product of one stream: got %v", err)
		}
		must(shared.Delete(ctx, "a"))
		check(t, "after a shared one went", own, "b:3 c:30")
		if err := shared.Delete(ctx, "a"); !errors.Is(err, overlay.ErrNoProduct) {
			t.Errorf("delete what is gone: got %v", err)
		}
		if own.Product("c") == nil || own.Product("a") != nil || shared.Product("b") == nil || shared.Product("c") != nil {
			t.Error("Product finds another set than Products")
		}
	})
}

func TestCatalogTakesAllOrNothing(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.apply(ctx, desired())
		shared, own := catalogOf(t, b, ""), catalogOf(t, b, "maria")
		var row *overlay.RowError
		for _, c := range []Catalog{shared, own} {
			if err := c.Put(ctx, product("a", 1), product("b", -1)); !errors.As(err, &row) || row.Row != 1 {
				t.Errorf("got %v, want row 1", err)
			}
			check(t, "after a fault", c, "")
		}
		// A product that is shown must stay fit to be shown: here the link would be too long for the wire.
		if err := shared.Put(ctx, product("a", 1)); err != nil {
			t.Fatal(err)
		}
		cues, err := b.Cues("maria")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cues.Apply(ctx, overlay.Change{Product: "a"}); err != nil {
			t.Fatal(err)
		}
		long := product("a", 2)
		long.Link += strings.Repeat("x", 300)
		if err := shared.Put(ctx, product("z", 1), long); err == nil || !strings.Contains(err.Error(), "maria") {
			t.Errorf("got %v, want a fault that names the stream", err)
		}
		check(t, "the stream's after it refused", own, "a:1")
		check(t, "the shared after it refused", shared, "a:1")
	})
}

// TestCatalogIsGivenBack has one stream of several refuse a shared product: those before it must have the old one again.
func TestCatalogIsGivenBack(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		d := desired()
		d.Streams["a"], d.Streams["z"] = Stream{}, Stream{}
		d.Catalog = []*overlay.Product{product("p", 1)}
		b.apply(ctx, d)
		cues, err := b.Cues("z")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cues.Apply(ctx, overlay.Change{Product: "p"}); err != nil {
			t.Fatal(err)
		}
		long := product("p", 2)
		long.Link += strings.Repeat("x", 300)
		if err := catalogOf(t, b, "").Put(ctx, product("new", 5), long); err == nil {
			t.Error("a link that is too long to be shown was taken")
		}
		for _, stream := range []string{"", "a", "maria", "z"} {
			check(t, "stream "+stream, catalogOf(t, b, stream), "p:1")
		}
	})
}

func TestCatalogFollowsConfiguration(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		with := func(shared, own []*overlay.Product) Desired {
			d := desired()
			s := d.Streams["maria"]
			s.Catalog = own
			d.Streams["maria"], d.Catalog = s, shared
			return d
		}
		b.apply(ctx, with([]*overlay.Product{product("a", 1), product("b", 2)}, []*overlay.Product{product("c", 3)}))
		own := catalogOf(t, b, "maria")
		check(t, "from the file", own, "a:1 b:2 c:3")
		if err := own.Put(ctx, product("c", 33), product("d", 4)); err != nil {
			t.Fatal(err)
		}
		b.apply(ctx, with([]*overlay.Product{product("a", 1), product("b", 2)}, []*overlay.Product{product("c", 3)}))
		check(t, "the same file again leaves the API's alone", own, "a:1 b:2 c:33 d:4")
		b.apply(ctx, with([]*overlay.Product{product("a", 11)}, nil))
		check(t, "a changed file", own, "a:11 d:4")
		b.apply(ctx, Desired{Streams: map[string]Stream{}})
		if _, err := b.Catalog("maria"); !errors.Is(err, ErrNoStream) {
			t.Errorf("catalog of a stream that is gone: got %v", err)
		}
		if _, err := b.Cues("maria"); !errors.Is(err, ErrNoStream) {
			t.Errorf("cues of a stream that is gone: got %v", err)
		}
		if !b.Wall("maria", 0).IsZero() {
			t.Error("a stream that is gone has players or a clock")
		}
	})
}

func TestCatalogTooLargeIsSaid(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		d := desired()
		for i := range overlay.MaxProducts + 1 {
			d.Catalog = append(d.Catalog, product(fmt.Sprintf("p%05d", i), 1))
		}
		b.apply(ctx, d)
		check(t, "nothing of it", catalogOf(t, b, "maria"), "")
		if said := b.log.String(); !strings.Contains(said, "catalog is full") || !strings.Contains(said, slog.LevelWarn.String()) {
			t.Errorf("the log does not say it: %s", said)
		}
	})
}
