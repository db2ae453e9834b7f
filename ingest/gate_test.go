package ingest

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

func TestAdmission(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		b.wantState(Idle)
		if _, err := b.gate.Admit(Applicant{Stream: "nobody"}); !errors.Is(err, ErrUnknownStream) {
			b.Errorf("got %v, want %v", err, ErrUnknownStream)
		}
		b.wantSaid("") // the caller knows
		if _, known := b.gate.Status("nobody"); known {
			b.Error("an unknown stream has a status")
		}
		began := time.Now()
		p := b.admit("one")
		b.wantSaid("INFO publisher accepted")
		time.Sleep(time.Second)
		b.send(p, sent{kind: "K"})
		st := b.status()
		want := Applicant{Stream: "maria", Protocol: "rtmp", Remote: "one", Software: "test"}
		if st.State != Live || st.Publisher != want || !st.Since.Equal(began) || !st.Connected.Equal(began) || len(st.Session) != 10 || st.Counters.Sessions != 1 {
			b.Errorf("status %+v", st)
		}
		if p.Reason() != nil {
			b.Errorf("reason %v while it has the stream", p.Reason())
		}
	})
}

func TestRejectPolicy(t *testing.T) {
	on(t, Options{Policy: Reject}, func(b *bench) {
		p := b.admit("one")
		b.log.said()
		b.wantRefused(Applicant{Remote: "two"}, ErrBusy)
		b.wantSaid("WARN publisher refused")
		b.send(p, sent{kind: "K"})
		p.Close(true)
		b.admit("two")
		if n := b.status().Counters.Takeovers; n != 0 {
			b.Errorf("%d takeovers, want none", n)
		}
	})
}

func TestTakeoverDamping(t *testing.T) {
	fight := func(b *bench, names ...string) (last *Publication) {
		for _, name := range names {
			last = b.admit(name)
			b.play(last, 0)
		}
		return last
	}
	t.Run("the third in 30 s is kept for 30 s", func(t *testing.T) {
		on(t, Options{}, func(b *bench) {
			fight(b, "A", "B", "A")
			b.log.said()
			kept := b.admit("B") // the third takeover
			b.log.said()
			b.play(kept, 0)
			b.wantSaid("WARN publishers take the stream from each other")
			b.wantRefused(Applicant{Remote: "A"}, ErrContested)
			for range 28 {
				b.play(kept, 0)
			}
			time.Sleep(999 * time.Millisecond)
			b.wantRefused(Applicant{Remote: "A"}, ErrContested)
			time.Sleep(time.Millisecond)
			b.log.said()
			b.play(b.admit("A"), 0)
			b.wantSaid("takes the stream over")
			if n := b.status().Counters.Takeovers; n != 4 {
				b.Errorf("%d takeovers, want 4", n)
			}
		})
	})
	t.Run("slower ones are not damped", func(t *testing.T) {
		on(t, Options{}, func(b *bench) {
			p := b.admit("A")
			for range 6 {
				for range 16 { // two within 32 s
					b.play(p, 0)
				}
				p = b.admit("next")
			}
		})
	})
	t.Run("those of publishers without media do not count", func(t *testing.T) {
		on(t, Options{}, func(b *bench) {
			for range 10 {
				b.admit("silent")
				time.Sleep(time.Second)
			}
			p := b.admit("A")
			for range 5 {
				b.play(p, 0)
				time.Sleep(active + time.Millisecond)
				p = b.admit("next")
			}
			if n := b.status().Counters.Takeovers; n != 15 {
				b.Errorf("%d takeovers, want all 15 counted in the metric", n)
			}
		})
	})
	t.Run("the one that is kept may leave", func(t *testing.T) {
		on(t, Options{Hold: time.Minute}, func(b *bench) {
			fight(b, "A", "B", "A", "B").Close(false)
			b.admit("A")
		})
	})
}

