//go:build linux

package transcode

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// TestNoDrift lets a rendition run for hours of media at the speed that the child has (with ACCEPT=full; else for minutes), with sound whose
// clock is off by 100 parts in a million and whose times are whole milliseconds, as RTMP has them. What is heard at the end is still
// where it is in the source.
func TestNoDrift(t *testing.T) {
	for _, tc := range []struct {
		name, rate string
		ending     string
		args       []string
		kind       Kind
	}{
		{"AAC of 44.1 kHz to Opus", "44100", "flv", []string{"-c:a", "aac", "-b:a", "96k"}, Web},
		{"Opus to AAC", "48000", "mkv", []string{"-c:a", "libopus", "-b:a", "64k"}, Sound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t)
			long := 3 * 60 * 1000 * media.Millisecond
			if os.Getenv("ACCEPT") == "full" {
				long *= 40
			}
			c := encode(t, tc.ending, pulsesAndPictures(tc.rate, tc.args...)...)
			sound := c.of(media.Codec.IsAudio)
			p := g.publish(t, []*media.Track{sound[0].Track})
			to := g.Stream("maria", tc.kind)
			r := to.Subscribe("test", 0)
			defer r.Close()
			tail := newTail(r)
			source := g.replay(t, p, to, sound, long)
			p.End()
			<-tail.done
			if len(tail.frames) == 0 || tail.holes > 0 {
				t.Fatalf("%d frames at the end, %d holes", len(tail.frames), tail.holes)
			}
			offset, spread := compareSound(t, source, tail.frames)
			t.Logf("after %v: offset %v, spread %v, %+v", long, offset, spread, g.Status("maria"))
			if offset > 5*media.Millisecond || offset < -5*media.Millisecond || spread > 5*media.Millisecond {
				t.Errorf("the sound is off by %v, spread %v", offset, spread)
			}
		})
	}
}

const tailFrames = 600 // of sound that are kept

// replay publishes frames again and again, no further ahead of the rendition than some seconds, and gives the last ones.
func (g *rig) replay(t *testing.T, p *relay.Publisher, to *relay.Stream, frames []*media.Frame, long media.Time) (last []*media.Frame) {
	t.Helper()
	const offPPM = 100
	origin := frames[0].PTS
	lasts := frames[len(frames)-1].PTS - frames[0].PTS + frames[1].PTS - frames[0].PTS
	for n := 0; ; n++ {
		f := *frames[n%len(frames)]
		at := f.PTS - origin + media.Time(n/len(frames))*lasts
		at += at / 1_000_000 * offPPM
		f.PTS = media.FromTicks(at.Ticks(1000), 1000)
		f.DTS = f.PTS
		if err := p.WriteFrame(&f); err != nil {
			t.Fatal(err)
		}
		if last = append(last, &f); len(last) > 2*tailFrames {
			last = append(last[:0], last[tailFrames:]...)
		}
		if at > long {
			return last
		}
		for began := time.Now(); n%50 == 49 && to.Snapshot().Newest < f.PTS-4000*media.Millisecond; {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("the rendition hangs at %v, the source is at %v", to.Snapshot().Newest, f.PTS)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// tail is the end of a rendition.
type tail struct {
	frames []*media.Frame
	holes  int
	done   chan struct{}
}

// newTail reads a rendition to its end, and keeps the last frames.
func newTail(r *relay.Reader) *tail {
	s := &tail{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		var last media.Time
		for first := true; ; {
			fs, skipped, err := r.Next(context.Background(), nil, 1<<20)
			if err != nil {
				return
			}
			for _, f := range fs {
				if step := f.PTS - last; !first && (step <= 0 || step > 25*media.Millisecond) {
					s.holes++
				}
				first, last = false, f.PTS
			}
			s.holes += skipped
			if s.frames = append(s.frames, fs...); len(s.frames) > 2*tailFrames {
				s.frames = append(s.frames[:0], s.frames[len(s.frames)-tailFrames:]...)
			}
		}
	}()
	return s
}
