package main

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// dateRanges reads the states in a playlist's date ranges. A range has a time of day; its media time is told by the segment in which it
// begins: PTS of its first picture + (START-DATE − its date).
type dateRanges struct {
	now     *m3u8.Media
	dates   []time.Time           // of its segments; zero: not told
	known   map[string]string     // what the ranges in it say, by ID
	waiting []m3u8.DateRange      // that are not told yet
	changed []string              // IDs that say something else than before
	starts  map[uint64]media.Time // PTS of the first pictures of segments, by number
	newest  uint64                // of starts
}

const (
	stateAttribute = "X-SIMULCART-OVERLAY"
	rangeSlack     = 2 // ms: START-DATE, the segment's date and PTS are each rounded to 1 ms
)

// take takes a version of the playlist.
func (d *dateRanges) take(m *m3u8.Media) {
	d.now, d.dates = m, d.dates[:0]
	var date time.Time
	for i := range m.Segments {
		s := &m.Segments[i]
		if !s.ProgramDateTime.IsZero() {
			date = s.ProgramDateTime
		} else if s.Discontinuity {
			date = time.Time{}
		}
		d.dates = append(d.dates, date)
		if !date.IsZero() {
			date = date.Add(lengthOf(s))
		}
	}
	known := make(map[string]string, len(m.DateRanges))
	for _, r := range m.DateRanges {
		if r.Class != carriedAs {
			continue
		}
		says := r.Start.Format(time.RFC3339Nano) + " " + stateOf(&r)
		switch before, was := d.known[r.ID]; {
		case !was:
			d.waiting = append(d.waiting, r)
		case before != says:
			d.changed = append(d.changed, r.ID)
		}
		known[r.ID] = says
	}
	d.known = known
	for number := range d.starts {
		if number < m.MediaSequence && number != d.newest {
			delete(d.starts, number)
		}
	}
}

// stateOf gives the state as the range has it.
func stateOf(r *m3u8.DateRange) string {
	i := slices.IndexFunc(r.Attributes, func(a m3u8.Attribute) bool { return a.Name == stateAttribute })
	if i < 0 {
		return ""
	}
	return r.Attributes[i].Value
}

// anchor learns when a segment starts to be shown.
func (d *dateRanges) anchor(t *tail, number uint64, pts media.Time) {
	if d.starts == nil {
		d.starts = make(map[uint64]media.Time)
		t.begin = pts.Ticks(1000)
	}
	d.starts[number], d.newest = pts, number
}

// tell tells of the ranges that begin in segments that were read, those before number, or in the one that is being read.
func (d *dateRanges) tell(t *tail, number uint64) {
	for _, id := range d.changed {
		t.tell(&sighting{Carriage: "daterange", PTS: t.begin, Faults: []string{"the date range " + id + " says something else than before"}})
	}
	d.changed = nil
	rest := d.waiting[:0]
	for i := range d.waiting {
		pts, known := d.place(&d.waiting[i], number)
		if !known {
			rest = append(rest, d.waiting[i])
			continue
		}
		tellRange(t, &d.waiting[i], pts)
	}
	d.waiting = rest
	d.rest(t, recent)
}

// rest tells of those whose segment never came, up to the newest few.
func (d *dateRanges) rest(t *tail, few int) {
	for len(d.waiting) > few {
		s := lookRange(t, &d.waiting[0], 0)
		s.Faults = append(s.Faults, "no segment that was read has its date")
		t.tell(s)
		d.waiting = d.waiting[1:]
	}
}

// place gives the media time at which a range begins; false where its segment is still to be read.
func (d *dateRanges) place(r *m3u8.DateRange, number uint64) (media.Time, bool) {
	in := -1
	for i, date := range d.dates {
		if !date.IsZero() && (in < 0 || !date.After(r.Start.Add(time.Millisecond))) {
			in = i
		}
	}
	if in < 0 || len(d.starts) == 0 {
		return 0, false
	}
	at := d.now.MediaSequence + uint64(in)
	pts, read := d.starts[at]
	switch {
	case !read && at >= number:
		return 0, false
	case !read: // it was passed over, or it stands before the first one that was read: the newest one tells too
		if d.newest < d.now.MediaSequence || d.dates[d.newest-d.now.MediaSequence].IsZero() {
			return 0, false
		}
		pts, in = d.starts[d.newest], int(d.newest-d.now.MediaSequence)
	}
	const far = longestTime * time.Second
	off := r.Start.Sub(d.dates[in])
	return pts + media.Time(min(max(off, -far), far)), true
}

// tellRange tells of the state in a range.
func tellRange(t *tail, r *m3u8.DateRange, pts media.Time) {
	t.beside(lookRange(t, r, pts.Ticks(1000)))
}

// lookRange reads the state in a range that begins at a PTS in ms.
func lookRange(t *tail, r *m3u8.DateRange, pts int64) *sighting {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(stateOf(r), "="))
	if err != nil {
		return &sighting{Carriage: "daterange", PTS: pts, Bytes: len(stateOf(r)), Faults: []string{stateAttribute + ": " + err.Error()}}
	}
	s := t.look("daterange", pts, text, 0)
	s.slack = rangeSlack
	return s
}
