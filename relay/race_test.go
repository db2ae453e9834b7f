package relay

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/simulcart/simulcart/media"
)

// TestManyReaders lets readers come and go while publishers take the stream from each other and sessions end. What each
// reader sees must be whole: frames by number, without a gap but for what it was told of.
func TestManyReaders(t *testing.T) {
	const readers, sessions, takeovers, frames = 30, 5, 4, 100
	h := Hub{MaxBytes: 64, MaxAge: 20 * pace.Duration()}
	s := h.Stream("s")
	seqs := Derive(s, "seq", func(f *media.Frame) media.Time { return f.DTS })
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			for {
				if err := s.Await(t.Context()); err != nil {
					if !errors.Is(err, ErrRemoved) {
						t.Errorf("Await: %v", err)
					}
					return
				}
				readSession(t, s, seqs, 1+i%7)
			}
		})
	}
	for range sessions {
		for turn := range takeovers {
			p := publish(t, s)
			for n := range frames {
				f := letter("Kvvvvvav"[n%8], media.Time(turn*frames+n)*pace)
				if err := p.WriteFrame(f); err != nil {
					t.Errorf("WriteFrame: %v", err)
				}
			}
			s.Snapshot()
			s.Counters("out")
		}
		s.EndSession()
	}
	h.Remove("s")
	all.Wait()
	if got := s.Snapshot().Readers; got != 0 {
		t.Errorf("%d readers are left", got)
	}
}

// readSession reads up to the end of a session, closing the reader early now and then.
func readSession(t *testing.T, s *Stream, seqs *Derived[media.Time], maxBytes int) {
	r := s.Subscribe("out", 10*pace.Duration())
	defer r.Close()
	next, started := uint64(0), false
	var room []*media.Frame
	for batches := 0; batches < 200; batches++ {
		fs, skipped, err := r.Next(t.Context(), room, maxBytes)
		if errors.Is(err, ErrEnded) {
			return
		}
		if err != nil {
			t.Errorf("Next: %v", err)
			return
		}
		if want := next + uint64(skipped); started && r.First() != want {
			t.Errorf("First = %d, want %d", r.First(), want)
		}
		for i, f := range fs {
			if got := seqs.At(r.First()+uint64(i), f); got != f.DTS {
				t.Errorf("derived %v of frame %v", got, f.DTS)
			}
		}
		next, started, room = r.First()+uint64(len(fs)), true, fs
		r.WantKey()
	}
}

func TestCloseFromElsewhere(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p := publish(t, s)
	var all sync.WaitGroup
	for range 100 {
		r := s.Subscribe("out", 0)
		all.Go(func() {
			for {
				if _, _, err := r.Next(context.Background(), nil, 10); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("Next = %v, want ErrClosed", err)
					}
					return
				}
			}
		})
		all.Go(r.Close)
		write(t, p, "K")
	}
	all.Wait()
	if n := len(s.waiters.list); n != 0 {
		t.Errorf("%d readers still wait", n)
	}
}
