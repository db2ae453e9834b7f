package ingest

import (
	"encoding/json"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// How overlay messages of an encoder become cues, where the stream trusts it:
//
//  1. the protocol takes them out of the media and hands them to [Publication.Overlay], with the encoder's time of their picture;
//  2. they wait for the next frame that is relayed, which tells where that time lies on the session's line;
//  3. the newest state is compared with what was adopted before, and the difference becomes changes for the media time of the
//     picture, in front of which the injector then finds them.

// mostNotices bounds the messages that wait for a frame.
const mostNotices = 16

// notice is an overlay message of the encoder that waits for a frame.
type notice struct {
	own     media.Time // PTS of its picture, by the publisher's clock
	message *overlay.Message
}

// Overlay takes a message of the overlay convention that the encoder sent for the picture with the PTS own, by its own clock, before
// that picture's frame is written. Where the stream trusts its encoder it becomes cues; where it does not, Overlay gives false. What
// becomes none, since it is not trusted, faulty or one of too many, is counted as [DropOverlay].
func (p *Publication) Overlay(own media.Time, text []byte) (trusted bool) {
	m, err := overlay.ParseMessage(text)
	e := p.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	trusted = e.options.TrustOverlays
	if err != nil || !trusted || e.current != p && e.waiting != p {
		e.counters.Dropped[DropOverlay]++
		return trusted
	}
	if len(p.notices) == mostNotices { // the newest state is whole
		e.counters.Dropped[DropOverlay]++
		p.notices = p.notices[1:]
	}
	p.notices = append(p.notices, notice{own, m})
	return trusted
}

// adoptLocked makes cues of the messages that waited. shift is media time less the publisher's.
func (p *Publication) adoptLocked(shift media.Time, now time.Time) {
	e := p.entry
	for _, n := range p.notices {
		e.counters.Dropped[DropOverlay] += uint64(e.session.adopted.adopt(e.options.Timeline, n.message, n.own+shift, now))
	}
	p.notices = nil
}

// adopted is what was taken over from encoders in one session.
type adopted struct {
	stream string            // the encoder's session id
	seq    int64             // of its newest state
	whole  bool              // that state was taken over as a whole
	cards  map[string]string // by slot: the card as JSON
}

// adopt makes the changes that lead from what was adopted to the state of m, at a media time. It gives how many the timeline
// refused: these are tried again when the state is repeated.
func (a *adopted) adopt(to *overlay.Timeline, m *overlay.Message, at media.Time, now time.Time) (refused int) {
	if a.stream == m.Stream && (m.Seq < a.seq || m.Seq == a.seq && a.whole) {
		return 0
	}
	first := a.stream != m.Stream || m.Seq > a.seq
	a.stream, a.seq = m.Stream, m.Seq
	apply := func(c overlay.Change) bool {
		c.When = overlay.When{Clock: overlay.Media, Media: at}
		if _, err := to.Apply(c, now); err != nil {
			refused++
			return false
		}
		return true
	}
	wanted := make(map[string]bool, len(m.Show))
	for i := range m.Show {
		wanted[m.Show[i].Slot] = true
	}
	for slot := range a.cards {
		if !wanted[slot] && apply(overlay.Change{Action: overlay.Hide, Slot: slot}) {
			delete(a.cards, slot)
		}
	}
	for i := range m.Show {
		card := &m.Show[i]
		form, _ := json.Marshal(card) // it was read from JSON
		if a.cards[card.Slot] == string(form) {
			continue
		}
		if c, err := card.Card(m.Now); err != nil {
			refused++
		} else if apply(c) {
			a.keep(card.Slot, string(form))
		}
	}
	if m.Meta != "" && first {
		apply(overlay.Change{Action: overlay.Annotate, Text: m.Meta})
	}
	a.whole = refused == 0
	return refused
}

func (a *adopted) keep(slot, form string) {
	if a.cards == nil {
		a.cards = make(map[string]string)
	}
	a.cards[slot] = form
}
