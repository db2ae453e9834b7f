package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
)

// follow runs a reader until the end of the session, and gives what tell says of each batch and of when it came.
func follow(t *testing.T, all *sync.WaitGroup, s *Stream, prepare func(*Reader), tell func(at time.Duration, fs []*media.Frame) string) *[]string {
	t.Helper()
	begun := time.Now()
	r := s.Subscribe("out", 0)
	prepare(r)
	seen := new([]string)
	all.Go(func() {
		defer r.Close()
		for {
			fs, _, err := r.Next(t.Context(), nil, 1<<20)
			if err != nil {
				if !errors.Is(err, ErrEnded) {
					t.Errorf("Next: %v", err)
				}
				return
			}
			*seen = append(*seen, tell(time.Since(begun), fs))
		}
	})
	synctest.Wait()
	return seen
}

// collecting has a reader collect; 0: it does not.
func collecting(every time.Duration) func(*Reader) {
	return func(r *Reader) { r.Collect(every) }
}

// counted tells how many frames came, as "300ms: 3".
func counted(at time.Duration, fs []*media.Frame) string { return fmt.Sprintf("%v: %d", at, len(fs)) }

// send writes a frame of 10 bytes, at the time of the clock.
func send(t *testing.T, p *Publisher, begun time.Time, key bool) {
	t.Helper()
	at := media.Time(time.Since(begun))
	if err := p.WriteFrame(&media.Frame{Track: video, PTS: at, DTS: at, Key: key, Data: make([]byte, 10)}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// TestGathering: the first frame after a pause goes at once, those behind it together and with a picture, and the end of a session waits for
// nothing.
func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		p, begun := publish(t, s), time.Now()
		var all sync.WaitGroup
		first := follow(t, &all, s, collecting(100*time.Millisecond), counted)
		second := follow(t, &all, s, collecting(100*time.Millisecond), counted)
		atOnce := follow(t, &all, s, collecting(0), counted)
		for n := range 10 {
			send(t, p, begun, n == 0)
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(700 * time.Millisecond)
		for range 3 {
			send(t, p, begun, false)
			time.Sleep(10 * time.Millisecond)
		}
		p.End()
		all.Wait()
		want := "[0s: 1 90ms: 3 210ms: 4 325ms: 2 1s: 1 1.03s: 2]"
		for _, seen := range []*[]string{first, second} {
			if got := fmt.Sprint(*seen); got != want {
				t.Errorf("a reader that collects got %s, want %s", got, want)
			}
		}
		if got := len(*atOnce); got != 13 {
			t.Errorf("a reader that does not collect got %d batches of 13 frames", got)
		}
	})
}

// TestGatheringWakesTogether: readers that come at any time are woken at the same moments, once for each.
func TestGatheringWakesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		p, begun := publish(t, s), time.Now()
		var all sync.WaitGroup
		var readers []*[]string
		send(t, p, begun, true)
		for n := range 100 {
			if n%7 == 0 {
				readers = append(readers, follow(t, &all, s, collecting(100*time.Millisecond), func(time.Duration, []*media.Frame) string {
					return time.Since(begun).String()
				}))
			}
			time.Sleep(10 * time.Millisecond)
			send(t, p, begun, false)
		}
		p.End()
		all.Wait()
		moments := map[string]bool{}
		for _, r := range readers {
			for _, m := range (*r)[1:] { // a reader that comes has old frames, or the moment of its own
				moments[m] = true
			}
		}
		if len(moments) > 12 {
			t.Errorf("woken at %d moments in 1 s, want 12 at most: %v", len(moments), moments)
		}
	})
}

