package rtmp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
//  1. it comes as a frame in front of the picture that it belongs to, and is parsed once per stream ([overlaid]);
//  2. each distinct view is applied to it once, for all outputs with that view ([copied]);
//  3. its messages are made once per view, chunk size and codec form ([carried]): onTextData, and the picture with the state
//     as an SEI message in a slice of its own between two parts of the shared picture;
//  4. each sender's [carrier] puts them where they belong.

// overlaid is one overlay frame with all that is made of it. It stands beside the stream's window and leaves with its frame.
type overlaid struct {
	state *overlay.State // nil where it could not be read
	at    media.Time     // PTS of the frame, and of the picture behind it

	mu     sync.Mutex
	copies map[string]*copied // by the view's name
	made   map[making]*carried
}

// making is what messages depend on beside the state and the session.
type making struct {
	view string
	sharing
	origin media.Time
}

// overlays gives what a stream's overlay frames become.
func overlays(s *relay.Stream) *relay.Derived[*overlaid] {
	type key struct{}
	return relay.Derive(s, key{}, func(f *media.Frame) *overlaid {
		o := &overlaid{at: f.PTS, copies: make(map[string]*copied), made: make(map[making]*carried)}
		if state, err := overlay.ParseState(f.Data); err == nil {
			o.state = state
		}
		return o
	})
}

// copied is one copy of a state as one view sees it.
type copied struct {
	seq    int64
	counts overlay.Counts
	text   []byte // the message of the convention
}

// carried is one copy of a state as messages, for all peers with one view, chunk size and codec form.
type carried struct {
	*copied
	at  media.Time // of its frame
	amf *wire.Shared

	picture sync.Once
	with    *wire.Shared // the picture with the state in it; nil where that cannot be
}

// carried gives the messages of a state; nil where it could not be read.
func (o *overlaid) carried(m making, view *overlay.View) *carried {
	if o.state == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.made[m]; known != nil {
		return known
	}
	seen := o.copies[m.view]
	if seen == nil {
		shown := view.Apply(o.state)
		seen = &copied{seq: o.state.Seq, counts: shown.Counts, text: shown.AppendJSON(nil, o.at)}
		o.copies[m.view] = seen
	}
	c := &carried{copied: seen, at: o.at}
	if body, err := flv.AppendText(nil, seen.text); err == nil { // a state is far below AMF's limit
		c.amf = wire.Share(wire.TypeData, timestamp(o.at, m.origin), nil, m.chunkSize, body)
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
		own, err := sei.Append(nil, f.Track.Codec, c.text)
		if err != nil {
			return
		}
		c.with = message(f, m.origin, m.sharing, f.Data[:place], own, f.Data[place:])
	})
	return c.with
}

// viewName tells views apart: equal ones have one name.
func viewName(v *overlay.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d", v.Currency, v.Locale, v.Hide)
	for _, name := range slices.Sorted(maps.Keys(v.Link)) {
		fmt.Fprintf(&b, " %q=%q", name, v.Link[name])
	}
	return b.String()
}
