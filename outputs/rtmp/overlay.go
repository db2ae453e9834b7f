package rtmp

import (
	"sync"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
	"github.com/simulcart/simulcart/wire/sei"
)

// How an overlay state reaches RTMP peers (OVERLAYS.md §2):
//
//  1. it comes as a frame in front of the picture that it belongs to, and is read once per stream ([overlay.Copy]), for all outputs;
//  2. each distinct view is applied to it once;
//  3. its messages are made once per view, chunk size and codec form ([carried]): onTextData, and the picture with the state
//     as an SEI message in a slice of its own between two parts of the shared picture;
//  4. each sender's [carrier] puts them where they belong.

// overlaid is what an overlay frame becomes in RTMP. It stands beside the stream's window and leaves with its frame.
type overlaid struct {
	mu   sync.Mutex
	made map[making]*carried
}

// making is what messages depend on beside the state and the session.
type making struct {
	view string
	sharing
	origin media.Time
}

// overlays gives what a stream's overlay frames become.
func overlays(s *relay.Stream) (*relay.Derived[*overlay.Copy], *relay.Derived[*overlaid]) {
	type key struct{}
	return relay.Derive(s, overlay.CopyKey{}, new(overlay.Reader).Read), relay.Derive(s, key{}, func(*media.Frame) *overlaid {
		return &overlaid{made: make(map[making]*carried)}
	})
}

// carried is one copy of a state as messages, for all peers with one view, chunk size and codec form.
type carried struct {
	*overlay.Sight
	at  media.Time // of its frame
	amf *wire.Shared

	picture sync.Once
	with    *wire.Shared // the picture with the state in it; nil where that cannot be
}

// carried gives the messages of a state as one view sees it.
func (o *overlaid) carried(m making, seen *overlay.Sight, at media.Time) *carried {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.made[m]; known != nil {
		return known
	}
	c := &carried{Sight: seen, at: at}
	if body, err := flv.AppendText(nil, seen.Text); err == nil { // a state is far below AMF's limit
		c.amf = wire.Share(wire.TypeData, timestamp(at, m.origin), nil, m.chunkSize, body)
	}
	o.made[m] = c
	return c
}

// inside gives the message of picture f with the state in it; nil where it cannot be put in.
func (c *carried) inside(f *media.Frame, m making) *wire.Shared {
	c.picture.Do(func() {
		place, err := sei.Place(f.Track.Codec, f.Data)
		if err != nil {
			return
		}
		own, err := sei.Append(nil, f.Track.Codec, c.Text)
		if err != nil {
			return
		}
		c.with = message(f, m.origin, m.sharing, f.Data[:place], own, f.Data[place:])
	})
	return c.with
}
