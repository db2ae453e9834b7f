package relay

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Hub holds the streams of the node by name. The zero value is ready. The fields are set before the first call; all
// methods may be called from any goroutine.
type Hub struct {
	MaxAge   time.Duration            // how far back a stream's window reaches, but for its newest group; 0: [DefaultMaxAge]
	MaxBytes int                      // bytes of frame data that a stream's window holds; 0: [DefaultMaxBytes]
	Source   func(name string) Source // says which streams are made on demand, and how; nil, as what it gives: others publish it
	Linger   time.Duration            // how long a stream on demand goes on when nobody wants it any more; 0: [DefaultLinger]

	feeds sync.WaitGroup // runs of sources

	mu      sync.Mutex
	streams map[string]*Stream
	closed  bool
}

// Stream returns the stream of that name, which it makes at first use. It takes any name: who may use which is decided
// before.
func (h *Hub) Stream(name string) *Stream {
	if s, there := h.Known(name); there {
		return s
	}
	var source Source
	if h.Source != nil {
		source = h.Source(name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.streams[name]; s != nil {
		return s
	}
	s := newStream(name, cmp.Or(h.MaxAge, DefaultMaxAge), cmp.Or(h.MaxBytes, DefaultMaxBytes))
	if source != nil {
		s.demand = &demand{source: source, linger: cmp.Or(h.Linger, DefaultLinger), feeds: &h.feeds, closed: h.closed}
	}
	if h.streams == nil {
		h.streams = make(map[string]*Stream)
	}
	h.streams[name] = s
	return s
}

// Known returns the stream of that name if it is there; it makes none.
func (h *Hub) Known(name string) (s *Stream, there bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, there = h.streams[name]
	return s, there
}

// Streams returns all streams but those on demand, sorted by name.
func (h *Hub) Streams() []*Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		if s.demand == nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *Stream) int { return cmp.Compare(a.name, b.name) })
	return all
}

// Publish is [Stream.Publish] of the stream of that name.
func (h *Hub) Publish(name string, tracks []*media.Track) (*Publisher, error) {
	return h.Stream(name).Publish(tracks)
}

// Remove takes the stream of that name out of the hub and ends its session, if there is one. Whoever still holds the
// stream gets [ErrRemoved] from Publish and Await, and [ErrEnded] from Next when all is read. A later [Hub.Stream] makes
// a new stream. A name that is not there is no fault.
func (h *Hub) Remove(name string) {
	h.mu.Lock()
	s := h.streams[name]
	delete(h.streams, name)
	h.mu.Unlock()
	if s != nil {
		s.remove()
	}
}

// Close ends what feeds streams on demand and waits until it has returned. None is fed afterwards. It is idempotent; a hub without a
// Source needs none.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	all := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		s.unfeed()
	}
	h.feeds.Wait()
}
