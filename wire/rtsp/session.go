package rtsp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// DefaultTimeout is how long a session lives without a sign of the client where the server tells nothing else, RFC 2326 §12.37.
const DefaultTimeout = 60 * time.Second

const maxSessionID = 128 // bytes

// Session is the Session header, RFC 2326 §12.37:
//
//	id;timeout=60
type Session struct {
	ID      string        // cannot be guessed; at most 128 visible characters
	Timeout time.Duration // whole seconds; 0: not told, which means DefaultTimeout
}

// ParseSession reads a Session header, of which a client may send the id alone. One that breaks the format is a [*wire.SyntaxError].
func ParseSession(value string) (Session, error) {
	id, rest, _ := strings.Cut(value, ";")
	s := Session{ID: strings.TrimSpace(id)}
	if !isWord(s.ID) || len(s.ID) > maxSessionID {
		return Session{}, headerSyntax("session", "no id of 1 to %d characters", maxSessionID)
	}
	for field := range strings.SplitSeq(rest, ";") {
		name, text, _ := strings.Cut(field, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
		if err != nil {
			return Session{}, headerSyntax("session", "the timeout is not a number of seconds")
		}
		s.Timeout = time.Duration(n) * time.Second
	}
	return s, nil
}

// String gives the header's value.
func (s Session) String() string {
	if s.Timeout == 0 {
		return s.ID
	}
	return fmt.Sprintf("%s;timeout=%d", s.ID, s.Timeout/time.Second)
}

// Range is the Range header in normal play time, RFC 2326 §3.6 and §12.29:
//
//	npt=now-        from here on
//	npt=0.000-      from a time on
//	npt=1.5-20      to another time
type Range struct {
	Now  bool       // from here on
	From media.Time // where Now is not set
	To   media.Time // 0: no end
}

// ParseRange reads a Range header. Other units than npt are a [*wire.UnsupportedError], what breaks the format is a [*wire.SyntaxError].
func ParseRange(value string) (Range, error) {
	spec, _, _ := strings.Cut(value, ";") // ";time=" says when to begin
	unit, span, found := strings.Cut(strings.TrimSpace(spec), "=")
	if !found {
		return Range{}, headerSyntax("range", "no unit")
	}
	if !strings.EqualFold(strings.TrimSpace(unit), "npt") {
		return Range{}, &wire.UnsupportedError{Format: "rtsp range", Msg: "units other than npt"}
	}
	from, to, found := strings.Cut(strings.TrimSpace(span), "-")
	if !found {
		return Range{}, headerSyntax("range", "no dash")
	}
	var r Range
	var err error
	if r.Now = strings.EqualFold(from, "now"); !r.Now && from != "" {
		if r.From, err = parseNPT(from); err != nil {
			return Range{}, err
		}
	}
	if to != "" {
		if r.To, err = parseNPT(to); err != nil {
			return Range{}, err
		}
	}
	return r, nil
}

// String gives the header's value, in milliseconds.
func (r Range) String() string {
	s := "npt=now-"
	if !r.Now {
		s = "npt=" + formatNPT(r.From) + "-"
	}
	if r.To > 0 {
		s += formatNPT(r.To)
	}
	return s
}

func formatNPT(t media.Time) string {
	ms := t.Ticks(1000)
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// parseNPT reads seconds with what is behind the point, or hours:minutes:seconds.
func parseNPT(s string) (media.Time, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 1 && len(parts) != 3 {
		return 0, headerSyntax("range", "a time that is neither seconds nor h:mm:ss")
	}
	last, fraction, _ := strings.Cut(parts[len(parts)-1], ".")
	parts[len(parts)-1] = last
	seconds := uint64(0)
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return 0, headerSyntax("range", "a time that is not a number")
		}
		seconds = seconds*60 + n
	}
	if fraction != "" && !isDigits(fraction) || seconds > math.MaxInt32 {
		return 0, headerSyntax("range", "a time that is not a number")
	}
	nanoseconds, _ := strconv.ParseUint((fraction + "000000000")[:9], 10, 31)
	return media.Time(seconds*uint64(time.Second) + nanoseconds), nil
}

// TrackInfo is what RTP-Info tells of a track when it begins to play, RFC 2326 §12.33:
//
//	url=rtsp://host/show/trackID=0;seq=1;rtptime=2
type TrackInfo struct {
	URL          string
	Sequence     uint16 // of the first packet
	HasSequence  bool   // Sequence is told
	Timestamp    uint32 // of the time at which Range begins
	HasTimestamp bool   // Timestamp is told
}

const (
	blanks = " \t"
	mark   = "url=" // in front of each track
)

// FormatRTPInfo gives the value of an RTP-Info header.
func FormatRTPInfo(tracks []TrackInfo) string {
	parts := make([]string, len(tracks))
	for i, t := range tracks {
		parts[i] = mark + t.URL
		if t.HasSequence {
			parts[i] += fmt.Sprintf(";seq=%d", t.Sequence)
		}
		if t.HasTimestamp {
			parts[i] += fmt.Sprintf(";rtptime=%d", t.Timestamp)
		}
	}
	return strings.Join(parts, ",")
}

// ParseRTPInfo reads an RTP-Info header. One that breaks the format is a [*wire.SyntaxError].
func ParseRTPInfo(value string) ([]TrackInfo, error) {
	var texts []string // each behind its mark
	for part := range strings.SplitSeq(value, ",") {
		begin := strings.Trim(part, blanks)
		switch {
		case len(begin) >= len(mark) && strings.EqualFold(begin[:len(mark)], mark):
			texts = append(texts, begin[len(mark):])
		case len(texts) == 0:
			return nil, headerSyntax("rtp-info", "no url")
		default: // a comma within a URL
			texts[len(texts)-1] += "," + part
		}
	}
	tracks := make([]TrackInfo, 0, len(texts))
	for _, text := range texts {
		t, err := parseTrackInfo(text)
		if err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	return tracks, nil
}

// parseTrackInfo reads what stands behind "url=".
func parseTrackInfo(text string) (TrackInfo, error) {
	fields := strings.Split(text, ";")
	t := TrackInfo{URL: strings.Trim(fields[0], "\""+blanks)}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch strings.ToLower(name) {
		case "seq":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return TrackInfo{}, headerSyntax("rtp-info", "seq is not a number of 16 bits")
			}
			t.Sequence, t.HasSequence = uint16(n), true
		case "rtptime":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return TrackInfo{}, headerSyntax("rtp-info", "rtptime is not a number of 32 bits")
			}
			t.Timestamp, t.HasTimestamp = uint32(n), true
		}
	}
	return t, nil
}

func headerSyntax(header, msg string, args ...any) error {
	return &wire.SyntaxError{Format: "rtsp " + header, Msg: fmt.Sprintf(msg, args...)}
}
