package relay

import (
	"context"
	"sync"
)

// bell wakes one goroutine that waits. To wait for one channel takes half of the time that it takes to wait for two, and the end of a
// context rings too.
type bell struct {
	rung chan struct{} // capacity 1

	done <-chan struct{} // of the context whose end rings; used by the waiting goroutine only
	mu   sync.Mutex
	stop func() bool // ends that; nil: nothing to end
}

func newBell() bell { return bell{rung: make(chan struct{}, 1)} }

// ring wakes who waits, or else the next one who would.
func (b *bell) ring() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// heed lets the end of ctx ring, and that of no other context. The waiting goroutine calls it.
func (b *bell) heed(ctx context.Context) {
	done := ctx.Done()
	if done == b.done {
		return
	}
	b.drop()
	b.done = done
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop = context.AfterFunc(ctx, b.ring)
}

// drop lets no context's end ring any more. Any goroutine may call it, and none waits then.
func (b *bell) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}
