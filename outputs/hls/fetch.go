package hls

import (
	"math"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// resource is what is served of a segment.
type resource struct {
	bodies
	frames   int
	copies   []*overlay.Copy
	pictured bool   // the states are in the pictures too, for who has the neutral view
	file     *spool // nil: in memory
}

// initialization gives that of a number; nil where there is none.
func (p *playlist) initialization(of rendition, n uint64) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < uint64(p.gone) || n-uint64(p.gone) >= uint64(len(p.inits)) {
		return nil
	}
	in := p.inits[n-uint64(p.gone)]
	if of == alone {
		return in.data[sounded]
	}
	return in.data[plain]
}

// fetch gives a segment, or one part of it, as a view has it. The caller leaves it.
func (p *playlist) fetch(of rendition, number uint64, part int, v *overlay.View) (*resource, error) {
	found, parts, media, err := p.take(of.variant(v), number, part)
	if err != nil {
		return nil, err
	}
	name := v.Name()
	for i, one := range parts {
		events, err := one.prefix(v, name)
		if err != nil {
			found.leave()
			return nil, err
		}
		for _, b := range []body{{data: events}, media[i]} {
			if b.length() > 0 {
				found.list = append(found.list, b)
			}
		}
		found.frames += one.frames
		found.copies = append(found.copies, one.copies...)
	}
	return found, nil
}

// take finds a segment, or its nth part, and gives its parts with the bytes that they have of a variant. n is below 0 for all.
func (p *playlist) take(which variant, number uint64, n int) (found *resource, parts []*part, media []body, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.findLocked(number)
	if g == nil || n < 0 && !g.closed || n >= len(g.parts) {
		return nil, nil, nil, errGone
	}
	parts = g.parts
	if n >= 0 {
		parts = parts[n : n+1]
	}
	found = &resource{file: g.file}
	for _, one := range parts {
		media = append(media, one.bodies[which])
		found.pictured = found.pictured || one.isMarked()
	}
	if found.file != nil {
		found.file.enter()
	}
	return found, parts, media, nil
}

// leave ends the use of what was fetched.
func (r *resource) leave() {
	if r.file != nil {
		r.file.leave()
	}
}

// hasLocked says whether the list has a part of a segment, or what comes behind it. The error is for what is too far ahead.
func (p *playlist) hasLocked(segment, part uint64) (bool, error) {
	next, parts := p.nextLocked()
	isPart := part != math.MaxUint64
	switch {
	case p.ended:
		return true, nil
	case segment > next+aheadAtMost, segment > next && isPart && part > p.aheadLocked(), segment == next && isPart && part > uint64(parts)+p.aheadLocked():
		return false, errAhead
	case segment < next:
		return !isPart || p.passedLocked(segment, part, next, parts), nil
	}
	return segment == next && isPart && part < uint64(parts), nil
}

// aheadLocked is how many parts a request may be ahead: the Advance Part Limit (RFC 8216bis §6.2.5.2).
func (p *playlist) aheadLocked() uint64 {
	if p.shape.part >= media.Time(time.Second) {
		return 3
	}
	return uint64((3*media.Time(time.Second) + p.shape.part - 1) / p.shape.part)
}

// passedLocked says for a closed segment whether a part is there: one that it does not have means the first of the segment behind
// it (RFC 8216bis §6.2.5.2).
func (p *playlist) passedLocked(segment, part, next uint64, parts int) bool {
	g := p.findLocked(segment)
	return g == nil || part < uint64(len(g.parts)) || segment+1 < next || parts > 0
}

// settledLocked says whether it is known if a part is there: all but the one that comes next are.
func (p *playlist) settledLocked(segment uint64, part int) bool {
	next, parts := p.nextLocked()
	return p.ended || segment != next || part != parts
}
