package ingest

import (
	"maps"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	tick        = media.Millisecond            // the least that output time rises by: the tick of RTMP
	smallStep   = 100 * media.Millisecond      // a step back below this is clamped, not a jump
	forwardRoom = media.Time(time.Second)      // a step forward that runs further ahead of arrival than this is a jump
	mostApart   = 10 * media.Time(time.Second) // how far the tracks of a publisher may run apart as it sends them
)

// timeline maps publishers' clocks to one session's media time (DESIGN.md, Time). It lives as long as the session; each
// publisher begins a new line on it:
//
//	                     key frame                      key frame
//	aligning ──────────────▶ running ──▶ (a jump) ──▶ jumped ──────▶ running
//	  frames are held        frames pass               frames are dropped
//
// A line is an offset, publisher's clock to media time. All tracks have the same one, unless a track jumped alone.
type timeline struct {
	started bool
	newest  media.Time           // highest PTS given out
	at      time.Time            // when that frame arrived
	last    map[uint8]media.Time // DTS last given out, by track id

	offset media.Time      // of the line, for tracks that join it
	lanes  map[uint8]*lane // by track id
	lead   media.Time      // most that media ran ahead of arrival on this line
	zero   time.Time       // arrival is counted from here
}

// lane is one track's part of a line.
type lane struct {
	offset   media.Time
	jumped   bool // its time does not fit; frames are dropped until a key frame
	released bool // a key frame of the clock track came since and fits: this track jumped alone, and may have its own offset
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
		t.last = make(map[uint8]media.Time)
	}
	t.offset = -first.PTS
	if t.started {
		t.offset = t.next(arrival) - first.PTS
		for _, last := range t.last {
			t.offset = max(t.offset, last+tick-first.DTS)
		}
		t.offset = ceil(t.offset)
	}
	t.lanes = make(map[uint8]*lane)
	t.zero, t.lead = arrival, first.DTS+t.offset
}

// next is the media time at which a line goes on: the newest, and what has passed since.
func (t *timeline) next(arrival time.Time) media.Time {
	return t.newest + max(media.Time(arrival.Sub(t.at)), tick)
}

// ceil rounds up to whole ticks, so that a publisher's own milliseconds stay whole.
func ceil(t media.Time) media.Time {
	if t > 0 {
		t += tick - 1
	}
	return t / tick * tick
}

// lane finds a track's lane; a track that is new to the line joins it with the line's offset.
func (t *timeline) lane(id uint8) *lane {
	l := t.lanes[id]
	if l == nil {
		l = &lane{offset: t.offset}
		t.lanes[id] = l
	}
	return l
}

// expect learns from a frame that was held while the line had not begun how far the publisher's tracks run apart.
func (t *timeline) expect(f *media.Frame, arrival time.Time) {
	if ahead := t.ahead(f.DTS+t.offset, arrival); ahead <= t.lead+mostApart {
		t.lead = max(t.lead, ahead)
	}
}

// ahead is how far media time dts runs ahead of its arrival.
func (t *timeline) ahead(dts media.Time, arrival time.Time) media.Time {
	return dts - media.Time(arrival.Sub(t.zero))
}

// follows says whether a held frame comes after what was given out before the line began: of its track, or of all where that is new.
func (t *timeline) follows(f *media.Frame) bool {
	last, known := t.last[f.Track.ID]
	if !known && len(t.last) > 0 {
		last, known = slices.Max(slices.Collect(maps.Values(t.last))), true
	}
	return !known || f.DTS+t.lane(f.Track.ID).offset > last
}

// place turns f's times from the publisher's clock to media time, in place, or says that they jumped. clock says whether
// f's track is the clock track: the video where there is one, else the audio.
func (t *timeline) place(f *media.Frame, clock bool, arrival time.Time) verdict {
	l := t.lane(f.Track.ID)
	v := t.fit(f, l, arrival)
	switch {
	case v != jumped && (!l.jumped || !clock || f.Key): // on the line, or back on it
		l.jumped, l.released = false, false
	case v == jumped && clock && f.Key:
		t.align(f, arrival)
		l, v = t.lane(f.Track.ID), rebased
	case v == jumped && l.released:
		l.offset = ceil(t.next(arrival) - f.DTS)
		l.jumped, l.released, v = false, false, rebased
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
	last, known := t.last[f.Track.ID]
	switch {
	case known && dts <= last-smallStep:
		return jumped
	case known && dts <= last:
		return clamped
	case t.ahead(dts, arrival) > t.lead+forwardRoom:
		return jumped
	}
	return fits
}

// release lets the tracks that jumped, while the clock track did not, go on with an offset of their own.
func (t *timeline) release() {
	for _, l := range t.lanes {
		l.released = l.jumped
	}
}

// give writes the media times into f and remembers them.
func (t *timeline) give(f *media.Frame, l *lane, v verdict, arrival time.Time) {
	f.DTS += l.offset
	f.PTS += l.offset
	if v == clamped {
		f.DTS = t.last[f.Track.ID] + tick
	} else {
		t.lead = max(t.lead, t.ahead(f.DTS, arrival))
	}
	f.PTS = max(f.PTS, f.DTS)
	t.last[f.Track.ID] = f.DTS
	if !t.started || f.PTS > t.newest {
		t.started, t.newest, t.at = true, f.PTS, arrival
	}
}
