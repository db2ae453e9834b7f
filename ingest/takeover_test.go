package ingest

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// publishing says whose stream it is by the gate, and checks that the relay has a publisher.
func (b *bench) publishing(want string) {
	b.Helper()
	if st := b.status(); st.Publisher.Remote != want || st.State != Live {
		b.Errorf("%s is publishing, state %s; want %s, live", st.Publisher.Remote, st.State, want)
	}
	if !b.hub.Stream("maria").Snapshot().Publisher {
		b.Error("the relay has no publisher")
	}
}

// wantTold checks that a publisher was told a reason; nil: nothing.
func (b *bench) wantTold(p *Publication, want error) {
	b.Helper()
	if err := p.Reason(); !errors.Is(err, want) {
		b.Errorf("%s was told %v, want %v", p.applicant.Remote, err, want)
	}
}

// The publisher that is there is relayed up to the first key frame of the one that takes over: a picture each 40 ms, no hole.
func TestTakeoverAtTheKeyFrame(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		one := b.admit("one")
		b.play(one, 5000)
		session := b.status().Session
		b.log.said()
		began := time.Now()
		two := b.admit("two")
		if took := time.Since(began); took != 0 {
			b.Errorf("the admission took %v", took)
		}
		b.wantSaid("INFO publisher waits for its first key frame to take the stream over software=test before=one")
		two.SetTracks([]*media.Track{video})
		b.read()
		var want []sent
		for i := range int64(75) { // 3 s without a key frame of the new one
			b.send(two, sent{kind: "v", dts: 40 * i})
			b.send(one, sent{kind: "v", dts: 6000 + 40*i})
			want = append(want, sent{kind: "v", dts: 1000 + 40*i})
			time.Sleep(40 * time.Millisecond)
		}
		b.wantRead(want...)
		b.publishing("one")
		b.wantTold(one, nil)
		if st := b.status(); st.Waiting != two.applicant || !st.Waits.Equal(began) {
			b.Errorf("%+v waits since %v, want two", st.Waiting, st.Waits)
		}
		if st := b.status(); len(st.Tracks) != 0 || st.Counters.Takeovers != 0 || !st.Connected.Equal(began.Add(-time.Second)) {
			b.Errorf("status %+v, want that of the old one", st)
		}
		b.wantSaid("")

		b.send(two, sent{kind: "K", dts: 3000}, sent{kind: "v", dts: 3040})
		b.wantSaid("INFO publisher takes the stream over software=test before=one")
		select {
		case <-one.Done():
		default:
			b.Error("the old publisher was not told")
		}
		b.wantTold(one, ErrFenced)
		if err := one.WriteFrame(sent{kind: "K", dts: 9000}.frame()); !errors.Is(err, ErrFenced) {
			b.Errorf("a late frame: got %v, want %v", err, ErrFenced)
		}
		one.SetTracks([]*media.Track{audio})
		one.Close(true) // changes nothing any more
		one.Close(true)
		b.wantRead(sent{kind: "K", dts: 4000}, sent{kind: "v", dts: 4040})
		b.publishing("two")
		if wall := b.hub.Stream("maria").Wall(4 * media.Time(time.Second)); !wall.Equal(time.Now()) {
			b.Errorf("the key frame is at %v of the day, want now, %v", wall, time.Now())
		}
		st := b.status()
		if st.Session != session || len(st.Tracks) != 1 || st.Waiting != (Applicant{}) || !st.Connected.Equal(began) {
			b.Errorf("status %+v, want session %s of publisher two", st, session)
		}
		n := st.Counters
		if n.Takeovers != 1 || n.Sessions != 1 || n.Dropped[DropFenced] != 1 || n.Dropped[DropBeforeKey] != 75 {
			b.Errorf("counters %+v", n)
		}
	})
}

