package transcode

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

const (
	batchBytes = 256 << 10
	lookEach   = 50 * time.Millisecond  // at what waits, and at the children
	leading    = 50 * media.Millisecond // how far the first sound of a child may be in front of what it was given
	lastFrames = 500 * time.Millisecond // for the children to bring what they have when the source has ended
	loadShare  = 64                     // frames that a batch has room for at first
)

// stage makes a rendition of one session.
type stage struct {
	bench *Bench
	kind  Kind
	from  *relay.Stream
	to    *relay.Stream
	log   *slog.Logger

	tallies [conversions]*tally
	reader  *relay.Reader

	mu        sync.Mutex
	merger    *merger
	lanes     [slots]*lane
	tracks    []*media.Track        // of the source
	reorders  map[*media.Track]bool // tracks whose pictures turned out to be decoded in another order
	announced []*media.Track        // those of the rendition, as it was told
	wall      time.Time             // of media time 0, as it was told
	out       *relay.Publisher      // nil before the first frame
	fault     error                 // of writing, for good
}

func newStage(b *Bench, stream string, k Kind, from, to *relay.Stream, log *slog.Logger) *stage {
	s := &stage{bench: b, kind: k, from: from, to: to, log: log, reorders: make(map[*media.Track]bool)}
	for c := range s.tallies {
		s.tallies[c] = b.tally(stream, conversion(c))
	}
	s.merger = newMerger(s.write)
	for i := range s.lanes {
		s.lanes[i] = newLane(s, slot(i))
	}
	return s
}

// run reads a session to its end; then it returns nil. It returns ctx's error when ctx ends, and others where the rendition cannot be
// written.
func (s *stage) run(ctx context.Context) error {
	r := s.from.Subscribe("rendition "+s.kind.String(), 0)
	defer r.Close()
	s.reader = r
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() {
		cancel()
		all.Wait()
		s.close()
	}()
	for _, l := range s.lanes {
		all.Go(func() { l.work(ctx) })
	}
	all.Go(func() { s.look(ctx, r) })
	err := s.read(ctx, r)
	if err == nil {
		s.finish()
	}
	return err
}

// read reads the source until it ends.
func (s *stage) read(ctx context.Context, r *relay.Reader) error {
	batch := make([]*media.Frame, 0, loadShare)
	for {
		fs, _, err := r.Next(ctx, batch, batchBytes)
		if errors.Is(err, relay.ErrEnded) {
			return nil
		}
		if err != nil {
			return err
		}
		batch = fs
		if err := s.take(r, fs); err != nil {
			return err
		}
	}
}

// take hands a batch on.
func (s *stage) take(r *relay.Reader, fs []*media.Frame) error {
	tracks, wall, origin := r.Tracks(), r.Wall(0), r.Origin()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall = wall
	s.merger.floor = max(s.merger.floor, origin) // an encoder of AAC begins with a frame of silence, which would lie before the session
	if !slices.Equal(tracks, s.tracks) {
		s.tracks = tracks
		for _, t := range tracks {
			if at := slotOf(t); at != noSlot && s.lanes[at].lot.source == nil { // later the frames tell: those of the old tracks may still come
				s.settle(t, now)
			}
		}
	}
	for _, f := range fs {
		s.route(f, now)
	}
	s.merger.flush(now)
	return s.fault
}

// route hands a frame to its lane, or to the merger.
func (s *stage) route(f *media.Frame, now time.Time) {
	if f.Track.Codec == media.H264 && f.PTS > f.DTS && f.Track.Format.Reorder < 0 {
		s.reorders[f.Track] = true
	}
	at := slotOf(f.Track)
	if at == noSlot {
		s.merger.pass(f, now)
		return
	}
	l := s.lanes[at]
	if l.lot.source != f.Track || f.Key && l.lot.conversion != s.wants(f.Track) {
		s.settle(f.Track, now)
	}
	s.await(at, f)
	if l.lot.conversion == none {
		s.merger.pass(f, now)
		return
	}
	s.merger.passed(f)
	l.feedLocked(f, now)
}

// await has all wait for the first child of a lane's assignment, from the frame on that it begins with, so that none is late.
func (s *stage) await(at slot, f *media.Frame) {
	l := s.lanes[at]
	if !l.fresh || at == pictureSlot && !f.Key {
		return
	}
	l.fresh = false
	if l.lot.conversion == none || s.merger.cursor == never { // at the start of a rendition settle has seen to it
		return
	}
	from := f.PTS
	if at == pictureSlot {
		l.first = f.PTS
	} else {
		from -= leading
	}
	s.merger.expect(at, from, startPatience)
}

