//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/bench/load"
	"github.com/simulcart/simulcart/internal/bench/meter"
	"github.com/simulcart/simulcart/internal/bench/report"
)

// state is what is counted at one moment.
type state struct {
	at             time.Time
	server, load   meter.Usage
	worked, stolen time.Duration
	received, sent int64 // bytes
	live           []int64
}

func (r *run) state() state {
	s := state{at: time.Now(), server: meter.Of(r.server.PID()), live: r.load.Bytes()}
	s.load = meter.Of(os.Getpid())
	s.load.CPU -= s.server.CPU // the server is a child
	s.worked, s.stolen = meter.Busy()
	for _, n := range s.live {
		s.received += n
	}
	for _, p := range r.pubs {
		s.sent += p.Sent()
	}
	return s
}

// take measures a window.
func (r *run) take(ctx context.Context, phase load.Phase, window time.Duration) (report.Sample, error) {
	r.load.Enter(phase)
	before := r.state()
	profiled := make(chan error, 1)
	go func() { profiled <- r.keepProfile(ctx, phase) }()
	memory, err := r.watch(ctx, window)
	after := r.state()
	r.load.Enter(load.Warming)
	if err = errors.Join(err, <-profiled); err != nil {
		return report.Sample{}, err
	}
	sample := r.sample(before, after)
	if r.steady {
		sample.Notes = append(sample.Notes, "RSS in MiB, at even distances: "+memory)
	}
	return sample, nil
}

// looks is how often memory is looked at in a window.
const looks = 30

// watch waits for the end of a window, and tells the server's memory meanwhile.
func (r *run) watch(ctx context.Context, window time.Duration) (memory string, err error) {
	if !r.steady {
		return "", sleep(ctx, window)
	}
	var seen []string
	for range looks {
		if err := sleep(ctx, window/looks); err != nil {
			return "", err
		}
		seen = append(seen, fmt.Sprintf("%.1f", float64(meter.Of(r.server.PID()).RSS)/(1<<20)))
	}
	return strings.Join(seen, " "), nil
}

// count adds what receivers have counted in a phase, those that stall aside.
func (r *run) count(s *report.Sample, phase load.Phase) {
	var delays, joins []time.Duration
	for i, rec := range r.load.Receivers() {
		if i < r.stalled {
			continue
		}
		t := rec.Of(phase)
		delays, joins = append(delays, t.Delays...), append(joins, rec.Joined())
		s.Missing, s.Torn = s.Missing+t.Missing, s.Torn+t.Torn
		if err := rec.Err(); err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("output %d ended: %v", i, err))
		}
	}
	s.Delay = report.Delay{
		P50: milliseconds(report.Quantile(delays, 0.5)), P99: milliseconds(report.Quantile(delays, 0.99)), Max: milliseconds(report.Quantile(delays, 1)),
	}
	if r.sink == nil {
		s.Join = milliseconds(report.Quantile(joins, 0.5))
	}
}

// The times of stalling: shorter than servers take to give a connection up, and long enough for a stalled one to find a key frame.
const (
	stallTime  = 8 * time.Second
	resumeTime = 5 * time.Second
)

// stall measures while some outputs do not read, and lets them go on.
func (r *run) stall(ctx context.Context) (report.Sample, error) {
	stalled := r.load.Receivers()[:r.stalled]
	for _, rec := range stalled {
		rec.Stall()
	}
	sample, err := r.take(ctx, load.Stalling, min(stallTime, r.window))
	r.load.Enter(load.Resuming)
	for _, rec := range stalled {
		rec.Resume()
	}
	if err == nil {
		err = sleep(ctx, min(resumeTime, r.window))
	}
	sample.Stalled = r.stalled
	return sample, err
}

// countStalled tells how stalled outputs went on.
func (r *run) countStalled(s *report.Sample) {
	torn, back := 0, 0
	for _, rec := range r.load.Receivers()[:r.stalled] {
		t := rec.Of(load.Resuming)
		torn += t.Torn
		if n := len(t.Delays); n > 0 && t.Delays[n-1] < time.Second {
			back++
		}
	}
	s.Torn += torn
	s.Notes = append(s.Notes, fmt.Sprintf("%d of %d stalled outputs are live again, with %d pictures that no decoder can use", back, r.stalled, torn))
}

// sample is what two moments tell.
func (r *run) sample(before, after state) report.Sample {
	seconds := after.at.Sub(before.at).Seconds()
	s := report.Sample{Shape: r.site.shape, Seconds: seconds}
	server := (after.server.CPU - before.server.CPU).Seconds()
	loads := (after.load.CPU - before.load.CPU).Seconds()
	s.CPU, s.Load = server, loads/seconds
	s.RSS = float64(after.server.RSS) / (1 << 20)
	s.Grown = float64(after.server.RSS-before.server.RSS) / (1 << 20)
	s.Others = max(0, (after.worked-before.worked).Seconds()-server-loads) / seconds
	s.Stolen = (after.stolen - before.stolen).Seconds() / seconds
	sent := float64(after.sent - before.sent)
	s.Gbit, s.Share = sent*8/1e9, 1
	if n := s.Outputs; n > 0 {
		received := float64(after.received - before.received)
		s.Gbit, s.Share = received*8/1e9, received/(sent*float64(n))
	}
	silent := 0
	for i, n := range before.live {
		if i >= r.stalled && after.live[i] == n {
			silent++
		}
	}
	if silent > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d outputs got nothing", silent))
	}
	if s.Load > 0.9 {
		s.Notes = append(s.Notes, "the load had too little CPU: its delays are not the server's")
	}
	return s
}
