package rtp_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/wire/rtp"
)

// windowed pushes packets, one each millisecond, and gives the sequence numbers that come out.
func windowed(w *rtp.Window, at *time.Time, sequences ...int) (out []int) {
	for _, s := range sequences {
		*at = at.Add(time.Millisecond)
		out = append(out, numbers(w.Push(rtp.Packet{Header: rtp.Header{Sequence: uint16(s), SSRC: 7}}, *at))...)
	}
	return out
}

func numbers(packets []rtp.Packet) (out []int) {
	for _, p := range packets {
		out = append(out, int(p.Sequence))
	}
	return out
}

func TestWindow(t *testing.T) {
	for name, tt := range map[string]struct{ in, want []int }{
		"in order":               {[]int{5, 6, 7}, []int{5, 6, 7}},
		"over the end":           {[]int{65534, 65535, 0, 1}, []int{65534, 65535, 0, 1}},
		"two changed":            {[]int{5, 7, 6, 8}, []int{5, 6, 7, 8}},
		"changed over the end":   {[]int{65534, 0, 65535, 1}, []int{65534, 65535, 0, 1}},
		"doubled":                {[]int{5, 6, 6, 5, 7}, []int{5, 6, 7}},
		"doubled while it waits": {[]int{5, 7, 7, 6}, []int{5, 6, 7}},
		"one is missing":         {[]int{5, 7, 8}, []int{5}},
		"late":                   {[]int{5, 4, 6}, []int{5, 6}},
		"a jump is not believed": {[]int{5, 30000, 6}, []int{5, 6}},
		"a jump confirmed":       {[]int{5, 30000, 30001, 30002}, []int{5, 30001, 30002}},
		"a jump to 0 confirmed":  {[]int{30000, 65535, 0, 1}, []int{30000, 0, 1}},
		"behind by a window":     {[]int{5, 5 + rtp.WindowPackets, 6 + rtp.WindowPackets}, []int{5}},
		"a window and one more":  {[]int{5, 7, 6 + rtp.WindowPackets}, []int{5, 7}},
		"far ahead of nothing":   {[]int{5, 2000, 2001}, []int{5}},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Unix(0, 0)
			if got := windowed(&rtp.Window{}, &at, tt.in...); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What is missing is asked for after a while, again each while, and given up after half a second.
func TestWindowAsksAndGivesUp(t *testing.T) {
	at := time.Unix(0, 0)
	w := &rtp.Window{}
	if got := windowed(w, &at, 1, 2, 5, 6); !slices.Equal(got, []int{1, 2}) {
		t.Fatalf("got %v", got)
	}
	known := at.Add(-time.Millisecond) // when 5 came
	missing := func(after time.Duration) []uint16 {
		return w.Missing(nil, known.Add(after), 10*time.Millisecond, 50*time.Millisecond)
	}
	for _, step := range []struct {
		after time.Duration
		want  []uint16
	}{{9, nil}, {10, []uint16{3, 4}}, {59, nil}, {60, []uint16{3, 4}}} {
		if got := missing(step.after * time.Millisecond); !slices.Equal(got, step.want) {
			t.Errorf("after %d ms: got %v, want %v", step.after, got, step.want)
		}
	}
	at = known.Add(75 * time.Millisecond)
	if got := windowed(w, &at, 4); got != nil || w.Repaired() != 1 || w.Asked() != 2 {
		t.Errorf("got %v, %d repaired of %d", got, w.Repaired(), w.Asked())
	}
	if deadline, ok := w.Deadline(); !ok || !deadline.Equal(known.Add(rtp.WindowWait)) {
		t.Errorf("the deadline is %v, %t", deadline, ok)
	}
	if got := w.Expire(known.Add(rtp.WindowWait - 1)); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got := numbers(w.Expire(known.Add(rtp.WindowWait))); !slices.Equal(got, []int{4, 5, 6}) {
		t.Errorf("got %v", got)
	}
	if _, ok := w.Deadline(); ok {
		t.Error("a deadline with nothing missing")
	}
	if got := windowed(w, &at, 3, 7); !slices.Equal(got, []int{7}) {
		t.Errorf("behind the one that came too late: %v", got)
	}
}

// The way to the sender and back is known from what it sent again.
func TestWindowTrip(t *testing.T) {
	at := time.Unix(0, 0)
	w := &rtp.Window{}
	windowed(w, &at, 1, 3)
	w.Missing(nil, at, 0, time.Second)
	at = at.Add(29 * time.Millisecond)
	if got := windowed(w, &at, 2); !slices.Equal(got, []int{2, 3}) || w.Trip() != 30*time.Millisecond {
		t.Errorf("got %v, a trip of %v", got, w.Trip())
	}
}

// Another source begins anew, behind what is left of the one before.
func TestWindowTakesAnotherSource(t *testing.T) {
	at := time.Unix(0, 0)
	w := &rtp.Window{}
	windowed(w, &at, 1, 3)
	got := numbers(w.Push(rtp.Packet{Header: rtp.Header{Sequence: 2, SSRC: 8}}, at))
	if !slices.Equal(got, []int{3, 2}) {
		t.Errorf("got %v", got)
	}
}

// Whatever comes, in whatever order within the window: what goes out rises, nothing twice, and all that was in time is there.
func TestWindowOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.IntRange(0, 1<<16-1).Draw(t, "begin")
		n := rapid.IntRange(1, 300).Draw(t, "packets")
		order := []int{0}
		for i := 1; i < n; i++ {
			order = append(order, i)
		}
		lost := map[int]bool{}
		for i := 1; i < n; i++ { // not the first, with which all begins
			switch rapid.IntRange(0, 5).Draw(t, "fate") {
			case 0:
				lost[order[i]] = true
			case 1:
				if j := i + rapid.IntRange(0, 20).Draw(t, "delay"); j < n {
					order[i], order[j] = order[j], order[i]
				}
			}
		}
		at := time.Unix(0, 0)
		w := &rtp.Window{}
		var got, want []int
		for _, i := range order {
			if !lost[i] {
				got = append(got, windowed(w, &at, begin+i)...)
			}
		}
		got = append(got, numbers(w.Expire(at.Add(rtp.WindowWait)))...)
		for i := range n {
			if !lost[i] {
				want = append(want, (begin+i)&0xffff)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
