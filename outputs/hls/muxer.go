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
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/fmp4"
)

const (
	// Output is the name of the reader that makes a stream's segments, in the counters.
	Output = "hls"

	openingBytes = 64 << 20 // most that the first batch has: the whole window
	batchBytes   = 1 << 20
	sayEach      = time.Minute // that frames are dropped
	patience     = time.Hour   // a muxer writes to memory: it is late only where the machine is
)

// muxer makes the segments of one session, for all who pull it.
type muxer struct {
	key     session
	stream  *relay.Stream
	reader  *relay.Follower
	options Options
	log     *slog.Logger
	list    *playlist
	packer  packer
	ready   chan struct{}         // closed when there is a playlist, or never will be
	fault   atomic.Pointer[error] // why there are no segments, or no more; set before ready is closed
	used    atomic.Int64          // when somebody last asked for something, from begun
	begun   time.Time

	// Of the goroutine of Run alone:
	opening []item // what has come, before it is enough to begin
	held    int    // bytes of that
	cutter  *segmenter
	broken  error         // what ends the packaging
	told    [drops]uint64 // of the frames that were dropped, in the log
	said    time.Time     // when that was said in the log
}

// newMuxer makes the muxer of the session that a stream has now. fit may be nil: what HLS does not carry is a fault then.
func newMuxer(s *relay.Stream, fit outputs.Fit, o Options, log *slog.Logger) *muxer {
	var choose relay.Choose
	if fit != nil {
		choose = fit(fmp4.Carries)
	}
	m := &muxer{
		stream: s, reader: s.FollowOldest(Output, patience, choose), options: o, log: log.With("stream", s.Name()), begun: time.Now(),
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
	var from *relay.Stream
	var copies *relay.Derived[*overlay.Copy]
	frames := make([]*media.Frame, 0, 64)
	for bytes := openingBytes; m.broken == nil; bytes = batchBytes {
		var skipped int
		var err error
		frames, skipped, err = m.reader.Next(ctx, frames[:0], bytes)
		if err != nil {
			m.finish()
			return cmp.Or(m.broken, err)
		}
		if skipped > 0 && m.cutter != nil {
			m.cutter.interrupt()
		}
		if now := m.reader.Stream(); now != from {
			from, copies = now, relay.Derive(now, overlay.CopyKey{}, new(overlay.Reader).Read)
		}
		first := m.reader.First()
		for i, f := range frames {
			it := item{frame: f}
			if f.Track.Codec == media.Overlay {
				it.state = copies.At(first+uint64(i), f)
			}
			m.feed(it)
		}
		clear(frames)
		if m.cutter == nil && m.open() && m.options.Window > memoryTime {
			beside.Go(func() { m.spool(ctx) })
		}
		m.tell()
		if !m.isReady() && m.list.isPlayable() {
			close(m.ready)
		}
	}
	return m.broken
}

// feed takes the next frame of the stream.
func (m *muxer) feed(it item) {
	if m.cutter != nil {
		m.cutter.add(it)
		return
	}
	m.opening, m.held = append(m.opening, it), m.held+len(it.frame.Data)
}

// open makes the segmenter, and lets it take what has come, once that is enough to say how long segments are; false before. What is too
// much for memory and has no key frame is dropped.
func (m *muxer) open() bool {
	wish, enough := media.Time(m.options.Segment), int64(m.held) > m.options.Memory/4
	as, ok := shapeOf(m.opening, wish, media.Time(m.options.Part), enough)
	if ok {
		m.list.open(as, zeroTime(m.reader.Origin()))
		m.cutter = &segmenter{
			wish: wish, longest: longestOf(as, m.options), part: as.part, origin: m.list.origin, wall: m.wall,
			emit: func(p *piece) { m.broken = cmp.Or(m.broken, m.packer.take(p)) },
		}
		m.cutter.begin(m.opening, as.step)
	}
	if ok || enough {
		m.opening, m.held = nil, 0
	}
	return ok
}

// finish ends the last segment.
func (m *muxer) finish() {
	m.list.conclude()
	if m.cutter != nil {
		m.cutter.end()
		m.tell()
	}
}

// tell counts the frames that were dropped, and says so once in a while where viewers may notice.
func (m *muxer) tell() {
	if m.cutter == nil || m.cutter.dropped == m.told {
		return
	}
	now := m.cutter.dropped
	m.list.drop(now)
	var facts []slog.Attr
	for why := dropBackwards; why < drops; why++ {
		if n := now[why] - m.told[why]; n > 0 {
			facts = append(facts, slog.Uint64(why.String(), n))
		}
	}
	if len(facts) == 0 || time.Since(m.said) < sayEach {
		return
	}
	m.told, m.said = now, time.Now()
	m.log.LogAttrs(context.Background(), slog.LevelWarn, "frames are in no segment", facts...)
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
