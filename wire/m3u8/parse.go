package m3u8

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/simulcart/simulcart/wire"
)

// Limits on what is read.
const (
	MaxSize    = 4 << 20  // bytes of a playlist: a day of segments of 2 s
	MaxLine    = 64 << 10 // bytes of a line
	maxVersion = 13       // the latest that is known
)

// lines reads a playlist line by line.
type lines struct {
	rest  []byte
	at    int64 // where the line begins
	next  int64
	seen  map[string]bool
	other map[string]bool // tags that belong to the other kind of playlist
}

// newLines checks what holds for all playlists, §4.1 and §4.4.1.1, and passes over the first line.
func newLines(b []byte, other map[string]bool) (*lines, error) {
	if len(b) > MaxSize {
		return nil, unsupported(0, "a playlist of %d bytes, more than %d", len(b), MaxSize)
	}
	l := &lines{rest: b, seen: map[string]bool{}, other: other}
	first, _, err := l.line()
	if err != nil {
		return nil, err
	}
	if first != tagM3U {
		return nil, syntax(0, "the first line is %.40q, not %s", first, tagM3U)
	}
	return l, nil
}

// line gives the next line that is not blank and no comment, without blanks around it; false at the end.
func (l *lines) line() (line string, more bool, err error) {
	for len(l.rest) > 0 {
		raw, rest, _ := bytes.Cut(l.rest, []byte{'\n'})
		l.at, l.next = l.next, l.next+int64(len(raw))+1
		l.rest = rest
		if len(raw) > MaxLine {
			return "", false, unsupported(l.at, "a line of %d bytes, more than %d", len(raw), MaxLine)
		}
		text := strings.Trim(string(raw), blanks)
		if text == "" || text[0] == '#' && !strings.HasPrefix(text, "#EXT") {
			continue
		}
		if !isText(text) {
			if !utf8.ValidString(text) {
				return "", false, syntax(l.at, "a line that is no UTF-8")
			}
			return "", false, syntax(l.at, "a line with control characters")
		}
		return text, true, nil
	}
	return "", false, nil
}

// tag splits a line into tag and value; a URI has no tag. It checks what holds for tags of both kinds of playlists: versions, variables,
// and that those of the other kind are not there.
func (l *lines) tag(line string) (tag, value string, err error) {
	if line[0] != '#' {
		return "", line, nil
	}
	tag, value, _ = strings.Cut(line, ":")
	switch {
	case l.other[tag]:
		return "", "", syntax(l.at, "%s in this kind of playlist", tag)
	case tag == tagDefine:
		return "", "", unsupported(l.at, "variables (%s)", tagDefine)
	case tag == tagVersion:
		version, ok := parseInteger(value, math.MaxInt32)
		switch {
		case !ok:
			return "", "", syntax(l.at, "version %.40q", value)
		case version > maxVersion:
			return "", "", unsupported(l.at, "version %d, later than %d", version, maxVersion)
		}
	}
	switch tag {
	case tagVersion, tagIndependent, tagTarget, tagSequence, tagDiscSequence, tagEnd, tagType, tagPartInf, tagServerControl, tagSkip:
		if l.seen[tag] {
			return "", "", syntax(l.at, "%s twice", tag)
		}
		l.seen[tag] = true
	}
	return tag, value, nil
}

// IsMultivariant says whether a playlist is one for [ParseMultivariant]; others are for [ParseMedia].
func IsMultivariant(b []byte) bool {
	for line := range bytes.Lines(b[:min(len(b), MaxSize)]) {
		for _, tag := range []string{tagStream, tagMedia, tagIFrameStream} {
			if bytes.HasPrefix(line, []byte(tag+":")) {
				return true
			}
		}
	}
	return false
}

// notInMedia are tags that make a playlist a multivariant one.
var notInMedia = map[string]bool{tagStream: true, tagMedia: true, tagIFrameStream: true}

// mediaReader reads a media playlist.
type mediaReader struct {
	*lines
	m       Media
	segment Segment // what was told of the next one
	inf     bool    // its duration was
	bare    string  // its byte range, where that has no start
}

// ParseMedia reads a media playlist, as we or other servers write it. What it does not know is passed over. Errors are [*wire.SyntaxError] where it breaks
// the format, [*wire.UnsupportedError] for encrypted segments, I-frame playlists, variables, and what is larger than the limits.
func ParseMedia(b []byte) (Media, error) {
	l, err := newLines(b, notInMedia)
	if err != nil {
		return Media{}, err
	}
	r := &mediaReader{lines: l}
	for {
		line, more, err := r.line()
		if err != nil {
			return Media{}, err
		}
		if !more {
			break
		}
		tag, value, err := r.tag(line)
		if err != nil {
			return Media{}, err
		}
		if tag == "" {
			err = r.uri(value)
		} else {
			err = r.take(tag, value)
		}
		if err != nil {
			return Media{}, err
		}
	}
	return r.end()
}

