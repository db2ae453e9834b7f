package outputs

import "time"

// PackagedStatus is what a packager made of a stream, and what was asked of it, since the program began.
type PackagedStatus struct {
	Active         bool // somebody pulls it, or segments are always made
	Segments       uint64
	Parts          uint64
	SegmentSeconds float64       // of all segments together
	PartSeconds    float64       // of all parts together
	Target         time.Duration // no segment is longer when rounded; 0 while there is no playlist
	PartTarget     time.Duration // no part is longer
	Age            time.Duration // since the playlist changed
	Window         time.Duration // that the playlist lists
	Memory, Disk   int64         // bytes of media that can be fetched
	Held           int           // requests that wait
	Requests       []PackagedRequests
	Dropped        map[string]uint64 // frames that are in no part, by reason
	Ranges         uint64            // date ranges that left the playlist before their time, since there were too many
	Unwritten      uint64            // attempts to write a segment to disk that did not succeed
}

// PackagedRequests counts requests for one kind of resource with one answer.
type PackagedRequests struct {
	Resource string // index, playlist, init, segment, part, other
	Status   int    // of HTTP; 499: the client left before
	Count    uint64
}
