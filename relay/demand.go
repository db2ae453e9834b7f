package relay

import (
	"context"
	"sync"
	"time"
)

// Source feeds a stream on demand: it publishes s, session after session as it sees fit, until ctx ends. Where it returns before, it is
// not asked again until the stream was wanted by nobody for the hub's Linger.
type Source func(ctx context.Context, s *Stream)

// demand is who wants a stream, and what feeds it then:
//
//	          wanted                     nobody wants it for linger
//	resting ─────────▶ feeding: a run ──────────────────────────────▶ resting
//	                     ▲        │
//	                     └────────┘ wanted again before the run had returned: another run
//
// The stream's mutex guards what is below source, linger and feeds.
type demand struct {
	source Source
	linger time.Duration
	feeds  *sync.WaitGroup // the hub's

	wants   int                // open readers, and those who wait for a session
	feeding bool               // the goroutine that runs source is there
	stop    context.CancelFunc // ends the run; set while feeding
	idle    time.Time          // when the last one went; by the monotonic clock
	closed  bool               // nothing is fed any more
}

// wantLocked counts one more who wants the stream.
func (s *Stream) wantLocked() {
	d := s.demand
	if d == nil {
		return
	}
	d.wants++
	if d.feeding || d.closed || s.removed {
		return
	}
	d.feeding = true
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.feeds.Go(func() { s.feed(ctx) })
}

// unwantLocked counts one less who wants the stream.
func (s *Stream) unwantLocked() {
	d := s.demand
	if d == nil {
		return
	}
	d.wants--
	if d.wants > 0 || !d.feeding {
		return
	}
	d.idle = time.Now()
	time.AfterFunc(d.linger, s.relax)
}

// relax ends the run when nobody wanted the stream for so long.
func (s *Stream) relax() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.demand; d.feeding && d.wants == 0 && time.Since(d.idle) >= d.linger {
		d.stop()
	}
}

// unfeed ends the run, and lets none begin.
func (s *Stream) unfeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.demand
	if d == nil {
		return
	}
	d.closed = true
	if d.feeding {
		d.stop()
	}
}

// feed runs the source until nobody wants the stream.
func (s *Stream) feed(ctx context.Context) {
	for {
		s.demand.source(ctx, s)
		<-ctx.Done()
		next, again := s.feedAgain()
		if !again {
			return
		}
		ctx = next
	}
}

// feedAgain says whether the stream was wanted again while the run ended, and gives the context of the next run.
func (s *Stream) feedAgain() (next context.Context, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.demand
	if d.wants == 0 || d.closed {
		d.feeding, d.stop = false, nil
		return nil, false
	}
	next, d.stop = context.WithCancel(context.Background())
	return next, true
}
