package hls

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tolerance is how far dates and durations may be from the media: what a playlist's milliseconds lose.
const tolerance = time.Millisecond

// checker judges one recording.
type checker struct {
	*Recording
	faults

	segments map[int64]Segment // as first seen
	parts    map[Place]Part    // as first seen
	medium   map[string]*Media // by URI, of what could be read
	inits    map[string]*Init  // by URI; nil for what cannot be read
	dated    map[string]bool   // date ranges whose begin was checked, by ID and begin
	ahead    *int64            // what zero gives
	target   time.Duration     // of the first version

	partTarget time.Duration // of the first version
}

// Check gives all breaches of the rules in a recording.
func Check(r *Recording) []Fault {
	c := &checker{
		Recording: r, segments: make(map[int64]Segment), parts: make(map[Place]Part),
		medium: make(map[string]*Media), inits: make(map[string]*Init), dated: make(map[string]bool),
	}
	if all := r.Whole(); len(all) > 0 {
		c.target, c.partTarget = all[0].Target, all[0].PartTarget
	} else {
		c.add(Unavailable, "no playlist at all")
	}
	for _, v := range r.Versions {
		c.answer(v)
		if v.Playlist != nil {
			c.version(v.Playlist)
			c.history(v.Playlist)
		}
	}
	for chain := range BySegment + 1 {
		c.chain(chain)
	}
	c.constant()
	c.deltas()
	c.hints()
	c.dates()
	c.bodies()
	c.media()
	c.ranges()
	c.later()
	if r.Index != nil {
		c.index(r.Index)
	}
	return c.list
}

// version checks what one version says by itself.
func (c *checker) version(p *Playlist) {
	for _, f := range p.faults {
		c.add(Syntax, "%s", f)
	}
	need, may := p.needs()
	if p.Version < need || p.Version > may {
		c.add(VersionNumber, "EXT-X-VERSION is %d, the tags need %d", p.Version, need)
	}
	for _, s := range p.Segments {
		if s.Duration.Round(time.Second) > p.Target {
			c.add(TargetDuration, "segment %d takes %v, the target is %v", s.Sequence, s.Duration, p.Target)
		}
		c.lengths(p, s, true)
		if s.Map == "" && p.Skipped == 0 {
			c.add(InitChange, "segment %d has no EXT-X-MAP", s.Sequence)
		}
		if s.Date.IsZero() {
			c.add(Dates, "segment %d has no date", s.Sequence)
		}
	}
	c.lengths(p, p.Open, false)
	c.holdBack(p)
	parts := slices.DeleteFunc(slices.Clone(p.Hints), func(h Hint) bool { return h.Type != "PART" })
	switch {
	case p.Ended && len(p.Hints) > 0:
		c.add(Hints, "a playlist that has ended hints at %s", p.Hints[0].URI)
	case !p.Ended && p.PartTarget > 0 && len(parts) != 1:
		c.add(Hints, "%d hints of parts, want 1", len(parts))
	}
}

// needs gives the version that the tags of a playlist need, and the highest that it may have: one that delta updates need anyway
// may be in all versions.
func (p *Playlist) needs() (need, may int) {
	need = 3
	if p.tags["#EXT-X-MAP"] > 0 {
		need = 6
	}
	if p.tags["#EXT-X-DEFINE"] > 0 {
		need = 8
	}
	if p.tags["#EXT-X-SKIP"] > 0 {
		need = 9
	}
	if may = need; p.Control.SkipUntil > 0 {
		may = max(may, 9)
	}
	return need, may
}

// lengths checks the durations of a segment's parts.
func (c *checker) lengths(p *Playlist, s Segment, whole bool) {
	if len(s.Parts) == 0 {
		return
	}
	if p.PartTarget == 0 {
		c.add(PartTarget, "parts without EXT-X-PART-INF")
		return
	}
	for i, part := range s.Parts {
		if part.Duration > p.PartTarget {
			c.add(PartTarget, "part %d.%d takes %v, the target is %v", s.Sequence, i, part.Duration, p.PartTarget)
		}
		last := i == len(s.Parts)-1 // perhaps the final one, where the segment is not whole
		if !last && !part.Independent && !part.Gap && !s.Parts[i+1].Gap && part.Duration < p.PartTarget*85/100 {
			c.add(PartShort, "part %d.%d takes %v, the target is %v", s.Sequence, i, part.Duration, p.PartTarget)
		}
	}
	if known := c.segments[s.Sequence]; whole && len(s.Parts) >= len(known.Parts) && apart(length(s.Parts), s.Duration) > tolerance {
		c.add(PartSum, "the parts of segment %d take %v, it says %v", s.Sequence, length(s.Parts), s.Duration)
	}
}

func (c *checker) holdBack(p *Playlist) {
	k := p.Control
	if k.HoldBack > 0 && k.HoldBack < 3*p.Target {
		c.add(HoldBack, "HOLD-BACK is %v, want at least 3 times %v", k.HoldBack, p.Target)
	}
	if p.PartTarget > 0 && k.PartHoldBack < 3*p.PartTarget {
		c.add(HoldBack, "PART-HOLD-BACK is %v, must be 2 times and should be 3 times %v", k.PartHoldBack, p.PartTarget)
	}
	if k.SkipUntil > 0 && k.SkipUntil < 6*p.Target {
		c.add(HoldBack, "CAN-SKIP-UNTIL is %v, want at least 6 times %v", k.SkipUntil, p.Target)
	}
}