// Sound that came while the old publisher was relayed is not relayed again; what belongs to the key frame is.
func TestTakeoverWithSound(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		one := b.admit("one")
		one.SetTracks([]*media.Track{video, audio})
		b.send(one, sent{kind: "K"}, sent{kind: "a", dts: 10})
		two := b.admit("two")
		two.SetTracks([]*media.Track{video, audio})
		b.read()
		for i := range int64(50) {
			time.Sleep(40 * time.Millisecond)
			b.send(one, sent{kind: "v", dts: 40 + 40*i}, sent{kind: "a", dts: 50 + 40*i})
			b.send(two, sent{kind: "a", dts: 7000 + 40*i}) // sooner than the pictures beside it
		}
		b.read() // up to 2000 ms, and sound up to 2010 ms
		b.send(two, sent{kind: "K", dts: 8900}, sent{kind: "v", dts: 8940})
		b.wantTold(one, ErrFenced)
		b.wantRead(sent{kind: "K", dts: 2011}, sent{kind: "a", dts: 2031}, sent{kind: "a", dts: 2071}, sent{kind: "v", dts: 2051})
	})
}

// A publisher of sound alone takes over without a hole too: once it is sure that no picture comes.
func TestTakeoverBySoundAlone(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		one := b.admit("one")
		b.play(one, 0)
		two := b.admit("two")
		two.SetTracks([]*media.Track{audio})
		b.read()
		at := int64(0)
		for ; two.entry.current == one && at < 5000; at += 40 {
			b.send(one, sent{kind: "v", dts: 1000 + at})
			b.send(two, sent{kind: "a", dts: 8000 + at})
			time.Sleep(40 * time.Millisecond)
		}
		if at < 1000 || at > 1100 {
			b.Errorf("taken over after %d ms, want about %v", at, waitForVideo)
		}
		b.send(two, sent{kind: "a", dts: 8000 + at})
		got := b.read()
		last := got[len(got)-1]
		for i, s := range got[1:] {
			if step := s.dts - got[i].dts; step <= 0 || step > 41 {
				b.Errorf("from %v to %v", got[i], s)
			}
		}
		if last.kind != "a" || last.dts > 1001+at {
			b.Errorf("the last is %v, want sound of at most %d ms: what waited is not relayed beside the pictures", last, 1001+at)
		}
	})
}

// One that never brings a key frame is ended with a reason after a while, and the one that is there goes on.
func TestTakeoverWithoutKeyFrame(t *testing.T) {
	for name, frames := range map[string][]string{
		"nothing at all": nil, "pictures alone": {"v"}, "sound beside pictures": {"v", "a"}, "sound of pictures that never come": {"a"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, Options{Hold: time.Minute}, func(b *bench) {
				one := b.admit("one")
				b.play(one, 0)
				two := b.admit("two")
				two.SetTracks([]*media.Track{video, audio})
				b.log.said()
				second, relayed := int64(0), len(b.read())
				for began := time.Now(); time.Since(began) < waitToTake; second++ {
					for _, kind := range frames {
						b.send(two, sent{kind: kind, dts: 1000 * second})
					}
					b.play(one, 1000*(second+1))
					relayed += len(b.read())
				}
				synctest.Wait()
				b.wantTold(two, ErrNoKeyFrame)
				<-two.Done()
				if err := two.WriteFrame(sent{kind: "K"}.frame()); !errors.Is(err, ErrNoKeyFrame) {
					b.Errorf("a late frame: got %v, want %v", err, ErrNoKeyFrame)
				}
				b.wantSaid("WARN publisher did not take the stream over err=" + ErrNoKeyFrame.Error())
				two.Close(true) // changes nothing any more
				b.wantSaid("")
				b.play(one, 1000*(second+1))
				b.wantTold(one, nil)
				b.publishing("one")
				n := b.status().Counters
				if n.Takeovers != 0 || n.FailedTakeovers != 1 || n.TimeJumps != 0 || n.Sessions != 1 {
					b.Errorf("counters %+v", n)
				}
				if got, want := relayed+len(b.read()), 25*(int(second)+2); got != want {
					b.Errorf("%d frames of the one that is there, want %d", got, want)
				}
			})
		})
	}
}

