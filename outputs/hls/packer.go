package hls

import (
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// packer makes parts of pieces, and lists them.
type packer struct {
	list         *playlist
	alone        bool         // the sound alone is wanted too
	sequence     uint32       // of the newest fragment
	video, audio *media.Track // of the newest initialization; nil: none
	heard        media.Time   // where the newest part of the sound alone ends
	sounded      []byte       // the newest initialization of the sound alone; nil: there was no sound
}

// take makes the part of a piece and lists it.
func (k *packer) take(p *piece) error {
	if k.video != p.video || k.audio != p.audio {
		in, err := k.initialization(p)
		if err != nil {
			return err
		}
		k.video, k.audio = p.video, p.audio
		k.list.retune(in)
	}
	k.sequence++
	made, err := newPart(p, k.sequence, k.list.origin, k.alone)
	if err != nil {
		return err
	}
	made.sound = k.hear(p)
	k.list.add(p, made)
	return nil
}

// hear gives what a piece covers as a part of the sound alone: from where the one before it ended to where a frame of sound ends that lasts
// over the cut, or to the cut itself where there is no sound.
func (k *packer) hear(p *piece) span {
	s := span{k.heard, p.end + p.shift}
	if p.discontinuity || k.sequence == 1 {
		if s.begin = p.begin + p.shift; len(p.sound) > 0 {
			s.begin = nearby(p.sound[0].DTS, s.begin, p.sound[0])
		}
		s.begin = max(s.begin, k.heard)
	}
	if len(p.sound) > 0 {
		s.end = nearby(p.soundEnd, s.end, p.sound[len(p.sound)-1])
	}
	s.end = max(s.end, s.begin)
	k.heard = s.end
	return s
}

// nearby gives the time at which a frame of sound begins or ends, if it lasts over a cut; else the cut.
func nearby(at, cut media.Time, f *media.Frame) media.Time {
	lasts := longestSound
	if n := codec.FrameSamples(f.Track, f.Data); n > 0 {
		lasts = media.FromTicks(int64(n), f.Track.ClockRate)
	}
	if off := at - cut; off > lasts || off < -lasts {
		return cut
	}
	return at
}

// initialization makes that of a piece's tracks.
func (k *packer) initialization(p *piece) (in initialization, err error) {
	for _, t := range []*media.Track{p.video, p.audio} {
		if t != nil {
			in.tracks = append(in.tracks, t)
		}
	}
	if in.data[plain], err = fmp4.AppendInit(nil, in.tracks); err != nil {
		return in, err
	}
	if k.alone && p.audio != nil {
		if k.sounded, err = fmp4.AppendInit(nil, []*media.Track{p.audio}); err != nil {
			return in, err
		}
	}
	in.data[sounded] = k.sounded // sound that is missing may come again
	return in, nil
}
