package hls

import "github.com/simulcart/simulcart/media"

// What a track is coded like, and which tracks there are, changes with a segment: for pictures one ends, sound waits for the next. So a
// change of both is one discontinuity.

// isFresh says whether sound may still become another: the open piece is the first one behind a break, and has none so far or waits for its
// first picture.
func (s *segmenter) isFresh() bool {
	if s.waits {
		s.settle(&s.audio)
		s.dropped[dropBefore] += uint64(len(s.open.sound))
		s.open.sound = nil
		return true
	}
	return s.open.starts && s.open.discontinuity && len(s.open.sound) == 0 && s.audio.held == nil
}

// wait keeps sound of another coding for the next segment.
func (s *segmenter) wait(f *media.Frame) {
	l := &s.audio
	if l.next == nil || !sameTrack(l.next, f.Track) {
		s.dropped[dropChanging] += uint64(len(l.waiting))
		l.next, l.waiting = f.Track, nil
	}
	l.waiting = append(l.waiting, f)
	for f.DTS-l.waiting[0].DTS > s.longest {
		l.waiting = l.waiting[1:]
		s.dropped[dropChanging]++
	}
}

// isChanging says whether sound becomes another where the segment ends, or is no more.
func (s *segmenter) isChanging() bool { return s.audio.next != nil || s.audio.lost }

// change gives the segment that begins at a time on screen the sound that waits for it, from then on.
func (s *segmenter) change(at media.Time) {
	l := &s.audio
	next, waiting := l.next, l.waiting
	if next == nil {
		*l = lane{begun: l.begun, newest: l.newest, since: l.since, usual: l.usual}
		return
	}
	l.tune(next)
	for _, f := range waiting {
		if f.DTS+l.usual <= at {
			s.dropped[dropChanging]++
			continue
		}
		s.place(l, f)
	}
}

// leave ends the segment since f is the first frame of another track, and the clock.
func (s *segmenter) leave(f *media.Frame) {
	if s.waits {
		return
	}
	var rest []*media.Frame
	var restEnd media.Time
	l := s.clock()
	end := l.end()
	switch {
	case l == &s.audio && f.Track.Codec.IsAudio():
		end = s.run(end)
	case l == &s.audio:
		end, rest, restEnd = s.handOver(f.PTS)
	default:
		if f.DTS-l.held.DTS <= 2*l.usual {
			end = f.DTS
		}
		if s.isChanging() || s.audio.held != nil && s.audio.held.DTS < end+s.shift {
			s.settle(&s.audio)
		}
		if end = s.run(end); !s.isChanging() {
			rest, restEnd = s.open.splitSound(end + s.shift)
		}
	}
	s.finish(end, true)
	s.restart(f.PTS, rest, restEnd)
}

// handOver ends a piece of sound alone at about the time at which pictures begin: where a frame of sound ends. What sound comes behind goes
// on with them.
func (s *segmenter) handOver(at media.Time) (end media.Time, rest []*media.Frame, restEnd media.Time) {
	l, p := &s.audio, s.open
	if i, _ := p.soundAt(at); i > 0 && i < len(p.sound) {
		rest, restEnd = p.splitSound(at)
		return p.soundEnd, rest, restEnd
	}
	if end = l.end(); end > at && !p.isEmpty() { // it lasts into what comes
		return l.held.DTS, nil, 0
	}
	return s.run(end), nil, 0
}

// restart opens a piece behind a break at a time on screen, with sound that is there already. The next frame of the clock says when it begins.
func (s *segmenter) restart(at media.Time, rest []*media.Frame, end media.Time) {
	s.open = &piece{starts: true, discontinuity: true, sound: rest, soundEnd: end}
	s.waits, s.align.some = true, false
	if s.isChanging() && s.video.track != nil {
		s.change(at)
	}
}

// breakOff ends the segment where the frames that are there end. What follows does not go on from it.
func (s *segmenter) breakOff() {
	if s.waits {
		return
	}
	l := s.clock()
	if l != &s.audio {
		s.settle(&s.audio)
	}
	end := s.run(l.end())
	s.finish(end, true)
	s.restart(end+s.shift, nil, 0)
}

// run takes the open piece up to a time at which its segment ends, or as near as the rules let it.
func (s *segmenter) run(end media.Time) media.Time {
	l := s.clock()
	if s.reach(l, end, true) {
		return end
	}
	end = max(min(end, s.begun+s.longest, s.open.begin+s.part), l.held.DTS+media.Millisecond)
	s.put(l, end)
	return end
}

// losePictures goes on with the sound alone, from where the last picture ended.
func (s *segmenter) losePictures() {
	v, l := &s.video, &s.audio
	if !s.waits {
		end := s.run(v.end())
		rest, restEnd := s.open.splitSound(end + s.shift)
		s.finish(end, true)
		s.open = &piece{starts: true, discontinuity: true, sound: rest, soundEnd: restEnd}
	}
	again, waiting := s.open.sound, l.waiting
	if l.held != nil {
		again = append(again, l.held)
	}
	*v = lane{begun: v.begun, newest: v.newest, since: v.since, usual: v.usual}
	s.open.sound, s.waits = nil, true
	l.next, l.waiting = nil, nil
	if l.begun = false; l.track != nil {
		l.tune(l.track)
	}
	for _, f := range again {
		s.place(l, f)
	}
	for _, f := range waiting {
		s.addSound(f)
	}
}

// interrupt ends the segment since frames are missing: what comes next does not go on from what came.
func (s *segmenter) interrupt() {
	s.flow(true)
	s.breakOff()
}

// end ends the last segment.
func (s *segmenter) end() {
	s.flow(true)
	if s.video.track != nil && s.audio.held != nil && !s.waits && s.audio.newest > s.video.end()+s.shift+s.part {
		s.losePictures()
	}
	s.breakOff()
	s.settle(&s.audio)
	s.dropped[dropChanging] += uint64(len(s.open.sound) + len(s.audio.waiting))
}
