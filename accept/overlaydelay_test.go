//go:build linux

package accept_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/overlay"
)

// TestOverlayDelay measures how long a change for now takes from the call of the API to the picture that carries it, as an RTMP player
// sees it: the goal is one frame and 50 ms for 99 of 100.
func TestOverlayDelay(t *testing.T) {
	realPeers(t)
	const rate = 30
	changes := pick(t, 20, 200)
	s := stream{id: "maria", public: true}
	g := serveShop(t, s)
	g.stock(t, s)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 30, FrameRate: rate})
	mediatest.PublishLoop(t, clip, g.publishURL(s))
	g.awaitState(t, s, "live")
	arrivals := g.tail(t, s)
	g.show(t, s, `{"action":"show","product":"red","style":"first"}`)
	next := func(style string) time.Time {
		t.Helper()
		for {
			select {
			case a := <-arrivals:
				if a.style == style {
					return a.when
				}
			case <-time.After(patience):
				t.Fatalf("the player never saw %s", style)
			}
		}
	}
	next("first")
	var took []time.Duration
	for i := range changes {
		style := fmt.Sprint("e", i)
		begin := time.Now()
		g.show(t, s, fmt.Sprintf(`{"action":"show","product":"red","style":%q}`, style))
		took = append(took, next(style).Sub(begin))
		time.Sleep(time.Duration(80+rand.IntN(80)) * time.Millisecond)
	}
	goal := time.Second/rate + 50*time.Millisecond
	timeFigure(t, "overlay_delay_p50", quantile(took, 0.5), goal)
	timeFigure(t, "overlay_delay_p99", quantile(took, 0.99), goal)
}

// arrival is when a player saw a state.
type arrival struct {
	style string
	when  time.Time
}

// tail starts a player that tells of each new state as it comes.
func (g *gateway) tail(t *testing.T, s stream) <-chan arrival {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	mediatest.Start(t, mediatest.Command{Name: "tail", Path: binary(t), Args: []string{"overlay", "tail", "--json", g.playURL(s)}, Stdout: w})
	arrivals := make(chan arrival, 10_000)
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			now := time.Now()
			var seen struct {
				Repeat bool             `json:"repeat"`
				State  *overlay.Message `json:"state"`
			}
			if json.Unmarshal(lines.Bytes(), &seen) == nil && seen.State != nil && !seen.Repeat {
				arrivals <- arrival{sighting{Message: seen.State}.style(), now}
			}
		}
	}()
	return arrivals
}
