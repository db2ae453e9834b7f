package hls

import (
	"maps"
	"strings"
	"time"
)

// ranges checks what date ranges say, each for itself and over all versions.
func (c *checker) ranges() {
	known := make(map[string]Attributes)
	gone := make(map[string]bool)
	for _, v := range c.Versions {
		p := v.Playlist
		if p == nil || v.Chain != ByPart {
			continue
		}
		here := make(map[string]bool)
		for _, a := range p.Ranges {
			id := a["ID"]
			here[id] = true
			c.dateRange(p, a)
			if gone[id] {
				c.add(RangeChanges, "%s is used again after it was gone", id)
			}
			known[id] = c.rangeChanges(known[id], a)
		}
		for id := range known {
			if !here[id] {
				gone[id] = true
			}
		}
	}
}

// dateRange checks one tag.
func (c *checker) dateRange(p *Playlist, a Attributes) {
	id := a["ID"]
	if p.tags["#EXT-X-PROGRAM-DATE-TIME"] == 0 {
		c.add(RangeSyntax, "%s stands in a playlist without dates", id)
	}
	for name := range a {
		switch name {
		case "ID", "CLASS", "START-DATE", "END-DATE", "DURATION", "PLANNED-DURATION", "END-ON-NEXT", "CUE", "SCTE35-CMD", "SCTE35-OUT", "SCTE35-IN":
		default:
			if !strings.HasPrefix(name, "X-") {
				c.add(RangeSyntax, "%s has the attribute %s", id, name)
			}
		}
	}
	start, err := time.Parse(time.RFC3339Nano, a["START-DATE"])
	if err != nil {
		c.add(RangeSyntax, "%s has the START-DATE %q", id, a["START-DATE"])
		return
	}
	if text, found := a["END-DATE"]; found {
		if end, err := time.Parse(time.RFC3339Nano, text); err != nil || end.Before(start) {
			c.add(RangeSyntax, "%s begins at %s and ends at %s", id, a["START-DATE"], text)
		}
	}
	for _, name := range []string{"DURATION", "PLANNED-DURATION"} {
		var scratch Playlist
		if text, found := a[name]; found {
			(&reader{Playlist: &scratch}).seconds(name, text)
		}
		if len(scratch.faults) > 0 {
			c.add(RangeSyntax, "%s has the %s %q", id, name, a[name])
		}
	}
	if a["END-ON-NEXT"] != "" && (a["CLASS"] == "" || a["END-DATE"] != "" || a["DURATION"] != "") {
		c.add(RangeSyntax, "%s has an END-ON-NEXT that it may not have", id)
	}
	if key := id + a["START-DATE"]; a[stateMember] != "" && !c.dated[key] {
		c.dated[key] = true
		c.rangeDate(a, start)
	}
}

// rangeChanges compares a tag with those of the same ID before it, and gives all that is known of it now.
func (c *checker) rangeChanges(known, a Attributes) Attributes {
	if known == nil {
		return a
	}
	all := maps.Clone(known)
	for name, value := range a {
		before, had := known[name]
		if had && before != value {
			c.add(RangeChanges, "%s of %s was %q, now %q", name, a["ID"], before, value)
		}
		if !had && name != "END-DATE" && name != "DURATION" {
			c.add(RangeChanges, "%s of %s is new", name, a["ID"])
		}
		all[name] = value
	}
	return all
}

// rangesGone checks that no range leaves that is about a segment that stays.
func (c *checker) rangesGone(p, q *Playlist) {
	here := make(map[string]bool)
	for _, a := range q.Ranges {
		here[a["ID"]] = true
	}
	stays := time.Time{} // the date of the first segment that stays
	for _, s := range c.stays(q) {
		if !s.Date.IsZero() {
			stays = s.Date
			break
		}
	}
	ends := make(map[string]time.Time)
	for _, a := range p.Ranges {
		if end, found := rangeEnd(a); found {
			ends[a["ID"]] = end
		} else if _, closed := ends[a["ID"]]; !closed {
			ends[a["ID"]] = time.Time{}
		}
	}
	for id, end := range ends {
		if here[id] {
			continue
		}
		switch {
		case end.IsZero():
			c.add(RangeGone, "%s has gone without an end", id)
		case end.After(stays) && !stays.IsZero():
			c.add(RangeGone, "%s, which ends at %s, has gone; the first segment begins at %s", id, end.Format(time.RFC3339Nano), stays.Format(time.RFC3339Nano))
		}
	}
}

// stays gives the segments of a version, with those it skips.
func (c *checker) stays(p *Playlist) []Segment {
	var all []Segment
	for i := range int64(p.Skipped) {
		all = append(all, c.segments[p.Sequence+i])
	}
	return append(all, p.Segments...)
}

// rangeEnd gives when a range ends; false where it does not say.
func rangeEnd(a Attributes) (time.Time, bool) {
	if end, err := time.Parse(time.RFC3339Nano, a["END-DATE"]); err == nil {
		return end, true
	}
	start, err := time.Parse(time.RFC3339Nano, a["START-DATE"])
	length, wrong := time.ParseDuration(a["DURATION"] + "s")
	return start.Add(length), err == nil && wrong == nil && a["DURATION"] != ""
}

// rangeDate checks that the range of an overlay state begins at the picture at which the state does.
func (c *checker) rangeDate(a Attributes, start time.Time) {
	_, state, err := DateRangeState(a)
	if err != nil {
		c.add(RangeSyntax, "%s has no state: %v", a["ID"], err)
		return
	}
	zero, found := c.zero()
	if !found {
		return
	}
	ticks := state.At + zero
	at := time.Duration(ticks/overlayTicks)*time.Second + time.Duration(ticks%overlayTicks)*time.Second/overlayTicks
	for _, s := range c.segments {
		shown, known := c.shown(s)
		if !known || at < shown || at >= shown+s.Duration {
			continue
		}
		if want := s.Date.Add(at - shown); apart(start.Sub(want), 0) > tolerance {
			c.add(RangeDate, "%s begins at %s, its picture in segment %d at %s", a["ID"], a["START-DATE"], s.Sequence, want.Format(time.RFC3339Nano))
		}
	}
}
