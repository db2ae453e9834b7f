// Package web shows what simulcart does: the status page and its JSON API to people, /metrics, /healthz and /readyz to
// machines.
//
// Everything is answered from the snapshots of a [Source]; no request waits for the network. Faults are problem documents
// (RFC 9457) with a code of one closed set, [Code].
package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/media"
)

// Source is what the pages show; the control plane implements it. All calls answer from snapshots and never wait for the
// network. They may come from many goroutines at once.
type Source interface {
	// Streams gives all streams, in the order in which they are shown. The caller does not change what it gets.
	Streams() []control.StreamStatus
	// Stream gives one stream; false where there is none of that id.
	Stream(id string) (control.StreamStatus, bool)
	// Node gives what concerns the node and no single stream.
	Node() control.NodeStatus
	// Retry asks for a connection attempt now, and does not wait for it. It gives control.ErrNoStream or
	// control.ErrNoDestination, wrapped or not, where the names fit nothing.
	Retry(stream, destination string) error
	// Partners gives all contracts, by name.
	Partners() []control.PartnerStatus
}

// Server answers HTTP requests about a Source. Set its fields before the first use and leave them alone afterwards.
type Server struct {
	Source   Source           // what is shown; needed
	Overlays Overlays         // products and cues; needed
	Access   *access.Registry // who may do what; nil is as one without tokens: reads on this machine only
	Log      *slog.Logger     // nil means no log
	Version  string           // shown on the page and in simulcart_build_info; empty means unknown

	// OpenRetry lets everybody who reaches the public handler ask for a retry where there are no tokens. False means that only
	// programs and browsers on this machine may.
	OpenRetry bool

	// FeedURL gives the address at which a stream is pulled over a protocol from the host that a client calls us, with a secret, which
	// may be empty; "" where the protocol is not served. nil: none is.
	FeedURL func(over access.Protocol, host, stream, secret string) string

	Ready func() error // what /readyz asks, at once and without waiting; nil means always ready
	Debug bool         // serves the profiles of net/http/pprof below /debug/pprof/ on the operations handler

	shown   shown   // what the overlay part counts
	replays replays // changes by their Idempotency-Key
}

// Overlays is where products and cues are kept; the control plane implements it. The errors of both finders are
// control.ErrNoStream. All calls may come from many goroutines at once.
type Overlays interface {
	// Catalog gives a stream's products, for the empty id the shared ones.
	Catalog(stream string) (control.Catalog, error)
	// Cues gives what is shown over a stream, and what is to be.
	Cues(stream string) (control.Cues, error)
	// Wall gives the time of day at which a media time of a stream is shown.
	Wall(stream string, at media.Time) time.Time
}

// The limits of the HTTP listeners.
const (
	maxHeader     = 16 << 10        // bytes of the request line and all header lines together
	maxBody       = 256 << 10       // bytes of a request's body, but for files of products
	headerTime    = 5 * time.Second // from the first byte of a request to the end of its header
	bodyTime      = 10 * time.Second
	idleTime      = 60 * time.Second // between two requests on a connection
	writeTime     = 30 * time.Second // for a whole answer; a handler that needs longer moves its own deadline
	readAhead     = 4 << 10          // what net/http adds to http.Server.MaxHeaderBytes for its buffer
	stampLayout   = time.RFC3339Nano
	unknownBuild  = "unknown"
	jsonType      = "application/json"
	problemType   = "application/problem+json"
	allowRead     = "GET, HEAD"
	retryAction   = ":retry"
	loopbackHost  = "localhost"
	contentType   = "Content-Type"
	policyHeader  = "Content-Security-Policy"
	devicesHeader = "Permissions-Policy"
	nothingPolicy = "default-src 'none'; frame-ancestors 'none'"
)

// HTTPServer gives a server for h with simulcart's limits: 16 KiB of header within 5 s, 256 KiB of body within 10 s, 60 s
// of idleness, 30 s for an answer. A handler that answers for longer than that moves its deadline with
// [http.ResponseController]. The caller sets nothing but what it needs for its listener, calls Serve, and Shutdown to end
// it. A nil log means no log.
func HTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           limitBody(h),
		MaxHeaderBytes:    maxHeader - readAhead,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		WriteTimeout:      writeTime,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// limitBody bounds a request's body in bytes and in time. A request without a body gets no read deadline: it may be held
// open for as long as its handler likes, and a deadline would cancel it.
func limitBody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(maxBody)
		if strings.HasSuffix(r.URL.Path, importAction) {
			limit = maxImport
		}
		if r.ContentLength > limit {
			w.Header().Set("Connection", "close")
			writeProblem(w, BodyTooLarge, fmt.Sprintf("A request body may be at most %d KiB here.", limit>>10))
			return
		}
		if r.ContentLength != 0 {
			// The only possible fault is a transport without deadlines, which has no slow reader to fear.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		h.ServeHTTP(w, r)
	})
}

// Handler serves the public side: the status page at /, the pages for viewers below /watch/ and for creators below
// /publish/, and the API below /v1/. Requests that would change something are refused where they come from a page of another site.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	serveRead(mux, "/{$}", page(pageHTML))
	serveRead(mux, "/docs", page(docsHTML))
	serveRead(mux, "/watch/{stream}", http.HandlerFunc(serveWatch))
	serveRead(mux, "/publish/{stream}", http.HandlerFunc(servePublish))
	serveRead(mux, "/assets/{file}", http.HandlerFunc(serveAsset))
	s.register(mux)
	mux.Handle("/", nothingHere(mux))

	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(problem(CrossOrigin, "A page of another site may not change anything here."))
	return secured(s.mended(sameSite.Handler(mux)))
}

// nothingHere answers what mux has no pattern for: the methods that the address takes, or that there is nothing.
func nothingHere(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			writeProblem(w, NotFound, "There is nothing at this address. The API starts at /v1/streams; /docs describes it.")
			return
		}
		allow := strings.Join(allowed, ", ")
		w.Header().Set("Allow", allow)
		writeProblem(w, MethodNotAllowed, "This address takes "+allow+" only.")
	})
}

// serveRead registers h for reading a path, and a problem document for all other methods.
func serveRead(mux *http.ServeMux, path string, h http.Handler) {
	refuse := problem(MethodNotAllowed, "This address takes "+allowRead+" only.")
	mux.Handle("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowRead)
		refuse.ServeHTTP(w, r)
	})
}

// secured sets the headers that every answer carries: nothing is stored, guessed at, framed, or told to other sites, and
// no page uses a camera.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Cache-Control", "no-store")
		head.Set(policyHeader, nothingPolicy)
		head.Set(devicesHeader, noDevices)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("X-Frame-Options", "DENY")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.ServeHTTP(w, r)
	})
}

// logger gives Log, or one that drops everything.
func (s *Server) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// version gives Version, or a word for its absence.
func (s *Server) version() string {
	if s.Version == "" {
		return unknownBuild
	}
	return s.Version
}