// TestGatheringEndsWithPictures: whatever their rate is, and though they come a little early or late, batches end with pictures, come as often as
// they are to, and hold nothing back for much longer than that.
func TestGatheringEndsWithPictures(t *testing.T) {
	const every, length = 100 * time.Millisecond, 20 * time.Second
	for _, rate := range []float64{24, 25, 30000. / 1001, 30, 50, 60} {
		t.Run(fmt.Sprintf("%.4g", rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h Hub
				s := h.Stream("s")
				p, begun := publish(t, s), time.Now()
				var all sync.WaitGroup
				var mu sync.Mutex // of what follows
				written := make(map[*media.Frame]time.Duration)
				batches, pictures := 0, 0
				waited, waits := time.Duration(0), 0
				follow(t, &all, s, collecting(every), func(at time.Duration, fs []*media.Frame) string {
					mu.Lock()
					defer mu.Unlock()
					batches++
					for _, f := range fs {
						held := at - written[f]
						if held > every*11/8 {
							t.Errorf("after %v: a frame of track %d was held back for %v", at, f.Track.ID, held)
						}
						if f.Track == video {
							waited, waits = waited+held, waits+1
						}
					}
					if fs[len(fs)-1].Track == video {
						pictures++
					}
					return ""
				})
				random := rand.New(rand.NewPCG(1, uint64(rate)))
				for picture, sound := 0, 0; ; {
					next, track := time.Duration(float64(picture)/rate*1e9), video
					if at := time.Duration(sound) * 1024 * time.Second / 48000; at < next {
						next, track = at, audio
						sound++
					} else {
						picture++
					}
					if next > length {
						break
					}
					time.Sleep(time.Until(begun.Add(next + time.Duration(random.Int64N(int64(5*time.Millisecond))))))
					f := &media.Frame{Track: track, PTS: media.Time(next), DTS: media.Time(next), Key: track == video && picture == 1, Data: make([]byte, 10)}
					mu.Lock()
					written[f] = time.Since(begun)
					mu.Unlock()
					if err := p.WriteFrame(f); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				p.End()
				all.Wait()
				if most := int(length/every) * 21 / 20; batches > most || pictures < batches*3/4 {
					t.Errorf("%d batches in %v, want %d at most; %d end with pictures", batches, length, most, pictures)
				}
				if mean := waited / time.Duration(waits); mean > every*45/100 {
					t.Errorf("pictures were held back for %v on the average", mean)
				}
			})
		})
	}
}

// TestSoundWaitsForPictures: sound goes with the picture that follows, by itself where there is none, and soon again where pictures stop.
func TestSoundWaitsForPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		p, begun := publish(t, s), time.Now()
		var all sync.WaitGroup
		seen := follow(t, &all, s, (*Reader).GatherSound, func(at time.Duration, fs []*media.Frame) string {
			return fmt.Sprintf("%d:%s", at.Milliseconds(), scriptOf(fs))
		})
		for _, step := range []struct {
			at     int64 // ms
			letter byte
		}{
			{0, 'A'}, {10, 'A'}, // no picture yet
			{20, 'K'}, {30, 'a'}, {40, 'o'}, {60, 'v'}, {70, 'a'}, {90, 'a'}, {100, 'v'}, // with the next picture
			{120, 'a'}, {140, 'a'}, {240, 'a'}, {301, 'a'}, {322, 'a'}, // pictures stop
			{400, 'v'}, {410, 'a'}, // the session ends
		} {
			time.Sleep(time.Until(begun.Add(time.Duration(step.at) * time.Millisecond)))
			if err := p.WriteFrame(letter(step.letter, media.Time(step.at)*media.Millisecond)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(5 * time.Millisecond)
		p.End()
		all.Wait()
		want := "[0:A 10:A 20:K 60:aov 100:aav 170:aa 290:a 301:a 322:a 400:v 415:a]"
		if got := fmt.Sprint(*seen); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestGatheringDoesNotHoldUp: what is late already goes at once.
func TestGatheringDoesNotHoldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		p, begun := publish(t, s), time.Now()
		send(t, p, begun, true)
		for range 20 {
			time.Sleep(10 * time.Millisecond)
			send(t, p, begun, false)
		}
		r := s.Subscribe("out", 0)
		defer r.Close()
		r.Collect(100 * time.Millisecond)
		before := time.Now()
		for got := 0; got < 11; { // of a byte each: those that are 100 ms old or older
			fs, _, err := r.Next(t.Context(), nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			got += len(fs)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestGatheringLeft: a reader that ends its wait, or closes, is nowhere woken any more.
func TestGatheringLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Stream("s")
		p, begun := publish(t, s), time.Now()
		r := s.Subscribe("out", 0)
		r.Collect(time.Second)
		send(t, p, begun, true)
		if _, _, err := r.Next(t.Context(), nil, 1<<20); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		send(t, p, begun, false)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, _, err := r.Next(ctx, nil, 1<<20); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next = %v, want a deadline exceeded", err)
		}
		if n := len(s.gatherings[0].list); n != 0 {
			t.Errorf("%d readers wait", n)
		}
		r.Close()
		time.Sleep(2 * time.Second) // the timer finds nobody
		if n := len(s.waitingLocked()); n != 0 {
			t.Errorf("%d readers wait", n)
		}
	})
}

// TestGatheringDoesNotAllocate: neither the frames nor the moments do, once there is room.
func TestGatheringDoesNotAllocate(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p, next := publish(t, s), groups()
	r := s.Subscribe("out", 0)
	defer r.Close()
	r.Collect(time.Nanosecond)
	room := make([]*media.Frame, 0, 16)
	cycle := func() {
		if err := p.WriteFrame(next()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Next(t.Context(), room, 1<<18); err != nil {
			t.Fatal(err)
		}
	}
	for range 5000 { // until the window is full
		cycle()
	}
	if n := testing.AllocsPerRun(1000, cycle); n >= 1 {
		t.Errorf("%v allocations for each frame", n)
	}
}
