package sandbox

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/media"
)

// stage takes frames until it was given enough; then it is lost to a real encoder.
type stage struct {
	mu     sync.Mutex
	tracks []*media.Track
	frames []*media.Frame
	enough int
	done   chan struct{}
	closed chan struct{}
}

func (s *stage) SetTracks(tracks []*media.Track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = tracks
}

func (s *stage) WriteFrame(f *media.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames = append(s.frames, f); len(s.frames) == s.enough {
		close(s.done)
	}
	return nil
}

func (s *stage) Done() <-chan struct{} { return s.done }
func (s *stage) Close(bool)            { close(s.closed) }

// The card is real media from a real ffmpeg, and gives way.
func TestCardPlaysAndGivesWay(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	defer goleak.VerifyNone(t)
	s := &stage{enough: 60, done: make(chan struct{}), closed: make(chan struct{})}
	free := true
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	card := &Card{Log: slog.New(slog.DiscardHandler), Open: func() (Stage, error) {
		if !free {
			return nil, errors.New("taken")
		}
		free = false
		return s, nil
	}}
	var running sync.WaitGroup
	running.Go(func() {
		if err := card.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-s.closed:
	case <-ctx.Done():
		t.Error("the card did not give way")
	}
	cancel()
	running.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	codecs := map[media.Codec]bool{}
	for _, track := range s.tracks {
		codecs[track.Codec] = true
	}
	if !codecs[media.H264] || !codecs[media.AAC] {
		t.Errorf("got tracks %v, want H.264 and AAC", codecs)
	}
	if len(s.frames) < s.enough {
		t.Fatalf("got %d frames, want %d at least", len(s.frames), s.enough)
	}
	last := map[uint8]media.Time{}
	for i, f := range s.frames {
		if before, ok := last[f.Track.ID]; ok && f.DTS <= before {
			t.Errorf("frame %d of %s: time %v after %v", i, f.Track.Codec, f.DTS, before)
		}
		last[f.Track.ID] = f.DTS
	}
}
