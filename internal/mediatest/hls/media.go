package hls

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// soundTolerance is how far pieces of sound may be from each other: encoders' clocks of whole milliseconds, and frames that are no
// whole number of them.
const soundTolerance = 3 * time.Millisecond

// Where there is no picture an event may be for a time this long before or behind the sound: pictures are cut by when they are decoded,
// and shown later.
const (
	eventEarly = 60 * time.Millisecond
	eventLate  = time.Second
)

// The carriage of overlay states (docs/overlays.md).
const (
	eventScheme  = "https://aomedia.org/emsg/ID3"
	description  = "simulcart.overlay"
	stateMember  = "X-SIMULCART-OVERLAY"
	overlayTicks = 90_000 // of the states' at and now, in a second
)

// State is what the rules need of an overlay state.
type State struct {
	Seq int64 `json:"seq"`
	At  int64 `json:"at"`  // media time from which it holds, 90 kHz
	Now int64 `json:"now"` // media time of this copy
}

// ticks gives a time of a track.
func (t *Track) ticks(n int64) time.Duration {
	return time.Duration(n/t.Scale)*time.Second + time.Duration(n%t.Scale)*time.Second/time.Duration(t.Scale)
}

// read gives what a URI holds, once.
func (c *checker) read(uri string, in *Init) *Media {
	if m, known := c.medium[uri]; known {
		return m
	}
	b := c.Bodies[uri]
	if b == nil || b.Status != http.StatusOK {
		return nil
	}
	m, err := ReadMedia(b.Bytes, in)
	if err != nil {
		c.add(Unavailable, "%s: %v", uri, err)
	}
	c.medium[uri] = m
	return m
}

// init gives an initialisation, read once.
func (c *checker) init(uri string) *Init {
	in, known := c.inits[uri]
	if !known {
		in = c.Init(uri)
		c.inits[uri] = in
	}
	return in
}

// clock gives the samples that the playlist's times are about: the pictures, or the sound where there are none.
func (m *Media) clock() (Run, bool) {
	if v, found := m.Of("vide"); found {
		return v, true
	}
	return m.Of("soun")
}

// media checks segments and parts against what they hold.
func (c *checker) media() {
	independent := make(map[int64]bool)
	for _, p := range c.Whole() {
		for _, s := range p.Segments {
			independent[s.Sequence] = independent[s.Sequence] || p.Independent
		}
	}
	for n, s := range c.segments {
		in := c.init(s.Map)
		if in == nil {
			if b := c.Bodies[s.Map]; b != nil {
				c.add(Unavailable, "init %s: status %d, or it cannot be read", s.Map, b.Status)
			}
			continue
		}
		m := c.read(s.URI, in)
		if m == nil {
			continue
		}
		run, found := m.clock()
		if !found {
			c.add(MediaTime, "segment %d holds no samples", n)
			continue
		}
		if took := run.Track.ticks(run.End() - run.Time); apart(took, s.Duration) > tolerance {
			c.add(MediaTime, "segment %d takes %v, EXTINF says %v", n, took, s.Duration)
		}
		if independent[n] && !run.Samples[0].Sync {
			c.add(IndependentSegments, "segment %d does not begin with a key frame", n)
		}
		c.join(n, m)
		c.pieces(s, in)
		c.events(s.URI, m)
	}
	c.mediaDates()
	for at, p := range c.parts {
		c.mediaPart(at, p)
	}
}

// join checks that a segment goes on where the one before it ended, on each track.
func (c *checker) join(n int64, m *Media) {
	s, found := c.segments[n-1]
	if !found || c.segments[n].Breaks {
		return
	}
	in := c.init(s.Map)
	if in == nil {
		return
	}
	before := c.read(s.URI, in)
	if before == nil {
		return
	}
	for kind, most := range map[string]time.Duration{"vide": tolerance, "soun": soundTolerance} {
		a, had := before.Of(kind)
		b, has := m.Of(kind)
		if had && has && apart(a.Track.ticks(a.End()), b.Track.ticks(b.Time)) > most {
			c.add(MediaTime, "segment %d (%s) begins at %v, the one before it ends at %v", n, kind, b.Track.ticks(b.Time), a.Track.ticks(a.End()))
		}
	}
}

// mediaDates checks the dates of segments against the times at which their pictures are shown, from one discontinuity to the next.
func (c *checker) mediaDates() {
	type origin struct {
		date time.Time
		at   time.Duration
		n    int64
	}
	from := make(map[int64]origin) // by discontinuity sequence number
	for _, n := range sorted(c.segments) {
		s := c.segments[n]
		shown, found := c.shown(s)
		if !found || s.Date.IsZero() {
			continue
		}
		first, known := from[s.Discontinuity]
		if !known {
			from[s.Discontinuity] = origin{s.Date, shown, n}
			continue
		}
		if by, is := s.Date.Sub(first.date), shown-first.at; apart(by, is) > tolerance {
			c.add(MediaDate, "segment %d is %v behind segment %d by its date, %v by its media", n, by, first.n, is)
		}
	}
}

// shown gives when the first picture of a segment is shown.
func (c *checker) shown(s Segment) (time.Duration, bool) {
	in := c.init(s.Map)
	if in == nil {
		return 0, false
	}
	m := c.read(s.URI, in)
	if m == nil {
		return 0, false
	}
	run, found := m.clock()
	if !found {
		return 0, false
	}
	return run.Track.ticks(run.First()), true
}

