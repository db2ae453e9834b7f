package rtsp

import "fmt"

// What a peer may make us hold.
const (
	maxFirstLine = 2 << 10  // bytes of a request line or status line
	maxField     = 4 << 10  // bytes of a header field
	maxFields    = 64       // fields of a header
	maxHeader    = 16 << 10 // bytes of all lines of a header, the first line among them, with their ends
	maxBody      = 64 << 10 // bytes
	maxMedia     = 16       // media sections of a session description
	maxFrame     = 1<<16 - 1
	leastPort    = 1024 // of a client's UDP ports
)

// Limit names one bound, as a label for metrics and logs. The set is closed.
type Limit uint8

// The bounds that a peer can hit. Interleaved frames have none of their own: their length has 16 bits.
const (
	LimitRequestLine Limit = iota // of responses, too
	LimitField
	LimitFields
	LimitHeader
	LimitBody
	LimitMedia
	LimitPort
)

// String gives the label.
func (l Limit) String() string {
	switch l {
	case LimitRequestLine:
		return "request_line"
	case LimitField:
		return "header_size"
	case LimitFields:
		return "headers"
	case LimitHeader:
		return "header_total"
	case LimitBody:
		return "body_size"
	case LimitMedia:
		return "sdp_media"
	default:
		return "client_port"
	}
}

// LimitError reports a peer that went over a bound. Only its connection ends.
type LimitError struct {
	Limit  Limit
	Offset int64 // bytes read from the connection; 0 for what stands within a message
	Seen   int64 // what the peer wanted, as far as it was read
	Max    int64 // what is allowed (for LimitPort the least that is allowed)
	Msg    string
}

// Error gives place, limit and both sizes.
func (e *LimitError) Error() string {
	return fmt.Sprintf("rtsp: at byte %d: %s: %d, allowed %d (limit %s)", e.Offset, e.Msg, e.Seen, e.Max, e.Limit)
}
