//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/internal/bench/load"
	"github.com/simulcart/simulcart/internal/bench/meter"
	"github.com/simulcart/simulcart/internal/bench/report"
)

const (
	startTime = 20 * time.Second       // the longest until a server listens, and until all outputs have pictures
	settle    = 500 * time.Millisecond // from the first publisher to the first player, so that there is a key frame to begin at
	poll      = 10 * time.Millisecond
)

// A runner measures candidates one after the other.
type runner struct {
	tools

	cpu     int // of the server; negative: any
	warm    time.Duration
	window  time.Duration
	stalled int    // so many outputs stall after the window
	steady  bool   // memory is watched over the window
	profile string // file for a profile of simulcart in the window; empty: none
}

// A run is one measurement under way:
//
//  1. the server starts, on its own CPU;
//  2. the publishers begin, then the players, or the server's pushes arrive at the sink;
//  3. once all outputs have pictures the run warms up;
//  4. the window: what the server has used, and what outputs have read, at both ends of it.
type run struct {
	runner

	site   site
	server *meter.Process
	load   *load.Load
	sink   *load.Sink
	pubs   []*load.Publisher
}

// measure runs one candidate in one shape. Where the runner makes some outputs stall, there is a second sample, of the time in which
// they did.
func (rn runner) measure(ctx context.Context, c candidate, s report.Shape) (samples []report.Sample, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &run{runner: rn, site: site{tools: rn.tools, shape: s, dir: dir}, load: load.New()}
	defer func() {
		if err = errors.Join(err, r.close()); err != nil && r.server != nil {
			err = fmt.Errorf("%w\n%s", err, tail(r.server.Log()))
		}
	}()
	if err := r.start(ctx, c); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	if err := r.join(ctx, c); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	if err := sleep(ctx, r.warm); err != nil {
		return nil, err
	}
	sample, err := r.take(ctx, load.Measuring, r.window)
	if err != nil {
		return nil, err
	}
	samples = append(samples, sample)
	if r.stalled > 0 {
		if sample, err = r.stall(ctx); err != nil {
			return nil, err
		}
		samples = append(samples, sample)
	}
	r.load.Close()
	for i := range samples {
		samples[i].Candidate = c.name
		r.count(&samples[i], []load.Phase{load.Measuring, load.Stalling}[i])
	}
	if r.stalled > 0 {
		r.countStalled(&samples[1])
	}
	return samples, nil
}

// start starts sink and server, and waits until the server listens.
func (r *run) start(ctx context.Context, c candidate) (err error) {
	if !c.plays && r.site.shape.Outputs > 0 {
		if err := r.openSink(c.secure); err != nil {
			return err
		}
	}
	if r.site.addr, err = freeAddr(); err != nil {
		return err
	}
	if r.profile != "" {
		if r.site.debug, err = freeAddr(); err != nil {
			return err
		}
	}
	args, err := c.command(r.site)
	if err != nil {
		return err
	}
	if r.server, err = meter.Start(r.cpu, filepath.Join(r.site.dir, "log"), args...); err != nil {
		return err
	}
	return r.until(ctx, "a listener", func() bool {
		nc, err := net.DialTimeout("tcp", r.site.addr, time.Second)
		if err == nil {
			_ = nc.Close()
		}
		return err == nil
	})
}

// openSink opens the sink, behind TLS where it should be secure.
func (r *run) openSink(secure bool) (err error) {
	var config *tls.Config
	if secure {
		var trusted []byte
		if config, trusted, err = load.Certificate(); err != nil {
			return err
		}
		if r.site.ca, err = r.site.write("sink.pem", string(trusted)); err != nil {
			return err
		}
	}
	if r.sink, err = r.load.Sink(config); err != nil {
		return err
	}
	r.site.sink = r.sink.Addr
	return nil
}

// join brings publishers and players, and waits until all outputs have pictures.
func (r *run) join(ctx context.Context, c candidate) error {
	s := r.site.shape
	media := clip.New(s.Kbits)
	for i := range s.Streams {
		p, err := r.load.Publish(r.site.addr, key(i), media, time.Duration(i)*time.Second/clip.Rate/time.Duration(s.Streams))
		if err != nil {
			return err
		}
		r.pubs = append(r.pubs, p)
	}
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	for i := range s.Streams * s.Outputs {
		if !c.plays {
			break
		}
		if err := r.load.Play(r.site.addr, c.stream(i%s.Streams)); err != nil {
			return err
		}
	}
	return r.until(ctx, "pictures at all outputs", func() bool { return r.load.Receiving() >= s.Streams*s.Outputs })
}

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

// close ends load, server and sink; publishers first, as in life.
func (r *run) close() (err error) {
	for _, p := range r.pubs {
		err = errors.Join(err, p.Close())
	}
	r.load.Close()
	if r.server != nil {
		r.server.Stop()
	}
	if r.sink != nil {
		r.sink.Close()
	}
	return err
}

// keepProfile keeps a profile of the window, where one is asked for and the server has one.
func (r *run) keepProfile(ctx context.Context, phase load.Phase) error {
	if r.profile == "" || phase != load.Measuring {
		return nil
	}
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.site.debug, int(r.window.Seconds()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil // no simulcart
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read profile: %w", err)
	}
	return os.WriteFile(r.profile, b, 0o644)
}

// until waits for what should come soon; it fails where the server ends meanwhile.
func (r *run) until(ctx context.Context, what string, done func() bool) error {
	for end := time.Now().Add(startTime); !done(); {
		if time.Now().After(end) {
			return fmt.Errorf("no %s in %v", what, startTime)
		}
		select {
		case <-r.server.Done():
			return fmt.Errorf("the server has ended before there was %s", what)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// The ports of servers lie below the range from which Linux takes those of outgoing connections.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freeAddr gives an address on which nobody listens.
func freeAddr() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no free port found")
}

// tail gives the last lines of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
