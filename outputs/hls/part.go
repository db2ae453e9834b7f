package hls

import (
	"fmt"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/id3"
	"github.com/simulcart/simulcart/wire/sei"
)

// eventClock is the timescale of event messages, in hertz: that of the convention's times.
const eventClock = 90_000

// eventHead is about what an event has beside the state, in bytes: the box, the scheme, and the ID3 tag.
const eventHead = 130

// variant is what of a part differs beside the events in front.
type variant uint8

const (
	plain   variant = iota // pictures and sound, for all views
	marked                 // the same with overlay states in the pictures, for the neutral view
	sounded                // sound alone
	variants
)

// zeroTime gives the media time of tick 0 on all tracks, for a session whose first frame is decoded at a time: a whole second, so that
// times are rounded alike on the clocks of tracks, events and states, and one before, since frames of other tracks may be decoded earlier.
func zeroTime(first media.Time) media.Time {
	const second = media.Time(time.Second)
	zero := first/second*second - second
	if zero > first-second {
		zero -= second
	}
	return zero
}

// part is the smallest piece that is served: events as a view has them, then a fragment that all views share.
type part struct {
	begin, end  media.Time // decode times of the clock track
	independent bool
	frames      int
	pictures    int
	bodies      [variants]body
	sound       span // as a part of the sound alone
	copies      []*overlay.Copy
	origin      media.Time // media time of tick 0

	mu     sync.Mutex
	events map[string][]byte // by the view's name
}

// span is a stretch of media time.
type span struct{ begin, end media.Time }

func (s span) length() media.Time { return s.end - s.begin }

// span gives what the part covers in a rendition. Sound has frames of its own, and lasts a little more or less than the pictures.
func (p *part) span(of rendition) span {
	if of == alone {
		return p.sound
	}
	return span{p.begin, p.end}
}

func (p *part) length() media.Time { return p.end - p.begin }

// newPart makes the part of a piece: its fragment is copied together here, once for all readers.
//
// Pictures are decoded later by the piece's shift, so that a segment begins with the same time in all its tracks. Players lay their time line
// on that, and date ranges on the time line.
func newPart(p *piece, number uint32, origin media.Time, alone bool) (*part, error) {
	made := &part{begin: p.begin, end: p.end, independent: p.isIndependent(), frames: len(p.pictures) + len(p.sound), pictures: len(p.pictures), origin: origin}
	whole := fmp4.Fragment{Sequence: number}
	var sound fmp4.Run
	if len(p.pictures) > 0 {
		run, err := fmp4.NewRun(p.pictures, origin, p.picturesEnd)
		if err != nil {
			return nil, err
		}
		run.Delay(int32(p.shift.Ticks(p.video.ClockRate)))
		whole.Runs = append(whole.Runs, run)
	}
	if len(p.sound) > 0 {
		var err error
		if sound, err = fmp4.NewRun(p.sound, origin, p.soundEnd); err != nil {
			return nil, err
		}
		whole.Runs = append(whole.Runs, sound)
	}
	for _, s := range p.states {
		made.copies = append(made.copies, s.state)
	}
	var err error
	if made.bodies[plain].data, err = whole.Append(make([]byte, 0, whole.Size())); err != nil {
		return nil, err
	}
	made.bodies[marked] = made.bodies[plain]
	if mark(&whole, p) {
		if made.bodies[marked].data, err = whole.Append(make([]byte, 0, whole.Size())); err != nil {
			return nil, err
		}
	}
	if alone && len(p.sound) > 0 {
		if made.bodies[sounded].data, err = (&fmp4.Fragment{Sequence: number, Runs: []fmp4.Run{sound}}).Append(nil); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// mark puts the overlay states of a piece into its pictures, as the neutral view has them. It is false where there is nothing to put.
func mark(whole *fmp4.Fragment, p *piece) (done bool) {
	neutral := &overlay.View{}
	for _, s := range p.states {
		sight := s.state.By(neutral)
		c := s.frame.Track.Codec
		if sight == nil || !sei.Carries(c) {
			continue
		}
		place, err := sei.Place(c, s.frame.Data)
		if err != nil {
			continue
		}
		own, err := sei.Append(nil, c, sight.Text)
		if err != nil {
			continue
		}
		for i, f := range p.pictures {
			if f == s.frame {
				whole.Runs[0].Samples[i].Data = [][]byte{f.Data[:place], own, f.Data[place:]}
				done = true
			}
		}
	}
	return done
}

// prefix gives the events in front of the fragment: an ID3 tag for each copy of a state, as the view of that name sees it.
func (p *part) prefix(v *overlay.View, name string) ([]byte, error) {
	if len(p.copies) == 0 {
		return nil, nil
	}
	p.mu.Lock()
	known, ok := p.events[name]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	var b []byte
	for _, c := range p.copies {
		sight := c.By(v)
		if sight == nil {
			continue
		}
		tag, err := id3.Text{Description: overlayClass, Value: string(sight.Text)}.Append(nil)
		if err != nil {
			return nil, fmt.Errorf("tag state %d: %w", sight.Seq, err)
		}
		e := fmp4.Event{
			Scheme: fmp4.SchemeID3, Timescale: eventClock, Time: uint64(max((c.At - p.origin).Ticks(eventClock), 0)),
			Duration: fmp4.UnknownDuration, ID: uint32(sight.Seq), Data: tag,
		}
		if b, err = e.Append(b); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.events == nil {
		p.events = make(map[string][]byte)
	}
	p.events[name] = b
	return b, nil
}