func TestHold(t *testing.T) {
	const hold = 120 * time.Second
	t.Run("0 ends the session with its publisher", func(t *testing.T) {
		on(t, Options{}, func(b *bench) {
			p := b.admit("one")
			b.play(p, 0)
			b.log.said()
			p.Close(false)
			b.wantSaid("INFO publisher is gone, session ended")
			b.wantState(Idle)
			if b.hub.Stream("maria").Snapshot().Live {
				b.Error("the relay's session goes on")
			}
			if st := b.status(); st.Session != "" || st.Tracks != nil || st.Counters.VideoFrames != 25 {
				b.Errorf("idle status %+v", st)
			}
		})
	})
	t.Run("the publisher comes back", func(t *testing.T) {
		on(t, Options{Hold: hold}, func(b *bench) {
			p := b.admit("one")
			b.play(p, 5000)
			before := b.status()
			b.log.said()
			p.Close(false)
			b.wantSaid("WARN publisher is gone, session held clean=false hold=2m0s")
			st := b.status()
			if st.State != Holding || !st.HoldUntil.Equal(time.Now().Add(hold)) || st.Publisher != (Applicant{}) || st.Session != before.Session {
				b.Errorf("held status %+v", st)
			}
			if s := b.hub.Stream("maria").Snapshot(); !s.Live || s.Publisher {
				b.Errorf("relay %+v, want a session without a publisher", s)
			}
			time.Sleep(hold - time.Millisecond)
			b.wantState(Holding)
			b.log.said()
			p = b.admit("one")
			b.wantSaid("INFO publisher continues the held session")
			b.read()
			b.send(p, sent{kind: "K", cts: 66}, sent{kind: "v", dts: 40})
			// The last picture was at 960 ms, 40 ms before the publisher left.
			back := int64(1000) + hold.Milliseconds() - 1
			b.wantRead(sent{kind: "K", dts: back - 66, cts: 66}, sent{kind: "v", dts: back - 26})
			time.Sleep(2 * hold)
			if st := b.status(); st.Session != before.Session || !st.HoldUntil.IsZero() || st.Counters.Takeovers != 0 {
				b.Errorf("status %+v", st)
			}
		})
	})
	t.Run("nobody comes back", func(t *testing.T) {
		on(t, Options{Hold: hold}, func(b *bench) {
			p := b.admit("one")
			b.send(p, sent{kind: "K"})
			id := b.status().Session
			p.Close(false)
			b.log.said()
			time.Sleep(hold)
			synctest.Wait()
			b.wantState(Idle)
			b.wantSaid("WARN session ended, no publisher came back")
			if b.hub.Stream("maria").Snapshot().Live {
				b.Error("the relay's session goes on")
			}
			b.admit("one")
			if st := b.status(); st.Session == id || st.Newest != 0 || st.Counters.Sessions != 2 {
				b.Errorf("status %+v, want a new session", st)
			}
		})
	})
	t.Run("a loss at the end of an old hold time gets a whole new one", func(t *testing.T) {
		on(t, Options{Hold: hold}, func(b *bench) {
			b.admit("one").Close(false)
			time.Sleep(hold - 1)
			p := b.admit("one")
			s := p.entry.session
			p.Close(false)
			p.entry.expire(s) // the old timer, late
			b.wantState(Holding)
			time.Sleep(hold - 1)
			b.wantState(Holding)
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			b.wantState(Idle)
		})
	})
}

func TestEndPolicy(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options Options
		clean   bool
		want    State
	}{
		{"clean end, end", Options{Hold: time.Minute, OnEnd: EndSession}, true, Idle},
		{"loss, end", Options{Hold: time.Minute, OnEnd: EndSession}, false, Holding},
		{"clean end, hold", Options{Hold: time.Minute, OnEnd: HoldSession}, true, Holding},
		{"loss, hold", Options{Hold: time.Minute, OnEnd: HoldSession}, false, Holding},
		{"clean end, hold 0", Options{OnEnd: HoldSession}, true, Idle},
	} {
		t.Run(tc.name, func(t *testing.T) {
			on(t, tc.options, func(b *bench) {
				p := b.admit("one")
				p.Close(tc.clean)
				p.Close(!tc.clean) // the first call counts
				b.wantState(tc.want)
				if err := p.Reason(); err != nil {
					b.Errorf("reason %v, want none: it left by itself", err)
				}
			})
		})
	}
}

