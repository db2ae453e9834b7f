package m3u8

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Append writes the playlist behind dst. It fails for what no playlist can hold: text with quotes or line ends in it, segments without
// a URI but for the last, numbers that are too large.
func (m *Media) Append(dst []byte) ([]byte, error) {
	w := writer{b: dst}
	w.head(m)
	if m.Map != nil {
		w.mapTag(m.Map)
	}
	if m.Skip != nil {
		w.skip(m.Skip)
	}
	for i := range m.DateRanges {
		w.dateRange(&m.DateRanges[i])
	}
	for i := range m.Segments {
		w.segment(&m.Segments[i], i == len(m.Segments)-1)
	}
	for i := range m.PreloadHints {
		w.hint(&m.PreloadHints[i])
	}
	for i := range m.RenditionReports {
		w.report(&m.RenditionReports[i])
	}
	if m.Ended {
		w.line(tagEnd)
	}
	return w.done()
}

func (w *writer) done() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return w.b, nil
}

// head writes what holds for the whole playlist.
func (w *writer) head(m *Media) {
	w.line(tagM3U)
	if v := m.Version(); v > 1 {
		w.line(tagVersion, ":", strconv.Itoa(v))
	}
	if m.IndependentSegments {
		w.line(tagIndependent)
	}
	if m.TargetDuration < 0 || m.TargetDuration > maxSeconds {
		w.fail("a target duration of %d s", m.TargetDuration)
	}
	w.line(tagTarget, ":", strconv.Itoa(m.TargetDuration))
	if m.ServerControl != (ServerControl{}) {
		w.serverControl(m.ServerControl)
	}
	if m.PartTarget != 0 {
		w.open(tagPartInf)
		w.seconds("PART-TARGET", m.PartTarget)
		w.close()
	}
	if m.MediaSequence > math.MaxInt64 || m.DiscontinuitySequence > math.MaxInt64 {
		w.fail("sequence numbers %d and %d", m.MediaSequence, m.DiscontinuitySequence)
	}
	w.line(tagSequence, ":", strconv.FormatUint(m.MediaSequence, 10))
	if m.DiscontinuitySequence > 0 || m.discontinuous() {
		w.line(tagDiscSequence, ":", strconv.FormatUint(m.DiscontinuitySequence, 10))
	}
	switch {
	case int(m.Type) >= len(typeNames):
		w.fail("playlist type %d", m.Type)
	case m.Type != Live:
		w.line(tagType, ":", typeNames[m.Type])
	}
}

// discontinuous says whether a segment has a discontinuity in front: then the number of the first one is told (§6.2.2).
func (m *Media) discontinuous() bool {
	for i := range m.Segments {
		if m.Segments[i].Discontinuity {
			return true
		}
	}
	return false
}

func (w *writer) serverControl(c ServerControl) {
	w.open(tagServerControl)
	w.flag("CAN-BLOCK-RELOAD", c.CanBlockReload)
	for _, a := range []struct {
		name string
		d    time.Duration
	}{{"CAN-SKIP-UNTIL", c.CanSkipUntil}, {"HOLD-BACK", c.HoldBack}, {"PART-HOLD-BACK", c.PartHoldBack}} {
		if a.d != 0 {
			w.seconds(a.name, a.d)
		}
	}
	w.flag("CAN-SKIP-DATERANGES", c.CanSkipDateRanges)
	w.close()
}

func (w *writer) mapTag(m *Map) {
	w.open(tagMap)
	w.uri(m.URI)
	w.byteRange(m.Range)
	w.close()
}

func (w *writer) skip(s *Skip) {
	if s.Segments > math.MaxInt32 {
		w.fail("%d skipped segments", s.Segments)
	}
	w.open(tagSkip)
	w.number("SKIPPED-SEGMENTS", s.Segments)
	for _, id := range s.RemovedDateRanges {
		if !s.DateRanges || id == "" || strings.Contains(id, "\t") {
			w.fail("%.80q in a list of date ranges that are gone", id)
		}
	}
	if s.DateRanges {
		w.quoted("RECENTLY-REMOVED-DATERANGES", strings.Join(s.RemovedDateRanges, "\t"))
	}
	w.close()
}

// segment writes a segment with its tags; of one that is being made, which only the last may be, what there is.
func (w *writer) segment(s *Segment, last bool) {
	if s.Discontinuity {
		w.line(tagDiscontinuity)
	}
	if s.Map != nil {
		w.mapTag(s.Map)
	}
	if !s.ProgramDateTime.IsZero() {
		w.line(tagDateTime, ":", w.format(s.ProgramDateTime))
	}
	if s.Gap {
		w.line(tagGap)
	}
	for i := range s.Parts {
		w.part(&s.Parts[i])
	}
	if w.check(s.Range); s.Range.Length > 0 {
		w.line(tagByteRange, ":", s.Range.String())
	}
	if s.URI == "" && last && s.Duration == 0 {
		return
	}
	w.b = append(append(w.b, tagInf...), ':')
	w.duration(s.Duration)
	w.line(",")
	w.resource(s.URI)
}

func (w *writer) part(p *Part) {
	w.open(tagPart)
	w.seconds(attrDuration, p.Duration)
	w.uri(p.URI)
	w.byteRange(p.Range)
	w.flag("INDEPENDENT", p.Independent)
	w.flag("GAP", p.Gap)
	w.close()
}

func (w *writer) dateRange(d *DateRange) {
	if d.ID == "" || strings.Contains(d.ID, "\t") {
		w.fail("a date range with the ID %.80q", d.ID)
	}
	w.open(tagDateRange)
	w.quoted(attrID, d.ID)
	w.optional(attrClass, d.Class)
	w.date(attrStartDate, d.Start)
	w.date(attrEndDate, d.End)
	if d.Duration != nil {
		w.seconds(attrDuration, *d.Duration)
	}
	if d.PlannedDuration != 0 {
		w.seconds(attrPlannedDuration, d.PlannedDuration)
	}
	for i, a := range d.Attributes {
		if !isAttributeName(a.Name) || knownToDateRange(a.Name) || hasAttribute(d.Attributes[:i], a.Name) {
			w.fail("an attribute %.80q of a date range", a.Name)
		}
		switch {
		case a.Quoted:
			w.quoted(a.Name, a.Value)
		case isWord(a.Value):
			w.word(a.Name, a.Value)
		default:
			w.fail("%.80q needs quotes", a.Value)
		}
	}
	w.flag(attrEndOnNext, d.EndOnNext)
	w.close()
}

func (w *writer) hint(h *PreloadHint) {
	if int(h.Type) >= len(hintNames) || h.Start > maxInteger || h.Length > maxInteger {
		w.fail("a hint of type %d, %d bytes at %d", h.Type, h.Length, h.Start)
	}
	w.open(tagHint)
	w.word(attrType, h.Type.String())
	w.uri(h.URI)
	if h.Start > 0 {
		w.number("BYTERANGE-START", h.Start)
	}
	if h.Length > 0 {
		w.number("BYTERANGE-LENGTH", h.Length)
	}
	w.close()
}

func (w *writer) report(r *RenditionReport) {
	if r.Sequence > math.MaxInt64 || r.Parts > math.MaxInt32 {
		w.fail("a report of segment %d, %d parts", r.Sequence, r.Parts)
	}
	w.open(tagReport)
	w.uri(r.URI)
	w.number("LAST-MSN", r.Sequence)
	if r.Parts > 0 {
		w.number("LAST-PART", r.Parts-1)
	}
	w.close()
}
