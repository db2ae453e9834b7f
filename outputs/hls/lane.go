package hls

import (
	"bytes"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/codec"
)

// snapSound is how far a frame of sound may be off the end of the one before, and still follow it: encoders' clocks of milliseconds are.
const snapSound = 3 * media.Millisecond

// hole is how long no frame of a track comes when others are missing, at least.
const hole = 500 * media.Millisecond

// lane is one track on its way.
type lane struct {
	track  *media.Track // nil: there is none
	begun  bool         // it had a frame
	newest media.Time   // when that was decoded
	since  media.Time   // from when on frames have come without a hole
	held   *media.Frame // the newest, whose end is not known; nil: it has its place
	states []*overlay.Copy
	usual  media.Time // how long a frame lasts
	lost   bool       // no frame has come for long

	length int        // samples of each frame of sound; 0: they differ, or are not known
	expect media.Time // when the next frame of sound begins if none is missing; noTime: not known

	next    *media.Track   // sound that goes on with it in the next segment; nil: it goes on as it is
	waiting []*media.Frame // of next
}

// noTime is before all times.
const noTime media.Time = -1 << 63

// tune gives the lane a track.
func (l *lane) tune(t *media.Track) {
	*l = lane{track: t, begun: l.begun, newest: l.newest, since: l.since, usual: l.usual, expect: noTime}
	if t.Codec == media.AAC {
		l.length = codec.FrameSamples(t, nil)
	}
}

// isSame says whether frames of t go on where those of the lane's track end.
func (l *lane) isSame(t *media.Track) bool { return l.track != nil && sameTrack(l.track, t) }

func sameTrack(a, b *media.Track) bool {
	return a == b || a.ID == b.ID && a.Codec == b.Codec && a.ClockRate == b.ClockRate && bytes.Equal(a.Config, b.Config)
}

// end is when the held frame ends if nothing follows it.
func (l *lane) end() media.Time {
	if l.expect != noTime {
		return l.expect
	}
	return l.held.DTS + max(l.usual, media.Millisecond)
}

// fit gives a frame its lane's track, and sound its place right behind the sound before, if it is that. It is false where time has gone
// back.
func (l *lane) fit(f *media.Frame) (fitted *media.Frame, ok bool) {
	dts, pts := f.DTS, f.PTS
	if l.track.Codec.IsAudio() {
		dts = media.FromTicks(f.DTS.Ticks(l.track.ClockRate), l.track.ClockRate)
		if off := f.DTS - l.expect; l.expect != noTime && off <= snapSound && off >= -snapSound {
			dts = l.expect
		}
		pts = dts
	}
	switch {
	case l.begun && dts <= l.newest:
		return nil, false
	case l.track == f.Track && dts == f.DTS && pts == f.PTS:
		return f, true
	}
	again := *f
	again.Track, again.DTS, again.PTS = l.track, dts, pts
	return &again, true
}

// isHole says whether frames are missing in front of one that is decoded at a time.
func (l *lane) isHole(at media.Time) bool { return l.begun && at-l.newest > max(hole, 2*l.usual) }

// hold takes a frame that fits. The one before has its place.
func (l *lane) hold(f *media.Frame) {
	if !l.begun || l.isHole(f.DTS) {
		l.since = f.DTS
	}
	l.held, l.newest, l.begun, l.lost = f, f.DTS, true, false
	if !l.track.Codec.IsAudio() {
		return
	}
	length := l.length
	if length == 0 {
		length = codec.FrameSamples(l.track, f.Data)
	}
	if l.expect = noTime; length > 0 {
		rate := l.track.ClockRate
		l.expect = media.FromTicks(f.DTS.Ticks(rate)+int64(length), rate)
	}
}
