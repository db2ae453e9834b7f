package hls

import (
	"net/http"
	"strings"
	"time"
)

// chain checks what follows what, for one client.
func (c *checker) chain(chain Chain) {
	var last *Version
	grown, whole := time.Time{}, time.Time{} // when the playlist had a part, or a segment, more
	for i := range c.Versions {
		v := &c.Versions[i]
		if v.Chain != chain || v.Playlist == nil {
			continue
		}
		if last != nil {
			c.follows(last.Playlist, v.Playlist)
			if chain == ByPart {
				c.cadence(last.Playlist, v, &grown, &whole)
			}
		}
		last = v
		if grown.IsZero() {
			grown, whole = v.Answered, v.Answered
		}
	}
}

// follows checks one version against the one before it.
func (c *checker) follows(p, q *Playlist) {
	if q.Sequence < p.Sequence || q.End().before(p.End()) {
		c.add(MediaSequence, "it falls from %d (end %v) to %d (end %v)", p.Sequence, p.End(), q.Sequence, q.End())
		return
	}
	if p.Ended && (!q.Ended || q.End() != p.End()) {
		c.add(EndList, "the playlist goes on behind its end, from %v to %v", p.End(), q.End())
	}
	if q.Sequence > p.Next() {
		c.add(MediaSequence, "segments %d to %d were never listed whole", p.Next(), q.Sequence-1)
	}
	if q.Discontinuity < p.Discontinuity {
		c.add(DiscontinuitySequence, "it falls from %d to %d", p.Discontinuity, q.Discontinuity)
	}
	if q.Sequence > p.Sequence && !q.Ended && c.length(q) < 3*q.Target {
		c.add(Window, "segments were removed, and %v are left, want at least 3 times %v", c.length(q), q.Target)
	}
	c.partsGone(p, q)
	c.rangesGone(p, q)
}

// length gives how long a version is, with what it skips.
func (c *checker) length(p *Playlist) time.Duration {
	sum := p.Length()
	for i := range int64(p.Skipped) {
		sum += c.segments[p.Sequence+i].Duration
	}
	return sum
}

// partsGone checks that parts leave from the front, and not within three target durations of the end.
func (c *checker) partsGone(p, q *Playlist) {
	had := map[int64]int{p.Open.Sequence: len(p.Open.Parts)}
	for _, s := range p.Segments {
		had[s.Sequence] = len(s.Parts)
	}
	distance := q.Length()
	kept := false // an older segment has parts
	for _, s := range q.Segments {
		distance -= s.Duration
		if len(s.Parts) < had[s.Sequence] {
			if distance+s.Duration <= 3*q.Target {
				c.add(PartsGone, "%d parts of segment %d, which ends %v before the end", had[s.Sequence]-len(s.Parts), s.Sequence, distance)
			}
			if kept {
				c.add(PartsGone, "segment %d has lost parts, an older one has not", s.Sequence)
			}
		}
		kept = kept || len(s.Parts) > 0
	}
}

// cadence checks how soon something new comes.
func (c *checker) cadence(p *Playlist, v *Version, grown, whole *time.Time) {
	q := v.Playlist
	if p.Ended || q.Ended {
		return
	}
	if q.PartTarget > 0 && p.End() != q.End() {
		if took := v.Answered.Sub(*grown); took > q.PartTarget+c.Slack {
			c.add(Cadence, "the part behind %v came after %v, want %v", p.End(), took, q.PartTarget)
		}
		*grown = v.Answered
	}
	if p.Next() != q.Next() {
		if took := v.Answered.Sub(*whole); took > q.Target*3/2+c.Slack {
			c.add(Cadence, "segment %d came after %v, want 1.5 times %v", p.Next(), took, q.Target)
		}
		*whole = v.Answered
	}
}

// hints checks that what is hinted is what comes next.
func (c *checker) hints() {
	for _, p := range c.Whole() {
		next, come := c.parts[p.End()]
		for _, h := range p.Hints {
			if h.Type == "PART" && come && h.URI != next.URI {
				c.add(Hints, "%s is hinted behind %v, %s comes", h.URI, p.End(), next.URI)
			}
		}
		if _, skipped := c.parts[Place{p.Next() + 1, 0}]; !come && skipped && !p.Ended && p.PartTarget > 0 {
			c.add(Hints, "the part that is hinted behind %v never comes", p.End())
		}
	}
}

// deltas checks delta updates: what they skip, and that they give the whole playlist back.
func (c *checker) deltas() {
	whole := make(map[Place]*Playlist)
	for _, p := range c.Whole() {
		if old := whole[p.End()]; old == nil || p.Sequence >= old.Sequence {
			whole[p.End()] = p
		}
	}
	var before *Playlist // of the client that asks for them
	for _, v := range c.Versions {
		p := v.Playlist
		if v.Chain != ByDelta || p == nil {
			continue
		}
		if p.Skipped == 0 {
			if least, _ := c.beyond(p); v.Query.Skip && !p.Ended && least > 0 {
				c.add(Delta, "a delta update that skips nothing of %v", p.Length())
			}
			before = p
			continue
		}
		if !v.Query.Skip || p.Control.SkipUntil == 0 {
			c.add(Delta, "segments are skipped that nobody asked to skip")
		}
		rebuilt := c.rebuild(before, p)
		if least, most := c.beyond(rebuilt); p.Skipped < least || p.Skipped > most {
			c.add(Delta, "%d segments are skipped, want %d to %d by the boundary of %v", p.Skipped, least, most, p.Control.SkipUntil)
		}
		if full := whole[p.End()]; full != nil {
			c.same(rebuilt, full)
		}
		before = rebuilt
	}
}

