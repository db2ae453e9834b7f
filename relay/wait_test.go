package relay

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
)

func TestNextWaits(t *testing.T) {
	tests := []struct {
		name string
		live bool // a session is in being when Next begins to wait
		act  func(t *testing.T, w waiting)
		want string
		err  error
	}{
		{"for a frame", true, func(t *testing.T, w waiting) { write(t, w.p, "v") }, "v", nil},
		{"for a session and a frame", false, func(t *testing.T, w waiting) { write(t, publish(t, w.s), "K") }, "K", nil},
		{"until the context ends", true, func(_ *testing.T, w waiting) { w.cancel() }, "", context.Canceled},
		{"until the session ends", true, func(_ *testing.T, w waiting) { w.p.End() }, "", ErrEnded},
		{"until somebody ends the session", true, func(_ *testing.T, w waiting) { w.s.EndSession() }, "", ErrEnded},
		{"until the reader is closed", true, func(_ *testing.T, w waiting) { w.r.Close() }, "", ErrClosed},
		{"until the stream is removed", true, func(_ *testing.T, w waiting) { w.h.Remove("s") }, "", ErrEnded},
		{"until the idle stream is removed", false, func(_ *testing.T, w waiting) { w.h.Remove("s") }, "", ErrEnded},
		{"through takeover and leave", true, func(t *testing.T, w waiting) {
			p := publish(t, w.s)
			p.Leave()
			write(t, publish(t, w.s), "K")
		}, "K", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testNextWaits(t, tt.live, tt.act, tt.want, tt.err) })
		})
	}
}

// waiting is what a test of Next has at hand while Next waits.
type waiting struct {
	h      *Hub
	s      *Stream
	p      *Publisher // nil without a session
	r      *Reader
	cancel func()
}

func testNextWaits(t *testing.T, live bool, act func(*testing.T, waiting), want string, wantErr error) {
	h := new(Hub)
	w := waiting{h: h, s: h.Stream("s")}
	if live {
		w.p = publish(t, w.s)
		write(t, w.p, "K")
	}
	w.r = w.s.Subscribe("out", 0)
	defer w.r.Close()
	if live {
		wantRead(t, w.r, "K", 0)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.cancel = cancel
	type result struct {
		fs  []*media.Frame
		err error
	}
	results := make(chan result, 1)
	go func() {
		fs, _, err := w.r.Next(ctx, nil, 1)
		results <- result{fs, err}
	}()
	synctest.Wait()
	if len(w.s.waiters.list) != 1 || len(results) != 0 {
		t.Fatalf("%d readers wait, %d have a result; want 1, 0", len(w.s.waiters.list), len(results))
	}
	act(t, w)
	got := <-results
	if scriptOf(got.fs) != want || !errors.Is(got.err, wantErr) {
		t.Errorf("Next = %q, %v; want %q, %v", scriptOf(got.fs), got.err, want, wantErr)
	}
	if n := len(w.s.waiters.list); n != 0 {
		t.Errorf("%d readers still wait", n)
	}
}

func TestNextStopsWithFramesWaiting(t *testing.T) {
	var h Hub
	p, _ := h.Publish("s", nil)
	write(t, p, "K")
	r := h.Stream("s").Subscribe("out", 0)
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Next(ctx, nil, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, want the context's error though a frame waits", err)
	}
	wantRead(t, r, "K", 0)
}

func TestAbandonedWaitsLeaveNothing(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	r := s.Subscribe("out", 0)
	for range 3 {
		wantNext(t, r, context.Canceled)
	}
	r.bell.ring() // a wake-up that was late
	wantNext(t, r, context.Canceled)
	if n := len(s.waiters.list); n != 0 {
		t.Errorf("%d readers wait after their Next returned, want 0", n)
	}
	r.Close()
	wantNext(t, r, ErrClosed)
}

func TestWaitersTakeTurns(t *testing.T) {
	const n = 200
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		p := publish(t, s)
		counts := make(chan int, n)
		var all sync.WaitGroup
		for range n {
			r := s.Subscribe("out", 0)
			all.Go(func() {
				defer r.Close()
				total := 0
				var dst []*media.Frame
				for {
					fs, _, err := r.Next(t.Context(), dst, 1<<10)
					if err != nil {
						counts <- total
						return
					}
					total += len(fs)
					dst = fs
				}
			})
		}
		for range 50 {
			synctest.Wait()
			if got := len(s.waiters.list); got != n {
				t.Fatalf("%d readers wait, want %d", got, n)
			}
			write(t, p, "K")
		}
		p.End()
		all.Wait()
		for range n {
			if got := <-counts; got != 50 {
				t.Errorf("a reader got %d frames, want 50", got)
			}
		}
		if got := s.Counters("out"); got.Frames != 50*n || got.Readers != 0 {
			t.Errorf("Counters = %+v, want %d frames and no reader left", got, 50*n)
		}
	})
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		errs := make(chan error, 2)
		await := func(ctx context.Context) { go func() { errs <- s.Await(ctx) }() }

		await(t.Context())
		await(t.Context())
		synctest.Wait()
		if len(errs) != 0 {
			t.Fatal("Await returned without a session")
		}
		p := publish(t, s)
		for range 2 {
			if err := <-errs; err != nil {
				t.Errorf("Await = %v, want nil", err)
			}
		}
		p.Leave()
		if err := s.Await(t.Context()); err != nil {
			t.Errorf("Await of a held session = %v, want nil", err)
		}
		s.EndSession()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await = %v, want the context's error", err)
		}
		await(t.Context())
		synctest.Wait()
		h.Remove("s")
		if err := <-errs; !errors.Is(err, ErrRemoved) {
			t.Errorf("Await of a removed stream = %v, want ErrRemoved", err)
		}
	})
}
