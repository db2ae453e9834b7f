package transcode

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
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

// Status tells of all conversions, by stream and conversion.
func (b *Bench) Status() []Status {
	b.mu.Lock()
	tallies := maps.Clone(b.tallies)
	b.mu.Unlock()
	var all []Status
	for key, t := range tallies {
		if t.starts.Load() > 0 {
			all = append(all, t.status(key))
		}
	}
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Conversion, b.Conversion))
	})
	return all
}

// Forget drops what was counted of a stream that will not come back.
func (b *Bench) Forget(stream string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.tallies {
		if key.stream == stream {
			delete(b.tallies, key)
		}
	}
}

type tallyKey struct {
	stream string
	conversion
}

// tally counts what the children of one conversion of a stream did, one after the other.
type tally struct {
	starts, restarts, late atomic.Uint64
	cpu                    atomic.Int64 // nanoseconds, of those that are gone
	delay                  atomic.Int64 // nanoseconds
	child                  atomic.Pointer[child]
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
		Starts: t.starts.Load(), Restarts: t.restarts.Load(), Late: t.late.Load(),
		Delay: time.Duration(t.delay.Load()), CPU: time.Duration(t.cpu.Load()),
	}
	if c := t.child.Load(); c != nil {
		s.Running = true
		s.CPU += c.usage()
	}
	return s
}

// spent counts the processor time of a child that is gone.
func (t *tally) spent(d time.Duration) { t.cpu.Add(int64(d)) }

// took counts the time that a frame took; an average over some dozens of frames. One goroutine at a time calls it.
func (t *tally) took(d time.Duration) {
	const over = 32
	old := t.delay.Load()
	if old == 0 {
		old = int64(d)
	}
	t.delay.Store(old + (int64(d)-old)/over)
}
