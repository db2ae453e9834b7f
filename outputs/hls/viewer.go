package hls

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
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
	opened chan struct{} // closed when it is known whether she may
	fault  error         // why not; set before opened is closed, as pass and feed are
	pass   *access.Pass
	feed   Feed

	used     time.Time         // guarded by the server's lock, as requests are
	requests map[*request]bool // that are being answered
}

// isOver says whether the viewer's right is gone.
func (v *viewer) isOver() bool {
	select {
	case <-v.pass.Done():
		return true
	default:
		return false
	}
}

// isOpen says whether she was let in.
func (v *viewer) isOpen() bool {
	select {
	case <-v.opened:
		return v.fault == nil
	default:
		return false
	}
}

// request is one that is being answered.
type request struct {
	writer *http.ResponseController
	cancel context.CancelCauseFunc

	mu   sync.Mutex // of what can be done to the writer, which never waits
	over bool       // nothing more may be sent
	done bool       // it was answered: the writer is another's
}

// allow gives the answer so much time from now on. A transport without deadlines has none that hang.
func (q *request) allow(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		_ = q.writer.SetWriteDeadline(time.Now().Add(d))
	}
}

// abort breaks off what is being sent, and ends what waits with a cause.
func (q *request) abort(cause error) {
	q.mu.Lock()
	if q.over = true; !q.done {
		_ = q.writer.SetWriteDeadline(time.Now())
	}
	q.mu.Unlock()
	q.cancel(cause)
}

// finish says that the answer is out.
func (q *request) finish() {
	q.mu.Lock()
	q.done = true
	q.mu.Unlock()
	q.cancel(nil)
}

// enter lets a request in, with the right that it comes with. leave is called when it is answered.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, who access.Principal, stream string) (ctx context.Context, v *viewer, q *request, err error) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	q = &request{writer: http.NewResponseController(w), cancel: cancel}
	for {
		if v, err = s.viewer(viewerKey{who.Holder(), stream, address}, who); err != nil {
			cancel(nil)
			return nil, nil, nil, err
		}
		if s.attach(v, q) {
			return ctx, v, q, nil
		}
	}
}

// attach notes a request of a viewer; false where she was dismissed just now.
func (s *Server) attach(v *viewer, q *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.requests == nil {
		return false
	}
	v.requests[q], v.used = true, time.Now()
	return true
}

// leave ends a request that was let in.
func (s *Server) leave(v *viewer, q *request) {
	q.finish()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(v.requests, q)
	v.used = time.Now()
}

// viewer gives the viewer of a key, who comes as somebody with her right, and lets her in where she comes anew.
func (s *Server) viewer(key viewerKey, who access.Principal) (*viewer, error) {
	o := access.Object{Stream: key.stream, Over: access.HLS}
	s.mu.Lock()
	v, many := s.viewers[key], len(s.viewers) >= mostKnown
	isNew := v == nil && !many
	if isNew {
		v = &viewer{opened: make(chan struct{}), used: time.Now(), requests: make(map[*request]bool)}
		if s.viewers == nil {
			s.viewers = make(map[viewerKey]*viewer)
		}
		s.viewers[key] = v
	}
	s.mu.Unlock()
	switch {
	case v == nil:
		return nil, errCrowded
	case isNew:
		s.admit(key, v, who, o)
		return v, v.fault
	}
	<-v.opened
	switch {
	case v.fault != nil:
		return nil, v.fault
	case v.isOver():
		s.dismiss(errRevoked, func(one *viewer) bool { return one == v })
		return s.viewer(key, who)
	}
	return v, s.Registry.Admit(who, o) // her ticket may be older than the one that she was let in with
}

// admit lets a new viewer in, or says why not.
func (s *Server) admit(key viewerKey, v *viewer, who access.Principal, o access.Object) {
	defer close(v.opened)
	if v.pass, v.fault = s.Registry.Open(who, o); v.fault == nil {
		feed, known := s.Feed(key.stream, v.pass.Partner())
		if known {
			v.feed = feed
			feed.Served.Enter()
			return
		}
		v.pass.Close()
		v.fault = errNotLive
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, key)
	v.requests = nil
}

// dismiss ends the viewers that are over, and breaks off what they are being sent.
func (s *Server) dismiss(cause error, over func(*viewer) bool) {
	var gone []*viewer
	var requests []*request
	s.mu.Lock()
	for key, v := range s.viewers {
		if v.isOpen() && over(v) {
			gone = append(gone, v)
			requests = slices.AppendSeq(requests, maps.Keys(v.requests))
			delete(s.viewers, key)
			v.requests = nil
		}
	}
	s.mu.Unlock()
	for _, v := range gone {
		v.pass.Close()
		v.feed.Served.Leave()
	}
	for _, q := range requests {
		q.abort(cause)
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