// take takes a tag with its value.
func (r *mediaReader) take(tag, value string) error {
	switch tag {
	case tagIndependent:
		r.m.IndependentSegments = true
	case tagEnd:
		r.m.Ended = true
	case tagTarget, tagSequence, tagDiscSequence:
		return r.number(tag, value)
	case tagType: // others are ignored, as all unknown names
		for t, name := range typeNames {
			if value == name && name != "" {
				r.m.Type = PlaylistType(t)
			}
		}
	case tagIFrames:
		return unsupported(r.at, "playlists of single pictures (%s)", tagIFrames)
	case tagInf:
		return r.duration(value)
	case tagByteRange:
		return r.byteRange(value)
	case tagDiscontinuity:
		r.segment.Discontinuity = true
	case tagGap:
		r.segment.Gap = true
	case tagDateTime:
		at, ok := parseDate(value)
		if !ok {
			return syntax(r.at, "%s: %.40q is no date", tag, value)
		}
		r.segment.ProgramDateTime = at
	case tagPartInf, tagServerControl, tagKey, tagMap, tagPart, tagDateRange, tagSkip, tagHint, tagReport:
		a := parseAttributes(tag, value, r.at)
		if a.fault == nil {
			r.attributes(tag, &a)
		}
		if tag == tagDateRange {
			return nil // one with illegal syntax is ignored, §4.4.5.1
		}
		return a.fault
	}
	return nil
}

// number takes a tag whose value is an integer.
func (r *mediaReader) number(tag, value string) error {
	most := uint64(math.MaxInt64)
	if tag == tagTarget {
		most = maxSeconds
	}
	v, ok := parseInteger(value, most)
	if !ok {
		return syntax(r.at, "%s: %.40q is no number up to %d", tag, value, most)
	}
	switch tag {
	case tagTarget:
		r.m.TargetDuration = int(v)
	case tagSequence:
		r.m.MediaSequence = v
	case tagDiscSequence:
		r.m.DiscontinuitySequence = v
	}
	return nil
}

// duration takes EXTINF: seconds, and a title that nobody needs.
func (r *mediaReader) duration(value string) error {
	seconds, _, _ := strings.Cut(value, ",")
	d, ok := parseSeconds(strings.Trim(seconds, blanks))
	if !ok {
		return syntax(r.at, "%s: %.40q is no duration", tagInf, value)
	}
	r.segment.Duration, r.inf = d, true
	return nil
}

// byteRange takes the range of the next segment. Where it has no start, only the URI tells whether it follows the segment before.
func (r *mediaReader) byteRange(value string) error {
	r.bare = ""
	if !strings.Contains(value, "@") {
		r.bare = value
	}
	rg, ok := parseByteRange(value, 0, true)
	if !ok {
		return syntax(r.at, "%s: %.40q is no byte range", tagByteRange, value)
	}
	r.segment.Range = rg
	return nil
}

// uri ends a segment.
func (r *mediaReader) uri(uri string) error {
	if !r.inf {
		return syntax(r.at, "segment %.80q without a duration", uri)
	}
	s := &r.segment
	s.URI = uri
	if r.bare != "" {
		var known bool
		if n := len(r.m.Segments); n > 0 && r.m.Segments[n-1].URI == uri {
			last := r.m.Segments[n-1].Range
			s.Range.Start, known = last.Length+last.Start, last.Length > 0
		}
		if !known || s.Range.Start > maxInteger {
			return syntax(r.at, "a byte range of %.80q that does not follow another", uri)
		}
	}
	r.add()
	return nil
}

// claimMap gives the map in front of the first segment to the playlist.
func (r *mediaReader) claimMap() {
	if len(r.m.Segments) == 0 && r.m.Skip == nil && r.segment.Map != nil {
		r.m.Map, r.segment.Map = r.segment.Map, nil
	}
}

// add takes the segment at hand into the playlist.
func (r *mediaReader) add() {
	r.claimMap()
	r.m.Segments = append(r.m.Segments, r.segment)
	r.segment, r.inf, r.bare = Segment{}, false, ""
}

