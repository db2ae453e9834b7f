package whip

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
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

	roster rtc.Roster[ingest.Reception]
}

// Run takes publishers until ctx ends, and returns when all are gone.
func (s *Server) Run(ctx context.Context) error { return s.roster.Run(ctx) }

// Status tells how the publishers of a stream are heard; false where none ever was there.
func (s *Server) Status(stream string) (ingest.Reception, bool) { return s.roster.Status(stream) }

// Forget drops what was counted of a stream that is gone.
func (s *Server) Forget(stream string) { s.roster.Forget(stream) }

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
	if !s.roster.Start(stream, p.counts.Status, p.run) {
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
