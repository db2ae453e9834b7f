package hls

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Playlist is one version of a media playlist.
type Playlist struct {
	Version       int
	Target        time.Duration // whole seconds
	Sequence      int64         // of the first segment, skipped ones included
	Discontinuity int64         // EXT-X-DISCONTINUITY-SEQUENCE
	Independent   bool          // EXT-X-INDEPENDENT-SEGMENTS
	PartTarget    time.Duration // 0: no parts
	Control       Control
	Skipped       int       // segments that a delta update leaves out
	Segments      []Segment // whole ones, without those skipped
	Open          Segment   // that is not whole yet: its parts, without URI and duration
	Hints         []Hint
	Reports       []Attributes // EXT-X-RENDITION-REPORT
	Ranges        []Attributes // EXT-X-DATERANGE, in their order
	Ended         bool

	tags   map[string]int // how often each tag is there
	faults []string       // against the syntax
}

// Control is EXT-X-SERVER-CONTROL.
type Control struct {
	Block                             bool
	SkipUntil, HoldBack, PartHoldBack time.Duration // 0: absent
}

// Segment is a whole media segment.
type Segment struct {
	Sequence      int64
	URI           string
	Duration      time.Duration
	Date          time.Time // zero: no EXT-X-PROGRAM-DATE-TIME
	Breaks        bool      // EXT-X-DISCONTINUITY stands before it
	Discontinuity int64     // its discontinuity sequence number
	Map           string    // URI of its initialisation
	Gap           bool
	Parts         []Part
}

// Part is a partial segment.
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool
	Gap         bool
}

// Hint is EXT-X-PRELOAD-HINT.
type Hint struct{ Type, URI string }

// Attributes is an attribute list. Quoted strings are without their quotes.
type Attributes map[string]string

// Next gives the sequence number of the segment that is not whole yet.
func (p *Playlist) Next() int64 { return p.Sequence + int64(p.Skipped+len(p.Segments)) }

// Length gives how long all segments and open parts take together, without skipped ones.
func (p *Playlist) Length() time.Duration {
	var sum time.Duration
	for _, s := range p.Segments {
		sum += s.Duration
	}
	return sum + length(p.Open.Parts)
}

func length(parts []Part) time.Duration {
	var sum time.Duration
	for _, p := range parts {
		sum += p.Duration
	}
	return sum
}

// End gives what the playlist ends with: the sequence number of the open segment, and its number of parts.
func (p *Playlist) End() Place { return Place{p.Next(), len(p.Open.Parts)} }

// Place is a position in a live playlist.
type Place struct {
	Sequence int64
	Part     int
}

func (a Place) before(b Place) bool {
	return a.Sequence < b.Sequence || a.Sequence == b.Sequence && a.Part < b.Part
}

// reader goes through the lines of a playlist.
type reader struct {
	*Playlist
	next  Segment // that the next URI completes
	brk   int64   // discontinuities so far
	start bool    // the next URI has an EXTINF
}

// Parse reads a media playlist. What is against the syntax is noted, and found by [Check] as [Syntax].
func Parse(text string) *Playlist {
	r := reader{Playlist: &Playlist{tags: make(map[string]int)}}
	if !strings.HasPrefix(text, "#EXTM3U\n") {
		r.fault("it does not begin with #EXTM3U")
	}
	if strings.Contains(text, "\r") || !strings.HasSuffix(text, "\n") {
		r.fault("lines do not all end with a line feed alone")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#EXT"):
			name, value, _ := strings.Cut(line, ":")
			r.tags[name]++
			r.tag(name, value)
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			r.uri(line)
		}
	}
	for _, once := range []string{"#EXTM3U", "#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PART-INF", "#EXT-X-SERVER-CONTROL", "#EXT-X-SKIP"} {
		if r.tags[once] > 1 {
			r.fault("%s is there %d times", once, r.tags[once])
		}
	}
	if r.Target == 0 {
		r.fault("no #EXT-X-TARGETDURATION")
	}
	if r.start {
		r.fault("tags of a segment without its URI")
	}
	r.Open = r.next
	r.Open.Sequence, r.Open.Discontinuity = r.Next(), r.Discontinuity+r.brk
	return r.Playlist
}

func (p *Playlist) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// tag takes a line with a tag.
func (r *reader) tag(name, value string) {
	switch name {
	case "#EXTM3U":
	case "#EXT-X-VERSION":
		r.Version = int(r.integer(name, value))
	case "#EXT-X-TARGETDURATION":
		r.Target = time.Duration(r.integer(name, value)) * time.Second
	case "#EXT-X-MEDIA-SEQUENCE":
		r.Sequence = r.integer(name, value)
		r.early(name)
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		r.Discontinuity = r.integer(name, value)
		r.early(name)
		if r.brk > 0 {
			r.fault("%s stands behind an #EXT-X-DISCONTINUITY", name)
		}
	case "#EXT-X-INDEPENDENT-SEGMENTS":
		r.Independent = true
	case "#EXT-X-ENDLIST":
		r.Ended = true
	case "#EXTINF":
		number, _, comma := strings.Cut(value, ",")
		if !comma {
			r.fault("EXTINF %q has no comma", value)
		}
		r.next.Duration = r.seconds(name, number)
		r.start = true
	case "#EXT-X-DISCONTINUITY":
		r.next.Breaks = true
		r.brk++
	case "#EXT-X-GAP":
		r.next.Gap = true
	case "#EXT-X-PROGRAM-DATE-TIME":
		if len(r.next.Parts) > 0 {
			r.fault("%s stands behind the parts of its segment", name)
		}
		r.next.Date = r.date(name, value)
	default:
		r.list(name, value)
	}
}

