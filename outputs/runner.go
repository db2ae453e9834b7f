package outputs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

const (
	watchEach    = 250 * time.Millisecond
	mediaEach    = 50 * time.Millisecond // how often a session that has just begun is looked at for its first frame
	drainFor     = 10 * time.Second      // how long a destination may take to read the rest of a session that has ended
	soon         = 10 * time.Second      // a connection closed this soon after publish may mean a wrong key
	soonRejected = 3                     // so many of them in a row do
	forgiven     = time.Minute           // a peer that took the stream before may refuse it for so long, until it has noticed that the old connection is gone
)

// Runner keeps one destination going. Set the fields before Run.
type Runner struct {
	Stream   *relay.Stream
	Name     string // of the destination, for logs
	Output   Output
	Progress *Progress                         // the one that Output reports to
	Ready    func(tracks []*media.Track) error // whether the platform takes them, before each attempt and when they change; nil: any
	Budget   *Budget                           // nil: no bound
	Jitter   Jitter                            // nil: random
	Patience time.Duration                     // how long a peer may take nothing; 0 means 10 s
	Log      *slog.Logger

	once  sync.Once
	retry chan struct{}

	journal journal
}

// wish gives the channel of Retry.
func (r *Runner) wish() chan struct{} {
	r.once.Do(func() { r.retry = make(chan struct{}, 1) })
	return r.retry
}

// Retry cuts a wait for the next attempt short, and does nothing while there is none. It may be called from anywhere, at any time.
func (r *Runner) Retry() {
	select {
	case r.wish() <- struct{}{}:
	default:
	}
}

