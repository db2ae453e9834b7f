package outputs

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

// The retry policy (DESIGN.md, Destinations), counted from the moment the destination failed:
//
//	first attempt     0 to 100 ms
//	for 3 s           each 100 to 300 ms: most failures of a platform are a restart
//	to 60 s           full jitter under a bound that doubles, at most 5 s
//	later             the same, at most 60 s; never terminal
//
// A rejected destination waits for a person, and is tried each 60 s all the same.
const (
	retryFirst     = 100 * time.Millisecond
	retryQuickMin  = 100 * time.Millisecond
	retryQuickMax  = 300 * time.Millisecond
	retryQuickFor  = 3 * time.Second
	retrySoonCap   = 5 * time.Second
	retrySoonFor   = time.Minute
	retryLateCap   = time.Minute
	retryRejected  = time.Minute
	retryBase      = 500 * time.Millisecond
	retryLeast     = 100 * time.Millisecond
	retryMostShift = 8
)

// Jitter gives a random duration in [0, n); it is given from outside so that tests can decide it. nil means math/rand's.
type Jitter func(n time.Duration) time.Duration

func (j Jitter) upTo(n time.Duration) time.Duration {
	if j == nil {
		return rand.N(n)
	}
	return j(n)
}

// backoff counts one destination's failures since it was last live.
type backoff struct {
	failures int
	since    time.Time // the first of them
}

// next counts a failure at now and gives the wait until the next attempt.
func (b *backoff) next(now time.Time, j Jitter) time.Duration {
	if b.failures == 0 {
		b.since = now
	}
	b.failures++
	down := now.Sub(b.since)
	switch {
	case b.failures == 1:
		return j.upTo(retryFirst)
	case down < retryQuickFor:
		return retryQuickMin + j.upTo(retryQuickMax-retryQuickMin)
	}
	limit := retryLateCap
	if down < retrySoonFor {
		limit = retrySoonCap
	}
	return retryLeast + j.upTo(min(limit, retryBase<<min(b.failures/2, retryMostShift))-retryLeast)
}

// Budget bounds the attempts of all destinations together, so that a network that comes back is not met by a storm. The zero
// value is not usable; nil means no bound.
type Budget struct{ limiter *rate.Limiter }

// NewBudget allows perSecond attempts, above 0, and burst at once, at least 1.
func NewBudget(perSecond float64, burst int) *Budget {
	return &Budget{rate.NewLimiter(rate.Limit(perSecond), max(1, burst))}
}

// wait takes one attempt from the budget.
func (b *Budget) wait(ctx context.Context) error {
	if b == nil {
		return nil
	}
	return b.limiter.Wait(ctx)
}
