package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	lookEach    = 250 * time.Millisecond // at the base, while a rendition brings nothing
	starveAfter = 15 * time.Second       // a rendition that brings nothing for so long, while the base goes on, is none
	lackAfter   = media.Time(5 * time.Second)
	paused      = 2 * time.Second // a base that brings nothing for so long does not go on
)

// ErrStarved says that a rendition brings nothing, though its base goes on.
var ErrStarved = errors.New("relay: the rendition brings nothing")

// Choose says what an output reads of base while base has these tracks: base itself where the output takes them, else a rendition; nil
// where none makes them fit. It is asked about single tracks too.
type Choose func(base *Stream, tracks []*media.Track) *Stream

// Follower is a [Reader] that reads one session of a stream, or renditions of it where the output cannot carry what the stream has, and
// changes between them. No track's time goes back. One goroutine calls Next, Stream, First and Lacks; the other methods may be called from
// any.
type Follower struct {
	base    *Stream
	session *session // of base; the same for good
	choose  Choose
	output  string
	maxLag  time.Duration
	first   func(*window) (seq uint64, ok bool) // where it begins

	// Used by the reading goroutine only:
	judged  [classes]*media.Track // suit
	last    [classes]*media.Frame // that were handed over
	moved   bool                  // it has changed at least once
	fresh   bool                  // and has handed over nothing since
	floor   media.Time            // what was handed over when it did; nothing older follows
	linked  bool                  // pictures may follow that are no key frame
	began   media.Time            // decode time of base's newest frame when the rendition was begun with
	fed     time.Time             // when something was handed over, or could not be expected
	skipped int                   // frames that Next did not tell of yet
	from    *Stream               // of the last batch
	timer   *time.Timer

	mu     sync.Mutex
	now    *Reader
	closed bool
}

// Follow makes a follower for the output of that name; see [Stream.Subscribe], which also says where it starts. The caller closes it. With
// a nil choose it is a reader of the stream.
func (s *Stream) Follow(output string, maxLag time.Duration, choose Choose) *Follower {
	return s.follow(&Follower{choose: choose, output: output, maxLag: maxLag, first: (*window).newestStart})
}

// FollowOldest is [Stream.Follow] for an output that wants the past too; see [Stream.SubscribeOldest].
func (s *Stream) FollowOldest(output string, maxLag time.Duration, choose Choose) *Follower {
	return s.follow(&Follower{choose: choose, output: output, maxLag: maxLag, first: (*window).oldestStart})
}

// follow begins.
func (s *Stream) follow(f *Follower) *Follower {
	f.base, f.linked, f.floor, f.fed = s, true, never, time.Now()
	f.now = s.subscribe(f.output, f.maxLag, nil, f.first)
	f.session = f.now.session
	if to := f.want(nil); to != s {
		f.change(to)
		f.moved, f.linked = false, true
	}
	return f
}

// Next is [Reader.Next]; all frames of a batch come from one stream. It returns [ErrEnded] when the base's session has ended and all of it
// is read, and [ErrStarved] where a rendition has brought nothing for long.
func (f *Follower) Next(ctx context.Context, dst []*media.Frame, maxBytes int) (fs []*media.Frame, skipped int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			f.now.unwait()
			return dst[:0], 0, err
		}
		f.goBack()
		fs, skipped, err = f.now.take(dst[:0], maxBytes)
		f.skipped += skipped
		switch {
		case errors.Is(err, ErrEnded) && f.now.stream != f.base && !f.over():
			f.change(f.want(nil)) // to the next session of the rendition, mostly
			continue
		case err != nil:
			return fs, f.told(), err
		case len(fs) > 0 && f.foreign():
			f.now.restore(fs, nil)
			if f.over() {
				return dst[:0], f.told(), ErrEnded
			}
			continue
		case len(fs) > 0:
			if fs = f.sift(fs); len(fs) == 0 {
				continue
			}
			if f.from = f.now.stream; f.from != f.base {
				f.fed = time.Now()
			}
			return fs, f.told(), nil
		}
		if err := f.wait(ctx); err != nil {
			return dst[:0], f.told(), err
		}
	}
}

// Collect is [Reader.Collect].
func (f *Follower) Collect(every time.Duration) { f.reader().Collect(every) }

// GatherSound is [Reader.GatherSound].
func (f *Follower) GatherSound() { f.reader().GatherSound() }

