package rtc

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Counts is what a session counts, or several do.
type Counts[C any] interface {
	Plus(other C) C // both
	Past() C        // what stays of a session that is over
}

// Roster runs sessions, knows which are there, and adds up what they count, by stream. The zero value is ready; sessions begin while Run runs.
type Roster[C Counts[C]] struct {
	mu      sync.Mutex
	life    context.Context // of Run; nil: it does not run
	running sync.WaitGroup
	streams map[string]*roll[C]
}

// roll is a roster's part for one stream.
type roll[C Counts[C]] struct {
	here map[*func() C]bool // what asks each session for its counts
	past C                  // of those that are over
}

// Run lets sessions run until ctx ends, and returns when all are over.
func (r *Roster[C]) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	r.life = ctx
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.life = nil
	r.mu.Unlock()
	r.running.Wait()
	return nil
}

// Runs says whether sessions may begin.
func (r *Roster[C]) Runs() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life != nil && r.life.Err() == nil
}

// Start runs a session of a stream, whose counts can be asked for at any time; false where Run does not run. The session's context ends
// with Run's.
func (r *Roster[C]) Start(stream string, counts func() C, session func(ctx context.Context)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil || r.life.Err() != nil {
		return false
	}
	life := r.life
	if r.streams == nil {
		r.streams = make(map[string]*roll[C])
	}
	if r.streams[stream] == nil {
		r.streams[stream] = &roll[C]{here: make(map[*func() C]bool)}
	}
	of := r.streams[stream]
	of.here[&counts] = true
	r.running.Go(func() {
		session(life)
		last := counts().Past()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(of.here, &counts)
		of.past = of.past.Plus(last)
	})
	return true
}

// Status adds up what the sessions of a stream counted; false where none ever was there.
func (r *Roster[C]) Status(stream string) (sum C, ever bool) {
	r.mu.Lock()
	of := r.streams[stream]
	var here []*func() C
	if of != nil {
		sum, here = of.past, slices.Collect(maps.Keys(of.here))
	}
	r.mu.Unlock()
	for _, counts := range here {
		sum = sum.Plus((*counts)())
	}
	return sum, of != nil
}

// Forget drops what was counted of a stream that is gone.
func (r *Roster[C]) Forget(stream string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.streams, stream)
}
