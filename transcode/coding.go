package transcode

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/mkv"
	"github.com/simulcart/simulcart/wire/opus"
)

// once runs a child until it ends. It says how many frames it brought, and why it ended; nil where its assignment had changed.
func (l *lane) once(ctx context.Context, j job) (frames int, err error) {
	j.tally.starts.Add(1)
	source := fed(j.source)
	if _, err := mkv.AppendHeader(nil, []*media.Track{source}); err != nil {
		l.drop(j, 0)
		return 0, err
	}
	c, err := start(l.stage.bench.program(), j.arguments(j.source, j.from), j.log)
	if err != nil {
		l.drop(j, 0)
		return 0, err
	}
	if !l.hold(j, c) {
		l.drop(j, c.wait())
		return 0, nil
	}
	j.tally.begin(c)
	unbind := context.AfterFunc(ctx, c.kill)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.feed(j, source, c)
	}()
	frames, err = l.collect(j, c)
	unbind()
	spent := c.wait()
	<-done
	l.drop(j, spent)
	if !l.current(j) {
		err = nil
	}
	return frames, err
}

// fed gives a track as the child is told of it: with a frame rate, since encoders take the tick for one, and without samples to skip,
// since each frame is played at its time.
func fed(t *media.Track) *media.Track {
	told := *t
	switch {
	case t.Codec.IsVideo():
		told.Format.FrameRate = frameRate(t.Format)
	case t.Codec == media.Opus:
		told.Config = withoutPreSkip(t.Config)
	}
	return &told
}

// feed writes to the child what is there for it, until it is gone or the source has ended.
func (l *lane) feed(j job, source *media.Track, c *child) {
	defer func() { _ = c.in.Close() }()
	w, err := mkv.NewWriter(c.in, source)
	if err != nil {
		return // the child is gone: what it brings ends too
	}
	for {
		batch, ending := l.batch(j)
		for _, a := range batch {
			f := *a.Frame
			f.Track, f.PTS = source, max(0, f.PTS-j.base)
			if w.WriteFrame(&f) != nil {
				return
			}
		}
		switch {
		case len(batch) > 0:
		case ending:
			return
		default:
			select {
			case <-l.wake:
			case <-c.done:
				return
			}
		}
	}
}

// batch takes what is to be written now; ending says that nothing follows.
func (l *lane) batch(j job) (batch []arrival, ending bool) {
	l.stage.mu.Lock()
	defer l.stage.mu.Unlock()
	if l.turn != j.turn {
		return nil, true
	}
	batch, l.queue = l.queue, nil
	l.run.pending = append(l.run.pending, batch...)
	if over := len(l.run.pending) - maxPending; over > 0 {
		l.run.pending = l.run.pending[over:]
	}
	return batch, l.ending
}

// collect takes what the child brings until it ends.
func (l *lane) collect(j job, c *child) (frames int, err error) {
	in, err := mkv.NewReader(c.out)
	if err != nil {
		return 0, fmt.Errorf("read from the child: %w", err)
	}
	if len(in.Tracks()) != 1 {
		return 0, fmt.Errorf("read from the child: %d tracks", len(in.Tracks()))
	}
	track, skip := l.adopt(j, in.Tracks()[0])
	var sound soundClock
	for {
		f, err := in.Next()
		if err != nil {
			return frames, fmt.Errorf("read from the child: %w", err)
		}
		frames++
		f.Track = track
		f.PTS += j.base + skip
		if track.Codec.IsAudio() {
			f.PTS = sound.place(f.PTS, media.FromTicks(int64(codec.FrameSamples(track, f.Data)), track.ClockRate))
		}
		l.bring(j, f)
	}
}

// adopt makes the child's track the lane's: the one before, where nothing but the child is new. ffmpeg tells how much a decoder of Opus
// skips, and does not put it on the times as Matroska has it: skip takes that back.
func (l *lane) adopt(j job, told *media.Track) (track *media.Track, skip media.Time) {
	l.stage.mu.Lock()
	defer l.stage.mu.Unlock()
	told.ID = j.source.ID
	told.Format.FrameRate = j.source.Format.FrameRate
	if told.Codec == media.Opus {
		if head, err := opus.ParseConfig(told.Config); err == nil {
			skip = media.FromTicks(int64(head.PreSkip), opus.Rate)
		}
	}
	if l.turn != j.turn {
		return told, skip
	}
	if l.made == nil || l.made.ID != told.ID || l.made.Codec != told.Codec || !bytes.Equal(l.made.Config, told.Config) {
		l.made = told
	}
	return l.made, skip
}

// bring hands what the child made to the merger.
func (l *lane) bring(j job, f *media.Frame) {
	s := l.stage
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.turn != j.turn {
		return
	}
	l.timeLocked(j, f, now)
	pictures := f.Track.Codec.IsVideo()
	switch {
	case pictures && f.PTS < l.run.begin:
		return
	case l.loss.key && !f.Key:
		j.tally.late.Add(1)
		return
	}
	if s.merger.take(l.slot, f, now) {
		l.loss.key = false
		if f.PTS-l.run.begin > marginMost {
			l.loss.times = 0
		}
	} else {
		j.tally.late.Add(1)
		l.loss.key, l.loss.since = pictures, now
	}
	s.merger.flush(now)
}

// timeLocked gives a frame the time of its source, and notes how long it took.
func (l *lane) timeLocked(j job, f *media.Frame, now time.Time) {
	r := &l.run
	if f.Track.Codec.IsVideo() {
		f.PTS = r.near(f.PTS)
	}
	f.DTS = f.PTS
	r.back, r.moved = f.PTS, now
	var newest arrival
	rest := r.pending[:0]
	for _, a := range r.pending {
		if a.PTS > f.PTS {
			rest = append(rest, a)
		} else if newest.Frame == nil || a.PTS > newest.PTS {
			newest = a
		}
	}
	r.pending = rest
	if newest.Frame != nil {
		j.tally.took(now.Sub(newest.at))
	}
	for len(r.keys) > 0 && r.keys[0] <= f.PTS+tolerance {
		f.Key, r.keys = true, r.keys[1:]
	}
}

// near gives the time of the picture that was fed and is nearest to told; told itself where none is near.
func (r *progress) near(told media.Time) media.Time {
	best, nearest := told, tolerance+1
	for _, a := range r.pending {
		if off := max(a.PTS-told, told-a.PTS); off < nearest {
			best, nearest = a.PTS, off
		}
	}
	return best
}

// withoutPreSkip gives a configuration of Opus that has nothing skipped.
func withoutPreSkip(config []byte) []byte {
	head, err := opus.ParseConfig(config)
	if err != nil {
		return config
	}
	head.PreSkip = 0
	return head.AppendDOps(nil)
}
