//go:build linux

package accept_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/transcode"
	"github.com/simulcart/simulcart/wire/flv"
)

// TestBridges lets the children of a rendition be killed, stopped and fed garbage, again and again, while an endless stream runs: what they
// make is there again within 2 s each time, the session goes on, and no child is left in the end.
func TestBridges(t *testing.T) {
	realPeers(t)
	mediatest.Need(t, "ffmpeg")
	bench := &transcode.Bench{Log: slog.New(slog.DiscardHandler)}
	hub := &relay.Hub{Source: bench.Source, Linger: 100 * time.Millisecond}
	bench.Hub = hub
	b := &bridge{clip: mediatest.Media(t, mediatest.Clip{Seconds: 8, BFrames: 2, KeyInterval: 8})}
	b.start(t, hub, bench.Stream("maria", transcode.Web))
	b.await(t, 0)
	for _, fault := range []struct {
		name string
		do   func()
	}{
		{"killed", func() { b.signal(t, syscall.SIGKILL) }},
		{"stopped", func() { b.signal(t, syscall.SIGSTOP) }},
		{"garbage", func() { b.garbage.Store(true); time.Sleep(200 * time.Millisecond); b.garbage.Store(false) }},
	} {
		var times []time.Duration
		for range pick(t, 3, 100) {
			time.Sleep(time.Second)
			fault.do()
			times = append(times, b.await(t, 300*time.Millisecond))
		}
		timeFigure(t, "bridge_"+fault.name+"_back_p50", quantile(times, 0.5), 2*time.Second)
		timeFigure(t, "bridge_"+fault.name+"_back_max", slices.Max(times), 2*time.Second)
	}
	for _, s := range bench.Status("maria") {
		figure(t, "bridge_"+s.Conversion+"_delay", s.Delay.Seconds()*1000, "ms")
		figure(t, "bridge_"+s.Conversion+"_restarts", float64(s.Restarts), "times")
	}
	b.stop()
	hub.Close()
	if left := offspring(t); len(left) > 0 {
		t.Errorf("%d children or zombies are left", len(left))
	}
}

// bridge is a stream in which a clip runs again and again, and a reader of its rendition.
type bridge struct {
	clip    string
	garbage atomic.Bool // frames are spoilt

	sound, pictures atomic.Int64 // frames that came out
	cancel          context.CancelFunc
	all             sync.WaitGroup
}

func (b *bridge) start(t *testing.T, hub *relay.Hub, rendition *relay.Stream) {
	t.Helper()
	tracks, frames := readFrames(t, b.clip)
	p, err := hub.Publish("maria", tracks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	b.all.Go(func() {
		defer p.End()
		b.publish(ctx, t, p, frames)
	})
	b.all.Go(func() {
		r := rendition.Subscribe("test", 0)
		defer r.Close()
		for {
			fs, _, err := r.Next(ctx, nil, 1<<20)
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("the rendition ends: %v", err)
				}
				return
			}
			for _, f := range fs {
				switch {
				case f.Track.Codec.IsAudio():
					b.sound.Add(1)
				case f.Track.Codec.IsVideo():
					b.pictures.Add(1)
				}
			}
		}
	})
}

func (b *bridge) stop() {
	b.cancel()
	b.all.Wait()
}

// publish writes the frames at their pace, round after round, until ctx ends.
func (b *bridge) publish(ctx context.Context, t *testing.T, p *relay.Publisher, frames []*media.Frame) {
	origin, began := frames[0].DTS, time.Now()
	lasts := frames[len(frames)-1].DTS - origin + 34*media.Millisecond
	for round := media.Time(0); ; round++ {
		for _, f := range frames {
			g := *f
			g.PTS += round * lasts
			g.DTS += round * lasts
			if b.garbage.Load() && !f.Key {
				g.Data = slices.Clone(f.Data)
				for i := 5; i < len(g.Data); i++ {
					g.Data[i] ^= byte(i * 31)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(began.Add((g.DTS - origin).Duration()))):
			}
			if err := p.WriteFrame(&g); err != nil {
				t.Errorf("publish: %v", err)
				return
			}
		}
	}
}

// await waits until both tracks go on, from some time after now, and gives how long that took.
func (b *bridge) await(t *testing.T, after time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	time.Sleep(after)
	sound, pictures := b.sound.Load(), b.pictures.Load()
	for b.sound.Load() == sound || b.pictures.Load() == pictures {
		if time.Since(began) > patience {
			t.Fatalf("no output: sound %d, pictures %d", b.sound.Load()-sound, b.pictures.Load()-pictures)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(began)
}

// signal sends a signal to all children.
func (b *bridge) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	pids := offspring(t)
	if len(pids) != 2 {
		t.Errorf("%d children, want 2", len(pids))
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // one that is gone needs none
	}
}

// offspring gives the children of this process, zombies too.
func offspring(t *testing.T) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); len(f) < 2 || f[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// readFrames reads an FLV as an encoder would send it.
func readFrames(t *testing.T, path string) (tracks []*media.Track, frames []*media.Frame) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	tags := flv.NewReader(file)
	var demuxer flv.Demuxer
	for {
		tag, err := tags.Next()
		if errors.Is(err, io.EOF) {
			return demuxer.Tracks(), frames
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := demuxer.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame != nil {
			frames = append(frames, got.Frame)
		}
	}
}
