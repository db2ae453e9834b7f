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
	c, err := start(l.stage.bench.program(), j.arguments(j.source, j.from), j.log)
	if err != nil {
		l.drop(j, 0)
		return 0, err
	}
	if !l.hold(j, c) {
		l.drop(j, c.wait())
		return 0, nil
	}
	unbind := context.AfterFunc(ctx, c.kill)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		l.feed(j, c)
	}()
	frames, err = l.collect(j, c)
	unbind()
	spent := c.wait()
	<-fed
	l.drop(j, spent)
	if !l.current(j) {
		err = nil
	}
	return frames, err
}

// feed writes to the child what is there for it, until it is gone or the source has ended.
func (l *lane) feed(j job, c *child) {
	defer func() { _ = c.in.Close() }()
	source := *j.source
	if source.Codec.IsVideo() {
		source.Format.FrameRate = frameRate(source.Format)
	}
	if source.Codec == media.Opus { // a frame is played at its time: nothing is skipped
		source.Config = withoutPreSkip(source.Config)
	}
	w, err := mkv.NewWriter(c.in, &source)
	if err != nil {
		j.log.Warn("track cannot be converted", "err", err)
		c.kill()
		return
	}
	for {
		batch, ending := l.batch(j)
		for _, a := range batch {
			f := *a.Frame
			f.Track, f.PTS = &source, max(0, f.PTS-j.base)
			if w.WriteFrame(&f) != nil {
				return // the child is gone: what it brings ends too
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
	for _, a := range batch {
		l.run.fed = max(l.run.fed, a.PTS)
	}
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
