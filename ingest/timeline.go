package ingest

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	tick        = media.Millisecond       // the least that output time rises by: the tick of RTMP
	smallStep   = 100 * media.Millisecond // a step back below this is clamped, not a jump
	forwardRoom = media.Time(time.Second) // a step forward that runs further ahead of arrival than this is a jump
)

// timeline maps publishers' clocks to one session's media time (DESIGN.md, Time). It lives as long as the session; each
// publisher begins a new line on it:
//
//	                     key frame                      key frame
//	aligning ──────────────▶ running ──▶ (a jump) ──▶ jumped ──────▶ running
//	  frames are held        frames pass               frames are dropped
//
// A line is one offset per track, publisher's clock to media time. All tracks have the same one, unless a track jumped
// alone.
type timeline struct {
	started bool
	newest  media.Time            // highest PTS given out
	at      time.Time             // when that was
	last    map[uint8]*media.Time // DTS last given out, by track id

	offsets map[uint8]*lane
	lead    media.Time // most that media ran ahead of arrival on this line
	zero    time.Time  // arrival is counted from here
}

// lane is one track's part of a line.
type lane struct {
	offset media.Time
	jumped bool // its time does not fit; frames are dropped until a key frame
	alone  bool // it jumped while the clock track did not: it gets an offset of its own
}

// verdict is what the timeline says of a frame. The set is closed.
type verdict uint8

const (
	fits    verdict = iota // placed
	clamped                // placed, a small step back was evened out
	jumped                 // dropped, its time is off the line
	rebased                // placed, on a new line
)

// align begins a line with the publisher's frame first, which arrived at the time given. A new session begins at media time
// 0; a returning or another publisher continues after the time that has passed since the newest frame.
func (t *timeline) align(first *media.Frame, arrival time.Time) {
	if t.last == nil {
		t.last = make(map[uint8]*media.Time)
	}
	offset := -first.PTS
	if t.started {
		elapsed := max(media.Time(arrival.Sub(t.at)), tick)
		offset = t.newest + elapsed - first.PTS
		for _, last := range t.last {
			offset = max(offset, *last+tick-first.DTS)
		}
		offset = ceil(offset)
	}
	t.offsets = map[uint8]*lane{}
	t.zero, t.lead = arrival, first.DTS+offset
	t.lane(first.Track.ID, offset)
}

// ceil rounds up to whole ticks, so that a publisher's own milliseconds stay whole.
func ceil(t media.Time) media.Time {
	if t > 0 {
		t += tick - 1
	}
	return t / tick * tick
}

// lane finds a track's lane; a track that is new to the line joins it with the offset given.
func (t *timeline) lane(id uint8, offset media.Time) *lane {
	l := t.offsets[id]
	if l == nil {
		l = &lane{offset: offset}
		t.offsets[id] = l
	}
	return l
}

// shared gives the offset of the line for a track that joins it.
func (t *timeline) shared() media.Time {
	for _, l := range t.offsets {
		if !l.alone {
			return l.offset
		}
	}
	return 0
}

// place turns f's times from the publisher's clock to media time, in place, or says that they jumped. clock says whether
// f's track is the clock track: the video where there is one, else the audio.
func (t *timeline) place(f *media.Frame, clock bool, arrival time.Time) verdict {
	l := t.lane(f.Track.ID, t.shared())
	v := t.fit(f, l, arrival)
	switch {
	case v != jumped && !l.jumped:
	case v != jumped && (!clock || f.Key): // back on its line
		l.jumped = false
		if clock {
			t.release()
		}
	case clock && f.Key:
		t.align(f, arrival)
		l, v = t.offsets[f.Track.ID], rebased
	case !clock && l.alone:
		l.offset = t.newest + max(media.Time(arrival.Sub(t.at)), tick) - f.DTS
		l.jumped, v = false, rebased
	default:
		l.jumped = true
		return jumped
	}
	if clock && f.Key {
		t.release()
	}
	t.give(f, l, v, arrival)
	return v
}

// fit says how f lies on its lane.
func (t *timeline) fit(f *media.Frame, l *lane, arrival time.Time) verdict {
	dts := f.DTS + l.offset
	if last := t.last[f.Track.ID]; last != nil && dts <= *last {
		if *last-dts < smallStep {
			return clamped
		}
		return jumped
	}
	if dts-media.Time(arrival.Sub(t.zero)) > t.lead+forwardRoom {
		return jumped
	}
	return fits
}

// release lets tracks that jumped while the clock track fits continue with an offset of their own.
func (t *timeline) release() {
	for _, l := range t.offsets {
		l.alone = l.alone || l.jumped
	}
}

// give writes the media times into f and remembers them.
func (t *timeline) give(f *media.Frame, l *lane, v verdict, arrival time.Time) {
	f.DTS += l.offset
	f.PTS += l.offset
	last := t.last[f.Track.ID]
	switch {
	case last == nil:
		last = new(media.Time)
		t.last[f.Track.ID] = last
	case f.DTS <= *last:
		f.DTS = *last + tick
	}
	f.PTS = max(f.PTS, f.DTS)
	*last = f.DTS
	if v != clamped {
		t.lead = max(t.lead, f.DTS-media.Time(arrival.Sub(t.zero)))
	}
	if !t.started || f.PTS > t.newest {
		t.started, t.newest, t.at = true, f.PTS, arrival
	}
}

// follows says whether a held frame can be placed on the line at all: its track's time must rise.
func (t *timeline) follows(f *media.Frame) bool {
	last := t.last[f.Track.ID]
	return last == nil || f.DTS+t.lane(f.Track.ID, t.shared()).offset > *last
}