// A wait that ends late, when the publisher has the stream, changes nothing.
func TestLateEndOfTheWait(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		b.play(b.admit("one"), 0)
		two := b.admit("two")
		b.send(two, sent{kind: "K"})
		two.entry.giveUp(two)
		b.wantTold(two, nil)
		b.publishing("two")
		if n := b.status().Counters; n.Takeovers != 1 || n.FailedTakeovers != 0 {
			b.Errorf("counters %+v", n)
		}
	})
}

// Of sound that waits for a picture the newest is kept.
func TestWaitingSoundIsBounded(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		one := b.admit("one")
		b.play(one, 0)
		two := b.admit("two")
		two.SetTracks([]*media.Track{video, audio})
		const more = 100
		for i := range int64(mostHeld + more) {
			b.send(two, sent{kind: "a", dts: i})
		}
		if n := len(two.opening.frames); n > mostHeld {
			b.Errorf("%d frames are held, want at most %d", n, mostHeld)
		}
		if n := b.status().Counters.Dropped[DropBeforeKey]; n != more {
			b.Errorf("%d were dropped, want %d", n, more)
		}
		b.wantTold(one, nil)
	})
}

// One that leaves before its key frame leaves nothing behind, whichever way it leaves.
func TestTakeoverThatLeaves(t *testing.T) {
	for _, clean := range []bool{true, false} {
		on(t, Options{OnEnd: EndSession}, func(b *bench) {
			one := b.admit("one")
			b.play(one, 0)
			two := b.admit("two")
			b.send(two, sent{kind: "a"})
			b.log.said()
			two.Close(clean)
			two.Close(clean)
			b.wantSaid("INFO publisher left before it took the stream over")
			<-two.Done()
			b.wantTold(two, nil)
			time.Sleep(2 * waitToTake)
			b.wantSaid("")
			b.play(one, 1000)
			b.publishing("one")
			if n := b.status().Counters; n.Takeovers != 0 || n.FailedTakeovers != 1 {
				b.Errorf("counters %+v", n)
			}
			b.play(b.admit("three"), 0)
			b.publishing("three")
		})
	}
}

// Where the old one ends by itself, the one that waits goes on as at a reconnect, and the session with it.
func TestTakeoverFromOneThatEnds(t *testing.T) {
	for name, options := range map[string]Options{
		"held": {Hold: time.Minute}, "not held": {}, "ended": {Hold: time.Minute, OnEnd: EndSession},
	} {
		t.Run(name, func(t *testing.T) {
			for _, clean := range []bool{true, false} {
				on(t, options, func(b *bench) {
					one := b.admit("one")
					b.play(one, 0)
					session := b.status().Session
					two := b.admit("two")
					two.SetTracks([]*media.Track{video, audio})
					b.send(two, sent{kind: "a"})
					b.log.said()
					one.Close(clean)
					b.wantSaid("INFO publisher continues the held session software=test")
					b.publishing("two")
					b.read()
					time.Sleep(time.Second)
					b.send(two, sent{kind: "a", dts: 1000}, sent{kind: "K", dts: 1000}, sent{kind: "v", dts: 1040})
					if got, want := b.read(), (sent{kind: "K", dts: 2000}); len(got) < 2 || got[len(got)-2] != want {
						b.Errorf("got %v, want %v and a picture at the end", got, want)
					}
					time.Sleep(2 * waitToTake)
					b.wantTold(two, nil)
					st := b.status()
					if n := st.Counters; st.Session != session || n.Takeovers != 0 || n.FailedTakeovers != 0 || n.Sessions != 1 {
						b.Errorf("status %+v", st)
					}
				})
			}
		})
	}
}

