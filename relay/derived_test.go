package relay

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simulcart/simulcart/media"
)

func TestDerived(t *testing.T) {
	h := Hub{MaxBytes: 3}
	s := h.Stream("s")
	made := 0
	double := func(f *media.Frame) string { made++; return strings.Repeat(string(f.Data), 2) }
	d := Derive(s, "double", double)
	if again := Derive(s, "double", func(*media.Frame) string { return "" }); again != d {
		t.Error("the same key gave another Derived")
	}
	size := Derive(s, "size", func(f *media.Frame) int { return len(f.Data) })

	p := publish(t, s)
	write(t, p, "Kv")
	r := s.Subscribe("out", 0)
	defer r.Close()
	fs, _, err := r.Next(t.Context(), nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) string { return d.At(r.First()+uint64(i), fs[i]) }
	for range 2 {
		if got := at(0) + at(1); got != "KKvv" || size.At(0, fs[0]) != 1 {
			t.Errorf("values = %q, %d; want KKvv, 1", got, size.At(0, fs[0]))
		}
	}
	if made != 2 {
		t.Errorf("2 values were made %d times", made)
	}

	write(t, p, "vv") // cuts K
	for n := range 2 {
		if got := at(0); got != "KK" || made != 3+n {
			t.Errorf("value of a frame that left = %q, made %d times; want KK, each time", got, made-2)
		}
	}
	if at(1) != "vv" || made != 4 {
		t.Error("a value of a frame that stayed was made again")
	}
	if got := d.At(1, fs[0]); got != "KK" {
		t.Errorf("value = %q, want that of the frame, whatever the number", got)
	}
	wantMemoryFree(t, &s.session.window)

	p.End()
	write(t, publish(t, s), "K")
	made = 0
	for n := range 2 {
		if got := at(1); got != "vv" || made != 1+n {
			t.Errorf("value in an ended session = %q, made %d times; want vv, each time", got, made)
		}
	}
}

// writeAtOnce writes pictures that have all the same time, so that what is derived from them stays.
func writeAtOnce(t *testing.T, p *Publisher, n int) {
	t.Helper()
	for range n {
		if err := p.WriteFrame(letter('v', 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDerivedSurvivesGrowth(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	made := 0
	d := Derive(s, 1, func(*media.Frame) int { made++; return made })
	p := publish(t, s)
	const n = 5 * ringSize
	for seq := range uint64(n) {
		writeAtOnce(t, p, 1)
		d.At(seq, s.session.frame(seq))
	}
	for seq := range uint64(n) {
		if got := d.At(seq, s.session.frame(seq)); got != int(seq)+1 {
			t.Fatalf("value of frame %d = %d, want %d", seq, got, seq+1)
		}
	}
	if made != n {
		t.Errorf("%d values were made %d times", n, made)
	}
}

// TestStaleValuesLeave: a value of a frame that is not fresh is let go of, is made again for who asks for it, and stays then.
func TestStaleValuesLeave(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	made := 0
	d := Derive(s, "n", func(*media.Frame) int { made++; return made })
	p := publish(t, s)
	at := func(seq uint64) int { return d.At(seq, s.session.frame(seq)) }
	kept := func(seq uint64) bool {
		values := s.session.entries.at(seq).made
		return len(values) > 0 && values[0] != nil
	}
	write(t, p, "Kvvv")
	for seq := range uint64(3) { // nobody asks for the fourth
		at(seq)
	}
	write(t, p, strings.Repeat("v", int(fresh/pace)-3)) // the first frame is just as old as it may be
	if !kept(0) || !kept(1) || !kept(2) {
		t.Fatal("a value of a fresh frame has left")
	}
	write(t, p, "vv")
	if kept(0) || kept(1) || !kept(2) {
		t.Errorf("values are kept of frame 0: %t, 1: %t, 2: %t; want of 2 alone", kept(0), kept(1), kept(2))
	}
	if got := at(0); got != 4 {
		t.Errorf("the value that had left is %d, want one made anew, 4", got)
	}
	write(t, p, "vv")
	if got := at(0); got != 4 || kept(2) {
		t.Errorf("the value that was asked for late is %d, want 4; the next one is kept: %t", got, kept(2))
	}
	write(t, p, "K"+strings.Repeat("v", 200)) // all of these leave the window
	wantMemoryFree(t, &s.session.window)
	p.End()
	p = publish(t, s)
	write(t, p, "Kv")
	if seq := s.session.entries.head; d.At(seq, s.session.frame(seq)) != 5 || !kept(seq) {
		t.Error("in the next session nothing is kept")
	}
}

func TestDerivePanicsOnOtherType(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	Derive(s, "key", func(*media.Frame) int { return 0 })
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "key is derived as *relay.Derived[int]") {
			t.Errorf("panic = %q, want one that names key and types", said)
		}
	}()
	Derive(s, "key", func(*media.Frame) string { return "" })
	t.Error("no panic")
}

func TestDerivedIsMadeOnce(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	var made atomic.Int64
	d := Derive(s, "slow", func(f *media.Frame) *media.Frame {
		made.Add(1)
		runtime.Gosched()
		return &media.Frame{Data: f.Data}
	})
	p := publish(t, s)
	const readers, frames = 20, 200
	var all sync.WaitGroup
	for range readers {
		r := s.Subscribe("out", 0)
		all.Go(func() {
			defer r.Close()
			for {
				fs, _, err := r.Next(t.Context(), nil, 3)
				if err != nil {
					return
				}
				for i, f := range fs {
					if got := d.At(r.First()+uint64(i), f); &got.Data[0] != &f.Data[0] {
						t.Error("the value belongs to another frame")
					}
				}
			}
		})
	}
	writeAtOnce(t, p, frames)
	for s.Counters("out").Frames < readers*frames { // End would let those that drain make their own
		runtime.Gosched()
	}
	p.End()
	all.Wait()
	if got := made.Load(); got < frames || got > frames+3*readers { // the last batch of each may fall behind the end
		t.Errorf("%d values were made %d times", frames, got)
	}
}