// beyond counts the segments that are further from the end of the last segment than the skip boundary: least by their ends, most
// by their begins, since the draft leaves open which it means.
func (c *checker) beyond(p *Playlist) (least, most int) {
	end := p.Length() - length(p.Open.Parts)
	for _, s := range p.Segments {
		if end >= p.Control.SkipUntil && p.Control.SkipUntil > 0 {
			most++
		}
		if end -= s.Duration; end > p.Control.SkipUntil && p.Control.SkipUntil > 0 {
			least++
		}
	}
	return least, most
}

// rebuild puts what a delta update skips back from the playlist before.
func (c *checker) rebuild(before, delta *Playlist) *Playlist {
	full := *delta
	full.Skipped, full.Segments = 0, nil
	for i := range int64(delta.Skipped) {
		at := delta.Sequence + i
		if before == nil || at < before.Sequence || at >= before.Next() {
			c.add(Delta, "segment %d is skipped, which the client has not", at)
			full.Segments = append(full.Segments, Segment{Sequence: at})
			continue
		}
		full.Segments = append(full.Segments, before.Segments[at-before.Sequence])
	}
	full.Segments = append(full.Segments, delta.Segments...)
	for i := 1; i < len(full.Segments); i++ { // tags that apply to several segments may have been skipped
		if s := &full.Segments[i]; s.Map == "" {
			s.Map = full.Segments[i-1].Map
		}
	}
	return &full
}

// same compares a playlist that was rebuilt with the whole one. Parts are left out: a client keeps old ones, the server does not.
func (c *checker) same(rebuilt, full *Playlist) {
	from := max(rebuilt.Sequence, full.Sequence)
	a, b := rebuilt.Segments[from-rebuilt.Sequence:], full.Segments[from-full.Sequence:]
	if len(a) != len(b) {
		c.add(Delta, "behind %v it gives %d segments from %d on, the whole one %d", full.End(), len(a), from, len(b))
		return
	}
	for i := range a {
		if a[i].facts() != b[i].facts() {
			c.add(Delta, "it gives segment %v, the whole one %v", a[i].facts(), b[i].facts())
		}
	}
	if rebuilt.Target != full.Target || rebuilt.PartTarget != full.PartTarget || rebuilt.Control != full.Control || rebuilt.Independent != full.Independent {
		c.add(Delta, "its head is not that of the whole playlist")
	}
	if from == rebuilt.Sequence && from == full.Sequence && len(rebuilt.Ranges) != len(full.Ranges) {
		c.add(Delta, "behind %v it has %d date ranges, the whole one %d", full.End(), len(rebuilt.Ranges), len(full.Ranges))
	}
}

// answer checks one answer against its request.
func (c *checker) answer(v Version) {
	target, took := c.target, v.Answered.Sub(v.Asked)
	if took > 3*target+c.Slack {
		c.add(Held, "%v after %+v, want at most 3 times %v", took, v.Query, target)
	}
	if v.Status == http.StatusServiceUnavailable && v.Query.Sequence >= 0 && took > 3*target-c.Slack {
		return // there was nothing new to tell of
	}
	if v.Status != http.StatusOK {
		c.add(Unavailable, "playlist asked for by %+v: status %d after %v", v.Query, v.Status, took)
		return
	}
	if kind := v.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/vnd.apple.mpegurl") {
		c.add(ContentType, "playlist: %q", kind)
	}
	most := target
	if v.Query.Sequence >= 0 {
		most = 6 * target // it names its version
	}
	if age := maxAge(v.Header); age < 0 || age > most {
		c.add(Caching, "playlist asked for by %+v: Cache-Control %q, want at most %v", v.Query, v.Header.Get("Cache-Control"), most)
	}
	if v.Query.Sequence < 0 || v.Playlist.Ended {
		return
	}
	want := Place{v.Query.Sequence, int(v.Query.Part)}
	if v.Query.Part < 0 { // the whole segment
		if v.Playlist.Next() <= want.Sequence {
			c.add(Blocking, "the answer to %+v ends before %v", v.Query, v.Playlist.End())
		}
		return
	}
	for _, s := range v.Playlist.Segments {
		if s.Sequence == want.Sequence && len(s.Parts) > 0 && len(s.Parts) <= want.Part {
			want = Place{want.Sequence + 1, 0} // it has no such part
		}
	}
	if !want.before(v.Playlist.End()) {
		c.add(Blocking, "the answer to %+v ends before %v", v.Query, v.Playlist.End())
	}
}
