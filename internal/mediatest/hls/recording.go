package hls

import (
	"net/http"
	"time"
)

// Recording is what a client was given: each version of one media playlist, and what the playlists name.
type Recording struct {
	Versions []Version        // in the order in which they were answered
	Bodies   map[string]*Body // by URI, as the playlists write it
	Again    []Later          // fetches of what has gone from the playlist
	Index    *Index           // nil: the multivariant playlist is not judged

	// Slack is added to each limit of the draft that is a time on the clock, for slow machines. Times of media have none.
	Slack time.Duration
}

// Version is one answer to a request for the playlist.
type Version struct {
	Chain           Chain
	Query           Query
	Asked, Answered time.Time
	Status          int
	Header          http.Header
	Text            string
	Playlist        *Playlist // nil where the status is not 200
}

// Chain says which of several clients asked. Of one chain each request follows the answer to the one before.
type Chain uint8

// The chains: a client that reloads for each part, one that does so with delta updates, one that polls, and one that
// reloads for each whole segment.
const (
	ByPart Chain = iota
	ByDelta
	Polling
	BySegment
)

// Query holds the delivery directives of a request (the draft, 6.2.5).
type Query struct {
	Sequence, Part int64 // _HLS_msn and _HLS_part; below 0: not asked for
	Skip           bool  // _HLS_skip=YES
}

// Body is what a URI gave.
type Body struct {
	Status          int
	Header          http.Header
	Bytes           []byte
	Asked, Answered time.Time
	Hinted          bool // it was asked for before the playlist listed it
}

// Later is a fetch of something that the playlist named before.
type Later struct {
	URI    string
	Reason string // until when the draft wants it
	Status int
	Same   bool // the bytes are those of the first fetch
}

// Whole gives the playlists that are not delta updates, in order.
func (r *Recording) Whole() []*Playlist {
	var all []*Playlist
	for _, v := range r.Versions {
		if v.Playlist != nil && v.Playlist.Skipped == 0 {
			all = append(all, v.Playlist)
		}
	}
	return all
}

// Segments gives each segment that was ever whole, by its sequence number, with all parts that it ever had, as it was first seen.
func (r *Recording) Segments() map[int64]Segment {
	known := make(map[int64]Segment)
	for _, p := range r.Whole() {
		for _, s := range p.Segments {
			if k, found := known[s.Sequence]; !found || len(k.Parts) < len(s.Parts) {
				known[s.Sequence] = s
			}
		}
	}
	return known
}

// Init reads the initialisation at a URI; nil where it was not fetched or is none.
func (r *Recording) Init(uri string) *Init {
	b := r.Bodies[uri]
	if b == nil || b.Status != http.StatusOK {
		return nil
	}
	in, err := ReadInit(b.Bytes)
	if err != nil {
		return nil
	}
	return in
}
