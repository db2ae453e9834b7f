package relay

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/media"
)

// Tests write frames as letters, 100 ms apart: K and v are video, a key frame and not; A and a are sound; O and o are
// overlay states. The data of a frame is its letter, so that a byte bound is a bound in frames.
const pace = 100 * media.Millisecond

var (
	video   = &media.Track{ID: 1, Codec: media.H264, ClockRate: 90000}
	audio   = &media.Track{ID: 2, Codec: media.AAC, ClockRate: 48000}
	overlay = &media.Track{ID: 3, Codec: media.Overlay}
	tracks  = []*media.Track{video, audio, overlay}
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// letter makes the frame of that letter.
func letter(b byte, dts media.Time) *media.Frame {
	f := &media.Frame{PTS: dts, DTS: dts, Data: []byte{b}, Key: b < 'a'}
	switch b {
	case 'K', 'v':
		f.Track = video
	case 'A', 'a':
		f.Track = audio
	case 'O', 'o':
		f.Track = overlay
	}
	return f
}

// write writes the frames of a script behind those that the session has.
func write(t testing.TB, p *Publisher, script string) {
	t.Helper()
	for _, b := range []byte(script) {
		if err := p.WriteFrame(letter(b, nextTime(p.stream))); err != nil {
			t.Fatalf("WriteFrame %c: %v", b, err)
		}
	}
}

func nextTime(s *Stream) media.Time {
	at := s.Snapshot()
	if at.Frames == 0 {
		return 0
	}
	return at.Newest + pace
}

func publish(t testing.TB, s *Stream) *Publisher {
	t.Helper()
	p, err := s.Publish(tracks)
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return p
}

// read reads one batch, which must be there, and returns its script.
func read(t testing.TB, r *Reader) (script string, skipped int) {
	t.Helper()
	fs, skipped, err := r.Next(passing(t), nil, 1<<20)
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return scriptOf(fs), skipped
}

// wantRead reads one batch and compares it.
func wantRead(t testing.TB, r *Reader, want string, wantSkipped int) {
	t.Helper()
	if got, skipped := read(t, r); got != want || skipped != wantSkipped {
		t.Errorf("Next = %q, skipped %d; want %q, skipped %d", got, skipped, want, wantSkipped)
	}
}

// wantNext calls Next where there is nothing to read.
func wantNext(t testing.TB, r *Reader, want error) {
	t.Helper()
	if fs, _, err := r.Next(passing(t), nil, 1<<20); !errors.Is(err, want) {
		t.Errorf("Next = %q, %v; want %v", scriptOf(fs), err, want)
	}
}

func scriptOf(fs []*media.Frame) string {
	var b []byte
	for _, f := range fs {
		b = append(b, f.Data[0])
	}
	return string(b)
}

// passing returns a context that ends as soon as somebody waits for it.
func passing(t testing.TB) context.Context { return &passingContext{Context: t.Context()} }

type passingContext struct {
	context.Context
	over bool
}

func (c *passingContext) Done() <-chan struct{} {
	c.over = true
	done := make(chan struct{})
	close(done)
	return done
}

func (c *passingContext) Err() error {
	if c.over {
		return context.Canceled
	}
	return nil
}

func (c *passingContext) Deadline() (time.Time, bool) { return time.Time{}, false }
