package rtc

import (
	"context"
	"testing"
	"testing/synctest"
)

// tally is what a session of these tests counts: sent stays, here does not.
type tally struct{ sent, here int }

func (t tally) Plus(other tally) tally { return tally{t.sent + other.sent, t.here + other.here} }
func (t tally) Past() tally            { return tally{sent: t.sent} }

// Sessions are counted while they run and afterwards, and run no longer than the roster.
func TestRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Roster[tally]
		stay := func(ctx context.Context) { <-ctx.Done() }
		one := func() tally { return tally{1, 1} }
		if r.Start("maria", one, stay) {
			t.Error("a session began before Run")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.Run(ctx) // always nil
		}()
		synctest.Wait()
		wants := func(stream string, want tally, wantEver bool) {
			t.Helper()
			synctest.Wait()
			if got, ever := r.Status(stream); got != want || ever != wantEver {
				t.Errorf("%s: %+v %t, want %+v %t", stream, got, ever, want, wantEver)
			}
		}
		leave := make(chan struct{})
		for _, session := range []func(context.Context){stay, func(context.Context) { <-leave }} {
			if !r.Start("maria", one, session) {
				t.Fatal("no session began")
			}
		}
		wants("maria", tally{2, 2}, true)
		wants("ana", tally{}, false)
		close(leave)
		wants("maria", tally{2, 1}, true)
		cancel()
		<-done
		wants("maria", tally{2, 0}, true)
		if r.Start("maria", one, stay) {
			t.Error("a session began behind Run")
		}
		r.Forget("maria")
		wants("maria", tally{}, false)
	})
}

// What is forgotten while a session runs does not come back with its end.
func TestRosterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Roster[tally]
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.Run(ctx) // always nil
		}()
		synctest.Wait()
		r.Start("maria", func() tally { return tally{1, 1} }, func(ctx context.Context) { <-ctx.Done() })
		r.Forget("maria")
		cancel()
		<-done
		if _, ever := r.Status("maria"); ever {
			t.Error("the stream is known again")
		}
	})
}
