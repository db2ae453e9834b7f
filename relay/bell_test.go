package relay

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestBellHeedsOneContext: the end of the context that was heeded last rings, that of another does not.
func TestBellHeedsOneContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBell()
		first, endFirst := context.WithCancel(t.Context())
		second, endSecond := context.WithCancel(t.Context())
		b.heed(first)
		b.heed(second)
		endFirst()
		synctest.Wait()
		if len(b.rung) != 0 {
			t.Error("the end of a context that is not heeded any more rang")
		}
		endSecond()
		synctest.Wait()
		if len(b.rung) != 1 {
			t.Error("the end of the context did not ring")
		}
	})
}

// TestBellDropped: nothing rings once the context was dropped, and what has ended already rings at once.
func TestBellDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBell()
		ctx, end := context.WithCancel(t.Context())
		b.heed(ctx)
		b.drop()
		end()
		synctest.Wait()
		if len(b.rung) != 0 {
			t.Error("the end of a context that was dropped rang")
		}
		other := newBell()
		other.heed(ctx)
		<-other.rung
	})
}
