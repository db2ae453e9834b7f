package hls

import (
	"bytes"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/codec"
)

const (
	longestOpening = 10 * media.Time(time.Second) // that frames are collected before the first playlist, and the longest segment without key frames
	lostTrack      = 2 * media.Time(time.Second)  // of one track without the other: then it goes on alone
	snapSound      = 3 * media.Millisecond        // that a frame of sound may be off the end of the one before: clocks of milliseconds are
	longestSound   = 120 * media.Millisecond      // that a frame of sound lasts (Opus, RFC 6716 §2.1.4)
)

// item is what the segmenter takes: a frame, and for the frame of an overlay state its reading.
type item struct {
	frame *media.Frame
	state *overlay.Copy
}

// piece is what lies between two cuts, and becomes a part.
type piece struct {
	begin, end    media.Time // decode times of the clock track
	starts        bool       // a segment starts with it
	ends          bool       // a segment ends with it
	discontinuity bool       // times, tracks or coding change in front of it
	independent   bool       // it starts with a key frame

	video, audio          *media.Track   // of the stream there; nil: it has none
	pictures, sound       []*media.Frame // of these tracks
	picturesEnd, soundEnd media.Time     // when the frame behind the last one is decoded
	states                []standing
	zero                  time.Time  // time of day of media time 0
	shift                 media.Time // from when the first picture behind the break before was decoded to when it was shown
}

// standing is a state and the picture that it belongs to, or the sound where there are none.
type standing struct {
	state *overlay.Copy
	frame *media.Frame
}

func (p *piece) isEmpty() bool { return len(p.pictures) == 0 && len(p.sound) == 0 }

// segmenter cuts a stream into parts and segments. Pictures are its clock where there are some, else the sound. A frame goes into
// a piece when the next one of its track is there, since only then is known how long it lasts.
//
//	     segment                  segment
//	K · · · · · · · · · · · · K · · · · · · · ·
//	part  part  part  part    part  part …        a cut is where a frame of the clock begins
//
// Where a track changes or time leaps, the segment ends with what is there. What follows is held until each track has come again, so
// that there is one discontinuity, with all tracks behind it.
type segmenter struct {
	wish    media.Time // a segment ends at the first key frame that far from its start, or nearly
	longest media.Time // no segment becomes longer, with or without a key frame
	part    media.Time // no part becomes longer
	origin  media.Time // no frame is decoded before it
	wall    func() time.Time
	emit    func(*piece)

	video, audio lane
	state        *overlay.Copy // belongs to the frame of the clock that follows
	open         piece
	started      bool       // the open piece has a beginning: the clock runs
	begun        media.Time // of the segment
	zero         time.Time  // time of day of media time 0; moves at breaks only
	shift        media.Time // from when the first picture behind a break was decoded to when it was shown
	align        aligner
	emitted      bool   // some piece was
	settling     []item // what follows a break; nil: there is none
}

// lane is one track on its way.
type lane struct {
	track  *media.Track // nil: there is none
	held   *media.Frame // the newest, whose end is not known; nil: none
	state  *overlay.Copy
	usual  media.Time // how long a frame lasts
	expect int64      // tick at which the next frame of sound begins if none is missing; 0: not known
	length int        // samples of each frame of sound; 0: they differ
}

// tune gives the lane its track.
func (l *lane) tune(t *media.Track) {
	*l = lane{track: t, usual: l.usual}
	if t.Codec == media.AAC {
		l.length = codec.FrameSamples(t, nil)
	}
}

// isSame says whether frames of t go on where those of the lane's track end.
func (l *lane) isSame(t *media.Track) bool {
	return l.track == t || l.track != nil && t.Codec == l.track.Codec && t.ClockRate == l.track.ClockRate && t.ID == l.track.ID &&
		bytes.Equal(t.Config, l.track.Config)
}

// begin takes the first frames, and their tracks for those of the stream.
func (s *segmenter) begin(items []item) {
	s.open.starts = true
	s.settling = items
	s.settle()
}

// add takes the next frame of the stream.
func (s *segmenter) add(it item) {
	if s.settling == nil {
		s.align.take(it)
		s.flow(s.video.track == nil || s.audio.track == nil)
		return
	}
	s.settling = append(s.settling, it)
	if s.isSettled() {
		s.settle()
	}
}

// flow takes the frames whose turn it is; all of them where nothing more is to be waited for. Behind a break they wait with the others.
func (s *segmenter) flow(all bool) {
	for {
		it, ok := s.align.next(s.shift, all)
		if !ok {
			return
		}
		if s.take(it); s.settling != nil {
			s.settling = append(s.settling, s.align.rest()...)
			if s.isSettled() {
				s.settle()
			}
			return
		}
	}
}

