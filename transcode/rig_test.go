//go:build linux

package transcode

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
)

// clip is what a publisher sends.
type clip struct {
	tracks []*media.Track
	frames []*media.Frame
}

// readClip reads an FLV.
func readClip(t testing.TB, path string) (c clip) {
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
			c.tracks = demuxer.Tracks()
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := demuxer.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame != nil {
			c.frames = append(c.frames, got.Frame)
		}
	}
}

// of gives the frames of one kind.
func (c clip) of(is func(media.Codec) bool) (fs []*media.Frame) {
	for _, f := range c.frames {
		if is(f.Track.Codec) {
			fs = append(fs, f)
		}
	}
	return fs
}

// shifted gives the clip at another time.
func (c clip) shifted(by media.Time) clip {
	moved := clip{tracks: c.tracks}
	for _, f := range c.frames {
		g := *f
		g.PTS += by
		g.DTS += by
		moved.frames = append(moved.frames, &g)
	}
	return moved
}

// rig is a bench with its hub.
type rig struct {
	*Bench
	hub *relay.Hub
}

func newRig(t testing.TB) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	mediatest.Need(t, "ffmpeg", "ffprobe")
	g := &rig{Bench: &Bench{Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}}
	g.hub = &relay.Hub{Linger: 200 * time.Millisecond, Source: g.Source}
	g.Hub = g.hub
	t.Cleanup(func() {
		g.hub.Close()
		goleak.VerifyNone(t)
	})
	return g
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// play publishes a clip at its own pace, times speed; 0 is as fast as it goes. It returns when the last frame is written.
func (g *rig) play(t testing.TB, p *relay.Publisher, c clip, speed float64) {
	t.Helper()
	began, origin := time.Now(), c.frames[0].DTS
	for _, f := range c.frames {
		if speed > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(f.DTS-origin) / speed))))
		}
		if err := p.WriteFrame(f); err != nil {
			t.Errorf("publish: %v", err)
			return
		}
	}
}

func (g *rig) publish(t testing.TB, tracks []*media.Track) *relay.Publisher {
	t.Helper()
	p, err := g.hub.Publish("maria", tracks)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sink is what came out of a rendition.
type sink struct {
	mu     sync.Mutex
	tracks []*media.Track
	frames []*media.Frame
	done   chan struct{} // closed at the end of the session
}

// watch reads a rendition to the end of its session. Where somebody publishes already, it returns once the stream is read.
func (g *rig) watch(t testing.TB, k Kind) *sink {
	t.Helper()
	s := &sink{done: make(chan struct{})}
	from := g.Stream("maria", k)
	r := from.Subscribe("test", 0)
	if source := g.hub.Stream("maria"); source.Snapshot().Live {
		await(t, "a reader of the stream", guard*goal, func() bool { return source.Snapshot().Readers > 0 })
	}
	go func() {
		defer close(s.done)
		defer r.Close()
		for {
			fs, skipped, err := r.Next(context.Background(), nil, 1<<20)
			if err != nil {
				if !errors.Is(err, relay.ErrEnded) {
					t.Errorf("read the rendition: %v", err)
				}
				return
			}
			if skipped > 0 {
				t.Errorf("%d frames skipped", skipped)
			}
			s.mu.Lock()
			s.frames = append(s.frames, fs...)
			s.tracks = r.Tracks()
			s.mu.Unlock()
		}
	}()
	return s
}

// all waits for the end and gives what came, after it has looked at the order.
func (s *sink) all(t testing.TB) clip {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the rendition does not end")
	}
	last := map[uint8]media.Time{}
	newest := never
	for i, f := range s.frames {
		if f.DTS < newest {
			t.Errorf("frame %d of %s: decode time %v behind %v", i, f.Track.Codec, f.DTS, newest)
		}
		if before, ok := last[f.Track.ID]; ok && f.DTS <= before && f.Track.Codec != media.Overlay {
			t.Errorf("frame %d of %s: decode time %v after %v", i, f.Track.Codec, f.DTS, before)
		}
		newest, last[f.Track.ID] = max(newest, f.DTS), f.DTS
	}
	return clip{s.tracks, s.frames}
}

// count gives the frames of one kind so far.
func (s *sink) count(is func(media.Codec) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if is(f.Track.Codec) {
			n++
		}
	}
	return n
}