func TestStandIn(t *testing.T) {
	card := Applicant{Stream: "maria", Protocol: "card", Remote: "here", StandIn: true}
	on(t, Options{Hold: time.Minute, OnEnd: HoldSession, Policy: Reject}, func(b *bench) {
		p, err := b.gate.Admit(card)
		if err != nil {
			b.Fatal(err)
		}
		b.play(p, 0)
		b.wantRefused(card, ErrBusy)
		session := b.status().Session
		b.log.said()
		one := b.admit("one") // whatever the policy
		b.log.said()
		b.send(one, sent{kind: "K"})
		b.wantSaid("INFO publisher accepted")
		if err := p.WriteFrame(sent{kind: "v"}.frame()); !errors.Is(err, ErrFenced) {
			b.Errorf("the card writes on: %v", err)
		}
		p.Close(false)
		b.play(one, 0)
		b.log.said()
		b.wantRefused(card, ErrBusy)
		b.wantSaid("") // it asks each second, which is no news
		one.Close(true)
		b.wantRefused(card, ErrBusy)
		time.Sleep(time.Minute - 1)
		b.wantRefused(card, ErrBusy)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if p, err = b.gate.Admit(card); err != nil {
			b.Fatalf("after the hold time: %v", err)
		}
		if st := b.status(); st.Session == session || st.Counters.Takeovers != 0 {
			b.Errorf("status %+v, want a new session and no takeover", st)
		}
		// A card that fell over comes back at once.
		p.Close(false)
		if _, err = b.gate.Admit(card); err != nil {
			b.Errorf("the card itself: %v", err)
		}
	})
}

func TestRemove(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		p := b.admit("one")
		b.send(p, sent{kind: "K"})
		e := p.entry
		b.gate.Remove("maria")
		b.gate.Remove("maria")
		<-p.Done()
		if !errors.Is(p.Reason(), ErrRemoved) || !errors.Is(p.WriteFrame(sent{kind: "v"}.frame()), ErrRemoved) {
			b.Errorf("reason %v, want %v", p.Reason(), ErrRemoved)
		}
		b.wantRefused(Applicant{}, ErrUnknownStream)
		// One that had found the stream just before.
		if _, err := e.admit(Applicant{Stream: "maria"}, time.Now()); !errors.Is(err, ErrRemoved) {
			b.Errorf("admit to a removed entry: got %v, want %v", err, ErrRemoved)
		}
		if b.hub.Stream("maria").Snapshot().Live {
			b.Error("the relay's session goes on")
		}
		b.gate.Configure("maria", Options{})
		b.admit("one")
	})
}

// A publisher whose key is no longer the stream's loses it; the session waits for the one with the new key.
func TestDismiss(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		b.gate.Dismiss("nobody", ErrKeyChanged)
		b.gate.Dismiss("maria", ErrKeyChanged)
		p := b.admit("one")
		b.send(p, sent{kind: "K"})
		b.gate.Dismiss("maria", ErrKeyChanged)
		<-p.Done()
		if !errors.Is(p.Reason(), ErrKeyChanged) || !errors.Is(p.WriteFrame(sent{kind: "v"}.frame()), ErrKeyChanged) {
			b.Errorf("reason %v, want %v", p.Reason(), ErrKeyChanged)
		}
		p.Close(true) // as its connection does when it ends
		if st, _ := b.gate.Status("maria"); st.State != Holding {
			b.Errorf("state %v, want %v", st.State, Holding)
		}
		b.admit("two")
		if st, _ := b.gate.Status("maria"); st.State != Live || st.Counters.Sessions != 1 {
			b.Errorf("state %v in %d sessions, want the first session to go on", st.State, st.Counters.Sessions)
		}
	})
}

