package hls

import (
	"context"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
)

// segment is a run of parts that starts where a player may begin.
type segment struct {
	number        uint64
	init          int // of its tracks
	discontinuity bool
	zero          time.Time  // time of day of media time 0; the same up to a discontinuity
	shift         media.Time // from decoding to showing of the first frame behind the last discontinuity
	begin         media.Time // when its first frame is decoded
	length        media.Time // of its parts so far
	before        media.Time // length of all segments in front of it; unlike begin it has no holes
	until         media.Time // how far the list gets before the segment can be forgotten; only where it is not listed any more
	independent   bool
	closed        bool
	parts         []*part
	bytes         [variants]int64
	events        int64  // bytes of overlay states in front of the media, as the neutral view has them
	memory        int64  // bytes that it holds in memory
	file          *spool // nil: in memory
}

// wall is the time of day at which the segment begins to be shown.
func (g *segment) wall() time.Time { return g.zero.Add((g.begin + g.shift).Duration()) }

// span gives what the segment covers in a rendition, so far.
func (g *segment) span(of rendition) span {
	if of == whole || len(g.parts) == 0 {
		return span{g.begin, g.begin + g.length}
	}
	return span{g.parts[0].span(of).begin, g.parts[len(g.parts)-1].span(of).end}
}

// shown is the time of day at which the segment begins to be shown, or heard.
func (g *segment) shown(of rendition) time.Time {
	if of == whole {
		return g.wall()
	}
	return g.zero.Add(g.span(of).begin.Duration())
}

// end is the length of all segments up to this one, so far.
func (g *segment) end() media.Time { return g.before + g.length }

// playlist is the segments of one session, as they are listed and as they can still be fetched. The muxer's goroutine writes it, those of
// requests read.
//
//	segments  [ gone from the list, can be fetched | listed | being made ]
//	            0                                    first
type playlist struct {
	shape  shape
	window media.Time // that is listed, at least
	bound  int64      // bytes in memory
	origin media.Time

	zippers sync.Pool // of *gzip.Writer

	mu          sync.Mutex
	changed     chan struct{} // closed at the next change
	segments    []*segment
	first       int    // of those that are listed
	breaks      uint64 // discontinuities in front of segments that are not listed any more
	inits       []initialization
	gone        int // initializations in front of those
	states      showings
	independent bool // each segment so far could be decoded without the others
	ending      bool // what comes now is told together with the end
	ended       bool
	forgotten   bool      // nothing is taken any more
	published   time.Time // when the newest part came
	rendered    map[rendering]func() (*answer, error)
	counts      packaged
}

func newPlaylist(window time.Duration, memory int64) *playlist {
	return &playlist{
		window: media.Time(window), bound: memory, changed: make(chan struct{}), independent: true,
		rendered: make(map[rendering]func() (*answer, error)),
	}
}

// open gives the playlist its shape, and the media time of tick 0, before it has any segments.
func (p *playlist) open(as shape, origin media.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shape, p.origin = as, origin
}

// drop notes how many frames were dropped so far.
func (p *playlist) drop(frames [drops]uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.dropped = frames
}

// initialization is what a player needs before the segments of a set of tracks.
type initialization struct {
	tracks []*media.Track
	data   [variants][]byte // plain and sounded
}

// hold is where a request waits.
func (p *playlist) hold() <-chan struct{} { return p.changed }

// await waits until ready says so, with the playlist locked, or gives ctx's error. ready is asked again after each change.
func (p *playlist) await(ctx context.Context, ready func() bool) error {
	for {
		p.mu.Lock()
		ok, changed := ready(), p.hold()
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changeLocked tells those who wait.
func (p *playlist) changeLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
	clear(p.rendered)
}

// retune takes the tracks of the segments from the next one on.
func (p *playlist) retune(in initialization) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inits = append(p.inits, in)
}

// add takes the part of a piece.
func (p *playlist) add(from *piece, made *part) {
	events := int64(0)
	for _, c := range made.copies {
		if sight := c.By(&overlay.View{}); sight != nil {
			events += int64(len(sight.Text)) + eventHead
		}
	}
	left := p.list(from, made, events)
	for _, file := range left {
		file.leave()
	}
}

// list lists a part, and gives the files that nothing is left in.
func (p *playlist) list(from *piece, made *part, events int64) (left []*spool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forgotten {
		return nil
	}
	g := p.newestLocked()
	if g == nil || g.closed {
		g = p.openLocked(from)
	}
	g.parts = append(g.parts, made)
	g.length = made.end - g.begin
	for v := range variants {
		g.bytes[v] += made.bodies[v].length()
	}
	g.memory = g.size()
	g.events += events
	for _, c := range made.copies {
		p.counts.ranges += p.states.take(c, g.zero)
	}
	p.counts.parts++
	p.counts.partSeconds += made.length().Duration().Seconds()
	if from.ends {
		g.closed = true
		p.counts.segments++
		p.counts.segmentSeconds += g.length.Duration().Seconds()
		left = p.slideLocked()
	}
	p.published = time.Now()
	if !p.ending {
		p.changeLocked()
	}
	return left
}

// newestLocked gives the newest segment; nil where there is none.
func (p *playlist) newestLocked() *segment {
	if len(p.segments) == 0 {
		return nil
	}
	return p.segments[len(p.segments)-1]
}

