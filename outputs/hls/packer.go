package hls

import (
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// packer makes parts of pieces, and lists them.
type packer struct {
	list         *playlist
	alone        bool         // the sound alone is wanted too
	sequence     uint32       // of the newest fragment
	video, audio *media.Track // of the newest initialization; nil: none
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
	k.list.add(p, made)
	return nil
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
		in.data[sounded], err = fmp4.AppendInit(nil, []*media.Track{p.audio})
	}
	return in, err
}
