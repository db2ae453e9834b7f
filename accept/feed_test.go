//go:build linux

package accept_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// feed sends tags at their time, counted from that of the first, over a raw publisher until stop is called or the tags end; stop waits for the end of
// sending. Errors of sending are the peer's business: it may be gone.
func feed(t testing.TB, c *mediatest.Client, tags []mediatest.Tag) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	begin := time.Now().Add(-time.Duration(tags[0].Time) * time.Millisecond)
	wg.Go(func() {
		for _, g := range tags {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(begin.Add(time.Duration(g.Time) * time.Millisecond))):
			}
			if c.Send(1, g) != nil {
				return
			}
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}
