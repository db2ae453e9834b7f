package fmp4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// SchemeID3 says that an event's Data is an ID3v2 tag (Carriage of ID3 Timed Metadata in CMAF §2.2). Its Value is empty.
const SchemeID3 = "https://aomedia.org/emsg/ID3"

// UnknownDuration is an event's Duration where its end is not known.
const UnknownDuration = 0xffffffff

// MaxEvent bounds an event message, in bytes.
const MaxEvent = 1 << 21

// Event is an event message box of version 1, ISO/IEC 23009-1 §5.10.3.3:
//
//	timescale 32 bits · presentation_time 64 · event_duration 32 · id 32
//	scheme_id_uri, 0 · value, 0 · message_data up to the end
type Event struct {
	Scheme    string // a URI that says what Value and Data are; no zero character
	Value     string // no zero character
	Timescale uint32 // ticks in a second; by convention the track's
	Time      uint64 // when it begins, in ticks from where the track's times begin
	Duration  uint32 // in ticks; see [UnknownDuration]
	ID        uint32 // events of one scheme and value with the same ID are the same event
	Data      []byte
}

const eventHeader = fullBoxHeader + 4 + 8 + 4 + 4

func (e *Event) size() int64 {
	return int64(eventHeader) + int64(len(e.Scheme)) + 1 + int64(len(e.Value)) + 1 + int64(len(e.Data))
}

// Append writes the box behind dst. It fails for a zero character in Scheme or Value, without a timescale, and above [MaxEvent].
func (e *Event) Append(dst []byte) ([]byte, error) {
	switch size := e.size(); {
	case size > MaxEvent:
		return nil, fmt.Errorf("write emsg: %d bytes, more than %d", size, MaxEvent)
	case e.Timescale == 0:
		return nil, fmt.Errorf("write emsg: no timescale")
	case strings.Contains(e.Scheme, "\x00") || strings.Contains(e.Value, "\x00"):
		return nil, fmt.Errorf("write emsg: a zero character in %.80q or %.80q", e.Scheme, e.Value)
	}
	at := len(dst)
	dst = appendUint32(beginFull(dst, "emsg", 1, 0), e.Timescale)
	dst = binary.BigEndian.AppendUint64(dst, e.Time)
	dst = appendUint32(dst, e.Duration, e.ID)
	dst = append(append(dst, e.Scheme...), 0)
	dst = append(append(dst, e.Value...), 0)
	dst = append(dst, e.Data...)
	end(dst, at)
	return dst, nil
}

// ParseEvent reads the emsg box at the start of b. Data is a part of b, not a copy. Errors are [*wire.SyntaxError] where it breaks the
// format, [*wire.UnsupportedError] where its version is not 1.
func ParseEvent(b []byte) (Event, error) {
	for p, err := range boxes(b, 0) {
		switch {
		case err != nil:
			return Event{}, err
		case p.kind != "emsg":
			return Event{}, syntax(0, "a box %q, not emsg", p.kind)
		}
		return parseEvent(p)
	}
	return Event{}, syntax(0, "no box")
}

func parseEvent(p part) (Event, error) {
	version, _, b, err := p.full(eventHeader - fullBoxHeader)
	switch {
	case len(p.body) > 0 && p.body[0] != 1:
		return Event{}, unsupported(p.at, "emsg of version %d, not 1", p.body[0])
	case err != nil:
		return Event{}, err
	case int64(len(p.body)) > MaxEvent-boxHeader:
		return Event{}, unsupported(p.at, "emsg version %d of %d bytes, more than %d", version, len(p.body), MaxEvent)
	}
	e := Event{
		Timescale: binary.BigEndian.Uint32(b), Time: binary.BigEndian.Uint64(b[4:]),
		Duration: binary.BigEndian.Uint32(b[12:]), ID: binary.BigEndian.Uint32(b[16:]),
	}
	if e.Timescale == 0 {
		return Event{}, syntax(p.bodyAt+4, "emsg without a timescale")
	}
	scheme, rest, found := bytes.Cut(b[20:], []byte{0})
	value, data, found2 := bytes.Cut(rest, []byte{0})
	if !found || !found2 {
		return Event{}, syntax(p.bodyAt, "emsg whose scheme or value has no end")
	}
	e.Scheme, e.Value = string(scheme), string(value)
	if len(data) > 0 {
		e.Data = data
	}
	return e, nil
}
