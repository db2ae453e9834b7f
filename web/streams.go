package web

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/control"
)

// StreamList is the body of GET /v1/streams.
type StreamList struct {
	Now      time.Time              `json:"now" doc:"the clock that all times in this answer were read from"`
	Version  string                 `json:"version"`
	MayRetry bool                   `json:"may_retry" doc:"whether who asks may use :retry"`
	Streams  []control.StreamStatus `json:"streams"`
}

// listStreams answers GET /v1/streams.
func (s *Server) listStreams(w http.ResponseWriter, r *http.Request) {
	streams := slices.Clone(s.Source.Streams())
	for i := range streams {
		streams[i] = whole(streams[i])
	}
	if streams == nil {
		streams = []control.StreamStatus{}
	}
	s.writeJSON(w, r, StreamList{Now: time.Now().UTC(), Version: s.version(), MayRetry: s.mayRetry(r), Streams: streams})
}

// showStream answers GET /v1/streams/{id}.
func (s *Server) showStream(w http.ResponseWriter, r *http.Request) {
	stream, ok := s.Source.Stream(r.PathValue("id"))
	if !ok {
		writeProblem(w, StreamNotFound, "There is no such stream. GET /v1/streams lists all of them.")
		return
	}
	s.writeJSON(w, r, whole(stream))
}

// actOnDestination answers POST /v1/streams/{id}/destinations/{name}:{action}. Patterns of net/http take whole segments
// only, so that the action is cut off here.
func (s *Server) actOnDestination(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	name, ok := strings.CutSuffix(r.PathValue("action"), retryAction)
	if !ok {
		writeProblem(w, ActionNotFound, "A destination has one action: POST …/destinations/NAME:retry.")
		return
	}
	if !s.mayRetry(r) {
		writeProblem(w, LocalOnly, "A retry can be asked for only on the machine on which simulcart runs, at http://localhost.")
		return
	}
	switch err := s.Source.Retry(id, name); {
	case err == nil:
		s.logger().Info("retry asked for", "stream", id, "output", name, "remote", r.RemoteAddr)
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, control.ErrNoStream):
		writeProblem(w, StreamNotFound, "There is no such stream. GET /v1/streams lists all of them.")
	case errors.Is(err, control.ErrNoDestination):
		writeProblem(w, DestinationNotFound, "The stream has no such destination. GET /v1/streams/ID lists all of them.")
	default:
		s.logger().Error("retry", "stream", id, "output", name, "err", err)
		writeProblem(w, Internal, "The retry could not be asked for. The log says why.")
	}
}

// mayRetry says whether who sent r may change something: everybody with OpenRetry, else a client on this machine. A proxy
// on this machine speaks for others, and a name that some page made point here is not ours: neither counts as local.
func (s *Server) mayRetry(r *http.Request) bool {
	if s.OpenRetry {
		return true
	}
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
	}
	return s
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

// writeJSON answers 200 with v as JSON. It encodes before it answers: a value that JSON cannot say (a NaN, say) is a fault of ours,
// and the client is told so.
func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.logger().Error("encode status", "path", r.URL.Path, "err", err)
		writeProblem(w, Internal, "The status cannot be shown. The log says why.")
		return
	}
	writeBody(w, http.StatusOK, jsonType, body)
}