// told gives what was skipped, once.
func (f *Follower) told() (skipped int) {
	skipped, f.skipped = f.skipped, 0
	return skipped
}

// wait waits until there may be something to read, and looks at the base while a rendition is read.
func (f *Follower) wait(ctx context.Context) error {
	f.now.bell.heed(ctx)
	if f.now.stream == f.base {
		<-f.now.bell.rung
		return nil
	}
	if f.timer == nil {
		f.timer = time.NewTimer(lookEach)
	} else {
		f.timer.Reset(lookEach)
	}
	select {
	case <-f.now.bell.rung:
		return nil
	case <-f.timer.C:
		return f.look()
	}
}

// look sees to it that what cannot come is not waited for.
func (f *Follower) look() error {
	begun := f.now.Session() > 0
	if !begun && f.over() {
		return ErrEnded
	}
	if to := f.want(nil); to != f.now.stream && (!begun || time.Since(f.fed) > paused) {
		f.change(to)
	}
	if at := f.base.Snapshot(); time.Since(at.LastWrite) > paused {
		f.fed = time.Now()
	}
	if time.Since(f.fed) > starveAfter {
		return ErrStarved
	}
	return nil
}

// over says whether the base's session has ended.
func (f *Follower) over() bool {
	f.base.mu.Lock()
	defer f.base.mu.Unlock()
	return f.session.ended
}

// Stream is the one that the frames of the last batch come from: where [Follower.First] counts, and [Derive] finds what belongs to them.
func (f *Follower) Stream() *Stream { return f.from }

// First is [Reader.First], in [Follower.Stream].
func (f *Follower) First() uint64 { return f.now.First() }

// Lacks gives the base's tracks that should come by a rendition, and did not for some time though the base has them; nil where all is well.
func (f *Follower) Lacks() (lacking []*media.Track) {
	if f.now.stream == f.base {
		return nil
	}
	for _, t := range f.tracks() {
		c := classOf(t)
		if c == others || f.ask([]*media.Track{t}) == f.base {
			continue
		}
		came := f.began
		if f.last[c] != nil {
			came = max(came, f.last[c].DTS)
		}
		if f.brings(t, came+lackAfter) {
			lacking = append(lacking, t)
		}
	}
	return lacking
}

// brings says whether the base has frames of a track that are newer.
func (f *Follower) brings(t *media.Track, than media.Time) bool {
	f.base.mu.Lock()
	defer f.base.mu.Unlock()
	w := &f.session.window
	for seq := w.entries.tail; seq > w.entries.head; seq-- {
		g := w.frame(seq - 1)
		if g.DTS <= than {
			return false
		}
		if g.Track == t {
			return true
		}
	}
	return false
}

// never is before all times.
const never = media.Time(-1 << 62)

// reader gives what is read now.
func (f *Follower) reader() *Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Name is the name of the stream that is followed.
func (f *Follower) Name() string { return f.base.name }

// WantKey is [Reader.WantKey].
func (f *Follower) WantKey() bool { return f.reader().WantKey() }

// AwaitsKey is [Reader.AwaitsKey].
func (f *Follower) AwaitsKey() bool { return f.reader().AwaitsKey() }

// Lag is [Reader.Lag].
func (f *Follower) Lag() time.Duration { return f.reader().Lag() }

// Unsent is [Reader.Unsent].
func (f *Follower) Unsent(frames int) { f.reader().Unsent(frames) }

// Tracks gives those of the stream that is read now; see [Reader.Tracks].
func (f *Follower) Tracks() []*media.Track { return f.reader().Tracks() }

// Session is [Reader.Session], of the base.
func (f *Follower) Session() uint64 {
	f.base.mu.Lock()
	defer f.base.mu.Unlock()
	return f.session.number
}

// Wall is [Reader.Wall], of the base.
func (f *Follower) Wall(t media.Time) time.Time {
	f.base.mu.Lock()
	defer f.base.mu.Unlock()
	return f.session.wallAt(t)
}

// Origin is [Reader.Origin], of the base.
func (f *Follower) Origin() media.Time {
	f.base.mu.Lock()
	defer f.base.mu.Unlock()
	return f.session.origin
}

// Close is [Reader.Close].
func (f *Follower) Close() {
	f.mu.Lock()
	f.closed = true
	r := f.now
	f.mu.Unlock()
	r.Close()
}
