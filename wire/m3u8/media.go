// Package m3u8 writes and reads the playlists of HLS, media and multivariant ones (draft-pantos-hls-rfc8216bis; § below are its sections).
//
// A value says what its playlist says. Append writes it and fails only for what no playlist can hold; Validate says which rules it breaks
// besides, for who writes. Both give no more than one fault, the first.
//
// A live playlist that goes on, in this order:
//
//  1. The last [Segment] is being made: each new [Part] is added to it, and a [PreloadHint] names the next one.
//  2. It is done: it gets its URI and Duration, and another begins behind it.
//  3. [Media.Slide] removes the first segments.
//  4. [Media.Append] answers requests, of [Media.Delta] those with _HLS_skip.
//
// What is read: [ParseMedia] or [ParseMultivariant], as [IsMultivariant] says.
//
// In a playlist durations are rounded to the microsecond, dates to the millisecond and in UTC; rules hold for what stands there.
package m3u8

import "time"

// PlaylistType says how a media playlist may change, §4.4.3.5.
type PlaylistType uint8

// The types of media playlists.
const (
	Live  PlaylistType = iota // segments are added at the end and removed at the start; written as no type at all
	Event                     // segments are only added
	VOD                       // nothing changes
)

var typeNames = [...]string{Live: "", Event: "EVENT", VOD: "VOD"}

// Media is a media playlist: the segments of one rendition.
type Media struct {
	TargetDuration        int           // whole seconds; no segment is longer when rounded; at least 1
	PartTarget            time.Duration // no part is longer; 0 without parts
	MediaSequence         uint64        // number of the first segment, skipped ones included; at most 2^63-1
	DiscontinuitySequence uint64        // number of discontinuities in front of the first segment's own; at most 2^63-1
	Type                  PlaylistType
	IndependentSegments   bool // each segment can be decoded without the others
	Ended                 bool // there will be no more segments
	ServerControl         ServerControl
	Map                   *Map // of the first segment on, up to one that has its own; nil: none, or told before, see [Skip]
	Skip                  *Skip
	Segments              []Segment // the last one may lack its URI: it is being made, and has only parts so far
	DateRanges            []DateRange
	PreloadHints          []PreloadHint
	RenditionReports      []RenditionReport
}

// ServerControl says what requests of players the server understands, §4.4.3.8. The zero value is no tag.
type ServerControl struct {
	CanBlockReload    bool          // _HLS_msn, _HLS_part: answers wait for what is asked for
	CanSkipUntil      time.Duration // _HLS_skip: segments further from the end are left out; at least 6 target durations; 0: not understood
	CanSkipDateRanges bool          // _HLS_skip=v2
	HoldBack          time.Duration // how far from the end to play; at least 3 target durations, which is also meant by 0
	PartHoldBack      time.Duration // the same with low latency; at least 2 part targets, better 3; needed with parts
}

// Map is a media initialization section, §4.4.4.5.
type Map struct {
	URI   string
	Range ByteRange
}

// ByteRange is a part of a resource; one of no length is the whole, and not written.
type ByteRange struct {
	Length uint64 // bytes; at most 2^62
	Start  uint64 // byte of the resource; at most 2^62
}

// Segment is a media segment with its tags, §4.4.4.
type Segment struct {
	URI             string        // empty for one that is being made
	Duration        time.Duration // 0 for one that is being made
	Range           ByteRange
	ProgramDateTime time.Time // when its first sample was taken, written to the millisecond; zero: not told
	Discontinuity   bool      // times, tracks or coding change in front of it
	Gap             bool      // there is no media: it should not be loaded
	Map             *Map      // holds for this segment and those behind it; nil: as before
	Parts           []Part
}

// Part is a partial segment, §4.4.4.9.
type Part struct {
	URI         string
	Duration    time.Duration
	Range       ByteRange
	Independent bool // decoding may start in it
	Gap         bool // it should not be loaded
}

// Skip stands for segments at the start that the player knows already, §4.4.5.2. The first segment behind them uses the map that held before.
type Skip struct {
	Segments          uint64   // at most 2^31-1
	DateRanges        bool     // date ranges are left out too: only the new ones are there
	RemovedDateRanges []string // IDs of those that are gone; only with DateRanges
}

// PreloadHint tells of a resource before it is there, §4.4.5.3.
type PreloadHint struct {
	Type   HintType
	URI    string
	Start  uint64 // byte of the resource; at most 2^62
	Length uint64 // bytes; 0: up to its end
}

