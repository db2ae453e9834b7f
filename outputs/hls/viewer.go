package hls

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/overlay"
)

// viewerKey tells viewers apart: by the right with which they come, and by address, since URLs are the same for all with one right.
// Who comes through a cache or a proxy is one viewer.
type viewerKey struct {
	who     access.Principal
	stream  string
	address string
}

// viewer is what counts as a connection: somebody who asks for a stream again and again.
type viewer struct {
	pass    *access.Pass
	feed    Feed
	used    time.Time
	writers map[*http.ResponseController]context.CancelFunc // of the requests being answered
}

// enter lets a request in, with the right that it comes with. leave is called when it is answered.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, who access.Principal, stream string) (ctx context.Context, v *viewer, leave func(), err error) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	key := viewerKey{who, stream, address}
	if v, err = s.viewer(key); err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	writer := http.NewResponseController(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	v.writers[writer] = cancel
	v.used = time.Now()
	return ctx, v, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(v.writers, writer)
		v.used = time.Now()
	}, nil
}

// viewer gives the viewer of a key, and lets her in where she comes anew.
func (s *Server) viewer(key viewerKey) (*viewer, error) {
	s.mu.Lock()
	v, many := s.viewers[key], len(s.viewers) >= mostKnown
	s.mu.Unlock()
	switch {
	case v != nil && !isOver(v.pass):
		return v, nil
	case v != nil:
		s.dismiss(func(one *viewer) bool { return one == v })
	case many:
		return nil, errCrowded
	}
	pass, err := s.Registry.Open(key.who, access.Object{Stream: key.stream, Over: access.HLS})
	if err != nil {
		return nil, err
	}
	feed, known := s.Feed(key.stream, pass.Partner())
	if !known {
		pass.Close()
		return nil, errNotLive
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.viewers[key]; other != nil { // she came with two requests at once
		pass.Close()
		return other, nil
	}
	v = &viewer{pass: pass, feed: feed, used: time.Now(), writers: make(map[*http.ResponseController]context.CancelFunc)}
	if s.viewers == nil {
		s.viewers = make(map[viewerKey]*viewer)
	}
	s.viewers[key] = v
	feed.Served.Enter()
	return v, nil
}

func isOver(p *access.Pass) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// dismiss ends the viewers that are over.
func (s *Server) dismiss(over func(*viewer) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, v := range s.viewers {
		if over(v) {
			s.endLocked(key, v)
		}
	}
}

// endLocked ends a viewer, and breaks off what is being sent.
func (s *Server) endLocked(key viewerKey, v *viewer) {
	delete(s.viewers, key)
	v.pass.Close()
	v.feed.Served.Leave()
	for writer, cancel := range v.writers {
		cancel()
		_ = writer.SetWriteDeadline(time.Now()) // a transport without deadlines has none that hang
	}
}

// viewID gives a view its name in tickets, and remembers it: a reload of the configuration may change a partner's view, and who watches then
// goes on with what the URLs say.
func (s *Server) viewID(v *overlay.View) string {
	if isNeutral(v) {
		return neutralView
	}
	digest := sha256.Sum256([]byte(v.Name()))
	id := hex.EncodeToString(digest[:6])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.views == nil {
		s.views = make(map[string]*overlay.View)
	}
	s.views[id] = v
	return id
}

// neutralView is the name of the neutral view in tickets.
const neutralView = "neutral"

// view gives the view of that name; false for one that was never given.
func (s *Server) view(id string) (*overlay.View, bool) {
	if id == neutralView {
		return &overlay.View{}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known := s.views[id]
	return v, known
}
