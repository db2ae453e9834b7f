package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/simulcart/simulcart/overlay"
)

// Catalog is a set of products: those of one stream, or those that all streams share. Now it is kept in memory and lost at a
// restart, but for what the configuration names; see [Cues] for what may come. Several goroutines may use it.
type Catalog interface {
	// Products gives all by id: for a stream, its own and the shared ones, of which its own hide those with the same id. They
	// must not be changed.
	Products() []*overlay.Product
	// Product gives one of them; nil where there is none.
	Product(id string) *overlay.Product
	// Put takes products in, all or none: *overlay.RowError for the first that is at fault.
	Put(ctx context.Context, products ...*overlay.Product) error
	// Delete takes a product out: overlay.ErrNoProduct where the catalog itself has none of that id.
	Delete(ctx context.Context, id string) error
}

// Catalog gives the catalog of a stream, or [ErrNoStream]; with the empty id the shared one.
func (c *Controller) Catalog(stream string) (Catalog, error) {
	if stream == "" {
		return sharedCatalog{&c.shop}, nil
	}
	s := c.shop.of(stream)
	if s == nil {
		return nil, ErrNoStream
	}
	return streamCatalog{&c.shop, s}, nil
}

// shop holds the products of all streams and their timelines. Each timeline has all products that its stream can show: the
// stream's own in front of the shared ones.
type shop struct {
	mu      sync.Mutex // taken before a timeline's own lock, which calls nobody: what is kept here and there changes in one step
	shared  map[string]*overlay.Product
	streams map[string]*showcase
}

// showcase is one stream's part of the shop.
type showcase struct {
	own      map[string]*overlay.Product // beside the shared ones; guarded by the shop
	timeline *overlay.Timeline

	feeding sync.Mutex
	feeds   map[feedKey]*feedCounts
}

// of finds a stream's showcase; nil where there is none.
func (s *shop) of(stream string) *showcase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[stream]
}

// open gives a stream its showcase, the one that it has where it has one.
func (s *shop) open(stream string) *showcase {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.streams[stream]; known != nil {
		return known
	}
	c := &showcase{own: make(map[string]*overlay.Product), timeline: &overlay.Timeline{}}
	if _, err := c.timeline.PutProducts(sorted(s.shared)...); err != nil {
		panic(fmt.Sprintf("control: the shared catalog does not fit an empty one: %v", err))
	}
	if s.streams == nil {
		s.streams = make(map[string]*showcase)
	}
	s.streams[stream] = c
	return c
}

// close forgets a stream's products and cues.
func (s *shop) close(stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, stream)
}

// sorted gives a catalog's products by id.
func sorted(products map[string]*overlay.Product) []*overlay.Product {
	return slices.SortedFunc(maps.Values(products), func(a, b *overlay.Product) int { return strings.Compare(a.ID, b.ID) })
}

// sharedCatalog is what all streams share.
type sharedCatalog struct{ *shop }

func (s sharedCatalog) Products() []*overlay.Product {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.shared)
}

func (s sharedCatalog) Product(id string) *overlay.Product {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shared[id]
}

// Put gives products to all streams that have none of their own with the same id. Where one stream cannot take them, those
// that have taken them give them back.
func (s sharedCatalog) Put(_ context.Context, products ...*overlay.Product) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	after := maps.Clone(s.shared)
	if after == nil {
		after = make(map[string]*overlay.Product)
	}
	for i, p := range products {
		if err := p.Validate(); err != nil {
			return &overlay.RowError{Row: i, Err: err}
		}
		after[p.ID] = p
	}
	if len(after) > overlay.MaxProducts {
		return overlay.ErrCatalogFull
	}
	var done []*showcase
	for _, stream := range slices.Sorted(maps.Keys(s.streams)) {
		c := s.streams[stream]
		if _, err := c.timeline.PutProducts(c.visible(products)...); err != nil {
			for _, undo := range done {
				undo.restore(s.shared, products)
			}
			return fmt.Errorf("stream %s: %w", stream, err)
		}
		done = append(done, c)
	}
	s.shared = after
	return nil
}

func (s sharedCatalog) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.shared[id]
	if gone == nil {
		return overlay.ErrNoProduct
	}
	delete(s.shared, id)
	for _, c := range s.streams {
		c.restore(s.shared, c.visible([]*overlay.Product{gone}))
	}
	return nil
}

// visible gives those of some shared products that the stream does not hide behind its own.
func (c *showcase) visible(shared []*overlay.Product) []*overlay.Product {
	return slices.DeleteFunc(slices.Clone(shared), func(p *overlay.Product) bool { return c.own[p.ID] != nil })
}

// restore puts the timeline back to what the catalogs say of some products.
func (c *showcase) restore(shared map[string]*overlay.Product, touched []*overlay.Product) {
	for _, p := range touched {
		known := c.own[p.ID]
		if known == nil {
			known = shared[p.ID]
		}
		var err error
		if known == nil {
			_, err = c.timeline.DeleteProduct(p.ID)
		} else {
			_, err = c.timeline.PutProducts(known)
		}
		_ = err // it was there before, or is gone already
	}
}

// streamCatalog is what one stream can show.
type streamCatalog struct {
	shop *shop
	of   *showcase
}

func (s streamCatalog) Products() []*overlay.Product { return s.of.timeline.Products() }

func (s streamCatalog) Product(id string) *overlay.Product { return s.of.timeline.Product(id) }

func (s streamCatalog) Put(_ context.Context, products ...*overlay.Product) error {
	s.shop.mu.Lock()
	defer s.shop.mu.Unlock()
	if _, err := s.of.timeline.PutProducts(products...); err != nil {
		return err
	}
	for _, p := range products {
		s.of.own[p.ID] = p
	}
	return nil
}

// Delete takes the stream's own version of a product away, so that a shared one with its id can be seen again. A product that
// is not its own may have come with a trusted encoder's overlays.
func (s streamCatalog) Delete(_ context.Context, id string) error {
	s.shop.mu.Lock()
	defer s.shop.mu.Unlock()
	switch {
	case s.of.own[id] != nil:
		gone := s.of.own[id]
		delete(s.of.own, id)
		s.of.restore(s.shop.shared, []*overlay.Product{gone})
		return nil
	case s.shop.shared[id] != nil:
		return fmt.Errorf("of the stream's own; it is a shared one: %w", overlay.ErrNoProduct)
	}
	_, err := s.of.timeline.DeleteProduct(id)
	return err
}

// seed makes a catalog follow the configuration: what has changed there is put or deleted here, and what has not is left alone,
// so that changes by the API stay.
func seed(ctx context.Context, to Catalog, before, now []*overlay.Product) error {
	old := make(map[string]*overlay.Product, len(before))
	for _, p := range before {
		old[p.ID] = p
	}
	var put []*overlay.Product
	for _, p := range now {
		was := old[p.ID]
		delete(old, p.ID)
		if was == nil || string(was.JSON()) != string(p.JSON()) {
			put = append(put, p)
		}
	}
	if err := to.Put(ctx, put...); err != nil {
		return err
	}
	for _, p := range sorted(old) {
		_ = to.Delete(ctx, p.ID) // the API may have deleted it before
	}
	return nil
}
