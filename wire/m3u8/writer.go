package m3u8

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The tags that are written and read.
const (
	tagM3U           = "#EXTM3U"
	tagVersion       = "#EXT-X-VERSION"
	tagIndependent   = "#EXT-X-INDEPENDENT-SEGMENTS"
	tagDefine        = "#EXT-X-DEFINE"
	tagTarget        = "#EXT-X-TARGETDURATION"
	tagSequence      = "#EXT-X-MEDIA-SEQUENCE"
	tagDiscontinuity = "#EXT-X-DISCONTINUITY"
	tagDiscSequence  = "#EXT-X-DISCONTINUITY-SEQUENCE"
	tagType          = "#EXT-X-PLAYLIST-TYPE"
	tagIFrames       = "#EXT-X-I-FRAMES-ONLY"
	tagPartInf       = "#EXT-X-PART-INF"
	tagServerControl = "#EXT-X-SERVER-CONTROL"
	tagEnd           = "#EXT-X-ENDLIST"
	tagInf           = "#EXTINF"
	tagByteRange     = "#EXT-X-BYTERANGE"
	tagKey           = "#EXT-X-KEY"
	tagMap           = "#EXT-X-MAP"
	tagDateTime      = "#EXT-X-PROGRAM-DATE-TIME"
	tagGap           = "#EXT-X-GAP"
	tagPart          = "#EXT-X-PART"
	tagDateRange     = "#EXT-X-DATERANGE"
	tagSkip          = "#EXT-X-SKIP"
	tagHint          = "#EXT-X-PRELOAD-HINT"
	tagReport        = "#EXT-X-RENDITION-REPORT"
	tagMedia         = "#EXT-X-MEDIA"
	tagStream        = "#EXT-X-STREAM-INF"
	tagIFrameStream  = "#EXT-X-I-FRAME-STREAM-INF"
)

// The attributes that are written and read in more than one place, or that a date range knows.
const (
	attrID              = "ID"
	attrClass           = "CLASS"
	attrStartDate       = "START-DATE"
	attrEndDate         = "END-DATE"
	attrDuration        = "DURATION"
	attrPlannedDuration = "PLANNED-DURATION"
	attrEndOnNext       = "END-ON-NEXT"
	attrURI             = "URI"
	attrByteRange       = "BYTERANGE"
	attrType            = "TYPE"
	yes                 = "YES"
)

// precision is that of durations, written and read: a tick of 90 kHz lasts eleven times as long.
const precision = time.Microsecond

// The longest duration, in whole seconds and to the last microsecond: 31 years.
const (
	maxSeconds  = 999_999_999
	maxDuration = (maxSeconds+1)*time.Second - precision
)

// maxInteger bounds byte offsets and lengths, so that sums of two do not overflow.
const maxInteger = 1 << 62

// blanks are what is passed over around lines and attributes, though it should not be there.
const blanks = " \t\r"

// dateLayout is how dates are written, in UTC.
const dateLayout = "2006-01-02T15:04:05.000Z"

// writer writes lines. Its first error sticks.
type writer struct {
	b     []byte
	first bool // no attribute was written yet in this line
	err   error
}

func (w *writer) fail(msg string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("write m3u8: "+msg, args...)
	}
}

// line writes a tag without a value, or with one that needs no check.
func (w *writer) line(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
	w.b = append(w.b, '\n')
}

// open begins a line with attributes, which [writer.close] ends.
func (w *writer) open(tag string) {
	w.b = append(append(w.b, tag...), ':')
	w.first = true
}

func (w *writer) close() { w.b = append(w.b, '\n') }

// name writes an attribute up to its value.
func (w *writer) name(name string) {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
	w.b = append(append(w.b, name...), '=')
}

// word writes an attribute whose value is as it is.
func (w *writer) word(name, value string) {
	w.name(name)
	w.b = append(w.b, value...)
}

