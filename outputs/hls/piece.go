package hls

import (
	"cmp"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// piece is what lies between two cuts, and becomes a part.
type piece struct {
	begin, end    media.Time // decode times of the clock track
	starts        bool       // a segment starts with it
	ends          bool       // a segment ends with it
	discontinuity bool       // times, tracks or coding change in front of it

	video, audio          *media.Track   // of the stream there; nil: it has none
	pictures, sound       []*media.Frame // of these tracks
	picturesEnd, soundEnd media.Time     // when the frame behind the last one is decoded
	states                []standing
	zero                  time.Time  // time of day of media time 0
	shift                 media.Time // from when the first picture behind the break before was decoded to when it was shown
}

// standing is a state and the frame of the clock that it belongs to.
type standing struct {
	state *overlay.Copy
	frame *media.Frame
}

func (p *piece) isEmpty() bool { return len(p.pictures) == 0 && len(p.sound) == 0 }

// isIndependent says whether a decoder can begin with it.
func (p *piece) isIndependent() bool {
	if p.video == nil {
		return len(p.sound) > 0
	}
	return len(p.pictures) > 0 && p.pictures[0].Key
}

// soundAt gives the place of the first sound from a time on, and whether it begins then.
func (p *piece) soundAt(at media.Time) (int, bool) {
	return slices.BinarySearchFunc(p.sound, at, func(f *media.Frame, at media.Time) int { return cmp.Compare(f.DTS, at) })
}

// hasSound says whether sound begins in it from a time on, before another.
func (p *piece) hasSound(from, to media.Time) bool {
	i, _ := p.soundAt(from)
	return i < len(p.sound) && p.sound[i].DTS < to
}

// splitSound takes the sound from a time on out of the piece.
func (p *piece) splitSound(at media.Time) (rest []*media.Frame, end media.Time) {
	i, _ := p.soundAt(at)
	if i == len(p.sound) {
		return nil, 0
	}
	rest, end = slices.Clone(p.sound[i:]), p.soundEnd
	p.sound, p.soundEnd = p.sound[:i], p.sound[i].DTS
	return rest, end
}