// isSettled says whether each track has come again behind a break, or will not.
func (s *segmenter) isSettled() bool {
	var first, last media.Time
	missing := map[*lane]bool{&s.video: s.video.track != nil, &s.audio: s.audio.track != nil}
	some := false
	for _, it := range s.settling {
		l := s.laneOf(it.frame)
		if l == nil {
			continue
		}
		missing[l] = false
		if last = it.frame.DTS; !some {
			first, some = last, true
		}
	}
	return !missing[&s.video] && !missing[&s.audio] || last-first > lostTrack
}

// settle goes on behind a break, with the tracks that have come.
func (s *segmenter) settle() {
	items := s.settling
	s.settling = nil
	for _, l := range []*lane{&s.video, &s.audio} {
		var found *media.Track
		for _, it := range items {
			if found == nil && s.laneOf(it.frame) == l && (it.frame.Key || l == &s.audio) {
				found = it.frame.Track
			}
		}
		switch {
		case found == nil:
			*l = lane{}
		case !l.isSame(found):
			l.tune(found)
		}
	}
	for _, it := range items {
		s.add(it)
	}
}

// laneOf gives the lane of a frame; nil where it has none.
func (s *segmenter) laneOf(f *media.Frame) *lane {
	switch {
	case f.Track.Codec.IsVideo():
		return &s.video
	case f.Track.Codec.IsAudio():
		return &s.audio
	}
	return nil
}

// take takes a frame where no break is open.
func (s *segmenter) take(it item) {
	if it.frame.Track.Codec == media.Overlay {
		s.state = it.state
		return
	}
	l := s.laneOf(it.frame)
	switch {
	case l == nil, l == &s.video && !it.frame.Key && !l.isSame(it.frame.Track):
		return
	case !l.isSame(it.frame.Track), l.held != nil && it.frame.DTS-l.held.DTS > max(s.longest, lostTrack):
		s.breakOff()
		s.settling = []item{it}
		return
	}
	f := s.fit(l, it.frame)
	if f == nil {
		return
	}
	other := &s.video
	if l == other {
		other = &s.audio
	}
	if other.held != nil && l.held != nil && f.DTS-other.held.DTS > max(lostTrack, 2*other.usual) && f.DTS-l.held.DTS < lostTrack/4 {
		s.lose(other, l, it)
		return
	}
	if l == s.clock() {
		s.tick(l, f)
		l.held, l.state, s.state = f, s.state, nil
		return
	}
	s.put(l, f.DTS)
	l.held = f
}

// clock is the lane at whose frames pieces are cut.
func (s *segmenter) clock() *lane {
	if s.video.track != nil {
		return &s.video
	}
	return &s.audio
}

// fit gives the frame its lane's track, and sound its place right behind the sound before, if it is that; nil where time has gone back.
func (s *segmenter) fit(l *lane, f *media.Frame) *media.Frame {
	fitted := *f
	fitted.Track = l.track
	if l == &s.audio {
		rate := l.track.ClockRate
		at := max(f.DTS, s.origin).Ticks(rate)
		if off := media.FromTicks(at-l.expect, rate); l.expect != 0 && off <= snapSound && off >= -snapSound {
			at = l.expect
		}
		fitted.DTS = media.FromTicks(at, rate)
		fitted.PTS, l.expect = fitted.DTS, 0
		length := l.length
		if length == 0 {
			length = codec.FrameSamples(l.track, f.Data)
		}
		if length > 0 {
			l.expect = at + int64(length)
		}
	}
	if l.held != nil && fitted.DTS <= l.held.DTS {
		return nil
	}
	if fitted.Track == f.Track && fitted.DTS == f.DTS && fitted.PTS == f.PTS {
		return f
	}
	return &fitted
}

// tick takes a frame of the clock, at whose start the piece may end.
func (s *segmenter) tick(l *lane, f *media.Frame) {
	if !s.started {
		s.start(l, f)
		return
	}
	s.put(l, f.DTS)
	length := f.DTS - s.begun
	switch next := f.DTS + l.usual; {
	case isDue(f, length, s.wish, l.usual), next-s.begun > s.longest:
		s.cut(f.DTS, true)
	case next-s.open.begin > s.part:
		s.cut(f.DTS, false)
	default:
		return
	}
	s.open.independent = isStart(l, f)
}

// start lets the clock run from f on. Sound from long before is left out.
func (s *segmenter) start(l *lane, f *media.Frame) {
	s.started, s.begun, s.zero = true, f.DTS, s.wall()
	s.open.begin, s.open.independent = f.DTS, isStart(l, f)
	s.shift = f.PTS - f.DTS
	s.open.sound = slices.DeleteFunc(s.open.sound, func(sound *media.Frame) bool { return sound.DTS < f.PTS })
}

// isStart says whether a decoder can begin at f, a frame of the clock.
func isStart(l *lane, f *media.Frame) bool { return f.Key || l.track.Codec.IsAudio() }

// isDue says whether a segment of that length ends in front of f, a frame of the clock: at a key frame, once the wish is fulfilled but for
// an eighth; without pictures, at the frame that comes nearest.
func isDue(f *media.Frame, length, wish, step media.Time) bool {
	if f.Track.Codec.IsAudio() {
		return length+step/2 >= wish
	}
	return f.Key && length >= wish*7/8
}