// history compares each segment and part with what was known of it before.
func (c *checker) history(p *Playlist) {
	skipped := int64(0) // discontinuities
	for i := range int64(p.Skipped) {
		if c.segments[p.Sequence+i].Breaks {
			skipped++
		}
	}
	for _, s := range append(slices.Clone(p.Segments), p.Open) {
		s.Discontinuity += skipped
		for i, part := range s.Parts {
			c.part(s, i, part)
		}
		if s.URI == "" {
			continue
		}
		if s.Map == "" && p.Skipped > 0 { // the tag may stand among those skipped
			s.Map = c.segments[s.Sequence-1].Map
		}
		known, found := c.segments[s.Sequence]
		if !found {
			c.segments[s.Sequence] = s
			continue
		}
		if known.Discontinuity != s.Discontinuity {
			c.add(DiscontinuitySequence, "segment %d had the number %d, now %d", s.Sequence, known.Discontinuity, s.Discontinuity)
		}
		if !known.Date.Equal(s.Date) || known.URI != s.URI || known.Duration != s.Duration || known.Breaks != s.Breaks || known.Map != s.Map || known.Gap != s.Gap {
			c.add(SegmentChanges, "segment %d was %v, now %v", s.Sequence, known.facts(), s.facts())
		}
		if len(known.Parts) < len(s.Parts) {
			known.Parts = s.Parts
			c.segments[s.Sequence] = known
		}
	}
}

// part compares one part; parts that are left of a whole segment are its last ones.
func (c *checker) part(s Segment, i int, part Part) {
	if known := c.segments[s.Sequence]; s.URI != "" && len(known.Parts) > len(s.Parts) {
		i += len(known.Parts) - len(s.Parts)
	}
	at := Place{s.Sequence, i}
	known, found := c.parts[at]
	if !found {
		c.parts[at] = part
	} else if known != part {
		c.add(PartChanges, "part %d.%d was %+v, now %+v", at.Sequence, at.Part, known, part)
	}
}

func (s Segment) facts() string {
	return fmt.Sprintf("{%s %v %s breaks %v init %s gap %v}", s.URI, s.Duration, s.Date.Format(time.RFC3339Nano), s.Breaks, s.Map, s.Gap)
}

// constant checks what the whole playlist says once and for all.
func (c *checker) constant() {
	var first *Playlist
	for _, v := range c.Versions {
		p := v.Playlist
		switch {
		case p == nil:
			continue
		case first == nil:
			first = p
		}
		if p.Target != first.Target {
			c.add(TargetDuration, "it changes from %v to %v", first.Target, p.Target)
		}
		if p.PartTarget != first.PartTarget {
			c.add(PartTarget, "it changes from %v to %v", first.PartTarget, p.PartTarget)
		}
		if p.Control != first.Control {
			c.add(HoldBack, "EXT-X-SERVER-CONTROL changes from %+v to %+v", first.Control, p.Control)
		}
		if strings.Contains(v.Text, "#EXT-X-PLAYLIST-TYPE") {
			c.add(Syntax, "a live playlist has no EXT-X-PLAYLIST-TYPE")
		}
	}
}

// dates checks that the dates of segments follow each other, and that they keep to their initialisation.
func (c *checker) dates() {
	for n, s := range c.segments {
		next, found := c.segments[n+1]
		if !found || s.Date.IsZero() || next.Date.IsZero() {
			continue
		}
		end := s.Date.Add(s.Duration)
		if next.Date.Before(end.Add(-tolerance)) || !next.Breaks && next.Date.After(end.Add(tolerance)) {
			c.add(Dates, "segment %d begins at %v, the one before it ends at %v", n+1, next.Date, end)
		}
		if next.Map != s.Map && !next.Breaks {
			c.add(InitChange, "segment %d has another EXT-X-MAP without a discontinuity", n+1)
		}
	}
}

// bodies checks how what is listed was answered.
func (c *checker) bodies() {
	listed := make(map[string]string)
	for n, s := range c.segments {
		listed[s.URI], listed[s.Map] = fmt.Sprint("segment ", n), "init"
	}
	for at, p := range c.parts {
		if !p.Gap {
			listed[p.URI] = fmt.Sprintf("part %d.%d", at.Sequence, at.Part)
		}
	}
	for uri, what := range listed {
		b := c.Bodies[uri]
		if b == nil {
			continue
		}
		if b.Status != http.StatusOK {
			c.add(Unavailable, "%s, %s: status %d", what, uri, b.Status)
			continue
		}
		if kind := b.Header.Get("Content-Type"); !slices.Contains([]string{"video/mp4", "audio/mp4", "video/iso.segment", "audio/iso.segment"}, kind) {
			c.add(ContentType, "%s: %q", what, kind)
		}
		if age := maxAge(b.Header); age < time.Minute || !strings.Contains(b.Header.Get("Cache-Control"), "immutable") {
			c.add(Caching, "%s: Cache-Control %q, want immutable", what, b.Header.Get("Cache-Control"))
		}
	}
}

func (c *checker) later() {
	for _, l := range c.Again {
		if l.Status != http.StatusOK || !l.Same {
			c.add(Withdrawn, "%s, which must stay %s: status %d, the same bytes %v", l.URI, l.Reason, l.Status, l.Same)
		}
	}
}

// maxAge gives how long an answer may be kept, below 0 where it does not say.
func maxAge(h http.Header) time.Duration {
	for field := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			var seconds int64
			if _, err := fmt.Sscan(value, &seconds); err == nil {
				return time.Duration(min(seconds, math.MaxInt32)) * time.Second
			}
		}
	}
	return -1
}

func apart(a, b time.Duration) time.Duration { return max(a-b, b-a) }
