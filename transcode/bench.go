package transcode

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/relay"
)

// Bench makes the renditions of a hub's streams. The fields are set before the first call; all methods may be called from any goroutine.
type Bench struct {
	Hub    *relay.Hub // its Source is the bench's
	Log    *slog.Logger
	FFmpeg string // the program; "": ffmpeg, looked up in PATH

	mu      sync.Mutex
	tallies map[tallyKey]*tally
}

// Source gives what feeds the rendition of that name; nil where the name is none. It is what [relay.Hub] wants as its own.
func (b *Bench) Source(name string) relay.Source {
	stream, k, ok := parse(name)
	if !ok {
		return nil
	}
	return func(ctx context.Context, s *relay.Stream) { b.feed(ctx, stream, k, s) }
}

// feed makes a rendition until ctx ends, or the stream that it is of is removed: then it is removed too.
func (b *Bench) feed(ctx context.Context, stream string, k Kind, to *relay.Stream) {
	from := b.Hub.Stream(k.parent(stream))
	log := b.Log.With("stream", stream, "rendition", k.String())
	log.Info("rendition begins")
	defer log.Info("rendition ends")
	for {
		err := from.Await(ctx)
		if err == nil {
			s := newStage(b, stream, k, from, to, log)
			err = s.run(ctx)
		}
		switch {
		case err == nil:
		case errors.Is(err, relay.ErrRemoved):
			b.Hub.Remove(to.Name())
			return
		case ctx.Err() == nil:
			log.Warn("rendition is lost", "err", err)
			return
		default:
			return
		}
	}
}

// program gives what children run.
func (b *Bench) program() string { return cmp.Or(b.FFmpeg, "ffmpeg") }

// Status is what one conversion of a stream did since the program began.
type Status struct {
	Stream     string
	Conversion string // opus, aac, in_order, h264
	Running    bool   // a child is there
	Starts     uint64 // of children
	Restarts   uint64 // of Starts, those after a child that died, hung, or was too late
	Late       uint64 // frames that came too late to be written
	CPU        time.Duration
	Delay      time.Duration // from a frame's arrival to that of what was made of it, on average of the last frames
}

// Status tells of a stream's conversions, by name; of those alone that ever had a child.
func (b *Bench) Status(stream string) []Status {
	var all []Status
	for c := range conversions {
		b.mu.Lock()
		t := b.tallies[tallyKey{stream, c}]
		b.mu.Unlock()
		if t != nil && t.starts.Load() > 0 {
			all = append(all, t.status(tallyKey{stream, c}))
		}
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Conversion, b.Conversion) })
	return all
}

// Forget takes the renditions of a stream that will not come back out of the hub, and drops what was counted of them.
func (b *Bench) Forget(stream string) {
	for k := range kinds {
		b.Hub.Remove(Name(stream, k))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range conversions {
		delete(b.tallies, tallyKey{stream, c})
	}
}

type tallyKey struct {
	stream string
	conversion
}

// tally counts what the children of one conversion of a stream did, one after the other.
type tally struct {
	starts, restarts, late atomic.Uint64
	delay                  atomic.Int64 // nanoseconds

	mu    sync.Mutex
	child *child        // nil: none
	spent time.Duration // processor time of those that are gone
	told  time.Duration // the most that was ever told: the kernel counts more coarsely while a child runs
}

// tally gives what counts for a conversion of a stream.
func (b *Bench) tally(stream string, c conversion) *tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := tallyKey{stream, c}
	t := b.tallies[key]
	if t == nil {
		t = new(tally)
		if b.tallies == nil {
			b.tallies = make(map[tallyKey]*tally)
		}
		b.tallies[key] = t
	}
	return t
}

// status gives what was counted.
func (t *tally) status(key tallyKey) Status {
	s := Status{
		Stream: key.stream, Conversion: key.String(),
		Starts: t.starts.Load(), Restarts: t.restarts.Load(), Late: t.late.Load(), Delay: time.Duration(t.delay.Load()),
	}
	s.Running, s.CPU = t.usage()
	return s
}

// begin notes the child that runs from now on.
func (t *tally) begin(c *child) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.child = c
}

// end notes that the child is gone, and what it has used of the processors.
func (t *tally) end(spent time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.child = nil
	t.spent += spent
}

// usage gives the processor time of all children so far, which is never less than it was, and whether one runs.
func (t *tally) usage() (running bool, total time.Duration) {
	t.mu.Lock()
	c, total := t.child, t.spent
	t.mu.Unlock()
	if c != nil {
		total += c.usage()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = max(t.told, total)
	return c != nil, t.told
}

// took counts the time that a frame took; an average over some dozens of frames. One goroutine at a time calls it.
func (t *tally) took(d time.Duration) {
	const over = 32
	old := t.delay.Load()
	if old == 0 {
		old = int64(d)
	}
	t.delay.Store(old + (int64(d)-old)/over)
}
