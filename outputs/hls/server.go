package hls

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// The defaults of [Options].
const (
	DefaultSegment = 2 * time.Second
	DefaultPart    = 200 * time.Millisecond
	DefaultWindow  = 30 * time.Second
	DefaultMemory  = 256 << 20
)

const (
	idleAfter  = time.Minute            // that nobody asked for a session's segments: then no more are made
	viewerIdle = 30 * time.Second       // that an address asked for nothing: then its connection counts no more
	sweepEach  = 250 * time.Millisecond // how soon a right that is gone is noticed
	mostKnown  = 1 << 16                // viewers of all streams
)

// Options say how segments are made and served. Zero fields mean the defaults.
type Options struct {
	Segment   time.Duration // wish for the length of a segment: the next key frame ends it; 1 to 10 s
	Part      time.Duration // wish for the length of a part; 100 ms to 1 s
	Window    time.Duration // that the playlist lists; up to 30 min, beyond 1 min on disk
	Memory    int64         // bytes of one stream's media in memory, at most
	Folder    string        // where the part of the window lies that memory does not hold; "": the system's temporary folder
	Always    bool          // segments are made whether somebody asks or not
	AudioOnly bool          // a second playlist has the sound alone
	Origins   []string      // of web pages that may load the stream ("https://shop.example.com"); "*": all
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	set := func(d *time.Duration, usual time.Duration) {
		if *d <= 0 {
			*d = usual
		}
	}
	set(&o.Segment, DefaultSegment)
	set(&o.Part, DefaultPart)
	set(&o.Window, DefaultWindow)
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	return o
}

// Feed is a stream as one partner may have it.
type Feed struct {
	View    *overlay.View
	Carried *outputs.Carried // counts overlay states; nil: nobody does
	Served  *outputs.Served  // counts what was served; nil: nobody does
}

// Server answers players of HLS. Set the fields, let Run run, and serve it below /hls/.
type Server struct {
	Options  Options
	Registry *access.Registry
	Stream   func(name string) (*relay.Stream, bool)   // false: it is not live
	Streams  func() []*relay.Stream                    // all there are, for Options.Always
	Feed     func(stream, partner string) (Feed, bool) // false: it is not known
	Fit      outputs.Fit                               // makes what HLS does not carry fit; nil: nothing does
	Known    func(stream string) bool                  // says so without making a feed
	Log      *slog.Logger

	mu      sync.Mutex
	spawn   func(func(ctx context.Context)) // runs something until Run ends; nil: it does not run
	muxers  map[session]*muxer
	viewers map[viewerKey]*viewer
	views   map[string]*overlay.View // by the name in tickets
	held    map[string]*waiting      // requests that wait, by stream
	counts  map[string]requests      // by stream
	totals  map[string]packaged      // of sessions that are forgotten, by stream
}

// Run makes segments for those who ask, and for all streams where that is wanted, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var all sync.WaitGroup
	s.mu.Lock()
	s.spawn = func(f func(ctx context.Context)) { all.Go(func() { f(ctx) }) }
	s.mu.Unlock()
	tick := time.NewTicker(sweepEach)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			s.sweep()
		}
	}
	s.mu.Lock()
	s.spawn = nil
	s.mu.Unlock()
	s.dismiss(errStopping, func(*viewer) bool { return true })
	all.Wait()
	s.forget(func(*muxer) bool { return true })
	return nil
}

// sweep ends what is over.
func (s *Server) sweep() {
	s.dismiss(errRevoked, (*viewer).isOver)
	s.dismiss(nil, func(v *viewer) bool { return len(v.requests) == 0 && time.Since(v.used) > viewerIdle })
	if s.Options.Always && s.Streams != nil {
		for _, stream := range s.Streams() {
			if stream.Snapshot().Live {
				_, _ = s.muxer(stream) // a session that ends just now has none
			}
		}
	}
	s.forget(func(m *muxer) bool {
		idle := m.idle()
		return idle > idleAfter && (idle > 2*time.Duration(m.list.window) || !m.isOver())
	})
}

// Handler answers below /hls/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hls/{stream}/index.m3u8", s.serveIndex)
	mux.HandleFunc("GET /hls/{stream}/{ticket}/{session}/{file}", s.serveFile)
	mux.HandleFunc("OPTIONS /hls/", s.servePreflight)
	mux.HandleFunc("GET /hls/", func(w http.ResponseWriter, _ *http.Request) { s.refuse(w, "", "other", errGone) })
	return s.shared(mux)
}

// Status tells what is made of a stream, and what is asked of it; false where nothing ever was.
func (s *Server) Status(stream string) (outputs.PackagedStatus, bool) {
	s.mu.Lock()
	total, ever := s.totals[stream]
	var st outputs.PackagedStatus
	if w := s.held[stream]; w != nil {
		st.Held = w.all
	}
	for kind, n := range s.counts[stream] {
		st.Requests = append(st.Requests, outputs.PackagedRequests{Resource: kind.resource, Status: kind.status, Count: n})
	}
	var lists []*playlist
	for key, m := range s.muxers {
		if key.stream == stream {
			lists = append(lists, m.list)
		}
	}
	s.mu.Unlock()
	for _, list := range lists {
		total.add(list.status(&st))
	}
	st.Segments, st.Parts, st.SegmentSeconds, st.PartSeconds = total.segments, total.parts, total.segmentSeconds, total.partSeconds
	st.Ranges, st.Unwritten, st.Dropped = total.ranges, total.unwritten, make(map[string]uint64)
	for why, n := range total.dropped {
		st.Dropped[drop(why).String()] = n
	}
	slices.SortFunc(st.Requests, func(a, b outputs.PackagedRequests) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Status, b.Status))
	})
	return st, ever || len(lists) > 0 || len(st.Requests) > 0
}
