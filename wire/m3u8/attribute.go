package m3u8

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxAttributes bounds the attributes of a tag.
const MaxAttributes = 64

// attributes is an attribute-list that was read, §4.2:
//
//	NAME=value,NAME="quoted text",…
type attributes struct {
	at    int64 // where the tag is, for errors
	tag   string
	list  []Attribute
	fault error // the first one
}

// parseAttributes reads the value of a tag. It takes blanks around names and values, and a comma at the end, which some servers write.
func parseAttributes(tag, s string, at int64) attributes {
	a := attributes{at: at, tag: tag}
	for a.fault == nil {
		name, rest, found := strings.Cut(s, "=")
		next := Attribute{Name: strings.Trim(name, blanks)}
		if !found || !isAttributeName(next.Name) {
			a.fail("%.80q where an attribute should be", s)
			break
		}
		next.Value, next.Quoted, s = a.value(strings.TrimLeft(rest, blanks))
		if hasAttribute(a.list, next.Name) || len(a.list) == MaxAttributes {
			a.fail("%s twice, or more than %d attributes", next.Name, MaxAttributes)
		}
		a.list = append(a.list, next)
		if s == "" {
			break
		}
	}
	return a
}

// value reads the value at the start of s, and gives what is behind the comma that follows it.
func (a *attributes) value(s string) (value string, quoted bool, rest string) {
	if quoted = strings.HasPrefix(s, `"`); quoted {
		var ends bool
		value, rest, ends = strings.Cut(s[1:], `"`)
		behind, next, _ := strings.Cut(rest, ",")
		if !ends || strings.Trim(behind, blanks) != "" {
			a.fail("%.80q has no end", value)
		}
		return value, quoted, strings.TrimLeft(next, blanks)
	}
	value, rest, _ = strings.Cut(s, ",")
	if value = strings.TrimRight(value, blanks); !isWord(value) {
		a.fail("%.80q is no value", value)
	}
	return value, quoted, strings.TrimLeft(rest, blanks)
}

func (a *attributes) fail(msg string, args ...any) {
	if a.fault == nil {
		a.fault = syntax(a.at, a.tag+": "+msg, args...)
	}
}

// text gives an attribute's value, in quotes or not; empty where there is none.
func (a *attributes) text(name string) string {
	for _, at := range a.list {
		if at.Name == name {
			return at.Value
		}
	}
	return ""
}

// need gives the value of an attribute that must be there and say something.
func (a *attributes) need(name string) string {
	v := a.text(name)
	if v == "" {
		a.fail("no %s", name)
	}
	return v
}

func (a *attributes) flag(name string) bool { return a.text(name) == yes }

// integer gives a number of at most most; 0 where there is none.
func (a *attributes) integer(name string, most uint64) uint64 {
	s := a.text(name)
	if s == "" {
		return 0
	}
	v, ok := parseInteger(s, most)
	if !ok {
		a.fail("%s: %.40q is no number up to %d", name, s, most)
	}
	return v
}

// seconds gives a duration; 0 where there is none.
func (a *attributes) seconds(name string) time.Duration {
	s := a.text(name)
	if s == "" {
		return 0
	}
	d, ok := parseSeconds(s)
	if !ok {
		a.fail("%s: %.40q is no duration", name, s)
	}
	return d
}

// date gives a date; the zero time where there is none.
func (a *attributes) date(name string) time.Time {
	s := a.text(name)
	if s == "" {
		return time.Time{}
	}
	at, ok := parseDate(s)
	if !ok {
		a.fail("%s: %.40q is no date", name, s)
	}
	return at
}

// byteRange gives a byte range. One without its start begins where the one before ended; where that is unknown, it is an error.
func (a *attributes) byteRange(implied uint64, known bool) ByteRange {
	s := a.text(attrByteRange)
	if s == "" {
		return ByteRange{}
	}
	r, ok := parseByteRange(s, implied, known)
	if !ok {
		a.fail("%.40q is no byte range", s)
	}
	return r
}

// parseInteger reads a decimal-integer of at most 20 digits.
func parseInteger(s string, most uint64) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, 64)
	return v, err == nil && v <= most && len(s) <= 20
}

// parseSeconds reads a decimal-floating-point or decimal-integer number of seconds, rounded to [precision]. Digits behind
// the nanoseconds are cut before.
func parseSeconds(s string) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole+fraction == "" || strings.Trim(fraction, "0123456789") != "" {
		return 0, false
	}
	seconds, ok := parseInteger("0"+whole, maxSeconds)
	nanos, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	d := told(time.Duration(seconds)*time.Second + time.Duration(nanos))
	return d, ok && err == nil && d <= maxDuration
}

// dateLayouts are the forms of ISO 8601 that servers write. Fractions of seconds may stand in all.
var dateLayouts = [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"}

// parseDate reads a date, in UTC where it names no zone.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if at, err := time.Parse(layout, s); err == nil {
			at = at.UTC()
			return at, isDate(at) && isDate(at.Round(time.Millisecond))
		}
	}
	return time.Time{}, false
}

// parseByteRange reads "length@start" or "length", §4.4.4.2.
func parseByteRange(s string, implied uint64, known bool) (ByteRange, bool) {
	length, start, found := strings.Cut(s, "@")
	r := ByteRange{Start: implied}
	var ok bool
	if r.Length, ok = parseInteger(length, maxInteger); !ok || r.Length == 0 {
		return ByteRange{}, false
	}
	if found {
		r.Start, known = parseInteger(start, maxInteger)
	}
	return r, known && r.Start <= maxInteger
}

// parseResolution reads "width x height" without blanks.
func parseResolution(s string) (width, height int, ok bool) {
	a, b, found := strings.Cut(s, "x")
	w, ok1 := parseInteger(a, math.MaxInt32)
	h, ok2 := parseInteger(b, math.MaxInt32)
	return int(w), int(h), found && ok1 && ok2
}
