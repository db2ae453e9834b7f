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
	"sync"
	"time"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/internal/bench/load"
	"github.com/simulcart/simulcart/internal/bench/meter"
	"github.com/simulcart/simulcart/internal/bench/report"
)

const (
	startTime = 20 * time.Second       // the longest until a server listens, and until all outputs have pictures
	joinTime  = 5 * time.Millisecond   // from one player to the next
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
	r := &run{runner: rn, site: site{tools: rn.tools, shape: s, way: c.way, dir: dir}, load: load.New()}
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
	if !c.way.pulled() && r.site.shape.Outputs > 0 {
		if err := r.openSink(c.way == pushTLS); err != nil {
			return err
		}
	}
	addrs, err := freeAddrs(4)
	if err != nil {
		return err
	}
	r.site.addr, r.site.pull, r.site.media = addrs[0], addrs[1], addrs[2]
	if r.profile != "" {
		r.site.debug = addrs[3]
	}
	listens := []string{r.site.addr}
	if c.way > playRTMP && c.way < playSRTP {
		listens = addrs[:2]
	}
	args, err := c.command(r.site)
	if err != nil {
		return err
	}
	if r.server, err = meter.Start(r.cpu, filepath.Join(r.site.dir, "log"), args...); err != nil {
		return err
	}
	return r.until(ctx, "a listener", func() bool {
		for _, addr := range listens {
			nc, err := net.DialTimeout("tcp", addr, time.Second)
			if err != nil {
				return false
			}
			_ = nc.Close()
		}
		return true
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
	media := clip.New(s.Kbits, c.way >= playWHEP)
	for i := range s.Streams {
		p, err := r.load.Publish(r.site.addr, key(i), media, time.Duration(i)*time.Second/clip.Rate/time.Duration(s.Streams))
		if err != nil {
			return err
		}
		r.pubs = append(r.pubs, p)
	}
	if err := r.pullAll(ctx, c); err != nil {
		return err
	}
	return r.until(ctx, "pictures at all outputs", func() bool { return r.load.Receiving() >= s.Streams*s.Outputs })
}

// pullAll adds all outputs, where they do not come by themselves, a moment apart: those of nginx wait 40 ms for each answer.
func (r *run) pullAll(ctx context.Context, c candidate) error {
	n := r.site.shape.Streams * r.site.shape.Outputs
	if !c.way.pulled() || n == 0 {
		return nil
	}
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	apart := joinTime
	if c.way == playHLS || c.way == playParts {
		apart = segmentTime / time.Duration(n) // so that not all look at once
	}
	failed := make([]error, n)
	var joining sync.WaitGroup
	for i := range n {
		joining.Go(func() { failed[i] = r.pull(c, i%r.site.shape.Streams) })
		if err := sleep(ctx, apart); err != nil {
			break
		}
	}
	joining.Wait()
	return errors.Join(append(failed, ctx.Err())...)
}

// pull adds one output of a stream.
func (r *run) pull(c candidate, stream int) error {
	switch c.way {
	case playRTMP:
		return r.load.Play(r.site.addr, c.stream(stream))
	case playRTSP:
		return r.load.PlayRTSP(r.site.pull, c.stream(stream))
	case playHLS, playParts:
		r.load.PlayHLS(c.page(r.site, stream), c.way == playParts)
	case playWHEP:
		return r.load.PlayWHEP("http://" + r.site.pull + "/whep/" + c.stream(stream))
	case playSRTP, playSRTPSegments:
		return r.load.PlaySRTP(r.site.media)
	}
	return nil
}

// segmentTime is that of segments of HLS.
const segmentTime = 2 * time.Second

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

// freeAddrs gives different addresses on which nobody listens.
func freeAddrs(n int) (addrs []string, err error) {
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)))
		if err != nil {
			continue
		}
		defer l.Close() // kept open until all are found, so that they differ
		if addrs = append(addrs, l.Addr().String()); len(addrs) == n {
			return addrs, nil
		}
	}
	return nil, errors.New("no free ports found")
}

// tail gives the last lines of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
