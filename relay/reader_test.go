package relay

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
)

func TestSubscribe(t *testing.T) {
	tests := []struct{ name, before, after, want string }{
		{"newest group", "KvvKvv", "v", "Kvvv"},
		{"its overlay too", "KvvOKv", "a", "OKva"},
		{"session just starting", "aa", "Kv", "aaKv"},
		{"session without frames", "", "aKv", "aKv"},
		{"newest group is cut", "Kvvvvvvvvvv", "vvOKv", "OKv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := Hub{MaxBytes: 9}
			p, _ := h.Publish("s", nil)
			write(t, p, tt.before)
			r := h.Stream("s").Subscribe("out", 0)
			defer r.Close()
			write(t, p, tt.after)
			wantRead(t, r, tt.want, 0)
		})
	}
}

func TestSubscribeOldest(t *testing.T) {
	tests := []struct{ name, before, after, want string }{
		{"oldest group", "KvvKv", "v", "KvvKvv"},
		{"not what is left of one", "KvvvvvKvvvv", "v", "Kvvvvv"},
		{"session without frames", "", "aKv", "aKv"},
		{"newest group is cut", "Kvvvvvvvvvv", "vvOKv", "OKv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := Hub{MaxBytes: 9}
			p, _ := h.Publish("s", nil)
			write(t, p, tt.before)
			r := h.Stream("s").SubscribeOldest("out", time.Hour)
			defer r.Close()
			write(t, p, tt.after)
			wantRead(t, r, tt.want, 0)
		})
	}
}

// What was there when a reader came is told apart from what comes while it reads.
func TestEdge(t *testing.T) {
	var h Hub
	p, _ := h.Publish("s", nil)
	early := h.Stream("s").Subscribe("out", 0)
	defer early.Close()
	write(t, p, "KvvKv")
	r := h.Stream("s").Subscribe("out", 0)
	defer r.Close()
	write(t, p, "vK")
	wantRead(t, r, "KvvK", 0)
	p.End()
	late := h.Stream("s").Subscribe("out", 0)
	defer late.Close()
	if early.Edge() != 0 || r.Edge() != 4*pace || late.Edge() != 0 {
		t.Errorf("the edge is at %v, %v and %v, want 0s, %v and 0s", early.Edge().Duration(), r.Edge().Duration(), late.Edge().Duration(), (4 * pace).Duration())
	}
}

func TestSubscribeBeforeSession(t *testing.T) {
	var h Hub
	r := h.Stream("s").Subscribe("out", 0)
	defer r.Close()
	wantNext(t, r, context.Canceled) // nothing yet: only the context ends
	if got := r.Session(); got != 0 {
		t.Errorf("Session before there is one = %d, want 0", got)
	}
	p, _ := h.Publish("s", tracks)
	write(t, p, "aKvKv")
	wantRead(t, r, "aKvKv", 0)
	if got := r.Session(); got != 1 {
		t.Errorf("Session = %d, want 1", got)
	}
}

func TestNextBatches(t *testing.T) {
	tests := []struct {
		name     string
		maxBytes int
		want     []int // sizes of the frames of the first batch
	}{
		{"no room: one frame", 0, []int{10}},
		{"less than none: one frame", -5, []int{10}},
		{"less than the first frame", 9, []int{10}},
		{"less than two", 29, []int{10}},
		{"two, and the empty one behind them", 30, []int{10, 20, 0}},
		{"less than all", 59, []int{10, 20, 0}},
		{"all", 60, []int{10, 20, 0, 30}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Hub
			p, _ := h.Publish("s", nil)
			for _, size := range []int{10, 20, 0, 30} {
				if err := p.WriteFrame(&media.Frame{Track: video, Data: make([]byte, size)}); err != nil {
					t.Fatal(err)
				}
			}
			r := h.Stream("s").Subscribe("out", 0)
			defer r.Close()
			room := make([]*media.Frame, 3, 8)
			fs, skipped, err := r.Next(t.Context(), room, tt.maxBytes)
			if err != nil || skipped != 0 || r.First() != 0 {
				t.Fatalf("Next: skipped %d, first %d, %v", skipped, r.First(), err)
			}
			var got []int
			for _, f := range fs {
				got = append(got, len(f.Data))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("batch (-want +got):\n%s", diff)
			}
			if &fs[0] != &room[0] {
				t.Error("Next did not use the room it was given")
			}
		})
	}
}

