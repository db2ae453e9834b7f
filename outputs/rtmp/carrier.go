package rtmp

import (
	"slices"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	wire "github.com/simulcart/simulcart/wire/rtmp"
	"github.com/simulcart/simulcart/wire/sei"
)

// carrier carries a stream's overlay states to one peer, and counts. It belongs to one sender. A nil one carries nothing.
//
// A state goes into the picture right behind its frame as SEI. As onTextData its timestamp is the picture's PTS, so that with
// B-frames it waits for the first picture whose DTS is no less: timestamps never fall.
type carrier struct {
	carriage outputs.Carriage
	view     *overlay.View
	counts   *outputs.Carried
	kind     making

	copies  *relay.Derived[*overlay.Copy]
	states  *relay.Derived[*overlaid]
	next    *carried                      // belongs to the frame that follows
	waiting []*carried                    // as onTextData, in the order in which they came
	seq     int64                         // of the newest state that came
	sent    [outputs.CarriesAMF + 1]int64 // by carriage: the newest state that went out
}

// newCarrier gives nil where nothing is to be carried.
func newCarrier(c outputs.Carriage, view *overlay.View, counts *outputs.Carried) *carrier {
	if c == 0 {
		return nil
	}
	if view == nil {
		view = &overlay.View{}
	}
	return &carrier{carriage: c, view: view, counts: counts}
}

// open says for which stream, session and peer, before the first frame of that stream.
func (c *carrier) open(s *relay.Stream, origin media.Time, kind sharing) {
	if c != nil {
		c.next = nil
		c.kind = making{c.view.Name(), kind, origin}
		c.copies, c.states = overlays(s)
	}
}

// take takes overlay frame f, which has the number seq in the stream.
func (c *carrier) take(f *media.Frame, seq uint64) {
	if c == nil {
		return
	}
	seen := c.copies.At(seq, f).By(c.view)
	if seen == nil {
		c.next = nil
		c.counts.Lose()
		return
	}
	c.next = c.states.At(seq, f).carried(c.kind, seen, f.PTS)
}

// skip forgets what was to be carried with frames that the peer does not get.
func (c *carrier) skip() {
	if c != nil {
		c.next, c.waiting = nil, nil
	}
}

// carry adds to b what belongs in front of f, whose own message is m, and gives the message that goes in its place.
func (c *carrier) carry(f *media.Frame, m *wire.Shared, b *wire.Batch, streamID uint32) *wire.Shared {
	if c == nil {
		return m
	}
	video, state := f.Track.Codec.IsVideo(), c.next
	if state != nil {
		c.next = nil
		c.came(state)
		if c.carriage&outputs.CarriesAMF != 0 {
			c.waiting = append(c.waiting, state)
		}
	}
	if video || state != nil {
		c.release(f, b, streamID)
	}
	if state == nil || c.carriage&outputs.CarriesSEI == 0 || !sei.Carries(f.Track.Codec) {
		return m
	}
	with := state.inside(f, c.kind)
	if with == nil {
		c.counts.Lose()
		return m
	}
	c.wrote(outputs.CarriesSEI, state)
	return with
}

// came counts what the view could not give of a state that is new here.
func (c *carrier) came(s *carried) {
	if s.Seq <= c.seq {
		return
	}
	c.seq = s.Seq
	if n := s.Counts; n != (overlay.Counts{}) {
		c.counts.Reduce(outputs.Reductions{
			NoPrice: n.NoPrice, OtherLang: n.OtherLang, Shortened: n.Shortened, NoParams: n.NoParams, NoMeta: n.NoMeta, Dropped: n.Dropped,
		})
	}
}

// wrote counts a copy.
func (c *carrier) wrote(by outputs.Carriage, s *carried) {
	if s.Seq <= c.sent[by] {
		c.counts.Repeat(by, len(s.Text))
		return
	}
	c.sent[by] = s.Seq
	c.counts.State(by, max(c.sent[outputs.CarriesSEI], c.sent[outputs.CarriesAMF]), len(s.Text))
}

// release lets go all that is due in front of f.
func (c *carrier) release(f *media.Frame, b *wire.Batch, streamID uint32) {
	now := timestamp(f.DTS, c.kind.origin)
	due := 0
	for due < len(c.waiting) && timestamp(c.waiting[due].at, c.kind.origin) <= now {
		s := c.waiting[due]
		b.Add(s.amf, streamID)
		c.wrote(outputs.CarriesAMF, s)
		due++
	}
	c.waiting = slices.Delete(c.waiting, 0, due) // which keeps no reference to a picture
}