// flag writes an attribute that says YES, where it is set.
func (w *writer) flag(name string, set bool) {
	if set {
		w.word(name, yes)
	}
}

func (w *writer) number(name string, v uint64) {
	w.name(name)
	w.b = strconv.AppendUint(w.b, v, 10)
}

// seconds writes an attribute that is a duration.
func (w *writer) seconds(name string, d time.Duration) {
	w.name(name)
	w.duration(d)
}

// told gives a duration as it stands in a playlist.
func told(d time.Duration) time.Duration { return d.Round(precision) }

// duration writes seconds with as many digits as they need.
func (w *writer) duration(d time.Duration) {
	if d < 0 || told(d) > maxDuration {
		w.fail("a duration of %s", d)
		return
	}
	micros := told(d).Microseconds()
	w.b = strconv.AppendInt(w.b, micros/1e6, 10)
	if rest := micros % 1e6; rest > 0 {
		digits := strconv.FormatInt(1e6+rest, 10)[1:]
		w.b = append(append(w.b, '.'), strings.TrimRight(digits, "0")...)
	}
}

// quoted writes an attribute that is a text.
func (w *writer) quoted(name, value string) {
	if !isText(value) || strings.Contains(value, `"`) {
		w.fail("%s: %.80q cannot stand in quotes", name, value)
	}
	w.name(name)
	w.b = append(append(append(w.b, '"'), value...), '"')
}

// optional writes a text where there is one.
func (w *writer) optional(name, value string) {
	if value != "" {
		w.quoted(name, value)
	}
}

// uri writes an attribute that must be there.
func (w *writer) uri(value string) {
	if value == "" {
		w.fail("no URI")
	}
	w.quoted(attrURI, value)
}

// date writes an attribute that is a date, where there is one.
func (w *writer) date(name string, at time.Time) {
	if !at.IsZero() {
		w.quoted(name, w.format(at))
	}
}

// format gives a date rounded to the millisecond.
func (w *writer) format(at time.Time) string {
	at = at.UTC().Round(time.Millisecond)
	if !isDate(at) {
		w.fail("a date in the year %d", at.Year())
	}
	return at.Format(dateLayout)
}

// isDate says whether a time can be written as ISO 8601 has it without further agreement: from the year after its calendar began, of 4 digits.
func isDate(at time.Time) bool { return at.Year() >= 1583 && at.Year() <= 9999 }

// byteRange writes an attribute that is a byte range, where there is one.
func (w *writer) byteRange(r ByteRange) {
	if w.check(r); r.Length > 0 {
		w.quoted(attrByteRange, r.String())
	}
}

func (w *writer) check(r ByteRange) {
	if r.Length > maxInteger || r.Start > maxInteger || r.Length == 0 && r.Start > 0 {
		w.fail("a byte range of %d at %d", r.Length, r.Start)
	}
}

// String gives "length@start".
func (r ByteRange) String() string {
	return strconv.FormatUint(r.Length, 10) + "@" + strconv.FormatUint(r.Start, 10)
}

// resource writes a line that is a URI.
func (w *writer) resource(uri string) {
	if uri == "" || uri[0] == '#' || !isText(uri) || strings.Trim(uri, blanks) != uri {
		w.fail("%.80q cannot stand in a line as a URI", uri)
	}
	w.line(uri)
}

// isText says whether s is UTF-8 without control characters (§4.1). The tab, which only a list of IDs may have, is none here.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}

// hasAttribute says whether an attribute of a name is in a list.
func hasAttribute(list []Attribute, name string) bool {
	for _, a := range list {
		if a.Name == name {
			return true
		}
	}
	return false
}

// isAttributeName says whether s can be an AttributeName, §4.2.
func isAttributeName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// isWord says whether s can stand as an attribute's value without quotes.
func isWord(s string) bool {
	return s != "" && isText(s) && !strings.ContainsAny(s, "\",") && !strings.ContainsFunc(s, unicode.IsSpace)
}
