package hls

import "github.com/simulcart/simulcart/media"

const (
	lag         = 300 * media.Millisecond  // that frames of one track wait for the other's, at most
	firstLag    = 1000 * media.Millisecond // that pictures wait for the first sound, or the first behind a break
	mostWaiting = 1000                     // frames of a track, where times do not tell
)

// aligner lets pictures and sound through in the order in which they are shown and heard, so that a cut divides both at the same time: a
// picture goes when the sound has come to where it is shown, or nearly. Pictures are let through in the order of their decoding; the
// time of each is that plus the shift, which is when the first one was shown.
type aligner struct {
	pictures []item // with the overlay states in front of them
	sound    []item
	newest   media.Time // time of the newest picture that went; 0 before the first
	step     media.Time // from one picture to the next
	heard    media.Time // time of the newest sound that went
	some     bool       // sound has gone, since the last break
}

// take takes a frame that has come.
func (a *aligner) take(it item) {
	if it.frame.Track.Codec.IsAudio() {
		a.sound = append(a.sound, it)
		return
	}
	a.pictures = append(a.pictures, it)
}

// next gives the frame that goes next; false where one must come first. shift is from when the pictures are decoded to when they are
// shown, all waits for nothing.
func (a *aligner) next(shift media.Time, all bool) (it item, ok bool) {
	switch {
	case len(a.pictures) > 0:
		at := a.pictures[0].frame.DTS + shift
		waiting, most := a.pictures[len(a.pictures)-1].frame.DTS+shift-at, lag
		if !a.some {
			most = firstLag
		}
		switch {
		case a.some && a.heard >= at, len(a.sound) == 0 && (all || waiting > most || len(a.pictures) > mostWaiting):
			return a.picture(at), true
		case len(a.sound) > 0:
			return a.hear(), true
		}
	case len(a.sound) > 0:
		ahead := a.sound[len(a.sound)-1].frame.DTS - a.sound[0].frame.DTS
		if all || a.heard < a.newest+a.step || ahead > lag || len(a.sound) > mostWaiting {
			return a.hear(), true
		}
	}
	return item{}, false
}

// picture lets the oldest picture go, or the state in front of it.
func (a *aligner) picture(at media.Time) item {
	it := a.pictures[0]
	a.pictures = a.pictures[1:]
	if it.state == nil && it.frame.Track.Codec.IsVideo() {
		a.newest, a.step = at, at-a.newest
		if a.step > lag || a.step < 0 {
			a.step = 0
		}
	}
	return it
}

// hear lets the oldest sound go.
func (a *aligner) hear() item {
	it := a.sound[0]
	a.sound = a.sound[1:]
	a.heard, a.some = it.frame.DTS, true
	return it
}