// Sound that waited while the old one was relayed does not begin a line of its own in the past, when the old one has ended.
func TestSoundThatWaited(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		one := b.admit("one")
		b.play(one, 0)
		two := b.admit("two")
		two.SetTracks([]*media.Track{video, audio})
		at := int64(0)
		for ; at < 8000; at += 40 {
			b.send(one, sent{kind: "v", dts: 1000 + at})
			b.send(two, sent{kind: "a", dts: at})
			time.Sleep(40 * time.Millisecond)
		}
		one.Close(false)
		b.read()
		var got []sent
		for ; len(got) == 0 && at < 30_000; at += 40 {
			b.send(two, sent{kind: "a", dts: at})
			got = b.read()
			time.Sleep(40 * time.Millisecond)
		}
		// The last picture was at 8960 ms, when 7960 ms had passed of the new one's sound.
		if len(got) == 0 || got[0].dts < 8960 || got[0].dts > 9100 {
			b.Fatalf("the line begins with %v", got)
		}
		if ahead := got[len(got)-1].dts - (at - 40 + 1000); ahead > 100 {
			b.Errorf("the line is %d ms ahead of what has passed", ahead)
		}
	})
}

// The newest wins: another one that comes while one waits takes its place, and the waiting one is told as one that was taken over.
func TestThirdPublisher(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		one := b.admit("one")
		b.play(one, 0)
		two := b.admit("two")
		b.send(two, sent{kind: "v"})
		three := b.admit("three")
		<-two.Done()
		b.wantTold(two, ErrFenced)
		if err := two.WriteFrame(sent{kind: "K"}.frame()); !errors.Is(err, ErrFenced) {
			b.Errorf("the waiting one: got %v, want %v", err, ErrFenced)
		}
		two.Close(false)
		b.wantTold(one, nil)
		b.play(one, 1000)
		b.publishing("one")
		b.send(three, sent{kind: "K"})
		b.wantTold(one, ErrFenced)
		b.publishing("three")
		if n := b.status().Counters; n.Takeovers != 1 || n.FailedTakeovers != 1 || n.Dropped[DropFenced] != 1 {
			b.Errorf("counters %+v", n)
		}
	})
}

// From a publisher that is silent nothing can be relayed: it is taken over at once.
func TestTakeoverOfASilentOne(t *testing.T) {
	for name, silent := range map[string]func(b *bench) *Publication{
		"for 2 s": func(b *bench) *Publication {
			p := b.admit("one")
			b.play(p, 0)
			time.Sleep(active - 39*time.Millisecond) // since the picture before the pause of 40 ms
			return p
		},
		"from the start": func(b *bench) *Publication { return b.admit("one") },
		"but for pictures that nobody can decode": func(b *bench) *Publication {
			p := b.admit("one")
			b.send(p, sent{kind: "v"})
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, Options{}, func(b *bench) {
				one := silent(b)
				b.log.said()
				b.admit("two")
				b.wantSaid("INFO publisher takes the stream over software=test before=one")
				b.wantTold(one, ErrFenced)
				b.publishing("two")
				if n := b.status().Counters.Takeovers; n != 1 {
					b.Errorf("%d takeovers, want 1", n)
				}
			})
		})
	}
	t.Run("since another one waits", func(t *testing.T) {
		on(t, Options{}, func(b *bench) {
			one := b.admit("one")
			b.play(one, 0)
			two := b.admit("two")
			time.Sleep(active)
			b.admit("three")
			b.wantTold(one, ErrFenced)
			b.wantTold(two, ErrFenced)
			b.publishing("three")
			if n := b.status().Counters; n.Takeovers != 1 || n.FailedTakeovers != 1 {
				b.Errorf("counters %+v", n)
			}
		})
	})
}

