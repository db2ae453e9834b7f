package ingest

import "sync/atomic"

// Refusal is why a connection ended before it published or played. The set is closed; each is a label in metrics.
type Refusal uint8

// The refusals.
const (
	RefusedCrowd       Refusal = iota // too many from its address have not shown a key
	RefusedEvicted                    // too many in all: it was the oldest
	RefusedTLS                        // no TLS handshake
	RefusedSlow                       // it took too long
	RefusedSyntax                     // it broke the protocol's rules
	RefusedUnsupported                // it wants what is not spoken here
	RefusedLimit                      // it went over a bound
	RefusedApp                        // another application name
	RefusedKey                        // an unknown stream key
	RefusedPlay                       // a stream that is not there, or not public
	RefusedBusy                       // the stream has a publisher that is kept
	RefusedOther                      // it went away, or its stream is gone
	refusals
)

var refusalNames = [refusals]string{
	"crowd", "evicted", "tls", "slow", "syntax", "unsupported", "limit", "app", "key", "play", "busy", "other",
}

// String gives the label.
func (r Refusal) String() string { return refusalNames[r] }

// Limit is a bound of a connection that its peer went over, before it was let in or after. The set is closed; each is a label in
// metrics.
type Limit uint8

// The limits.
const (
	LimitChunkSize    Limit = iota // chunks too small
	LimitChunkStreams              // too many at once
	LimitPartial                   // too much of unfinished messages
	LimitMessage                   // a message too long
	LimitName                      // a name too long
	LimitFirstMedia                // nothing came after publish
	LimitSilence                   // nothing was heard of a publisher
	limits
)

var limitNames = [limits]string{
	"chunk_size", "chunk_streams", "partial_bodies", "message_size", "name_length", "first_media", "silence",
}

// String gives the label.
func (l Limit) String() string { return limitNames[l] }

// Refusals counts connections that were refused, and limits that ended one, over all protocols. The zero value is ready, for any
// goroutine.
type Refusals struct {
	counts [refusals]atomic.Uint64
	limits [limits]atomic.Uint64
}

// Count adds one.
func (r *Refusals) Count(why Refusal) { r.counts[why].Add(1) }

// Hit adds one connection that ended at a limit.
func (r *Refusals) Hit(l Limit) { r.limits[l].Add(1) }

// Hits gives how many connections ended at each limit since the process started, by label; none is left out.
func (r *Refusals) Hits() map[string]uint64 {
	m := make(map[string]uint64, limits)
	for i := range r.limits {
		m[Limit(i).String()] = r.limits[i].Load()
	}
	return m
}

// Counts gives the numbers since the process started, by label; none is left out.
func (r *Refusals) Counts() map[string]uint64 {
	m := make(map[string]uint64, refusals)
	for i := range r.counts {
		m[Refusal(i).String()] = r.counts[i].Load()
	}
	return m
}
