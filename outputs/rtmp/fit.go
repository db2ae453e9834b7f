package rtmp

import (
	"errors"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// announces says whether the peer told that it knows a codec by its FourCC (Enhanced RTMP v2, "Enhancing NetConnection connect Command").
func announces(p wire.Peer, c media.Codec) bool {
	name := flv.FourCCOf(c).String()
	return slices.Contains(p.FourCCs, name) || slices.Contains(p.FourCCs, "*")
}

// choose says what the peer gets: what the platform takes, and of that what needs FourCC only where FourCC may be used. Sound that needs
// FourCC goes to peers that know it: hardly any does, though all that know FourCC are sent pictures by it.
func (p *Push) choose(peer wire.Peer) relay.Choose {
	if p.Fit == nil {
		return nil
	}
	return p.Fit(func(c media.Codec) bool {
		switch {
		case p.Takes != nil && !p.Takes(c):
			return false
		case outputs.Plain(c) || p.Form == flv.Enhanced:
			return true
		case p.Plain:
			return false
		}
		return c.IsVideo() || announces(peer, c)
	})
}

// choose says what the player gets: what it knows.
func (p *Play) choose() relay.Choose {
	if p.Fit == nil {
		return nil
	}
	return p.Fit(func(c media.Codec) bool { return outputs.Plain(c) || announces(p.Request.Peer, c) })
}

// tell says what of the stream does not reach the peer since a bridge does not work, once.
func (p *Push) tell(r *relay.Follower) {
	lacking := r.Lacks()
	if slices.Equal(lacking, p.lacking) {
		return
	}
	p.lacking = lacking
	if len(lacking) == 0 {
		p.Progress.Lack("")
		p.Log.Info("destination gets all tracks again", "stream", r.Name(), "output", p.Name)
		return
	}
	err := lacks(lacking, nil)
	p.Progress.Lack(err.Error())
	p.Log.Warn("destination gets less than the encoder sends", "stream", r.Name(), "output", p.Name, "err", err)
}

// lacks says what of a stream does not come, though a bridge should make it fit.
func lacks(tracks []*media.Track, err error) error {
	names := make([]string, 0, len(tracks))
	for _, t := range tracks {
		names = append(names, t.Codec.String())
	}
	what := "the stream"
	if len(names) > 0 {
		what = strings.Join(names, " and ")
	}
	text := "the bridge that turns " + what + " into what the destination takes brings nothing"
	if err != nil {
		text += ": " + err.Error()
	}
	return &outputs.Failure{Cause: outputs.CodecMismatch, Err: errors.New(text), Hint: "is ffmpeg installed? the log of simulcart says more"}
}
