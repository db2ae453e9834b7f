package hls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

const (
	// Output is the name of the reader that makes a stream's segments, in the counters.
	Output = "hls"

	openingBytes = 64 << 20 // most that the first batch has: the whole window
	batchBytes   = 1 << 20
	patience     = time.Hour // a muxer writes to memory: it is late only where the machine is
)

// muxer makes the segments of one session, for all who pull it.
type muxer struct {
	key     session
	stream  *relay.Stream
	reader  *relay.Reader
	options Options
	log     *slog.Logger
	list    *playlist
	packer  packer
	ready   chan struct{}         // closed when there is a playlist, or never will be
	fault   atomic.Pointer[error] // why there are no segments, or no more; set before ready is closed
	used    atomic.Int64          // when somebody last asked for something, from begun
	begun   time.Time
}

// newMuxer makes the muxer of the session that a stream has now.
func newMuxer(s *relay.Stream, o Options, log *slog.Logger) *muxer {
	m := &muxer{
		stream: s, reader: s.SubscribeOldest(Output, patience), options: o, log: log.With("stream", s.Name()), begun: time.Now(),
		ready: make(chan struct{}), list: newPlaylist(o.Window, o.Memory),
	}
	m.key = session{s.Name(), m.reader.Session()}
	m.packer = packer{list: m.list, alone: o.AudioOnly}
	return m
}

// Run makes segments until the session or ctx ends, or the stream becomes one that HLS cannot carry.
func (m *muxer) Run(ctx context.Context) error {
	defer m.reader.Close()
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := m.run(ctx, &beside)
	m.list.end()
	if ctx.Err() != nil || errors.Is(err, relay.ErrEnded) || errors.Is(err, relay.ErrClosed) {
		err = nil
	}
	switch {
	case err != nil:
		m.fault.Store(&err)
	case !m.isReady():
		m.fault.Store(&errNotLive)
	}
	if !m.isReady() {
		close(m.ready)
	}
	if err != nil {
		return fmt.Errorf("make segments: %w", err)
	}
	return nil
}

// trouble says why there are no segments, or no more; nil where there are, or where the session has ended as it should.
func (m *muxer) trouble() error {
	if fault := m.fault.Load(); fault != nil {
		return *fault
	}
	return nil
}

// isOver says whether no more segments will come.
func (m *muxer) isOver() bool {
	m.list.mu.Lock()
	defer m.list.mu.Unlock()
	return m.list.ended
}

func (m *muxer) isReady() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// run reads, first until a segment is whole, then to the end.
func (m *muxer) run(ctx context.Context, beside *sync.WaitGroup) error {
	copies := relay.Derive(m.stream, overlay.CopyKey{}, new(overlay.Reader).Read)
	var opening []item
	var sg *segmenter
	var fault error
	frames := make([]*media.Frame, 0, 64)
	for bytes := openingBytes; ; bytes = batchBytes {
		var skipped int
		var err error
		frames, skipped, err = m.reader.Next(ctx, frames[:0], bytes)
		if err != nil {
			if sg != nil {
				sg.end()
			}
			return cmp.Or(fault, err)
		}
		first := m.reader.First()
		if skipped > 0 && sg != nil {
			sg.interrupt()
		}
		for i, f := range frames {
			it := item{frame: f}
			if f.Track.Codec == media.Overlay {
				it.state = copies.At(first+uint64(i), f)
			}
			if sg == nil {
				opening = append(opening, it)
				continue
			}
			sg.add(it)
		}
		clear(frames)
		if sg == nil {
			if sg = m.open(opening, func(p *piece) { fault = cmp.Or(fault, m.packer.take(p)) }); sg != nil {
				opening = nil
				if m.options.Window > memoryTime {
					beside.Go(func() { m.spool(ctx) })
				}
			}
		}
		if fault != nil {
			return fault
		}
		if !m.isReady() && m.list.isPlayable() {
			close(m.ready)
		}
	}
}

// open makes the segmenter, and lets it take what has come, once that is enough to say how long segments are; nil before.
func (m *muxer) open(items []item, emit func(*piece)) *segmenter {
	wish := media.Time(m.options.Segment)
	held := int64(0)
	for _, it := range items {
		held += int64(len(it.frame.Data))
	}
	as, ok := shapeOf(items, wish, media.Time(m.options.Part), held > m.options.Memory/4)
	if !ok {
		return nil
	}
	m.list.mu.Lock()
	m.list.shape, m.list.origin = as, zeroTime(m.reader.Origin())
	m.list.mu.Unlock()
	sg := &segmenter{wish: wish, longest: longestOf(as, m.options), part: as.part, origin: m.list.origin, wall: m.wall, emit: emit}
	sg.begin(items, as.step)
	return sg
}

// longestOf gives the longest that a segment may be, so that it is no longer than the target when rounded (RFC 8216bis §4.4.3.1). The
// sound alone may need a frame more.
func longestOf(as shape, o Options) media.Time {
	second := media.Time(time.Second)
	longest := media.Time(as.target)*second + second/2 - media.Millisecond
	if o.AudioOnly {
		longest -= longestSound
	}
	return longest
}

// wall gives the time of day of media time 0.
func (m *muxer) wall() time.Time {
	if zero := m.reader.Wall(0); !zero.IsZero() {
		return zero
	}
	return time.Now().Add(-m.stream.Snapshot().Newest.Duration())
}

// touch notes that somebody uses the segments.
func (m *muxer) touch() { m.used.Store(int64(time.Since(m.begun))) }

// idle is how long nobody has.
func (m *muxer) idle() time.Duration { return time.Since(m.begun) - time.Duration(m.used.Load()) }
