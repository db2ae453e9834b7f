package whep

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/rtp"
)

// Path is where the server answers.
const Path = "/whep/"

// How soon a viewer may ask again.
const (
	retryIdle = 2 * time.Second // where the stream is not live
	retryFull = 30 * time.Second
)

// beginTime is how long a stream that is made on demand may take to begin.
const beginTime = 5 * time.Second

// Feed is a stream as one viewer may have it.
type Feed struct {
	Output  string           // the reader's name in the counters
	View    *overlay.View    // of overlay states
	Carried *outputs.Carried // counts them; nil: nobody does
}

// Server lets viewers in. Set the fields, let Run run, and serve Handler below [Path].
type Server struct {
	Endpoint *rtc.Endpoint
	Registry *access.Registry
	Stream   func(name string) (*relay.Stream, bool)   // false: it is not live
	Feed     func(stream, partner string) (Feed, bool) // false: it is not known
	Lobby    *access.Lobby                             // bounds those who are not connected yet; nil: one of its own
	Crowded  func(evicted bool)                        // counts who lost a place in the lobby, or got none; nil: nobody does
	Links    []string                                  // URLs of STUN and TURN servers that viewers are told of
	Log      *slog.Logger

	once sync.Once

	roster rtc.Roster[outputs.Viewing]
	bases  rtp.Bases
}

// Run lets viewers watch until ctx ends, and returns when all are gone.
func (s *Server) Run(ctx context.Context) error { return s.roster.Run(ctx) }

// Status tells how the viewers of a stream are doing; false where none ever was there.
func (s *Server) Status(stream string) (outputs.Viewing, bool) { return s.roster.Status(stream) }

// Handler answers below [Path].
func (s *Server) Handler() http.Handler {
	s.once.Do(func() {
		if s.Lobby == nil {
			s.Lobby = &access.Lobby{}
		}
	})
	return &rtc.Handler{Path: Path, Owner: s, Links: s.Links, Log: s.Log}
}

// identify finds who asks.
func (s *Server) identify(r *http.Request) access.Principal {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.Registry.IdentifyViewer(token)
	}
	return s.Registry.IdentifyViewer(r.URL.Query().Get("token"))
}

// Open lets a viewer in; [rtc.Handler] calls it.
func (s *Server) Open(r *http.Request, stream string, o *rtc.Offer) (rtc.Session, []byte, error) {
	who := s.identify(r)
	object := access.Object{Stream: stream, Over: access.WHEP}
	if err := s.Registry.Admit(who, object); err != nil {
		return nil, nil, denied(who)
	}
	live, ok := s.Stream(stream)
	if !ok {
		return nil, nil, errIdle()
	}
	begin, cancel := context.WithTimeout(r.Context(), beginTime)
	defer cancel()
	if live.Await(begin) != nil { // a rendition begins when somebody wants it
		return nil, nil, errIdle()
	}
	chosen, err := choose(o, live.Tracks())
	if err != nil {
		return nil, nil, err
	}
	pass, err := s.Registry.Open(who, object)
	switch {
	case errors.Is(err, access.ErrFull):
		return nil, nil, &rtc.Problem{Status: http.StatusTooManyRequests, Code: "full", Detail: "All connections of the contract are in use.", Retry: retryFull}
	case err != nil:
		return nil, nil, denied(who)
	}
	feed, known := s.Feed(stream, pass.Partner())
	if !known {
		pass.Close()
		return nil, nil, errIdle()
	}
	v := &session{
		server: s, name: stream, stream: live, feed: feed, who: who, pass: pass, board: newBoard(feed.Carried),
		log: s.Log.With("stream", stream, "output", feed.Output, "remote", r.RemoteAddr),
	}
	answer, err := v.open(r, o, chosen)
	if err != nil {
		pass.Close()
		return nil, nil, err
	}
	if !s.roster.Start(stream, v.counts.Status, v.run) {
		v.peer.Close()
		v.place.Leave()
		pass.Close()
		return nil, nil, &rtc.Problem{Status: http.StatusServiceUnavailable, Code: "draining", Detail: "The server is shutting down: connect again in a moment.", Retry: retryIdle}
	}
	return v, answer, nil
}

// Refused is told of requests that were refused; those that concern the right to play are counted where that was asked.
func (s *Server) Refused(r *http.Request, stream string, err error) {
	s.Log.Debug("viewer refused", "stream", stream, "remote", r.RemoteAddr, "method", r.Method, "err", err)
}

// Forget drops what is known of a stream that is gone.
func (s *Server) Forget(stream string) {
	s.roster.Forget(stream)
	s.bases.Forget(stream)
}

func (s *Server) crowded(evicted bool) {
	if s.Crowded != nil {
		s.Crowded(evicted)
	}
}

// denied says that somebody may not watch: who shows nothing that is known is asked for it.
func denied(who access.Principal) error {
	if who == (access.Principal{}) || who.Unknown {
		return &rtc.Problem{
			Status: http.StatusUnauthorized, Code: "unauthorized",
			Detail: "Show a token or link that is good for this stream, in the header Authorization: Bearer TOKEN, or as ?token=TOKEN.",
		}
	}
	return &rtc.Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "The token or link is not good for this stream over WHEP."}
}

func errIdle() error {
	return &rtc.Problem{Status: http.StatusConflict, Code: "idle", Detail: "The stream is not live. Try again in a moment.", Retry: retryIdle}
}
