package relay

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simulcart/simulcart/media"
)

// groups returns frames of an endless stream of groups of 50, with 4 KiB each.
func groups() func() *media.Frame {
	frames := make([]media.Frame, 4096) // more than a window of 10 s holds
	data := make([]byte, 4096)
	n := 0
	return func() *media.Frame {
		f := &frames[n%len(frames)]
		*f = media.Frame{Track: video, PTS: media.Time(n) * pace / 10, DTS: media.Time(n) * pace / 10, Key: n%50 == 0, Data: data}
		n++
		return f
	}
}

func TestNoAllocation(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p := publish(t, s)
	next := groups()
	readers := make([]*Reader, 10)
	for i := range readers {
		readers[i] = s.Subscribe("out", 0)
		defer readers[i].Close()
	}
	room := make([]*media.Frame, 0, 16)
	waiting := s.Subscribe("waiting", 0)
	defer waiting.Close()
	cycle := func() {
		s.waiters.add(waiting) // as if its Next waited
		if err := p.WriteFrame(next()); err != nil {
			t.Fatal(err)
		}
		for _, r := range readers {
			fs, _, err := r.Next(t.Context(), room, 1<<18)
			if err != nil || len(fs) != 1 {
				t.Fatalf("Next = %d frames, %v", len(fs), err)
			}
		}
	}
	for range 5000 { // until the window is full
		cycle()
	}
	if got := testing.AllocsPerRun(1000, cycle); got != 0 {
		t.Errorf("a frame written and read 10 times costs %v allocations, want 0", got)
	}

	d := Derive(s, "size", func(f *media.Frame) int { return len(f.Data) })
	newest := s.session.entries.tail - 1
	f := s.session.frame(newest)
	d.At(newest, f)
	if got := testing.AllocsPerRun(1000, func() { d.At(newest, f) }); got != 0 {
		t.Errorf("a second look at a derived value costs %v allocations, want 0", got)
	}
}

// BenchmarkFanout writes a frame and waits until all readers, which wait for it, have it.
func BenchmarkFanout(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("readers=%d", n), func(b *testing.B) { benchmarkFanout(b, n) })
	}
}

func benchmarkFanout(b *testing.B, readers int) {
	var h Hub
	s := h.Stream("s")
	p := publish(b, s)
	var left atomic.Int64
	read := make(chan struct{}, 1)
	var all sync.WaitGroup
	for range readers {
		r := s.Subscribe("out", 0)
		all.Go(func() {
			defer r.Close()
			room := make([]*media.Frame, 0, 16)
			for {
				fs, _, err := r.Next(b.Context(), room, 1<<18)
				if err != nil {
					return
				}
				if left.Add(-int64(len(fs))) == 0 {
					read <- struct{}{}
				}
			}
		})
	}
	next := groups()
	b.ReportAllocs()
	for b.Loop() {
		left.Store(int64(readers))
		if err := p.WriteFrame(next()); err != nil {
			b.Fatal(err)
		}
		<-read
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(readers), "ns/frame-read")
	p.End()
	all.Wait()
}

// BenchmarkWriteFrame writes where nobody waits.
func BenchmarkWriteFrame(b *testing.B) {
	var h Hub
	p := publish(b, h.Stream("s"))
	next := groups()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.WriteFrame(next()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDerived looks up values that are there, from all processors.
func BenchmarkDerived(b *testing.B) {
	var h Hub
	s := h.Stream("s")
	p := publish(b, s)
	next := groups()
	frames := make([]*media.Frame, 256)
	for i := range frames {
		frames[i] = next()
		if err := p.WriteFrame(frames[i]); err != nil {
			b.Fatal(err)
		}
	}
	d := Derive(s, "size", func(f *media.Frame) int { return len(f.Data) })
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			seq := i % len(frames)
			d.At(uint64(seq), frames[seq])
		}
	})
}