// HintType says what is hinted at.
type HintType uint8

// What may be hinted at.
const (
	HintPart HintType = iota
	HintMap
)

var hintNames = [...]string{HintPart: "PART", HintMap: "MAP"}

// String gives the name in playlists.
func (t HintType) String() string { return hintNames[min(int(t), len(hintNames)-1)] }

// RenditionReport says how far the playlist of another rendition is, §4.4.5.4.
type RenditionReport struct {
	URI      string // of its playlist, relative to this one's
	Sequence uint64 // number of its last segment, also of one that is being made; see [Media.Last]
	Parts    uint64 // how many parts that segment has so far; 0: none, or not told
}

// Last gives the number of the last segment, also of one that is being made, and how many parts it has so far. Without segments it gives
// the number that the first one will have.
func (m *Media) Last() (sequence, parts uint64) {
	count := uint64(len(m.Segments))
	if count > 0 {
		parts = uint64(len(m.Segments[count-1].Parts))
	}
	if m.Skip != nil {
		count += m.Skip.Segments
	}
	return m.MediaSequence + max(count, 1) - 1, parts
}

// Duration gives the time from the start of the first segment that is listed to the end of the last part.
func (m *Media) Duration() time.Duration {
	sum := time.Duration(0)
	for i := range m.Segments {
		sum += m.Segments[i].length()
	}
	return sum
}

// length gives a segment's duration, that of its parts while it is being made.
func (s *Segment) length() time.Duration {
	if s.URI != "" {
		return s.Duration
	}
	sum := time.Duration(0)
	for i := range s.Parts {
		sum += s.Parts[i].Duration
	}
	return sum
}

// Slide removes the first n segments, or all where there are fewer, and keeps what holds for the others: their numbers, and the map (§6.2.2). The
// segments behind are shared with the playlist before.
func (m *Media) Slide(n int) {
	n = min(n, len(m.Segments))
	for i := range m.Segments[:n] {
		s := &m.Segments[i]
		m.MediaSequence++
		if s.Discontinuity {
			m.DiscontinuitySequence++
		}
		if s.Map != nil {
			m.Map = s.Map
		}
	}
	m.Segments = m.Segments[n:]
}

// Delta gives the playlist without the segments that are further from the end of the last whole one than ServerControl.CanSkipUntil: the
// answer to _HLS_skip=YES (§6.2.5.1). Where there are none, and where the playlist allows no skipping, it is false: the answer is the playlist as it is.
func (m *Media) Delta() (Media, bool) {
	if m.ServerControl.CanSkipUntil <= 0 || m.Ended || m.Skip != nil {
		return Media{}, false
	}
	behind, skipped := time.Duration(0), 0
	for i := range m.Segments {
		behind += m.Segments[i].Duration
	}
	for i := range m.Segments {
		if behind -= m.Segments[i].Duration; behind <= m.ServerControl.CanSkipUntil || m.Segments[i].URI == "" {
			break
		}
		skipped++
	}
	if skipped == 0 {
		return Media{}, false
	}
	delta := *m
	delta.Map, delta.Segments = nil, m.Segments[skipped:]
	delta.Skip = &Skip{Segments: uint64(skipped)}
	return delta, true
}

// DeltaDateRanges is Delta for _HLS_skip=v2. The date ranges are those that were added within ServerControl.CanSkipUntil, removed the IDs of those
// that left the playlist within it.
func (m *Media) DeltaDateRanges(added []DateRange, removed []string) (Media, bool) {
	delta, ok := m.Delta()
	if !ok || !m.ServerControl.CanSkipDateRanges {
		return delta, ok
	}
	delta.DateRanges = added
	delta.Skip.DateRanges, delta.Skip.RemovedDateRanges = true, removed
	return delta, true
}

// Version gives the compatibility version that the playlist needs ("Protocol Version Compatibility"). One that offers to skip has that of
// its skipped forms, so that the version stays what it is.
func (m *Media) Version() int {
	switch {
	case m.ServerControl.CanSkipDateRanges, m.Skip != nil && m.Skip.DateRanges:
		return 10
	case m.ServerControl.CanSkipUntil > 0, m.Skip != nil:
		return 9
	case m.Map != nil:
		return 6
	}
	version := 1
	for i := range m.Segments {
		s := &m.Segments[i]
		switch {
		case s.Map != nil:
			return 6
		case s.Range.Length > 0:
			version = 4
		case told(s.Duration)%time.Second != 0:
			version = max(version, 3)
		}
	}
	return version
}
