package outputs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	step   = 20 * time.Millisecond // what each step of a peer's opening takes
	pace   = 40 * time.Millisecond // between frames
	packet = 1000                  // bytes of a frame
)

var video = &media.Track{ID: 1, Codec: media.H264, ClockRate: 90000}

// A peer is the other end of a fault, as an Output: it opens, step by step, and takes the stream's frames as it is told.
type peer struct {
	progress *Progress
	slow     time.Duration                         // what each step of the opening takes beside
	refuse   func(attempt int, during State) error // why the opening fails; nil: it does not

	mu       sync.Mutex
	attempts []time.Time
	stuck    bool
	waits    int    // bytes that are written and not acknowledged
	taken    uint64 // bytes that are acknowledged
	free     chan struct{}
	broken   chan error
}

func newPeer(p *Progress) *peer {
	return &peer{progress: p, free: make(chan struct{}), broken: make(chan error, 1)}
}

func (p *peer) Run(ctx context.Context, s *relay.Stream) error {
	p.mu.Lock()
	p.attempts = append(p.attempts, time.Now())
	attempt := len(p.attempts)
	p.mu.Unlock()
	for _, state := range []State{Connecting, Handshaking, Publishing} {
		if state == Publishing {
			p.progress.Connected(p)
		}
		p.progress.Enter(state)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(step + p.slow):
		}
		if p.refuse == nil {
			continue
		}
		if err := p.refuse(attempt, state); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var breaks sync.WaitGroup
	defer breaks.Wait()
	defer cancel(nil)
	breaks.Go(func() {
		select {
		case <-ctx.Done():
		case err := <-p.broken:
			cancel(err)
		}
	})
	return p.carry(ctx, s)
}

func (p *peer) carry(ctx context.Context, s *relay.Stream) error {
	r := s.Subscribe("out", 0)
	defer r.Close()
	for {
		frames, _, err := r.Next(ctx, nil, 1<<20)
		switch {
		case errors.Is(err, relay.ErrEnded):
			return nil
		case err != nil:
			return cause(ctx)
		}
		p.progress.Writing(frames[0].DTS)
		if !p.write(ctx, packet*len(frames)) {
			return cause(ctx)
		}
		p.progress.Wrote(packet * len(frames))
	}
}

// cause gives why ctx ended; nil where it was asked to.
func cause(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// write is taken at once, or blocks while the peer is stuck.
func (p *peer) write(ctx context.Context, n int) bool {
	p.mu.Lock()
	free, stuck := p.free, p.stuck
	p.waits += n
	p.mu.Unlock()
	if stuck {
		select {
		case <-ctx.Done():
			return false
		case <-free:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken += uint64(p.waits)
	p.waits = 0
	return true
}

// stick makes the peer take nothing; unstick ends that.
func (p *peer) stick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = true
}

func (p *peer) unstick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = false
	close(p.free)
	p.free = make(chan struct{})
}

// trickle takes n bytes of what waits.
func (p *peer) trickle(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, p.waits)
	p.waits -= n
	p.taken += uint64(n)
}

func (p *peer) Unacked() (bytes int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waits, true
}

func (p *peer) Unsent() (bytes int, ok bool) { return 0, true }

func (p *peer) Acked() (bytes uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken, true
}

func (p *peer) tried() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.attempts)
}

// A rig is a runner between a stream and a peer, on a clock of the test's own.
type rig struct {
	*Runner
	t     *testing.T
	peer  *peer
	hub   relay.Hub
	cease func() // ends the publisher's frames
	blind bool   // leaves the trail out, for hours

	mu    sync.Mutex
	trail []State
}

// longest makes each wait the longest that it may be.
func longest(n time.Duration) time.Duration { return n - 1 }

// onRig runs a test with a runner that is not started.
func onRig(t *testing.T, test func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, cease: func() {}}
		progress := &Progress{}
		r.peer = newPeer(progress)
		r.Runner = &Runner{
			Stream: r.hub.Stream("s"), Name: "out", Output: r.peer, Progress: progress,
			Log: slog.New(slog.DiscardHandler), Jitter: longest,
		}
		test(t, r)
	})
}

// start starts the runner; what it does ends with the test, and is nil then.
func (r *rig) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.Run(ctx); err != nil {
			r.t.Errorf("Run = %v, want nil", err)
		}
	})
	if !r.blind {
		all.Go(func() { r.watchTrail(ctx) })
	}
	stop = sync.OnceFunc(func() {
		r.cease()
		cancel()
		all.Wait()
	})
	r.t.Cleanup(stop)
	time.Sleep(10 * time.Millisecond) // for a look at idle
	return stop
}

// watchTrail notes each state that the destination is in for some milliseconds.
func (r *rig) watchTrail(ctx context.Context) {
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		state := r.status().State
		r.mu.Lock()
		if n := len(r.trail); n == 0 || r.trail[n-1] != state {
			r.trail = append(r.trail, state)
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// took gives the states since the last call, in words.
func (r *rig) took() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var words []string
	for _, s := range r.trail {
		words = append(words, s.String())
	}
	r.trail = r.trail[max(0, len(r.trail)-1):]
	return strings.Join(words, " ")
}

func (r *rig) status() Status { return r.Progress.Status(r.Stream.Snapshot().Newest, 0) }

// publish comes onto the stream and writes frames, until cease.
func (r *rig) publish() *relay.Publisher {
	p, err := r.hub.Publish("s", []*media.Track{video})
	if err != nil {
		r.t.Fatal(err)
	}
	end := make(chan struct{})
	var writing sync.WaitGroup
	from := r.Stream.Snapshot().Newest
	begun := time.Now()
	writing.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 0; ; n++ {
			at := from + media.Time(time.Since(begun)) + media.Millisecond
			f := &media.Frame{Track: video, PTS: at, DTS: at, Key: n%50 == 0, Data: make([]byte, 10)}
			if err := p.WriteFrame(f); err != nil {
				return
			}
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	})
	r.cease = sync.OnceFunc(func() {
		close(end)
		writing.Wait()
	})
	return p
}

// wantStates says which states the destination must have been through since the last look.
func (r *rig) wantStates(want string) {
	r.t.Helper()
	synctest.Wait()
	if got := r.took(); got != want {
		r.t.Errorf("states\n got %s\nwant %s", got, want)
	}
}
