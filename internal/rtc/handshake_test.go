package rtc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Handshakes have a bound in time, and in number: one too many ends the oldest, and no other one.
func TestHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Endpoint{}
		var all []context.Context
		var done []func()
		for range handshakesAtOnce + 1 {
			ctx, end := e.handshakes.begin()
			all, done = append(all, ctx), append(done, end)
		}
		if !errors.Is(all[0].Err(), context.Canceled) || e.Refused() != 1 {
			t.Errorf("the oldest: %v, %d ended", all[0].Err(), e.Refused())
		}
		done[1]()
		ctx, end := e.handshakes.begin()
		all, done = append(all, ctx), append(done, end)
		for i, ctx := range all[2:] {
			if ctx.Err() != nil {
				t.Errorf("handshake %d: %v", i+2, ctx.Err())
			}
		}
		time.Sleep(handshakeTime)
		synctest.Wait()
		for i, ctx := range all[2:] {
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("handshake %d behind its time: %v", i+2, ctx.Err())
			}
		}
		for _, end := range done {
			end()
			end()
		}
		if going, ended := e.handshakes.count(); going != 0 || ended != 1 {
			t.Errorf("%d are left, %d were ended", going, ended)
		}
	})
}
