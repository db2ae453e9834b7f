package outputs

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// The whole policy over hours, each wait as the runner keeps it.
func TestRetryForHours(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.blind, r.Jitter = true, nil
		r.peer.refuse = func(int, State) error { return Fail(TCP, io.EOF) }
		stop := r.start()
		r.publish()
		time.Sleep(4 * time.Hour)
		stop()
		tried := r.peer.tried()
		failed := tried[0].Add(step)
		var early, quick, middle, late []time.Duration
		for n, at := range tried[1:] {
			last := tried[n].Add(step)
			wait, down := at.Sub(last), last.Sub(failed)
			switch {
			case n == 0:
				early = append(early, wait)
			case down < retryQuickFor:
				quick = append(quick, wait)
			case down < retrySoonFor:
				middle = append(middle, wait)
			default:
				late = append(late, wait)
			}
		}
		within := func(name string, waits []time.Duration, least, most time.Duration) {
			t.Helper()
			if len(waits) == 0 || slices.Min(waits) < least || slices.Max(waits) > most {
				t.Errorf("%s: %d waits, want all from %s to %s: %v", name, len(waits), least, most, waits)
			}
		}
		within("first", early, 0, 100*time.Millisecond)
		within("for 3 s", quick, 100*time.Millisecond, 300*time.Millisecond)
		within("to 60 s", middle, 0, 5*time.Second)
		within("later", late, 0, time.Minute)
		if len(quick) < 8 || len(middle) < 12 {
			t.Errorf("%d attempts in 3 s, %d in 60 s: too few", len(quick), len(middle))
		}
		// Full jitter: hours of waits spread over the whole range.
		if len(late) < 380 || slices.Min(late) > 5*time.Second || slices.Max(late) < 55*time.Second {
			t.Errorf("%d late waits from %s to %s, want about 480 over the range", len(late), slices.Min(late), slices.Max(late))
		}
		if last := tried[len(tried)-1]; time.Since(last) > 2*time.Minute {
			t.Errorf("gave up after %s", last.Sub(failed))
		}
	})
}

func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0, 0.999999).Draw(t, "jitter")
		took := rapid.SliceOfN(rapid.Int64Range(0, int64(30*time.Second)), 1, 200).Draw(t, "attempts take")
		begun := time.Unix(1000, 0)
		now := begun
		var b backoff
		for n, d := range took {
			wait := b.next(now, func(n time.Duration) time.Duration { return time.Duration(share * float64(n)) })
			least, most := 100*time.Millisecond, time.Minute
			switch down := now.Sub(begun); {
			case n == 0:
				least, most = 0, 100*time.Millisecond
			case down < 3*time.Second:
				most = 300 * time.Millisecond
			case down < time.Minute:
				most = 5 * time.Second
			}
			if wait < least || wait > most {
				t.Fatalf("failure %d, %s after the first: wait %s, want %s to %s", n+1, now.Sub(begun), wait, least, most)
			}
			now = now.Add(wait + time.Duration(d))
		}
	})
}

func TestBackoffStartsAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		lived time.Duration
		anew  bool
	}{"after a connection that held": {soon + time.Second, true}, "not after a short one": {5 * time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			onRig(t, func(t *testing.T, r *rig) {
				const fails = 30
				r.blind = true
				r.peer.refuse = func(attempt int, _ State) error {
					if attempt <= fails {
						return Fail(TCP, io.EOF)
					}
					return nil
				}
				r.start()
				r.publish()
				for r.status().State != Live {
					time.Sleep(step / 2)
				}
				time.Sleep(tt.lived)
				r.peer.broken <- Fail(TCP, io.EOF)
				time.Sleep(time.Millisecond)
				if wait := time.Until(r.status().Next); wait <= retryFirst != tt.anew {
					t.Errorf("wait %s", wait)
				}
			})
		})
	}
}

func TestPeerThatNeverTakesAnythingBacksOff(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.blind = true
		r.peer.stick()
		r.start()
		r.publish()
		time.Sleep(10 * time.Minute)
		if got := len(r.peer.tried()); got > 20 {
			t.Errorf("%d attempts in 10 minutes at a peer that takes nothing", got)
		}
	})
}

// The budget bounds all destinations together, in any second.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perSecond, burst, destinations = 10, 5, 200
		b := NewBudget(perSecond, burst)
		var mu sync.Mutex
		var attempts []time.Time
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range destinations {
			all.Go(func() {
				for b.wait(ctx) == nil {
					mu.Lock()
					attempts = append(attempts, time.Now())
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Minute)
		cancel()
		all.Wait()
		if got := len(attempts); got < 60*perSecond || got > 60*perSecond+burst {
			t.Errorf("%d attempts in a minute, want %d", got, 60*perSecond)
		}
		for n := range attempts {
			if end := n + perSecond + burst; end < len(attempts) && attempts[end].Sub(attempts[n]) < time.Second {
				t.Fatalf("more than %d attempts within %s", perSecond+burst, attempts[end].Sub(attempts[n]))
			}
		}
	})
	var none *Budget
	if err := none.wait(t.Context()); err != nil {
		t.Errorf("no budget: %v", err)
	}
}

func TestJitter(t *testing.T) {
	var random Jitter
	seen := map[time.Duration]bool{}
	for range 100 {
		d := random.upTo(100)
		if d < 0 || d >= 100 {
			t.Fatalf("jitter %d, want 0 to 99", d)
		}
		seen[d] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d different values of 100", len(seen))
	}
}