// pieces checks that a segment is its parts.
func (c *checker) pieces(s Segment, in *Init) {
	var all []byte
	for i := range s.Parts {
		b := c.Bodies[s.Parts[i].URI]
		if b == nil || b.Status != http.StatusOK {
			return
		}
		if m := c.read(s.Parts[i].URI, in); m != nil {
			c.events(s.Parts[i].URI, m)
		}
		all = append(all, b.Bytes...)
	}
	if len(s.Parts) > 0 && !bytes.Equal(all, c.Bodies[s.URI].Bytes) {
		c.add(Concatenation, "segment %d has %d bytes, its parts %d, or they differ", s.Sequence, len(c.Bodies[s.URI].Bytes), len(all))
	}
}

// mediaPart checks one part.
func (c *checker) mediaPart(at Place, p Part) {
	s, found := c.segments[at.Sequence]
	if !found {
		return
	}
	in := c.init(s.Map)
	if in == nil {
		return
	}
	m := c.read(p.URI, in)
	if m == nil {
		return
	}
	run, found := m.clock()
	if !found {
		c.add(PartTime, "part %d.%d holds no samples", at.Sequence, at.Part)
		return
	}
	if took := run.Track.ticks(run.End() - run.Time); apart(took, p.Duration) > tolerance && !c.cutsFrame(at, s, m, in) {
		c.add(PartTime, "part %d.%d takes %v, DURATION says %v", at.Sequence, at.Part, took, p.Duration)
	}
	key := run.Samples[0].Sync && (run.Track.Kind == "vide" || in.Track("vide") == nil)
	if key != p.Independent {
		c.add(IndependentPart, "part %d.%d: INDEPENDENT %v, begins with a key frame %v", at.Sequence, at.Part, p.Independent, key)
	}
}

// cutsFrame says whether a part begins or ends while a picture lasts, or a piece of sound where there are none. It may, where the part would be
// too long with that and too short without (the draft, 4.4.4.9), if its own ones begin within its time.
func (c *checker) cutsFrame(at Place, s Segment, m *Media, in *Init) bool {
	segment := c.read(s.URI, in)
	if segment == nil {
		return false
	}
	run, found := segment.clock()
	if !found {
		return false
	}
	from := run.Track.ticks(run.Time)
	for i := range at.Part {
		from += c.parts[Place{at.Sequence, i}].Duration
	}
	to := from + c.parts[at].Duration
	if own, found := m.Of(run.Track.Kind); found {
		last := own.End() - own.Samples[len(own.Samples)-1].Duration
		if run.Track.ticks(own.Time) < from-tolerance || run.Track.ticks(last) >= to+tolerance {
			return false
		}
	}
	cut := false
	begin := run.Time
	for _, sample := range run.Samples {
		b, e := run.Track.ticks(begin), run.Track.ticks(begin+sample.Duration)
		begin += sample.Duration
		cut = cut || b < from-tolerance && e > from+tolerance
		if b < to-tolerance && e > to+tolerance {
			if e-from <= c.partTarget || b-from >= c.partTarget*85/100 {
				return false
			}
			cut = true
		}
	}
	return cut
}

// events checks the overlay states in a segment or part: each stands before its picture, by one clock for all.
func (c *checker) events(uri string, m *Media) {
	for _, e := range m.Events {
		if e.Scheme != eventScheme {
			continue
		}
		var s State
		text, err := e.Text(description)
		if err == nil {
			err = json.Unmarshal([]byte(text), &s)
		}
		if err != nil {
			c.add(Events, "%s: %v", uri, err)
			continue
		}
		if e.Value != "" || e.Duration != 0xffffffff || e.ID != uint32(s.Seq) || e.Scale <= 0 {
			c.add(Events, "%s: state %d: value %q, duration %08x, id %d, timescale %d", uri, s.Seq, e.Value, e.Duration, e.ID, e.Scale)
		}
		if !m.shows(e) {
			c.add(Events, "%s: state %d is for %d/%d s, where nothing behind it is", uri, s.Seq, e.Time, e.Scale)
		}
		if zero, found := c.zero(); found && e.Time*overlayTicks/max(e.Scale, 1)-s.Now != zero {
			c.add(Events, "%s: state %d: the clock of the media is ahead by %d ticks, elsewhere by %d", uri, s.Seq, e.Time-s.Now, zero)
		}
	}
}

// shows says whether one of the pictures behind an event has its time; where there are none, whether the sound is about there.
func (m *Media) shows(e Event) bool {
	if _, found := m.Of("vide"); !found {
		run, found := m.Of("soun")
		at := run.Track.ticks(e.Time * run.Track.Scale / e.Scale)
		return found && at > run.Track.ticks(run.Time)-eventEarly && at < run.Track.ticks(run.End())+eventLate
	}
	for _, r := range m.Runs[e.Runs:] {
		if r.Track.Kind != "vide" {
			continue
		}
		at := r.Time
		for _, s := range r.Samples {
			if (at+s.Offset)*e.Scale == e.Time*r.Track.Scale {
				return true
			}
			at += s.Duration
		}
	}
	return false
}

// zero gives by how many ticks the clock of the media is ahead of the states', by the first state that a segment carries.
func (c *checker) zero() (ticks int64, found bool) {
	if c.ahead != nil {
		return *c.ahead, true
	}
	for _, n := range sorted(c.segments) {
		m := c.medium[c.segments[n].URI]
		if m == nil {
			continue
		}
		for _, e := range m.Events {
			var s State
			text, err := e.Text(description)
			if err == nil && json.Unmarshal([]byte(text), &s) == nil && e.Scheme == eventScheme && e.Scale > 0 {
				ticks = e.Time*overlayTicks/e.Scale - s.Now
				c.ahead = &ticks
				return ticks, true
			}
		}
	}
	return 0, false
}

// DateRangeState reads the overlay state of a date range.
func DateRangeState(a Attributes) (text []byte, s State, err error) {
	text, err = base64.RawURLEncoding.DecodeString(a[stateMember])
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return text, s, err
}

func sorted[V any](m map[int64]V) []int64 {
	keys := make([]int64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
