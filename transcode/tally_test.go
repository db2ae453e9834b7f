//go:build linux

package transcode

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/relay"
)

// What the children of a conversion use of the processors is a counter: it never goes back, though they come and go while it is read.
func TestProcessorTimeNeverGoesBack(t *testing.T) {
	mediatest.Need(t, "sh")
	defer goleak.VerifyNone(t)
	var counted tally
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for before := time.Duration(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				_, now := counted.usage()
				if now < before {
					t.Errorf("%v after %v", now, before)
					return
				}
				before = now
			}
		})
	}
	var sum time.Duration
	for range 10 {
		c, err := start("sh", []string{"-c", "while :; do :; done"}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		counted.begin(c)
		began := time.Now()
		for used := time.Duration(0); used == 0 && time.Since(began) < time.Second; used = c.usage() {
		}
		if running, _ := counted.usage(); !running {
			t.Error("no child runs")
		}
		spent := c.wait()
		sum += spent
		counted.end(spent)
	}
	close(stop)
	all.Wait()
	if running, total := counted.usage(); running || total < sum {
		t.Errorf("got %v, running %t, want at least %v", total, running, sum)
	}
}

// What was made of a stream that will not come back is gone from the hub too.
func TestForget(t *testing.T) {
	b := &Bench{Log: slog.New(slog.DiscardHandler)}
	hub := &relay.Hub{Source: b.Source}
	b.Hub = hub
	for _, name := range []string{"maria", "jo"} {
		b.tally(name, toOpus).starts.Add(2)
		b.tally(name, toH264).starts.Add(1)
		b.tally(name, toAAC)
	}
	before := b.Stream("maria", Web)
	other := b.Stream("jo", Web)
	want := []Status{{Stream: "maria", Conversion: "h264", Starts: 1}, {Stream: "maria", Conversion: "opus", Starts: 2}}
	if got := b.Status("maria"); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b.Forget("maria")
	if got := b.Status("maria"); got != nil {
		t.Errorf("got %+v of a stream that is forgotten", got)
	}
	if b.Stream("maria", Web) == before || b.Stream("jo", Web) != other || len(b.Status("jo")) != 2 {
		t.Error("want maria's rendition gone, and jo's as it was")
	}
}