func TestLateReaderJumps(t *testing.T) {
	tests := []struct {
		name    string
		frames  string // behind "Kv", which are read
		want    string
		skipped int
	}{
		{"within the bound", "vvvKv", "vvvKv", 0},
		{"over the bound, to the newest group", "vvKvKv", "Kv", 4},
		{"over the bound, to its overlay", "vvvvOKv", "OKv", 4},
		{"over the bound, nothing newer to go to", "vvvvvvvv", "vvvvvvvv", 0},
		{"over the bound, already at the newest group", "Kvvvvvvv", "Kvvvvvvv", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Hub
			p, _ := h.Publish("s", nil)
			r := h.Stream("s").Subscribe("out", 4*pace.Duration())
			defer r.Close()
			write(t, p, "Kv")
			wantRead(t, r, "Kv", 0)
			write(t, p, tt.frames)
			wantRead(t, r, tt.want, tt.skipped)
			want := Counters{Frames: uint64(2 + len(tt.want)), Skipped: uint64(tt.skipped), Readers: 1}
			want.Bytes, want.SkippedLate = want.Frames, want.Skipped
			if tt.skipped > 0 {
				want.Skips = 1
			}
			if diff := cmp.Diff(want, h.Stream("s").Counters("out")); diff != "" {
				t.Errorf("Counters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDisplacedReader(t *testing.T) {
	h := Hub{MaxBytes: 4}
	p, _ := h.Publish("s", nil)
	s := h.Stream("s")
	r := s.Subscribe("out", 0)
	defer r.Close()
	write(t, p, "Kv")
	wantRead(t, r, "Kv", 0)

	write(t, p, "vvvvv")
	if !r.AwaitsKey() {
		t.Error("AwaitsKey = false, want true: the position is cut off and there is no start point")
	}
	if got, want := r.Lag(), 3*pace.Duration(); got != want {
		t.Errorf("Lag = %v, want %v: that of the oldest frame left", got, want)
	}
	wantNext(t, r, context.Canceled)
	write(t, p, "Kv")
	if r.AwaitsKey() {
		t.Error("AwaitsKey = true behind the key frame, want false")
	}
	wantRead(t, r, "Kv", 5)

	write(t, p, "vKvKv") // the window is the last two groups
	wantRead(t, r, "Kv", 3)

	want := Counters{Frames: 6, Bytes: 6, Skips: 2, Skipped: 8, SkippedGone: 8, Readers: 1}
	if diff := cmp.Diff(want, s.Counters("out")); diff != "" {
		t.Errorf("Counters (-want +got):\n%s", diff)
	}
}

func TestDisplacedReaderAtTheEnd(t *testing.T) {
	h := Hub{MaxBytes: 4}
	p, _ := h.Publish("s", nil)
	r := h.Stream("s").Subscribe("out", 0)
	defer r.Close()
	write(t, p, "Kvvvvvv")
	late := h.Stream("s").Subscribe("joiner", 0)
	defer late.Close()
	write(t, p, "v")
	p.End()
	if fs, skipped, err := r.Next(t.Context(), nil, 100); !errors.Is(err, ErrEnded) || skipped != 8 || len(fs) != 0 {
		t.Errorf("Next = %q, skipped %d, %v; want all 8 skipped and ErrEnded", scriptOf(fs), skipped, err)
	}
	if fs, skipped, err := late.Next(t.Context(), nil, 100); !errors.Is(err, ErrEnded) || skipped != 0 || len(fs) != 0 {
		t.Errorf("Next of one that never started = %q, skipped %d, %v; want none and ErrEnded", scriptOf(fs), skipped, err)
	}
	if _, skipped, err := r.Next(t.Context(), nil, 100); !errors.Is(err, ErrEnded) || skipped != 0 {
		t.Errorf("second Next after the end: skipped %d, %v; want none and ErrEnded", skipped, err)
	}
}

func TestLag(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	r := s.Subscribe("out", 0)
	defer r.Close()
	want := func(want time.Duration) {
		t.Helper()
		if got := r.Lag(); got != want {
			t.Errorf("Lag = %v, want %v", got, want)
		}
		if got := s.Counters("out").Lag; got != want {
			t.Errorf("Counters.Lag = %v, want %v", got, want)
		}
	}
	want(0)
	p := publish(t, s)
	write(t, p, "K")
	wantRead(t, r, "K", 0)
	want(0)
	write(t, p, "vvv")
	want(2 * pace.Duration())
	if err := p.WriteFrame(letter('v', -pace)); err != nil { // a clock that went back is no reason for a negative lag
		t.Fatal(err)
	}
	want(0)
}

func TestCountersByName(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	a, b, other := s.Subscribe("out", 0), s.Subscribe("out", 0), s.Subscribe("other", 0)
	defer other.Close()
	p := publish(t, s)
	write(t, p, "Kv")
	wantRead(t, a, "Kv", 0)
	wantRead(t, b, "Kv", 0)
	a.Unsent(2)
	b.Unsent(1)
	a.Close()
	a.Close()
	if got, want := s.Counters("out"), (Counters{Frames: 4, Bytes: 4, Unsent: 3, Readers: 1}); got != want {
		t.Errorf("Counters = %+v, want %+v", got, want)
	}
	p.End()
	b.Close()
	p = publish(t, s)
	write(t, p, "Kvv")
	again := s.Subscribe("out", 0)
	wantRead(t, again, "Kvv", 0)
	if got, want := s.Counters("out"), (Counters{Frames: 7, Bytes: 7, Unsent: 3, Readers: 1}); got != want {
		t.Errorf("Counters over a reconnect = %+v, want %+v", got, want)
	}
	s.Forget("out")
	write(t, p, "v")
	wantRead(t, again, "v", 0)
	again.Close()
	if got := s.Counters("out"); got != (Counters{}) {
		t.Errorf("Counters of a forgotten output = %+v, want none", got)
	}
	if got := s.Snapshot().Readers; got != 1 {
		t.Errorf("Snapshot.Readers = %d, want 1", got)
	}
	if got := s.Counters("other"); got.Frames != 0 || got.Readers != 1 {
		t.Errorf("Counters of another output = %+v, want one reader that read nothing", got)
	}
}

func TestWantKey(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	r := s.Subscribe("out", 0)
	defer r.Close()
	wants := func(heeded bool) {
		t.Helper()
		if got := r.WantKey(); got != heeded {
			t.Errorf("got %t, want %t", got, heeded)
		}
	}
	wants(false) // nobody there
	p := publish(t, s)
	wants(false) // nobody listens
	<-p.keyWanted
	wanted := func(p *Publisher) bool {
		select {
		case <-p.KeyWanted():
			return true
		default:
			return false
		}
	}
	if wanted(p) {
		t.Error("a wish from before the publisher reached it")
	}
	wants(true)
	wants(true)
	if !wanted(p) || wanted(p) {
		t.Error("two wishes at once are not one wish")
	}
	if !r.MayWantKey() || len(p.keyWanted) > 0 {
		t.Error("to ask whether a wish is any use is a wish, or it is said to be none")
	}
	p.IgnoreWishes()
	wants(false)
	<-p.keyWanted
	if r.MayWantKey() {
		t.Error("a wish is said to be of use to who ignores it")
	}
	p.End()
	next := publish(t, s)
	wants(false)
	if wanted(next) || wanted(p) {
		t.Error("a reader of an ended session reached a publisher")
	}
}
