package outputs

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessionEnds(t *testing.T) {
	failing := func(err error) func(int, State) error { return func(int, State) error { return err } }
	for name, tt := range map[string]struct {
		refuse func(int, State) error
		slow   time.Duration
		from   string
		within time.Duration
	}{
		"in backoff":    {failing(Fail(TCP, io.EOF)), 0, "backoff", watchEach + step},
		"rejected":      {failing(Permanent(io.EOF)), 0, "rejected", watchEach + step},
		"while dialing": {nil, time.Hour, "connecting", watchEach + step},
		"live":          {nil, 0, "live", step},
	} {
		t.Run(name, func(t *testing.T) {
			onRig(t, func(t *testing.T, r *rig) {
				r.peer.refuse, r.peer.slow = tt.refuse, tt.slow
				r.start()
				p := r.publish()
				time.Sleep(20 * time.Second)
				for r.status().State.String() != tt.from {
					time.Sleep(time.Millisecond)
				}
				r.took()
				r.cease()
				p.End()
				time.Sleep(tt.within)
				r.wantStates(tt.from + " idle")
				if st := r.status(); !st.Next.IsZero() {
					t.Errorf("idle, and a next attempt in %s", time.Until(st.Next))
				}
				r.peer.refuse, r.peer.slow = nil, 0
				r.publish()
				time.Sleep(time.Second)
				r.wantStates("idle " + opening + " live")
			})
		})
	}
}

func TestNewSessionDuringRejection(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.peer.refuse = func(attempt int, _ State) error {
			if attempt == 1 {
				return Fail(PeerRejected, errors.New("no"))
			}
			return nil
		}
		r.start()
		p := r.publish()
		time.Sleep(time.Second)
		r.cease()
		p.End()
		r.publish()
		time.Sleep(time.Second)
		if got, tried := r.status().State, len(r.peer.tried()); got != Live || tried != 2 {
			t.Errorf("%s after %d attempts, want live after 2", got, tried)
		}
	})
}

func TestStalledPeerMayNotKeepAnEndedSession(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.Patience = time.Hour
		r.start()
		p := r.publish()
		time.Sleep(time.Second)
		r.peer.stick()
		r.cease()
		p.End()
		time.Sleep(drainFor + 2*watchEach)
		if st := r.status(); st.State != Idle || st.Failures != [causes]uint64{} {
			t.Errorf("%s, failures %v, want idle without one", st.State, st.Failures)
		}
	})
}

func TestRetryNow(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.Retry() // before anything: no effect
		r.peer.refuse = func(int, State) error { return Permanent(io.EOF) }
		r.start()
		r.publish()
		time.Sleep(time.Second)
		r.wantStates("idle connecting rejected")
		r.Retry()
		r.Retry() // twice is once
		time.Sleep(time.Second)
		r.wantStates("rejected connecting rejected")
		r.peer.refuse = nil
		r.Retry()
		time.Sleep(time.Second)
		r.wantStates("rejected " + opening + " live")
		r.Retry() // nothing to cut short, now or later
		r.peer.broken <- Fail(Kicked, io.EOF)
		time.Sleep(retryFirst / 2)
		r.wantStates("live backoff")
	})
}

func TestRunEnds(t *testing.T) {
	for name, refuse := range map[string]func(int, State) error{
		"live":     nil,
		"backoff":  func(int, State) error { return io.EOF },
		"rejected": func(int, State) error { return Permanent(io.EOF) },
	} {
		for _, how := range []string{"ctx", "stream removed"} {
			t.Run(name+" "+how, func(t *testing.T) {
				onRig(t, func(t *testing.T, r *rig) {
					r.peer.refuse = refuse
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					ended := make(chan error)
					go func() { ended <- r.Run(ctx) }()
					r.publish()
					defer r.cease()
					time.Sleep(time.Minute)
					begun := time.Now()
					if how == "ctx" {
						cancel()
					} else {
						r.hub.Remove("s")
					}
					if err := <-ended; err != nil {
						t.Errorf("Run = %v, want nil", err)
					}
					if took := time.Since(begun); took > watchEach {
						t.Errorf("Run took %s to end", took)
					}
				})
			})
		}
	}
	t.Run("without a session", func(t *testing.T) {
		onRig(t, func(_ *testing.T, r *rig) {
			stop := r.start()
			synctest.Wait()
			stop()
		})
	})
	t.Run("without media", func(t *testing.T) {
		onRig(t, func(_ *testing.T, r *rig) {
			stop := r.start()
			_, _ = r.hub.Publish("s", nil)
			time.Sleep(time.Second)
			stop()
		})
	})
	t.Run("without budget", func(t *testing.T) {
		onRig(t, func(_ *testing.T, r *rig) {
			r.Budget = NewBudget(1.0/3600, 0)
			r.peer.refuse = func(int, State) error { return io.EOF }
			stop := r.start()
			r.publish()
			time.Sleep(time.Minute)
			if got := len(r.peer.tried()); got != 1 {
				t.Errorf("%d attempts, want 1", got)
			}
			stop()
		})
	})
}
