// Package load is what the benchmark puts on a server: publishers of a synthetic stream, and receivers that count what comes and how
// late. Publishers and receivers live in one process, so that one clock is enough for both ends of a delay.
//
//	Publisher ──▶ server under measurement ──▶ Sink (accepts pushes) or player ──▶ Receiver
//
// A receiver counts by phase: what is warming up, the window that is measured, what follows.
package load

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Phase is a part of a run.
type Phase int32

// The phases of a run, in their order.
const (
	Warming Phase = iota
	Measuring
	Stalling // some receivers do not read
	Resuming
	phases
)

// A Load is all that one run puts on a server. The zero value is not ready: see [New].
type Load struct {
	began time.Time
	phase atomic.Int32
	sent  [1024]atomic.Int64 // when pictures were sent, by their numbers, for who gets them encrypted; one publisher

	mu        sync.Mutex
	receivers []*Receiver
}

// New makes an empty load, in the phase Warming.
func New() *Load { return &Load{began: time.Now()} }

// Enter begins a phase.
func (l *Load) Enter(p Phase) { l.phase.Store(int32(p)) }

// now is the time of all stamps.
func (l *Load) now() time.Duration { return time.Since(l.began) }

// Receivers gives those that came so far, in the order in which they came.
func (l *Load) Receivers() []*Receiver {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.receivers)
}

// Deliveries gives how often each receiver got pictures so far: one by one, or those of a segment or part at once.
func (l *Load) Deliveries() (each []int64) {
	for _, r := range l.Receivers() {
		each = append(each, r.deliveries.Load())
	}
	return each
}

// Receiving counts the receivers that have got a picture.
func (l *Load) Receiving() (n int) {
	for _, deliveries := range l.Deliveries() {
		if deliveries > 0 {
			n++
		}
	}
	return n
}

// Bytes gives the bytes of media that each receiver has got so far.
func (l *Load) Bytes() (each []int64) {
	for _, r := range l.Receivers() {
		each = append(each, r.bytes.Load())
	}
	return each
}

// Close ends all receivers and waits for them. What they have counted may be read then.
func (l *Load) Close() {
	for _, r := range l.Receivers() {
		r.close()
	}
	for _, r := range l.Receivers() {
		<-r.done
	}
}