// list takes a tag that has an attribute list.
func (r *reader) list(name, value string) {
	if r.tags[name] > 0 && !strings.Contains(value, "=") {
		switch name {
		case "#EXT-X-I-FRAMES-ONLY", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-BITRATE", "#EXT-X-BYTERANGE":
			r.fault("%s has no place in a live playlist of whole files", name)
		default:
			r.fault("unknown tag %s", name)
		}
		return
	}
	a, err := attributes(value)
	if err != nil {
		r.fault("%s: %v", name, err)
	}
	switch name {
	case "#EXT-X-PART-INF":
		r.PartTarget = r.seconds(name, a["PART-TARGET"])
	case "#EXT-X-SERVER-CONTROL":
		r.control(name, a)
	case "#EXT-X-MAP":
		r.next.Map = r.need(name, a, "URI")
	case "#EXT-X-PART":
		p := Part{URI: r.need(name, a, "URI"), Duration: r.seconds(name, a["DURATION"]), Independent: r.yes(name, a, "INDEPENDENT"), Gap: r.yes(name, a, "GAP")}
		r.next.Parts = append(r.next.Parts, p)
	case "#EXT-X-PRELOAD-HINT":
		r.Hints = append(r.Hints, Hint{r.need(name, a, "TYPE"), r.need(name, a, "URI")})
	case "#EXT-X-SKIP":
		r.Skipped = int(r.integer(name, a["SKIPPED-SEGMENTS"]))
		if len(r.Segments) > 0 || len(r.next.Parts) > 0 {
			r.fault("%s stands behind a segment", name)
		}
	case "#EXT-X-RENDITION-REPORT":
		r.need(name, a, "URI")
		r.Reports = append(r.Reports, a)
	case "#EXT-X-DATERANGE":
		r.need(name, a, "ID")
		r.Ranges = append(r.Ranges, a)
	case "#EXT-X-START", "#EXT-X-DEFINE", "#EXT-X-KEY":
	default:
		r.fault("unknown tag %s", name)
	}
}

func (r *reader) control(name string, a Attributes) {
	r.Control.Block = r.yes(name, a, "CAN-BLOCK-RELOAD")
	for _, field := range []struct {
		name string
		at   *time.Duration
	}{{"CAN-SKIP-UNTIL", &r.Control.SkipUntil}, {"HOLD-BACK", &r.Control.HoldBack}, {"PART-HOLD-BACK", &r.Control.PartHoldBack}} {
		if v, found := a[field.name]; found {
			*field.at = r.seconds(name, v)
		}
	}
}

// uri takes the line that completes a segment. What applies to several segments stays for the next one.
func (r *reader) uri(line string) {
	if !r.start {
		r.fault("%s has no EXTINF", line)
	}
	s := r.next
	s.URI, s.Sequence, s.Discontinuity = line, r.Next(), r.Discontinuity+r.brk
	r.Segments = append(r.Segments, s)
	r.next, r.start = Segment{Map: s.Map}, false
}

// early notes a tag that must stand before the first segment.
func (r *reader) early(name string) {
	if len(r.Segments) > 0 || len(r.next.Parts) > 0 || r.Skipped > 0 {
		r.fault("%s stands behind a segment", name)
	}
}

func (r *reader) need(name string, a Attributes, key string) string {
	if a[key] == "" {
		r.fault("%s has no %s", name, key)
	}
	return a[key]
}

func (r *reader) yes(name string, a Attributes, key string) bool {
	v, found := a[key]
	if found && v != "YES" && v != "NO" {
		r.fault("%s: %s is %q", name, key, v)
	}
	return v == "YES"
}

func (r *reader) integer(name, s string) int64 {
	n, err := strconv.ParseUint(s, 10, 62)
	if err != nil {
		r.fault("%s: %q is no decimal integer", name, s)
	}
	return int64(n)
}

// seconds reads a decimal number exactly, to the nanosecond (the draft, 4.2: decimal-floating-point).
func (r *reader) seconds(name, s string) time.Duration {
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(whole, 10, 32)
	fraction, wrong := strconv.ParseUint((part + "000000000")[:9], 10, 32)
	if err != nil || wrong != nil || len(part) > 9 {
		r.fault("%s: %q is no decimal number of seconds", name, s)
	}
	return time.Duration(n)*time.Second + time.Duration(fraction)
}

func (p *Playlist) date(name, s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		p.fault("%s: %q is no date with a time zone", name, s)
	}
	return t
}

// attributes reads an attribute list (the draft, 4.2).
func attributes(s string) (Attributes, error) {
	a := Attributes{}
	for s != "" {
		name, rest, found := strings.Cut(s, "=")
		if !found || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return a, fmt.Errorf("no attribute at %q", s)
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, found = strings.Cut(rest[1:], `"`)
			if !found {
				return a, fmt.Errorf("no end of the string of %s", name)
			}
		} else {
			end := strings.IndexByte(rest+",", ',')
			value, rest = rest[:end], rest[end:]
			if value == "" || strings.ContainsAny(value, "\" \t") {
				return a, fmt.Errorf("value %q of %s", value, name)
			}
		}
		if _, twice := a[name]; twice {
			return a, fmt.Errorf("%s is there twice", name)
		}
		a[name] = value
		if rest != "" && (rest[0] != ',' || rest == ",") {
			return a, fmt.Errorf("%q behind %s", rest, name)
		}
		s = strings.TrimPrefix(rest, ",")
	}
	return a, nil
}
