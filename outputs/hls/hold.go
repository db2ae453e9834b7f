package hls

import (
	"context"
	"slices"
)

// mostHeld bounds the requests of a stream that wait.
const mostHeld = 2000

// waiting is the requests of one stream that wait, by viewer, the oldest first. The server's lock guards it.
type waiting struct {
	all int
	by  map[*viewer][]*place
}

// place is one request that waits.
type place struct{ leave context.CancelCauseFunc }

// hold gives a request that waits a place: its context, which ends with errHeld where it has to give way. free is called when it waits no
// more. Where all places are taken, the viewer who has most gives her oldest one to who has fewer.
func (s *Server) hold(ctx context.Context, stream string, v *viewer) (held context.Context, free func(), err error) {
	held, leave := context.WithCancelCause(ctx)
	p := &place{leave}
	other, ok := s.take(stream, v, p)
	if other != nil {
		other.leave(errHeld)
	}
	if !ok {
		leave(nil)
		return nil, nil, errHeld
	}
	return held, func() {
		leave(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		w := s.held[stream]
		if w == nil { // she gave way, and nobody waits any more
			return
		}
		if w.remove(v, p); w.all == 0 {
			delete(s.held, stream)
		}
	}, nil
}

// take puts a request of a viewer in its place; false where there is none. other had that until now; nil: it was free.
func (s *Server) take(stream string, v *viewer, p *place) (other *place, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = make(map[string]*waiting)
	}
	w := s.held[stream]
	if w == nil {
		w = &waiting{by: make(map[*viewer][]*place)}
		s.held[stream] = w
	}
	if w.all >= mostHeld {
		if other = w.giveWay(v); other == nil {
			return nil, false
		}
	}
	w.all++
	w.by[v] = append(w.by[v], p)
	return other, true
}

// giveWay frees a place for a viewer, and gives who had it; nil where nobody has more than she would have.
func (w *waiting) giveWay(v *viewer) *place {
	var most *viewer
	for one, places := range w.by {
		if most == nil || len(places) > len(w.by[most]) {
			most = one
		}
	}
	if len(w.by[most]) <= len(w.by[v])+1 {
		return nil
	}
	oldest := w.by[most][0]
	w.remove(most, oldest)
	return oldest
}

// remove takes a place away, if it is still there.
func (w *waiting) remove(v *viewer, p *place) {
	places := w.by[v]
	i := slices.Index(places, p)
	if i < 0 {
		return
	}
	w.all--
	if w.by[v] = slices.Delete(places, i, i+1); len(w.by[v]) == 0 {
		delete(w.by, v)
	}
}