// put moves the held frame of a lane into the piece: it ends at a time.
func (s *segmenter) put(l *lane, end media.Time) {
	f := l.held
	if f == nil {
		return
	}
	l.usual = end - f.DTS
	if l == &s.video {
		s.open.pictures, s.open.picturesEnd = append(s.open.pictures, f), end
	} else {
		s.open.sound, s.open.soundEnd = append(s.open.sound, f), end
	}
	if l.state != nil {
		s.open.states = append(s.open.states, standing{l.state, f})
	}
	l.held, l.state = nil, nil
}

// cut ends the piece, and with it the segment where that ends too.
func (s *segmenter) cut(at media.Time, segment bool) {
	p := s.open
	p.end, p.ends, p.zero, p.shift, p.video, p.audio = at, segment, s.zero, s.shift, s.video.track, s.audio.track
	s.open = piece{begin: at, starts: segment}
	if segment {
		s.begun = at
	}
	s.emitted = true
	s.emit(&p)
}

// breakOff ends the segment where the frames that are there end. What follows does not go on from it.
func (s *segmenter) breakOff() {
	if s.settling != nil {
		return
	}
	clock := s.clock()
	end := s.open.begin
	for _, l := range []*lane{&s.video, &s.audio} {
		if l.held != nil {
			if l == clock {
				end = l.held.DTS + max(l.usual, media.Millisecond)
			}
			s.put(l, l.held.DTS+max(l.usual, media.Millisecond))
		}
		l.expect = 0
	}
	if s.started && (end > s.open.begin || !s.open.starts) {
		s.cut(max(end, s.open.begin), true)
	}
	s.started = false
	s.open = piece{starts: true, discontinuity: s.emitted}
}

// finish takes the end of the stream.
func (s *segmenter) finish() {
	for s.settling != nil {
		s.settle()
	}
	s.flow(true)
	s.breakOff()
}

// lose goes on without a track of which nothing comes. What came of the other since then follows the break.
func (s *segmenter) lose(gone, other *lane, it item) {
	follow := []item{it}
	if gone == s.clock() {
		end := gone.held.DTS + gone.usual
		at := slices.IndexFunc(s.open.sound, func(f *media.Frame) bool { return f.DTS >= end })
		if at < 0 {
			at = len(s.open.sound)
		}
		late := append(slices.Clone(s.open.sound[at:]), other.held)
		if at < len(s.open.sound) {
			s.open.soundEnd = s.open.sound[at].DTS
		} else {
			s.open.soundEnd = other.held.DTS
		}
		s.open.sound = s.open.sound[:at]
		other.held = nil
		follow = nil
		for _, f := range late {
			follow = append(follow, item{frame: f})
		}
		follow = append(follow, it)
	}
	s.breakOff()
	*gone = lane{}
	for _, one := range follow {
		s.add(one)
	}
}

// shape says how long a stream's segments and parts are.
type shape struct {
	target int        // whole seconds: no segment is longer when rounded
	part   media.Time // no part is longer
}

// shapeOf looks at the frames that a playlist begins with: each segment of them must fit, and frames fill a part nearly. It is false
// where they have no whole segment yet, and that is not enough.
func shapeOf(items []item, wish, part media.Time, enough bool) (shape, bool) {
	isClock := media.Codec.IsAudio
	if slices.ContainsFunc(items, func(it item) bool { return it.frame.Track.Codec.IsVideo() }) {
		isClock = media.Codec.IsVideo
	}
	var begun, last, longest media.Time
	var steps []media.Time
	for _, it := range items {
		f := it.frame
		switch {
		case !isClock(f.Track.Codec):
			continue
		case len(steps) == 0 && last == 0 && !f.Key && f.Track.Codec.IsVideo():
			continue
		case last == 0:
			begun = f.DTS
		default:
			steps = append(steps, f.DTS-last)
			if length := f.DTS - begun; isDue(f, length, wish, f.DTS-last) {
				begun, longest = f.DTS, max(longest, min(length, longestOpening))
			}
		}
		if last = f.DTS; last == 0 {
			last = 1 // zero means that there was none
		}
	}
	if longest == 0 && (enough || last-begun >= longestOpening) {
		longest = max(wish, min(last-begun, longestOpening))
	}
	if longest == 0 || len(steps) == 0 {
		return shape{}, false
	}
	slices.Sort(steps)
	step := max(steps[len(steps)/2], media.Millisecond)
	count := max((part+step/2)/step, 1)
	slack := min(step/4, count*step/10) // for clocks that are not exact; no part may be shorter than 85 % (RFC 8216bis §4.4.4.9)
	second := media.Time(time.Second)
	return shape{
		target: int((max(longest, wish) + second/2) / second),
		part:   (count*step + slack + media.Millisecond - 1) / media.Millisecond * media.Millisecond,
	}, true
}
