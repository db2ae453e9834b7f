//go:build linux

package accept_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

const (
	closedFor     = 500 * time.Millisecond
	resumeGoalP50 = 300 * time.Millisecond
	resumeGoalP99 = time.Second
	settled       = 11 * time.Second // a connection that lasts this long counts as a good one
)

// TestRetry closes a destination's port for half a second and measures, from its opening on, how long it takes until
// the destination has accepted the stream again.
func TestRetry(t *testing.T) {
	realPeers(t)
	const outputs = 20
	rounds := pick(t, 1, 3)
	r := mediatest.NewSink(t)
	s := stream{id: "maria"}
	proxies := map[string]*mediatest.Proxy{}
	for i := range outputs {
		name := fmt.Sprintf("d%d", i)
		proxies[name] = mediatest.NewProxy(t, r.Addr)
		s.destinations = append(s.destinations, destination{name: name, url: "rtmp://" + proxies[name].Addr + "/live"})
	}
	g := serve(t, s)
	mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 30}), g.publishURL(s))
	g.awaitLive(t, s)
	var times []time.Duration
	for round := range rounds {
		if round > 0 {
			time.Sleep(settled)
		}
		for i := 0; i < outputs; i += 5 { // few at a time: a storm of reconnects is bounded on purpose
			var wg sync.WaitGroup
			took := make([]time.Duration, 5)
			for j := range took {
				name := s.destinations[i+j].name
				wg.Go(func() { took[j] = outage(t, proxies[name], func() int { return len(r.Sessions(name)) }) })
			}
			wg.Wait()
			times = append(times, took...)
		}
	}
	figure(t, "retry_rounds", float64(len(times)), "rounds")
	timeFigure(t, "retry_resume_p50", quantile(times, 0.5), resumeGoalP50)
	timeFigure(t, "retry_resume_p99", quantile(times, 0.99), resumeGoalP99)
	g.awaitLive(t, s)
}

// outage closes the port for a while and gives the time from its opening to the next accepted publish.
func outage(t *testing.T, p *mediatest.Proxy, accepted func() int) time.Duration {
	before := accepted()
	p.Close()
	p.Cut()
	time.Sleep(closedFor)
	p.Open(t)
	opened := time.Now()
	for accepted() == before {
		if time.Since(opened) > patience {
			t.Errorf("%s: not back after %v", p, patience)
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(opened)
}
