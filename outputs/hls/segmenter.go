package hls

import (
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

const (
	lostTrack    = 2 * media.Time(time.Second)  // of one track without the other: then it goes on alone
	mostOffset   = 10 * media.Time(time.Second) // from when a picture is decoded to when it is shown
	leastOffset  = -500 * media.Millisecond     // the same of broken streams; less than what tick 0 is early
	mostStates   = 64                           // that wait for their frame
	longestSound = 120 * media.Millisecond      // that a frame of sound lasts (Opus, RFC 6716 §2.1.4)
)

// item is what the segmenter takes: a frame, and for the frame of an overlay state its reading.
type item struct {
	frame *media.Frame
	state *overlay.Copy
}

// drop is why a frame is in no piece. The set is closed.
type drop uint8

const (
	dropBeforeKey drop = iota // pictures that no decoder can begin with
	dropBefore                // frames from before the first piece
	dropBackwards             // time has gone back
	dropOther                 // of a second track of pictures or sound
	dropChanging              // sound of another coding, up to the segment that begins with it
	dropBroken                // shown long before or after they are decoded
	drops
)

var dropNames = [drops]string{"before_key", "before_first", "backwards", "second_track", "coding", "offset"}

// String gives the reason, as metrics and the log have it.
func (d drop) String() string { return dropNames[d] }

// segmenter cuts a stream into parts and segments. Pictures are its clock where there are some, else the sound. A frame goes into
// a piece when the next one of its track is there, since only then is known how long it lasts.
//
//	     segment                  segment
//	K · · · · · · · · · · · · K · · · · · · · ·
//	part  part  part  part    part  part …        a cut is where a frame of the clock begins
//
// Pictures and sound are divided at the same time on screen: that of a picture is when it is decoded, plus the shift. What a track is coded
// like changes with the segment: for pictures a new one begins, sound waits for the next.
type segmenter struct {
	wish    media.Time // a segment ends at the first key frame that far from its start, or nearly
	longest media.Time // no segment becomes longer, with or without a key frame
	part    media.Time // no part becomes longer
	origin  media.Time // no frame is decoded before it
	wall    func() time.Time
	emit    func(*piece)

	align        aligner
	video, audio lane
	states       []*overlay.Copy // belong to frames of the clock that follow
	open         *piece
	waits        bool       // the open piece begins with the next frame of the clock
	begun        media.Time // of the segment
	zero         time.Time  // time of day of media time 0; moves at breaks only
	shift        media.Time // from when the first picture behind a break was decoded to when it was shown
	audible      media.Time // where sound begins behind the last break
	dropped      [drops]uint64
}

// begin takes the frames that are there. Of each kind of track the first one that can begin is taken. step is how long most frames last.
func (s *segmenter) begin(items []item, step media.Time) {
	s.open, s.waits = &piece{starts: true}, true
	s.video.usual, s.audio.usual = step, step
	for _, it := range items {
		switch f := it.frame; {
		case f.Track.Codec.IsVideo() && s.video.track == nil && f.Key && f.DTS >= s.origin && isUsable(f):
			s.video.tune(f.Track)
		case f.Track.Codec.IsAudio() && s.audio.track == nil:
			s.audio.tune(f.Track)
		}
	}
	for _, it := range items {
		s.add(it)
	}
}

// clock is the lane at whose frames pieces are cut.
func (s *segmenter) clock() *lane {
	if s.video.track != nil {
		return &s.video
	}
	return &s.audio
}

// add takes the next frame of the stream.
func (s *segmenter) add(it item) {
	s.align.take(it)
	s.flow(false)
}

// flow takes the frames whose turn it is, or all.
func (s *segmenter) flow(all bool) {
	for {
		it, ok := s.align.next(s.shift, all || s.video.track == nil || s.audio.track == nil)
		if !ok {
			return
		}
		s.take(it)
	}
}

// take takes a frame whose turn it is.
func (s *segmenter) take(it item) {
	f := it.frame
	switch c := f.Track.Codec; {
	case c == media.Overlay:
		if s.states = append(s.states, it.state); len(s.states) > mostStates {
			s.states = s.states[1:]
		}
	case c.IsVideo() && s.admit(&s.video, f):
		s.addPicture(f)
		if s.isLost(&s.audio, &s.video) {
			s.audio.lost = true // from the next segment on, if it does not come back before
		}
	case c.IsAudio() && s.admit(&s.audio, f):
		s.addSound(f)
		if s.isLost(&s.video, &s.audio) {
			s.losePictures()
		}
	}
}

// isLost says whether nothing has come on a lane for so long, while the other ran on, that that goes on alone.
func (s *segmenter) isLost(l, other *lane) bool {
	return l.track != nil && l.begun && other.newest-max(l.newest, other.since) > min(max(lostTrack, 2*l.usual), s.longest)
}

// admit says whether a frame of a lane may be in a piece.
func (s *segmenter) admit(l *lane, f *media.Frame) bool {
	newest := l.newest
	if l == &s.audio {
		newest -= snapSound // that it may be off
	}
	switch {
	case f.DTS < s.origin:
		s.dropped[dropBefore]++
	case !isUsable(f):
		s.dropped[dropBroken]++
	case l.begun && l.track != nil && f.Track.ID != l.track.ID && f.DTS-l.newest <= lostTrack:
		s.dropped[dropOther]++
	case l.begun && f.DTS <= newest:
		s.dropped[dropBackwards]++
	default:
		return true
	}
	return false
}

// isUsable says whether a frame is shown near the time at which it is decoded.
func isUsable(f *media.Frame) bool { return f.PTS-f.DTS <= mostOffset && f.PTS-f.DTS >= leastOffset }

func (s *segmenter) addPicture(f *media.Frame) {
	l := &s.video
	same := l.isSame(f.Track)
	if !f.Key && (!same || !l.begun) {
		s.dropped[dropBeforeKey]++
		return
	}
	if !same {
		s.leave(f)
		l.tune(f.Track)
	}
	s.place(l, f)
}

func (s *segmenter) addSound(f *media.Frame) {
	l := &s.audio
	switch {
	case l.isSame(f.Track):
		s.dropped[dropChanging] += uint64(len(l.waiting)) // it is what it was again
		l.next, l.waiting, l.lost = nil, nil, false
	case s.video.track == nil:
		s.leave(f)
		l.tune(f.Track)
	case s.isFresh():
		l.tune(f.Track)
	default:
		s.wait(f)
		return
	}
	if !s.waits && s.audio.isHole(f.DTS) && s.video.track != nil && s.video.isHole(f.DTS) {
		s.breakOff()
	}
	s.place(l, f)
}

// place takes a frame of its lane's track.
func (s *segmenter) place(l *lane, f *media.Frame) {
	f, ok := l.fit(f)
	if !ok {
		s.dropped[dropBackwards]++
		return
	}
	if l == s.clock() {
		s.tick(l, f)
	} else {
		s.put(l, f.DTS)
	}
	for l == s.clock() && len(s.states) > 0 && s.states[0].At <= f.PTS+snapSound {
		l.states, s.states = append(l.states, s.states[0]), s.states[1:]
	}
	l.hold(f)
}

// tick takes a frame of the clock, at whose start the piece may end.
func (s *segmenter) tick(l *lane, f *media.Frame) {
	due := isDue(f, f.DTS-s.begun, s.wish, l.usual) || f.DTS+l.usual-s.begun > s.longest
	if !s.waits && !s.reach(l, f.DTS, due) {
		s.breakOff()
	}
	if s.waits {
		s.start(f)
		return
	}
	length := f.DTS - s.open.begin
	switch {
	case due:
		s.cut(f.DTS, true)
	case length+l.usual > s.part && !s.isShort(length) && !s.isBare(f.DTS):
		s.cut(f.DTS, false)
	}
}

// start begins a segment behind a break with a frame of the clock. Sound from before it is left out.
func (s *segmenter) start(f *media.Frame) {
	s.open.begin, s.begun, s.waits = f.DTS, f.DTS, false
	if s.zero = s.wall(); isStart(f) { // others may be shown before or behind those around them
		s.shift = f.PTS - f.DTS
	}
	s.audible = f.DTS + s.shift
	i, _ := s.open.soundAt(s.audible)
	s.open.sound = s.open.sound[i:]
	s.dropped[dropBefore] += uint64(i)
}

// isStart says whether a decoder can begin at a frame of the clock.
func isStart(f *media.Frame) bool { return f.Key || f.Track.Codec.IsAudio() }

// isShort says whether a part of that length may only be the last one of its segment (RFC 8216bis §4.4.4.9).
func (s *segmenter) isShort(length media.Time) bool { return length < s.part*85/100 }

// isBare says whether there is nothing for a part up to a time.
func (s *segmenter) isBare(at media.Time) bool {
	return at <= s.open.begin || len(s.open.pictures) == 0 && !s.open.hasSound(noTime, at+s.shift)
}

// isDue says whether a segment of that length ends in front of f, a frame of the clock: at a key frame, once the wish is fulfilled but for
// an eighth; without pictures, at the frame that comes nearest.
func isDue(f *media.Frame, length, wish, step media.Time) bool {
	if f.Track.Codec.IsAudio() {
		return length+step/2 >= wish
	}
	return f.Key && length >= wish*7/8
}

// reach takes the open piece up to a time, where the held frame of the clock ends, and cuts it where it becomes too long: in front of
// that frame, and as often as needed while it lasts, where there is sound to fill the parts. It is false where frames are missing, so
// that nothing can. due says that a segment ends at the time.
func (s *segmenter) reach(l *lane, at media.Time, due bool) bool {
	held := l.held
	if at-held.DTS > s.longest {
		return false
	}
	if at-s.begun > s.longest {
		if s.isBare(held.DTS) { // the segment has to have another part, and cannot
			return false
		}
		s.cut(held.DTS, true)
	}
	if at-s.open.begin > s.part && !s.isShort(held.DTS-s.open.begin) && !s.isBare(held.DTS) {
		s.cut(held.DTS, false)
	}
	if at-s.open.begin > s.part && !s.canStretch(held.DTS, at, due) {
		if at-held.DTS > s.part || s.isBare(held.DTS) {
			return false
		}
		s.cut(held.DTS, false) // a short part is the lesser evil
	}
	s.put(l, at)
	for at-s.open.begin > s.part {
		s.cut(s.stretch(s.open.begin, held.DTS), false)
	}
	return true
}

// canStretch says whether there is something for each part while a picture lasts, from its time to another: sound, or for the last part the
// picture that comes then.
func (s *segmenter) canStretch(picture, at media.Time, due bool) bool {
	for from := s.stretch(s.open.begin, picture); from < at; {
		to := s.stretch(from, picture)
		if !s.open.hasSound(from+s.shift, min(to, at)+s.shift) && (due || at+s.clock().usual > to) {
			return false
		}
		from = to
	}
	return true
}

// stretch says where a part that begins at a time ends while a picture lasts: where sound begins, if it does near the end.
func (s *segmenter) stretch(from, picture media.Time) media.Time {
	to := from + s.part
	i, found := s.open.soundAt(to + s.shift)
	if found || i == 0 {
		return to
	}
	if at := s.open.sound[i-1].DTS - s.shift; at > picture && !s.isShort(at-from) {
		return at
	}
	return to
}

// put moves the held frame of a lane into the piece: it ends at a time.
func (s *segmenter) put(l *lane, end media.Time) {
	f, p := l.held, s.open
	if f == nil {
		return
	}
	l.held, l.usual = nil, max(min(end-f.DTS, 2*l.usual), media.Millisecond)
	switch {
	case l == &s.video:
		p.pictures, p.picturesEnd = append(p.pictures, f), end
	case f.DTS < s.audible && !s.waits:
		s.dropped[dropBefore]++
	default:
		p.sound, p.soundEnd = append(p.sound, f), end
	}
	for _, state := range l.states {
		p.states = append(p.states, standing{state, f})
	}
	l.states = nil
}

// settle moves the held frame of a lane, if there is one, into the piece: it ends by itself.
func (s *segmenter) settle(l *lane) {
	if l.held != nil {
		s.put(l, l.end())
	}
}

// cut ends the piece at a time, and with it the segment where that ends too. Sound from then on is in the next piece.
func (s *segmenter) cut(at media.Time, segment bool) {
	if segment && s.isChanging() {
		s.settle(&s.audio)
		s.finish(at, true)
		s.open, s.begun = &piece{begin: at, starts: true, discontinuity: true}, at
		s.change(at + s.shift)
		return
	}
	next := &piece{begin: at, starts: segment}
	if s.video.track != nil {
		next.sound, next.soundEnd = s.open.splitSound(at + s.shift)
	}
	s.finish(at, segment)
	if s.open = next; segment {
		s.begun = at
	}
}

// finish hands the open piece on.
func (s *segmenter) finish(at media.Time, segment bool) {
	p := s.open
	p.end, p.ends, p.zero, p.shift, p.video, p.audio = at, segment, s.zero, s.shift, s.video.track, s.audio.track
	s.emit(p)
}
