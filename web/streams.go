package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
)

// StreamList is the body of GET /v1/streams.
type StreamList struct {
	Now      time.Time              `json:"now" doc:"the clock that all times in this answer were read from"`
	Version  string                 `json:"version"`
	MayRetry bool                   `json:"may_retry" doc:"whether who asks may use :retry"`
	Streams  []control.StreamStatus `json:"streams"`
}

// retryOperation is the one change that is possible without tokens.
const retryOperation = "streams-retry"

// registerStreams puts the operations on streams and destinations onto the API.
func (s *Server) registerStreams(api huma.API) {
	huma.Register(api, operation("streams-list", http.MethodGet, "/v1/streams", "All streams", access.Read), s.listStreams)
	huma.Register(api, operation("streams-show", http.MethodGet, "/v1/streams/{stream}", "One stream", access.Read, http.StatusNotFound), s.showStream)
	retry := operation(retryOperation, http.MethodPost, "/v1/streams/{stream}/destinations/{action}",
		"Try a waiting destination at once", access.Administer, http.StatusNotFound)
	retry.DefaultStatus = http.StatusAccepted
	huma.Register(api, retry, s.retry)
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

// OnStream is the part of a request that names its stream.
type OnStream struct {
	Stream string `path:"stream" doc:"the stream's id"`
}

// onList is a request for the list of streams.
type onList struct{ mayRetry bool }

// Resolve finds whether who asks may use :retry; huma calls it.
func (l *onList) Resolve(ctx huma.Context) []error {
	if s, ok := ctx.Context().Value(serverKey{}).(*Server); ok {
		r, _ := humago.Unwrap(ctx)
		l.mayRetry = s.refuseRetry(r, "") == nil
	}
	return nil
}

// serverKey is the context key of the server that answers.
type serverKey struct{}

// listStreams answers GET /v1/streams.
func (s *Server) listStreams(_ context.Context, in *onList) (*body[StreamList], error) {
	streams := slices.Clone(s.Source.Streams())
	for i := range streams {
		streams[i] = whole(streams[i])
	}
	if streams == nil {
		streams = []control.StreamStatus{}
	}
	return &body[StreamList]{StreamList{Now: time.Now().UTC(), Version: s.version(), MayRetry: in.mayRetry, Streams: streams}}, nil
}

// errNoStream is the answer to a stream that is not known.
func errNoStream() error {
	return newProblem(StreamNotFound, "There is no such stream. GET /v1/streams lists all of them.")
}

// showStream answers GET /v1/streams/{stream}.
func (s *Server) showStream(_ context.Context, in *OnStream) (*body[control.StreamStatus], error) {
	stream, ok := s.Source.Stream(in.Stream)
	if !ok {
		return nil, errNoStream()
	}
	return &body[control.StreamStatus]{whole(stream)}, nil
}

// OnDestination is a request that acts on a destination. Patterns of net/http take whole segments only, so that the action is
// cut off here.
type OnDestination struct {
	OnStream

	Action string `path:"action" doc:"the destination's name, and :retry" example:"tiktok:retry"`
}

// retry answers POST /v1/streams/{stream}/destinations/{name}:retry.
func (s *Server) retry(_ context.Context, in *OnDestination) (*struct{}, error) {
	name, ok := strings.CutSuffix(in.Action, retryAction)
	if !ok {
		return nil, newProblem(ActionNotFound, "A destination has one action: POST …/destinations/NAME:retry.")
	}
	switch err := s.Source.Retry(in.Stream, name); {
	case err == nil:
		s.logger().Info("retry asked for", "stream", in.Stream, "output", name)
		return nil, nil
	case errors.Is(err, control.ErrNoStream):
		return nil, errNoStream()
	case errors.Is(err, control.ErrNoDestination):
		return nil, newProblem(DestinationNotFound, "The stream has no such destination. GET /v1/streams/ID lists all of them.")
	default:
		s.logger().Error("retry", "stream", in.Stream, "output", name, "err", err)
		return nil, newProblem(Internal, "The retry could not be asked for. The log says why.")
	}
}

// refuseRetry says why who sent r may not ask for a retry; nil where they may: with an admin's token, and where there are no
// tokens, on this machine or with OpenRetry.
func (s *Server) refuseRetry(r *http.Request, stream string) *Problem {
	if s.Access != nil && s.Access.HasTokens() {
		return s.refuse(r, access.Administer, stream)
	}
	if s.OpenRetry || isLocal(r) {
		return nil
	}
	return newProblem(LocalOnly, "A retry can be asked for only on the machine on which simulcart runs, at http://localhost.")
}

// isLocal says whether r comes from this machine. A proxy on this machine speaks for others, and a name that some page made
// point here is not ours: neither counts as local.
func isLocal(r *http.Request) bool {
	for _, forwarded := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(forwarded) != "" {
			return false
		}
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && remote.Addr().Unmap().IsLoopback() && isLoopbackName(r.Host)
}

// isLoopbackName says whether a Host header names this machine: localhost or a loopback address, with or without a port.
func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, loopbackHost) {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// whole gives a copy of s in which no list and no map is null, so that readers of the JSON need not ask.
func whole(s control.StreamStatus) control.StreamStatus {
	s.Tracks = orEmpty(s.Tracks)
	s.Ingest.Frames = orNone(s.Ingest.Frames)
	s.Ingest.Dropped = orNone(s.Ingest.Dropped)
	s.Destinations = orEmpty(slices.Clone(s.Destinations))
	for i := range s.Destinations {
		d := &s.Destinations[i]
		d.Skipped = orNone(d.Skipped)
		d.Failures = orNone(d.Failures)
		d.Overlays = wholeCarried(d.Overlays)
	}
	s.Feeds = orEmpty(slices.Clone(s.Feeds))
	for i := range s.Feeds {
		f := &s.Feeds[i]
		f.Skipped, f.Overlays = orNone(f.Skipped), wholeCarried(f.Overlays)
	}
	if s.HLS != nil {
		packaged := *s.HLS
		packaged.Requests, packaged.Dropped = orEmpty(packaged.Requests), orNone(packaged.Dropped)
		s.HLS = &packaged
	}
	return s
}

func wholeCarried(c control.CarriedStatus) control.CarriedStatus {
	c.States, c.Repeats, c.Bytes, c.Reduced = orNone(c.States), orNone(c.Repeats), orNone(c.Bytes), orNone(c.Reduced)
	return c
}

// orEmpty gives list, or an empty one for nil.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// orNone gives counts, or an empty map for nil.
func orNone(counts map[string]uint64) map[string]uint64 {
	if counts == nil {
		return map[string]uint64{}
	}
	return counts
}
