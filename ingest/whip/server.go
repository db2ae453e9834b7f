package whip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/wire"
)

// Path is where the server answers.
const Path = "/whip/"

const retryAfter = 2 * time.Second

// Server takes publishers. Set the fields, let Run run, and serve Handler below [Path].
type Server struct {
	Endpoint *rtc.Endpoint
	Gate     *ingest.Gate
	Registry *access.Registry
	Lobby    *access.Lobby    // bounds those who are not connected yet; nil: one of its own
	Refusals *ingest.Refusals // counts who was not let in; nil: nobody does
	Links    []string         // URLs of STUN and TURN servers that publishers are told of
	Log      *slog.Logger

	once sync.Once

	mu       sync.Mutex
	life     context.Context // of Run; nil: it does not run
	running  sync.WaitGroup
	sessions map[string]map[*session]bool // by stream
	totals   map[string]*ingest.Reception // of the publishers that have left, by stream
}

// Run takes publishers until ctx ends, and returns when all are gone.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.life = ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.life = nil
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// Handler answers below [Path].
func (s *Server) Handler() http.Handler {
	s.once.Do(func() {
		if s.Lobby == nil {
			s.Lobby = &access.Lobby{}
		}
	})
	return &rtc.Handler{Path: Path, Owner: s, Links: s.Links, Log: s.Log}
}

// identify finds whose stream key a request shows.
func (s *Server) identify(r *http.Request) access.Principal {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return s.Registry.Identify(key)
}

// Open lets a publisher in; [rtc.Handler] calls it.
func (s *Server) Open(r *http.Request, stream string, o *rtc.Offer) (rtc.Session, []byte, error) {
	who := s.identify(r)
	if err := s.Registry.Authorize(who, access.Publish, access.Object{Stream: stream}); err != nil {
		return nil, nil, denied(who)
	}
	applicant := ingest.Applicant{Stream: stream, Protocol: "whip", Remote: r.RemoteAddr, Software: short(r.UserAgent())}
	if err := s.Gate.Ask(applicant); err != nil {
		return nil, nil, problemOf(err)
	}
	chosen, err := choose(o)
	if err != nil {
		return nil, nil, err
	}
	p := newSession(s, applicant, who)
	answer, err := p.open(r, o, chosen)
	if err != nil {
		return nil, nil, err
	}
	if !s.start(p) {
		p.peer.Close()
		p.place.Leave()
		return nil, nil, problemOf(ingest.ErrDraining)
	}
	return p, answer, nil
}

// Refused counts a request that was refused.
func (s *Server) Refused(r *http.Request, stream string, err error) {
	s.Log.Debug("publisher refused", "stream", stream, "remote", r.RemoteAddr, "method", r.Method, "err", err)
	if r.Method == http.MethodPost {
		s.refused(err)
	}
}

// refused counts who was not let in.
func (s *Server) refused(err error) {
	var p *rtc.Problem
	var unsupported *wire.UnsupportedError
	var large *http.MaxBytesError
	why := ingest.RefusedSyntax
	switch {
	case errors.As(err, &p):
		why = refusals[p.Code]
	case errors.As(err, &unsupported):
		why = ingest.RefusedUnsupported
	case errors.As(err, &large):
		why = ingest.RefusedLimit
	}
	if s.Refusals != nil {
		s.Refusals.Count(why)
	}
}

// refusals are the labels of problems; all others are faults of the request.
var refusals = map[string]ingest.Refusal{
	"unauthorized": ingest.RefusedKey, "forbidden": ingest.RefusedKey, "busy": ingest.RefusedBusy, "stream_not_found": ingest.RefusedOther,
	"draining": ingest.RefusedOther, "crowded": ingest.RefusedCrowd, "codec": ingest.RefusedUnsupported, "invalid": ingest.RefusedUnsupported,
	"not_found": ingest.RefusedApp, "unsupported_media": ingest.RefusedUnsupported, "bad_request": ingest.RefusedSyntax, "internal": ingest.RefusedOther,
}

// start lets a session run; false where the server does not.
func (s *Server) start(p *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil || s.life.Err() != nil {
		return false
	}
	life := s.life
	name := p.applicant.Stream
	if s.sessions == nil {
		s.sessions = make(map[string]map[*session]bool)
	}
	if s.sessions[name] == nil {
		s.sessions[name] = make(map[*session]bool)
	}
	s.sessions[name][p] = true
	s.running.Go(func() {
		p.run(life)
		s.forget(p)
	})
	return true
}

// forget keeps the counts of a session that is over.
func (s *Server) forget(p *session) {
	counts := p.counts.Status().Past()
	s.mu.Lock()
	defer s.mu.Unlock()
	name := p.applicant.Stream
	delete(s.sessions[name], p)
	if s.totals == nil {
		s.totals = make(map[string]*ingest.Reception)
	}
	if s.totals[name] == nil {
		s.totals[name] = &ingest.Reception{}
	}
	s.totals[name].Add(counts)
}

// Status tells how the publishers of a stream are heard; false where none ever was there.
func (s *Server) Status(stream string) (ingest.Reception, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum ingest.Reception
	total := s.totals[stream]
	if total != nil {
		sum = *total
	}
	for p := range s.sessions[stream] {
		sum.Add(p.counts.Status())
	}
	return sum, total != nil || len(s.sessions[stream]) > 0
}

// denied says that somebody may not publish.
func denied(who access.Principal) error {
	if who.Stream == "" {
		return &rtc.Problem{
			Status: http.StatusUnauthorized, Code: "unauthorized", Detail: "The stream key is not known here: show it in the header Authorization: Bearer KEY.",
		}
	}
	return &rtc.Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "The stream key is that of another stream: check the address."}
}

// problemOf says in HTTP what the gate says.
func problemOf(err error) error {
	p := &rtc.Problem{Status: http.StatusConflict, Code: "busy", Detail: err.Error(), Log: err}
	switch {
	case errors.Is(err, ingest.ErrUnknownStream), errors.Is(err, ingest.ErrRemoved):
		p.Status, p.Code = http.StatusNotFound, "stream_not_found"
	case errors.Is(err, ingest.ErrDraining):
		p.Status, p.Code, p.Retry = http.StatusServiceUnavailable, "draining", retryAfter
	}
	return p
}

// short cuts what a peer says it is.
func short(s string) string { return s[:min(len(s), 256)] }

// visitor is a publisher in the lobby.
type visitor struct {
	from  net.Addr
	leave func()
}

// RemoteAddr is where it comes from.
func (v visitor) RemoteAddr() net.Addr { return v.from }

// Close ends its session.
func (v visitor) Close() error {
	v.leave()
	return nil
}

// address reads where a request comes from.
func address(remote string) net.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return &net.TCPAddr{}
	}
	return net.TCPAddrFromAddrPort(at)
}