// openLocked begins a segment. Dates run on from one to the next; behind a discontinuity they are told anew, but never go back.
func (p *playlist) openLocked(from *piece) *segment {
	g := &segment{
		init: p.gone + len(p.inits) - 1, discontinuity: from.discontinuity, independent: from.isIndependent(), zero: from.zero, begin: from.begin, shift: from.shift,
	}
	if last := p.newestLocked(); last != nil {
		g.number, g.before = last.number+1, last.end()
		ended := last.wall().Add(last.length.Duration())
		if !g.discontinuity {
			g.zero, g.shift = last.zero, last.shift
		} else if late := ended.Sub(g.wall()); late > 0 {
			g.zero = g.zero.Add(late)
		}
	}
	p.independent = p.independent && g.independent
	p.segments = append(p.segments, g)
	return g
}

// conclude says that the end comes, with the last parts in front of it: who waits is told of all that at once, and need not ask again.
func (p *playlist) conclude() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = true
}

// end says that nothing more comes.
func (p *playlist) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.newestLocked(); g != nil && !g.closed {
		g.closed = true
		p.counts.segments++
		p.counts.segmentSeconds += g.length.Duration().Seconds()
	}
	p.ended = true
	p.changeLocked()
}

// slideLocked takes segments from the list that are older than the window, and forgets those that nobody may ask for any more: a segment can
// be fetched for its own duration and that of the longest playlist that listed it, from when it leaves the list (RFC 8216bis §6.2.2). Of what
// memory cannot hold, the oldest goes first. It gives the files of those.
func (p *playlist) slideLocked() (left []*spool) {
	newest := p.newestLocked().end()
	least := 3 * media.Time(p.shape.target) * media.Time(time.Second)
	for p.first < len(p.segments)-1 && newest-p.segments[p.first].end() >= max(p.window, least) {
		p.unlistLocked()
	}
	for len(p.segments) > 0 {
		g := p.segments[0]
		if over := p.overLocked(); p.first == 0 {
			if !over || newest-g.end() < least {
				break
			}
			p.unlistLocked()
		} else if !over && newest < g.until {
			break
		}
		if g.file != nil {
			left = append(left, g.file)
		}
		p.segments[0] = nil
		p.segments = p.segments[1:]
		p.first--
	}
	for ; len(p.segments) > 0 && p.gone < p.segments[0].init; p.gone++ {
		p.inits[0] = initialization{}
		p.inits = p.inits[1:]
	}
	if p.first < len(p.segments) {
		p.states.forget(p.segments[p.first].wall())
	}
	return left
}

// unlistLocked takes the oldest segment from the list, which is as long now as any that had it.
func (p *playlist) unlistLocked() {
	g, newest := p.segments[p.first], p.newestLocked().end()
	g.until = newest + g.length + newest - g.before
	if g.discontinuity {
		p.breaks++
	}
	p.first++
}

func (p *playlist) overLocked() bool { return p.memoryLocked() > p.bound }

// memoryLocked counts the bytes of media in memory.
func (p *playlist) memoryLocked() (n int64) {
	for _, g := range p.segments {
		n += g.memory
	}
	return n
}

// find gives a segment that can be fetched.
func (p *playlist) findLocked(number uint64) *segment {
	if len(p.segments) == 0 || number < p.segments[0].number || number > p.newestLocked().number {
		return nil
	}
	return p.segments[number-p.segments[0].number]
}

// isMarked says whether the part differs for the neutral view.
func (p *part) isMarked() bool {
	a, b := p.bodies[plain], p.bodies[marked]
	return a.file == nil && b.file == nil && len(a.data) != len(b.data) || a.offset != b.offset
}

// isPlayable says whether players may begin: they keep three target durations from the end (RFC 8216bis §6.3.3), and some never show a
// picture, or lose some for good, where the first playlist that they see is shorter. Where segments are long, one is enough after a while.
func (p *playlist) isPlayable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	closed, length := media.Time(0), media.Time(0)
	for _, g := range p.segments {
		if length += g.length; g.closed {
			closed += g.length
		}
	}
	target := media.Time(p.shape.target) * media.Time(time.Second)
	return closed > 0 && (closed >= 3*target-media.Time(time.Second)/2 || length > media.Time(firstWait)*3/4)
}

// hasSound says whether there is something in the list of the sound alone.
func (p *playlist) hasSound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.inits) > 0 && p.inits[len(p.inits)-1].data[sounded] != nil
}

func (p *playlist) isEmpty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.segments) == 0
}

// forget lets go of all segments, and gives what was counted.
func (p *playlist) forget() packaged {
	p.mu.Lock()
	gone, counts := p.segments, p.counts
	p.segments, p.first, p.states, p.ended, p.forgotten = nil, 0, nil, true, true
	p.changeLocked()
	p.mu.Unlock()
	for _, g := range gone {
		if g.file != nil {
			g.file.leave()
		}
	}
	return counts
}

// status adds what the playlist holds to st, and gives what it counts.
func (p *playlist) status(st *outputs.PackagedStatus) packaged {
	p.mu.Lock()
	defer p.mu.Unlock()
	st.Memory += p.memoryLocked()
	for i, g := range p.segments {
		if g.file != nil {
			st.Disk += g.size()
		}
		if !p.ended && i >= p.first {
			st.Window += g.length.Duration()
		}
	}
	if !p.ended && p.shape.target > 0 {
		st.Active = true
		st.Target, st.PartTarget = time.Duration(p.shape.target)*time.Second, p.shape.part.Duration()
		st.Age = time.Since(p.published)
	}
	return p.counts
}

// size is how many bytes the segment's media has, with what differs for views.
func (g *segment) size() int64 {
	n := g.bytes[plain] + g.bytes[sounded]
	for _, one := range g.parts {
		if one.isMarked() {
			n += one.bodies[marked].length()
		}
	}
	return n
}