// slotOf gives the lane that a track may need.
func slotOf(t *media.Track) slot {
	switch {
	case t.Codec.IsAudio():
		return soundSlot
	case t.Codec.IsVideo():
		return pictureSlot
	}
	return noSlot
}

// wants says what the rendition needs made of a track.
func (s *stage) wants(t *media.Track) conversion {
	return s.kind.conversion(t, t.Format.Reorder > 0 || s.reorders[t])
}

// settle gives the lane of a track what it has to do from now on.
func (s *stage) settle(t *media.Track, now time.Time) {
	at := slotOf(t)
	if at == noSlot {
		return
	}
	l := s.lanes[at]
	a := assignment{conversion: s.wants(t), source: t}
	a.clock = a.conversion != none && (at == pictureSlot || !s.hasPictures())
	if l.lot == a {
		return
	}
	l.assignLocked(a)
	if a.conversion != none && s.merger.cursor == never {
		s.merger.expect(at, never, beginPatience)
	}
	s.merger.stand(s.clockSlot(), now)
	s.log.Info("track is settled", "track", t.Codec.String(), "conversion", a.String())
}

// hasPictures says whether the source has a video track.
func (s *stage) hasPictures() bool {
	return slices.ContainsFunc(s.tracks, func(t *media.Track) bool { return t.Codec.IsVideo() })
}

// clockSlot gives the lane whose frames overlays stand in front of; noSlot where those frames are passed.
func (s *stage) clockSlot() slot {
	for i, l := range s.lanes {
		if l.lot.clock {
			return slot(i)
		}
	}
	return noSlot
}

// write writes a frame into the rendition. The merger calls it, with the mutex held, as it hands on to a publisher that never waits.
func (s *stage) write(f *media.Frame) {
	if s.fault != nil {
		return
	}
	if tracks := s.made(); s.out == nil || !slices.Equal(tracks, s.announced) {
		s.announced = tracks
		if s.out == nil {
			if s.out, s.fault = s.to.Publish(tracks); s.fault != nil {
				return
			}
			s.out.MadeOf(s.reader)
		} else {
			s.out.SetTracks(tracks)
		}
	}
	if !s.wall.IsZero() && !s.to.Wall(0).Equal(s.wall) {
		s.out.SetWall(0, s.wall)
	}
	s.fault = s.out.WriteFrame(f)
}

// made gives the rendition's tracks: those of the source, and in place of some what lanes make of them, as far as that is known.
func (s *stage) made() []*media.Track {
	tracks := make([]*media.Track, 0, len(s.tracks))
	for _, t := range s.tracks {
		if at := slotOf(t); at != noSlot && s.lanes[at].lot.conversion != none && s.lanes[at].lot.source.ID == t.ID {
			t = s.lanes[at].made
		}
		if t != nil {
			tracks = append(tracks, t)
		}
	}
	return tracks
}

// look looks at what waits and at the children, until ctx ends.
func (s *stage) look(ctx context.Context, r *relay.Reader) {
	ticks := time.NewTicker(lookEach)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks.C:
			if s.check(now, r.MayWantKey()) {
				r.WantKey()
			}
		}
	}
}

// check writes what has waited long enough, and kills the children that are at fault. It says whether a reader of the rendition wants a
// key frame; heeded, whether the source gives some for the asking.
func (s *stage) check(now time.Time, heeded bool) (key bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.merger.flush(now)
	for _, l := range s.lanes {
		l.checkLocked(now)
	}
	switch {
	case s.out == nil:
		return false
	case !heeded:
		s.out.IgnoreWishes()
		return false
	}
	select {
	case <-s.out.KeyWanted():
		return true
	default:
		return false
	}
}

// finish lets the children bring what they have, when the source has ended.
func (s *stage) finish() {
	s.mu.Lock()
	for _, l := range s.lanes {
		l.ending = true
		l.signal()
	}
	s.mu.Unlock()
	patience := time.NewTimer(lastFrames)
	defer patience.Stop()
	for _, l := range s.lanes {
		select {
		case <-l.done:
		case <-patience.C:
			return
		}
	}
}

// close writes what is left, and ends the rendition's session.
func (s *stage) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.merger.end(time.Now())
	if s.out != nil {
		s.out.End()
	}
}