// attributes takes a tag with attributes. Faults are left in a.
func (r *mediaReader) attributes(tag string, a *attributes) {
	switch tag {
	case tagPartInf:
		a.need("PART-TARGET")
		r.m.PartTarget = a.seconds("PART-TARGET")
	case tagServerControl:
		r.m.ServerControl = ServerControl{
			CanBlockReload: a.flag("CAN-BLOCK-RELOAD"), CanSkipUntil: a.seconds("CAN-SKIP-UNTIL"),
			CanSkipDateRanges: a.flag("CAN-SKIP-DATERANGES"), HoldBack: a.seconds("HOLD-BACK"), PartHoldBack: a.seconds("PART-HOLD-BACK"),
		}
	case tagKey:
		if method := a.need("METHOD"); method != "NONE" && a.fault == nil {
			a.fault = unsupported(r.at, "encrypted segments (%.40s)", method)
		}
	case tagMap:
		r.segment.Map = &Map{URI: a.need(attrURI), Range: a.byteRange(0, true)}
	case tagPart:
		r.part(a)
	case tagDateRange:
		r.dateRange(a)
	case tagSkip:
		r.skip(a)
	case tagHint:
		h := PreloadHint{Start: a.integer("BYTERANGE-START", maxInteger), Length: a.integer("BYTERANGE-LENGTH", maxInteger)}
		switch a.need(attrType) {
		case hintNames[HintPart]:
		case hintNames[HintMap]:
			h.Type = HintMap
		default:
			return // §6.3.8
		}
		h.URI = a.need(attrURI)
		r.m.PreloadHints = append(r.m.PreloadHints, h)
	case tagReport:
		rr := RenditionReport{URI: a.need(attrURI), Sequence: a.integer("LAST-MSN", math.MaxInt64)}
		if a.text("LAST-PART") != "" {
			rr.Parts = 1 + a.integer("LAST-PART", math.MaxInt32-1)
		}
		r.m.RenditionReports = append(r.m.RenditionReports, rr)
	}
}

func (r *mediaReader) part(a *attributes) {
	p := Part{URI: a.need(attrURI), Independent: a.flag("INDEPENDENT"), Gap: a.flag("GAP")}
	a.need(attrDuration)
	p.Duration = a.seconds(attrDuration)
	before := r.segment.Parts
	if n := len(r.m.Segments); len(before) == 0 && n > 0 {
		before = r.m.Segments[n-1].Parts
	}
	var last ByteRange
	if n := len(before); n > 0 && before[n-1].URI == p.URI {
		last = before[n-1].Range
	}
	p.Range = a.byteRange(last.Start+last.Length, last.Length > 0)
	r.segment.Parts = append(r.segment.Parts, p)
}

// dateRange takes a date range, unless its syntax is illegal.
func (r *mediaReader) dateRange(a *attributes) {
	d := DateRange{
		ID: a.need(attrID), Class: a.text(attrClass), Start: a.date(attrStartDate), End: a.date(attrEndDate),
		PlannedDuration: a.seconds(attrPlannedDuration), EndOnNext: a.flag(attrEndOnNext),
	}
	if a.text(attrDuration) != "" {
		d.Duration = new(time.Duration)
		*d.Duration = a.seconds(attrDuration)
	}
	for _, at := range a.list {
		if !knownToDateRange(at.Name) {
			d.Attributes = append(d.Attributes, at)
		}
	}
	if a.fault == nil && !strings.Contains(d.ID, "\t") {
		r.m.DateRanges = append(r.m.DateRanges, d)
	}
}

// skip takes EXT-X-SKIP, which stands in front of all segments. A map in front of it is the playlist's.
func (r *mediaReader) skip(a *attributes) {
	if len(r.m.Segments) > 0 {
		a.fail("behind a segment")
	}
	a.need("SKIPPED-SEGMENTS")
	s := Skip{Segments: a.integer("SKIPPED-SEGMENTS", math.MaxInt32)}
	const removed = "RECENTLY-REMOVED-DATERANGES"
	if s.DateRanges = hasAttribute(a.list, removed); s.DateRanges {
		s.RemovedDateRanges = strings.FieldsFunc(a.text(removed), func(c rune) bool { return c == '\t' })
	}
	if len(s.RemovedDateRanges) == 0 {
		s.RemovedDateRanges = nil
	}
	r.m.Map, r.segment.Map = r.segment.Map, nil
	r.m.Skip = &s
}

// end gives the playlist, with the segment that is being made where something was told of it.
func (r *mediaReader) end() (Media, error) {
	if r.inf {
		return Media{}, syntax(r.next, "a segment without a URI at the end")
	}
	if !r.seen[tagTarget] {
		return Media{}, syntax(r.next, "no %s", tagTarget)
	}
	r.claimMap()
	s := &r.segment
	s.Range = ByteRange{}
	empty := s.ProgramDateTime.IsZero() && !s.Discontinuity && !s.Gap && s.Map == nil
	if len(s.Parts) > 0 || !empty && !r.m.Ended {
		r.add()
	}
	return r.m, nil
}

func syntax(at int64, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "m3u8", Offset: at, Msg: fmt.Sprintf(msg, args...)}
}

func unsupported(at int64, msg string, args ...any) error {
	return &wire.UnsupportedError{Format: "m3u8", Offset: at, Msg: fmt.Sprintf(msg, args...)}
}
