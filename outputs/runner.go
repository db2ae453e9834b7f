package outputs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/simulcart/simulcart/relay"
)

const (
	watchEach    = 250 * time.Millisecond
	soon         = 10 * time.Second // a connection closed this soon after publish may mean a wrong key
	soonRejected = 3                // so many of them in a row do
	forgiven     = time.Minute      // a peer that took the stream before may refuse it for so long, until it has noticed that the old connection is gone
)

// Runner keeps one destination going. Set the fields before Run.
type Runner struct {
	Stream   *relay.Stream
	Name     string // of the destination, for logs
	Output   Output
	Progress *Progress     // the one that Output reports to
	Ready    func() error  // checked before each attempt, such as the platform's codecs; nil: always ready
	Budget   *Budget       // nil: no bound
	Jitter   Jitter        // nil: random
	Patience time.Duration // how long a peer may take nothing; 0 means 10 s
	Log      *slog.Logger

	once  sync.Once
	retry chan struct{}
}

// wish gives the channel of Retry.
func (r *Runner) wish() chan struct{} {
	r.once.Do(func() { r.retry = make(chan struct{}, 1) })
	return r.retry
}

// Retry cuts a wait for the next attempt short. It may be called from anywhere, at any time.
func (r *Runner) Retry() {
	select {
	case r.wish() <- struct{}{}:
	default:
	}
}

// Run carries each session of the stream to the destination until ctx ends or the stream is removed; then it returns nil.
func (r *Runner) Run(ctx context.Context) error {
	for {
		r.Progress.Enter(Idle)
		if err := r.Stream.Await(ctx); err != nil {
			return nil
		}
		r.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// session carries one session, with as many attempts as it takes.
func (r *Runner) session(ctx context.Context) {
	var b backoff
	var refused refusals
	for number := r.Stream.Snapshot().Session; ; {
		if err := r.Budget.wait(ctx); err != nil {
			return
		}
		err := r.attempt(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		now := time.Now()
		s := r.Stream.Snapshot()
		held := r.Progress.held(now)
		if held >= soon {
			b = backoff{}
		}
		if !r.pause(ctx, refused.judge(err, held, s.Publisher, now), &b, now) {
			return
		}
		if s := r.Stream.Snapshot(); !s.Live || s.Session != number {
			return
		}
	}
}

// refusals tells a peer that does not want this key from one that is in trouble.
type refusals struct {
	short int       // connections in a row that the peer closed soon after publish
	since time.Time // the first refusal in a row
	taken bool      // the peer has taken the stream in this session
}

// judge gives err as it is, or as one that needs a person. held is how long the connection lasted after publish, 0 where it
// never came to that; without a publisher nothing was sent, and a close means nothing.
func (c *refusals) judge(err error, held time.Duration, publisher bool, now time.Time) error {
	switch {
	case CauseOf(err) == PeerRejected:
		if c.since.IsZero() {
			c.since = now
		}
		if !c.taken || now.Sub(c.since) >= forgiven {
			return Permanent(err)
		}
	case held >= soon:
		*c = refusals{taken: true}
	case held > 0 && publisher:
		c.short++
	}
	if c.short < soonRejected {
		return err
	}
	return Permanent(&Failure{
		Cause: PeerRejected, Err: err,
		Hint: "the platform closes the connection soon after it accepts it: the stream key may be wrong or used up",
	})
}

// attempt runs the output once, and watches what the peer takes.
func (r *Runner) attempt(ctx context.Context) error {
	r.Progress.begin(time.Now())
	if r.Ready != nil {
		if err := r.Ready(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(ctx, cancel) })
	err := r.Output.Run(ctx, r.Stream)
	var stalled *Failure
	if errors.As(context.Cause(ctx), &stalled) {
		err = stalled
	}
	cancel(nil)
	watch.Wait()
	return err
}

// watch ends the attempt when the peer takes nothing for too long.
func (r *Runner) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	patience := r.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			held := !r.Stream.Snapshot().Publisher
			if cause := r.Progress.watch(now, held, patience); cause != NoCause {
				cancel(&Failure{Cause: cause, Err: fmt.Errorf("the destination took nothing for %s", patience)})
				return
			}
		}
	}
}

// pause says why the attempt failed and waits until the next one, or until the session is over; false when ctx ended.
func (r *Runner) pause(ctx context.Context, err error, b *backoff, now time.Time) bool {
	state, wait := Backoff, b.next(now, r.Jitter)
	if IsPermanent(err) {
		state, wait = Rejected, retryRejected
	}
	r.Progress.fail(err, state, now, wait)
	r.Log.Warn("destination failed", "stream", r.Stream.Name(), "output", r.Name, "cause", CauseOf(err).String(), "err", err, "retry_in", wait)
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
			if !r.Stream.Snapshot().Live {
				return true
			}
		}
	}
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

// held gives how long the connection lasted since publish; 0 where it never came to that.
func (p *Progress) held(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.published.IsZero() {
		return 0
	}
	return max(now.Sub(p.published), 1)
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