// Run carries each session of the stream to the destination until ctx ends or the stream is removed; then it returns nil.
func (r *Runner) Run(ctx context.Context) error {
	r.journal.log = r.Log.With("stream", r.Stream.Name(), "output", r.Name)
	for {
		r.Progress.Enter(Idle)
		if err := r.Stream.Await(ctx); err != nil {
			return nil
		}
		number := r.Stream.Snapshot().Session
		if r.media(ctx, number) {
			r.session(ctx, number)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// over says whether the session of that number has ended.
func (r *Runner) over(number uint64) bool {
	s := r.Stream.Snapshot()
	return !s.Live || s.Session != number
}

// media waits for the session's first frame: only then are the codecs known, and platforms close a connection that brings
// nothing. It is false when the session or ctx ended before.
func (r *Runner) media(ctx context.Context, number uint64) bool {
	tick := time.NewTicker(mediaEach)
	defer tick.Stop()
	for !r.over(number) {
		if r.Stream.Snapshot().Frames > 0 && len(r.Stream.Tracks()) > 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return false
}

// session carries one session, with as many attempts as it takes.
func (r *Runner) session(ctx context.Context, number uint64) {
	var b backoff
	var refused refusals
	for {
		if err := r.Budget.wait(ctx); err != nil || r.over(number) {
			return
		}
		err := r.attempt(ctx, number)
		if err == nil || ctx.Err() != nil {
			return
		}
		now := time.Now()
		held, live := r.Progress.held()
		if held >= soon {
			b = backoff{}
		}
		err = refused.judge(err, held, live, r.Stream.Snapshot().Publisher, now)
		if !r.pause(ctx, number, err, b.next(now, r.Jitter)) || r.over(number) {
			return
		}
	}
}

// refusals tells a peer that does not want this key from one that is in trouble.
type refusals struct {
	short int       // connections in a row that the peer closed soon after publish
	since time.Time // the first refusal since the peer took media
	taken bool      // the peer has taken media in this session
}

// judge gives err as it is, or as one that needs a person. held is how long the connection lasted after publish, 0 where it
// never came to that, live whether it took media. Without a publisher nothing was sent, and a close means nothing.
func (c *refusals) judge(err error, held time.Duration, live, publisher bool, now time.Time) error {
	if live {
		c.taken, c.since = true, time.Time{}
	}
	cause := CauseOf(err)
	switch {
	case cause == PeerRejected:
		if c.since.IsZero() {
			c.since = now
		}
		if !c.taken || now.Sub(c.since) >= forgiven {
			return Permanent(err)
		}
	case held >= soon:
		c.short = 0
	case cause == Kicked && held > 0 && publisher && !errors.Is(err, ErrReconnect):
		if c.short++; c.short >= soonRejected {
			return Permanent(&Failure{
				Cause: PeerRejected, Err: err,
				Hint: "the platform closes the connection soon after it accepts it: the stream key may be wrong or used up",
			})
		}
	}
	return err
}

// attempt runs the output once, and watches what the peer takes.
func (r *Runner) attempt(ctx context.Context, number uint64) error {
	r.Progress.begin(time.Now())
	tracks := r.Stream.Tracks()
	if err := r.ready(tracks); err != nil {
		return notReady{err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(ctx, cancel, number, tracks) })
	err := r.Output.Run(ctx, r.Stream)
	var known *Failure
	if cause := context.Cause(ctx); errors.As(cause, &known) {
		err = cause
	}
	cancel(nil)
	watch.Wait()
	if CauseOf(err) == TCP && r.Progress.now() == Stalled { // the kernel's patience was over first
		err = &Failure{Cause: StalledPeer, Err: err}
	}
	return err
}

// untilLook is how long it is until all runners look at their destinations: at one moment, so that the program wakes once for all of them.
func untilLook(now time.Time) time.Duration {
	return watchEach - time.Duration(now.UnixNano()%int64(watchEach))
}

// watch ends the attempt when the peer takes nothing for too long, when the stream is no longer one that the platform takes,
// and when the session is over: at once where the peer has not accepted the stream yet, else when it had time to read the
// rest. The tracks are those that were ready.
func (r *Runner) watch(ctx context.Context, cancel context.CancelCauseFunc, number uint64, tracks []*media.Track) {
	patience := r.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	look := time.NewTimer(untilLook(time.Now()))
	defer look.Stop()
	alive := time.Now() // when the session was last seen
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			look.Reset(untilLook(time.Now()))
			if !r.over(number) {
				alive = now
			} else if !r.Progress.now().connected() || now.Sub(alive) >= drainFor {
				cancel(nil)
				return
			}
			held := !r.Stream.Snapshot().Publisher
			if cause := r.Progress.watch(now, held, patience); cause != NoCause {
				cancel(&Failure{Cause: cause, Err: fmt.Errorf("the destination took nothing for %s", patience)})
				return
			}
			r.journal.enter(r.Progress.now())
			if has := r.Stream.Tracks(); !slices.Equal(has, tracks) {
				tracks = has
				if err := r.ready(tracks); CauseOf(err) == CodecMismatch {
					cancel(notReady{err})
					return
				}
			}
		}
	}
}

// notReady is a complaint of Ready.
type notReady struct{ error }

func (n notReady) Unwrap() error { return n.error }

// ready gives Ready's complaint; nil where it has none.
func (r *Runner) ready(tracks []*media.Track) error {
	if r.Ready == nil {
		return nil
	}
	return r.Ready(tracks)
}

// pause says why the attempt failed and waits until the next one, or until the session is over; false when ctx ended. One
// that needs a person is waited for longer, and one that is not ready until it is.
func (r *Runner) pause(ctx context.Context, number uint64, err error, wait time.Duration) bool {
	state := Backoff
	if IsPermanent(err) {
		state, wait = Rejected, retryRejected
	}
	select {
	case <-r.wish(): // of the time before the failure
	default:
	}
	r.Progress.fail(err, state, time.Now(), wait)
	r.journal.fail(err, state, time.Now(), wait)
	var complaint notReady
	ready := !errors.As(err, &complaint)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-r.wish():
			return true
		case <-timer.C:
			return true
		case <-tick.C:
			if r.over(number) || !ready && r.ready(r.Stream.Tracks()) == nil {
				return true
			}
		}
	}
}

// now gives the state.
func (p *Progress) now() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// begin counts an attempt.
func (p *Progress) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.socket, p.published = nil, time.Time{}
	p.record.attempt++
	p.record.attempts++
	p.record.next = time.Time{}
	p.enterLocked(Connecting, now)
}

// held gives how long the connection lasted from publish until the peer last took something, or had nothing to take; 0 where
// it never came to that. live says whether it took media.
func (p *Progress) held() (lasted time.Duration, live bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.published.IsZero() {
		return 0, false
	}
	return max(p.moved.Sub(p.published), 1), p.taken > 0
}

// fail notes why an attempt failed and what comes next.
func (p *Progress) fail(err error, s State, now time.Time, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cause := CauseOf(err)
	p.record.failures[cause]++
	p.record.cause, p.record.detail = cause, err.Error()
	p.record.next = now.Add(wait).Round(0)
	p.socket = nil
	p.enterLocked(s, now)
}
