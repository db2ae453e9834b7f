package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// feeds are the runs of a source that publishes one key frame and waits.
type feeds struct {
	begun, running atomic.Int32
	slow           time.Duration // how long a run takes to end
}

func (f *feeds) hub() *Hub {
	return &Hub{Source: func(name string) Source {
		if !strings.HasPrefix(name, "made") {
			return nil
		}
		return f.feed
	}}
}

func (f *feeds) feed(ctx context.Context, s *Stream) {
	f.begun.Add(1)
	f.running.Add(1)
	if p, err := s.Publish(tracks); err == nil {
		_ = p.WriteFrame(letter('K', 0)) // removed meanwhile, perhaps
		defer p.End()
	}
	<-ctx.Done()
	time.Sleep(f.slow)
	f.running.Add(-1)
}

func (f *feeds) want(t *testing.T, when string, begun, running int) {
	t.Helper()
	synctest.Wait()
	if int(f.begun.Load()) != begun || int(f.running.Load()) != running {
		t.Errorf("%s: %d runs begun, %d running, want %d, %d", when, f.begun.Load(), f.running.Load(), begun, running)
	}
}

func TestDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feeds
		h := f.hub()
		s := h.Stream("made")
		if h.Stream("made") != s || len(h.Streams()) != 0 {
			t.Error("a stream on demand is another one, or among those that are published")
		}
		f.want(t, "before the first reader", 0, 0)
		r := s.Subscribe("out", 0)
		f.want(t, "with a reader", 1, 1)
		wantRead(t, r, "K", 0)
		other := s.Subscribe("out", 0)
		r.Close()
		r.Close()
		time.Sleep(time.Minute)
		f.want(t, "while one of two readers is left", 1, 1)
		other.Close()
		time.Sleep(DefaultLinger - 1)
		f.want(t, "right before the time is up", 1, 1)
		time.Sleep(time.Nanosecond)
		f.want(t, "when the time is up", 1, 0)
		if s.Snapshot().Live {
			t.Error("the session goes on")
		}
		again := s.Subscribe("out", 0)
		f.want(t, "with a reader again", 2, 1)
		again.Close()
		time.Sleep(DefaultLinger / 2)
		s.Subscribe("out", 0).Close()
		time.Sleep(DefaultLinger - 1)
		f.want(t, "with a short reader in the time", 2, 1)
		time.Sleep(time.Nanosecond)
		f.want(t, "and the time after it", 2, 0)
		h.Close()
		h.Close()
	})
}

func TestAwaitIsDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feeds
		h := f.hub()
		if err := h.Stream("made").Await(t.Context()); err != nil {
			t.Errorf("Await = %v", err)
		}
		f.want(t, "after Await", 1, 1)
		h.Close()
		f.want(t, "after Close", 1, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Stream("made").Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await of a closed hub = %v", err)
		}
		h.Stream("made too").Subscribe("out", 0).Close()
		f.want(t, "readers of a closed hub", 1, 0)
	})
}

func TestWantedAgainWhileItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feeds
		f.slow = time.Second
		h := f.hub()
		s := h.Stream("made")
		s.Subscribe("out", 0).Close()
		time.Sleep(DefaultLinger)
		f.want(t, "while the run ends", 1, 1)
		r := s.Subscribe("out", 0)
		f.want(t, "wanted again meanwhile", 1, 1)
		time.Sleep(time.Second)
		f.want(t, "after the run", 2, 1)
		r.Close()
		h.Close()
	})
}

func TestRemoveEndsFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feeds
		h := f.hub()
		s := h.Stream("made")
		r := s.Subscribe("out", 0)
		defer r.Close()
		f.want(t, "with a reader", 1, 1)
		h.Remove("made")
		f.want(t, "removed", 1, 0)
		s.Subscribe("out", 0).Close()
		f.want(t, "with a reader of what was removed", 1, 0)
		h.Stream("made").Subscribe("out", 0).Close()
		f.want(t, "with a reader of the new one", 2, 1)
		h.Close()
	})
}

// A source that gives up is not asked again before the stream was let go.
func TestSourceThatReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := &Hub{Linger: time.Second, Source: func(string) Source { return func(context.Context, *Stream) { asked++ } }}
		s := h.Stream("s")
		r := s.Subscribe("out", 0)
		time.Sleep(time.Minute)
		r.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		if asked != 1 {
			t.Errorf("asked %d times, want once", asked)
		}
		s.Subscribe("out", 0).Close()
		synctest.Wait()
		if asked != 2 {
			t.Errorf("asked %d times, want twice", asked)
		}
		h.Close()
	})
}

// demandAct is one step of TestDemandModel.
type demandAct struct {
	what string
	n    int
}

// TestDemandModel lets readers and those who wait come and go in any order and pace, and compares the runs with what they should be.
func TestDemandModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) demandAct {
			return demandAct{
				rapid.SampledFrom([]string{"subscribe", "close", "await", "cancel", "pass", "pass", "remove"}).Draw(rt, "what"),
				rapid.IntRange(0, 11).Draw(rt, "n"),
			}
		}), 1, 40).Draw(rt, "acts")
		var fault string
		synctest.Test(t, func(*testing.T) { fault = runDemand(acts) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// runDemand does the acts and says what is wrong; "" where nothing is.
func runDemand(acts []demandAct) string {
	var f feeds
	h := f.hub()
	defer h.Close()
	s := h.Stream("made")
	var readers []*Reader
	var cancels []context.CancelFunc
	defer func() {
		for _, cancel := range cancels {
			cancel()
		}
	}()
	begun, running, last := 0, false, time.Now() // the model: last is when somebody wanted it
	for i, act := range acts {
		switch act.what {
		case "subscribe":
			readers = append(readers, s.Subscribe("out", 0))
			if !running {
				begun, running = begun+1, true
			}
		case "close":
			if len(readers) > 0 {
				at := act.n % len(readers)
				readers[at].Close()
				readers = append(readers[:at], readers[at+1:]...)
				if len(readers) == 0 {
					last = time.Now()
				}
			}
		case "await": // returns at once, since the source publishes at once
			ctx, cancel := context.WithCancel(context.Background())
			cancels = append(cancels, cancel)
			if err := s.Await(ctx); err != nil {
				return fmt.Sprintf("act %d: Await = %v", i, err)
			}
			last = time.Now()
			if !running {
				begun, running = begun+1, true
			}
		case "cancel":
			if len(cancels) > 0 {
				cancels[act.n%len(cancels)]()
			}
		case "pass":
			time.Sleep(time.Duration(act.n) * time.Second)
		case "remove":
			h.Remove("made")
			for _, r := range readers {
				r.Close()
			}
			readers, running = nil, false
			s = h.Stream("made")
		}
		synctest.Wait()
		if running && len(readers) == 0 && time.Since(last) >= DefaultLinger {
			running = false
		}
		if got := f.running.Load() == 1; got != running || int(f.begun.Load()) != begun {
			return fmt.Sprintf("act %d, %v: running %v, %d runs, want %v, %d", i, act, got, f.begun.Load(), running, begun)
		}
	}
	return ""
}