// A key change, a removal and a drain end the one that waits too.
func TestWaitingOneIsEnded(t *testing.T) {
	for name, tc := range map[string]struct {
		end    func(b *bench)
		reason error
		state  State
	}{
		"dismiss": {func(b *bench) { b.gate.Dismiss("maria", ErrKeyChanged) }, ErrKeyChanged, Holding},
		"drain":   {func(b *bench) { b.gate.Drain() }, ErrDraining, Idle},
		"remove":  {func(b *bench) { b.gate.Remove("maria"); b.gate.Configure("maria", Options{}) }, ErrRemoved, Idle},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, Options{Hold: time.Minute}, func(b *bench) {
				one := b.admit("one")
				b.play(one, 0)
				two := b.admit("two")
				tc.end(b)
				<-one.Done()
				<-two.Done()
				b.wantTold(one, tc.reason)
				b.wantTold(two, tc.reason)
				b.wantState(tc.state)
				if err := two.WriteFrame(sent{kind: "K"}.frame()); !errors.Is(err, tc.reason) {
					b.Errorf("got %v, want %v", err, tc.reason)
				}
			})
		})
	}
}

// Who waits for the stream of a stand-in has it, to others.
func TestWaitingForTheCard(t *testing.T) {
	on(t, Options{Hold: time.Minute, Policy: Reject}, func(b *bench) {
		p, err := b.gate.Admit(Applicant{Stream: "maria", Protocol: "card", Remote: "here", StandIn: true})
		if err != nil {
			b.Fatal(err)
		}
		b.play(p, 0)
		one := b.admit("one") // whatever the policy
		b.wantRefused(Applicant{Remote: "two"}, ErrBusy)
		b.gate.Dismiss("maria", ErrKeyChanged)
		b.wantTold(one, ErrKeyChanged)
		b.wantTold(p, nil) // a stand-in stays
		b.play(p, 1000)
		one = b.admit("one")
		b.log.said()
		b.send(one, sent{kind: "K"})
		b.wantSaid("INFO publisher accepted")
		b.wantTold(p, ErrFenced)
		if n := b.status().Counters.Takeovers; n != 0 {
			b.Errorf("%d takeovers, want none", n)
		}
	})
}

// What is measured of the one that waits, and what it says of overlays, counts from its key frame on.
func TestWaitingOneBringsDelayAndOverlays(t *testing.T) {
	line := &overlay.Timeline{}
	on(t, Options{Timeline: line, TrustOverlays: true}, func(b *bench) {
		one := b.admit("one")
		one.TellDelay(40 * time.Millisecond)
		b.play(one, 0)
		two := b.admit("two")
		two.TellDelay(90 * time.Millisecond)
		b.overlay(two, 7000, said("theirs", 1, 90*7000, card("main", "early", "")))
		b.overlay(two, 8000, said("theirs", 2, 90*8000, card("main", "dress", "")))
		b.play(one, 1000)
		b.wantStates()
		if got := line.EncoderDelay(); got != 40*time.Millisecond {
			b.Errorf("the delay is %v, want that of the old one", got)
		}
		b.send(two, sent{kind: "K", dts: 9000}, sent{kind: "v", dts: 9040})
		if got := line.EncoderDelay(); got != 90*time.Millisecond {
			b.Errorf("the delay is %v, want that of the new one", got)
		}
		b.wantStates("2000: 1 main=dress")
		if n := line.Stats(); n.Late != 0 {
			b.Errorf("stats %+v: the pictures before were never shown", n)
		}
	})
}

// Wishes for key frames go to the one that is relayed, and from the takeover on to the new one.
func TestWishesAcrossATakeover(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		received := func(c <-chan struct{}) bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		one := b.admit("one")
		before := one.KeyWanted()
		b.play(one, 0)
		two := b.admit("two")
		after := two.KeyWanted()
		b.reader.WantKey()
		if !received(before) || received(after) {
			b.Error("the wish did not reach the old one")
		}
		b.send(two, sent{kind: "K"})
		b.read()
		time.Sleep(time.Second)
		b.reader.WantKey()
		if received(before) || !received(after) {
			b.Error("the wish did not reach the new one")
		}
	})
}