func TestRemoveWhileHeld(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		b.admit("one").Close(false)
		b.gate.Remove("maria")
		b.log.said()
		time.Sleep(2 * time.Minute)
		b.wantSaid("") // the timer was stopped
	})
}

func TestDrain(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		p := b.admit("one")
		b.send(p, sent{kind: "K"})
		b.gate.Drain()
		if !errors.Is(p.Reason(), ErrDraining) {
			b.Errorf("reason %v, want %v", p.Reason(), ErrDraining)
		}
		b.wantRefused(Applicant{}, ErrDraining)
		b.wantState(Idle)
		if _, err := p.entry.admit(Applicant{Stream: "maria"}, time.Now()); !errors.Is(err, ErrDraining) {
			b.Errorf("admit to a drained entry: got %v, want %v", err, ErrDraining)
		}
	})
}

// How long pictures take is that of the publisher who is there, and nobody knows it of the next one.
func TestMeasuredDelay(t *testing.T) {
	line := &overlay.Timeline{}
	on(t, Options{Hold: time.Minute, Timeline: line}, func(b *bench) {
		check := func(want time.Duration) {
			b.Helper()
			if got := line.EncoderDelay(); got != want {
				b.Errorf("got %v, want %v", got, want)
			}
		}
		first := b.admit("one")
		first.TellDelay(40 * time.Millisecond)
		check(40 * time.Millisecond)
		second := b.admit("two")
		check(0)
		first.TellDelay(50 * time.Millisecond)
		check(0)
		second.TellDelay(60 * time.Millisecond)
		check(60 * time.Millisecond)
	})
}

func TestReconfigurationWhileLive(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		p := b.admit("one")
		b.play(p, 0)
		b.gate.Configure("maria", Options{Hold: time.Hour, OnEnd: HoldSession, Policy: Reject})
		b.play(p, 1000)
		b.wantRefused(Applicant{Remote: "two"}, ErrBusy)
		p.Close(true)
		if st := b.status(); st.State != Holding || !st.HoldUntil.Equal(time.Now().Add(time.Hour)) {
			b.Errorf("status %+v, want held for an hour", st)
		}
	})
}

func TestStalled(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		p := b.admit("one")
		time.Sleep(stalledAfter - 1)
		b.wantState(Live)
		time.Sleep(time.Nanosecond)
		b.wantState(Stalled)
		b.send(p, sent{kind: "K"})
		b.wantState(Live)
		time.Sleep(stalledAfter)
		b.wantState(Stalled)
		b.send(p, sent{kind: "v", dts: 2000})
		b.wantState(Live)
	})
}

func TestConcurrentPublishers(t *testing.T) {
	var hub relay.Hub
	g := &Gate{Hub: &hub, Log: slog.New(slog.DiscardHandler)}
	g.Configure("maria", Options{Hold: time.Minute})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range int64(50) {
				p, err := g.Admit(Applicant{Stream: "maria"})
				if err != nil {
					continue
				}
				p.SetTracks([]*media.Track{video})
				for j := range int64(10) {
					kind := "K"
					if j < i%3 { // so that some wait
						kind = "v"
					}
					if p.WriteFrame(sent{kind: kind, dts: 40 * j}.frame()) != nil {
						break
					}
				}
				p.Close(i%2 == 0)
				p.Drop(DropData)
			}
		})
	}
	for range 200 {
		g.Status("maria")
		g.Configure("maria", Options{Hold: time.Second})
	}
	all.Wait()
	g.Drain()
	if hub.Stream("maria").Snapshot().Live {
		t.Error("a session is left")
	}
}
