package outputs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
)

// counts is a socket that holds what a test says.
type counts struct {
	unacked, unsent int
	acked           uint64
}

func (c *counts) Unacked() (bytes int, ok bool)  { return c.unacked, true }
func (c *counts) Unsent() (bytes int, ok bool)   { return c.unsent, true }
func (c *counts) Acked() (bytes uint64, ok bool) { return c.acked, true }

const second = media.Time(time.Second)

// wrote makes a Progress with writes of 1000 bytes each, one per second of media.
func wrote(n int, socket Waiter) *Progress {
	p := &Progress{}
	p.Enter(Connecting)
	p.Connected(socket)
	p.Enter(Publishing)
	for i := range n {
		p.Writing(media.Time(i) * second)
		p.Wrote(1000)
	}
	return p
}

func TestLag(t *testing.T) {
	for name, tt := range map[string]struct {
		writes, unacked int
		underWay        bool
		behind          time.Duration
		want            time.Duration
	}{
		"all taken":                       {writes: 5, want: 0},
		"nothing written":                 {writes: 0, unacked: 300, want: 0},
		"last write waits":                {writes: 5, unacked: 1000, want: time.Second},
		"one byte of it":                  {writes: 5, unacked: 1, want: time.Second},
		"and a byte of the one before":    {writes: 5, unacked: 1001, want: 2 * time.Second},
		"all wait":                        {writes: 5, unacked: 5000, want: 5 * time.Second},
		"more than was written":           {writes: 5, unacked: 9999, want: 5 * time.Second},
		"reader is behind":                {writes: 5, behind: 3 * time.Second, want: 3 * time.Second},
		"reader is behind, socket more":   {writes: 5, unacked: 4000, behind: 3 * time.Second, want: 4 * time.Second},
		"write under way":                 {writes: 5, underWay: true, want: 0},
		"write under way behind others":   {writes: 5, unacked: 2000, underWay: true, want: 2 * time.Second},
		"ledger is full":                  {writes: ledgerSize + 10, unacked: 3000, want: 3 * time.Second},
		"more waits than the ledger says": {writes: ledgerSize + 10, unacked: 1 << 30, want: ledgerSize * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p := wrote(tt.writes, &counts{unacked: tt.unacked})
			newest := media.Time(tt.writes) * second
			if tt.underWay {
				p.Writing(newest)
			}
			if got := p.Status(newest, tt.behind).Lag; got != tt.want {
				t.Errorf("lag %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("blocked write", func(t *testing.T) {
		p := wrote(1, &counts{})
		p.Writing(3 * second)
		if got := p.Status(10*second, 2*time.Second).Lag; got != 7*time.Second {
			t.Errorf("lag %s, want 7s", got)
		}
	})
	t.Run("not connected", func(t *testing.T) {
		p := wrote(5, &counts{unacked: 5000, unsent: 10})
		p.Enter(Backoff)
		if st := p.Status(5*second, time.Minute); st.Lag != 0 || st.Unsent != 0 {
			t.Errorf("lag %s, %d unsent, want none", st.Lag, st.Unsent)
		}
	})
	t.Run("new connection", func(t *testing.T) {
		p := wrote(5, &counts{})
		p.Connected(&counts{unacked: 400, unsent: 300})
		if st := p.Status(5*second, 0); st.Lag != 0 || st.Unsent != 300 {
			t.Errorf("lag %s, %d unsent, want none of the old connection", st.Lag, st.Unsent)
		}
	})
}

// What a destination has taken needs no memory any more, and what it has not is bounded.
func TestLedger(t *testing.T) {
	c := &counts{unacked: 2500}
	p := wrote(10, c)
	p.watch(time.Now(), false, time.Hour)
	if len(p.ledger) != 3 {
		t.Errorf("%d writes are remembered, want the 3 that wait", len(p.ledger))
	}
	c.unacked = 0
	if p.watch(time.Now(), false, time.Hour); len(p.ledger) != 0 {
		t.Errorf("%d writes are remembered, none waits", len(p.ledger))
	}
	if p = wrote(10*ledgerSize, c); len(p.ledger) != ledgerSize || cap(p.ledger) > 2*ledgerSize {
		t.Errorf("%d writes are remembered, in the memory of %d, want %d", len(p.ledger), cap(p.ledger), ledgerSize)
	}
}

func TestWatch(t *testing.T) {
	const patience = 10 * time.Second
	at := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for name, tt := range map[string]struct {
		before func(p *Progress, c *counts)
		after  time.Duration
		held   bool
		state  State
		cause  Cause
	}{
		"nothing sent":               {func(*Progress, *counts) {}, time.Hour, false, Publishing, NoCause},
		"sent, not taken":            {func(p *Progress, c *counts) { c.unacked = 1000; p.Wrote(1000) }, time.Second, false, Publishing, NoCause},
		"sent, not taken for long":   {func(p *Progress, c *counts) { c.unacked = 1000; p.Wrote(1000) }, stallAfter, false, Stalled, NoCause},
		"sent, not taken at all":     {func(p *Progress, c *counts) { c.unacked = 1000; p.Wrote(1000) }, patience, false, Publishing, StalledPeer},
		"only the dialogue is taken": {func(p *Progress, c *counts) { c.unacked = 1000; c.acked = 300; p.Wrote(1000) }, time.Second, false, Publishing, NoCause},
		"part is taken":              {func(p *Progress, c *counts) { c.unacked = 999; p.Wrote(1000) }, time.Hour, false, Live, NoCause},
		"all taken":                  {func(p *Progress, _ *counts) { p.Wrote(1000) }, time.Hour, false, Live, NoCause},
		"all taken, publisher gone":  {func(p *Progress, _ *counts) { p.Wrote(1000); p.watch(at(0), false, patience) }, time.Hour, true, Holding, NoCause},
		"publisher gone at first":    {func(*Progress, *counts) {}, time.Hour, true, Publishing, NoCause},
		"write under way":            {func(p *Progress, _ *counts) { p.Writing(0) }, stallAfter, false, Stalled, NoCause},
		"write under way, it moves":  {func(p *Progress, c *counts) { p.Writing(0); c.acked = 50; c.unacked = 99 }, time.Hour, false, Publishing, NoCause},
	} {
		t.Run(name, func(t *testing.T) {
			c := &counts{}
			p := wrote(0, c)
			tt.before(p, c)
			if got := p.watch(at(tt.after), tt.held, patience); got != tt.cause {
				t.Errorf("cause %q, want %q", got, tt.cause)
			}
			if got := p.Status(0, 0).State; got != tt.state {
				t.Errorf("state %s, want %s", got, tt.state)
			}
		})
	}
	t.Run("not connected", func(t *testing.T) {
		p := &Progress{}
		if got := p.watch(at(time.Hour), false, patience); got != NoCause {
			t.Errorf("cause %q of an idle destination", got)
		}
	})
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := wrote(1, &counts{})
		p.watch(time.Now(), false, time.Minute)
		if got := p.Status(0, 0).Cause; got != NoCause {
			t.Fatalf("cause %q, want none", got)
		}
		p.Skipped()
		time.Sleep(slowFor - time.Second)
		if st := p.Status(0, 0); st.State != Live || st.Cause != Slow || st.Detail == "" {
			t.Errorf("%s %q %q, want live and slow", st.State, st.Cause, st.Detail)
		}
		time.Sleep(time.Second)
		if got := p.Status(0, 0).Cause; got != NoCause {
			t.Errorf("cause %q %s after the skip, want none", got, slowFor)
		}
	})
}

// What the peer does not get is told while it is connected, and on this connection only.
func TestLack(t *testing.T) {
	p := wrote(1, &counts{})
	p.Lack("no sound")
	p.watch(time.Now(), false, time.Minute)
	if st := p.Status(0, 0); st.State != Live || st.Cause != CodecMismatch || st.Detail != "no sound" {
		t.Errorf("%s %q %q, want live and codec", st.State, st.Cause, st.Detail)
	}
	p.Lack("")
	if st := p.Status(0, 0); st.Cause != NoCause || st.Detail != "" {
		t.Errorf("%q %q, want none", st.Cause, st.Detail)
	}
	p.Lack("no sound")
	p.Connected(&counts{})
	if st := p.Status(0, 0); st.Cause != NoCause {
		t.Errorf("%q of a new connection, want none", st.Cause)
	}
}
