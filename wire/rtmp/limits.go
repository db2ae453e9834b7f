package rtmp

import "fmt"

// Limits bound what a peer may make us hold. The zero value is not usable: start from [Unauthorised] or [Authorised].
type Limits struct {
	ChunkStreams int // chunk streams in use at once
	Partial      int // bytes of unfinished messages, over all chunk streams
	Video        int // bytes of one video message
	Audio        int // bytes of one audio message
	Data         int // bytes of one data message
	Command      int // bytes of one command or control message
}

// Unauthorised bounds a connection before the peer has shown a valid key.
func Unauthorised() Limits {
	const message = 16 << 10
	return Limits{ChunkStreams: 32, Partial: 64 << 10, Video: message, Audio: message, Data: message, Command: message}
}

// Authorised bounds a connection afterwards: a 4K key frame at 50 Mbit/s is 1 to 3 MiB.
func Authorised() Limits {
	return Limits{
		ChunkStreams: 32, Partial: 12 << 20,
		Video: 8 << 20, Audio: 64 << 10, Data: 64 << 10, Command: 16 << 10,
	}
}

// message gives the largest message of type t, in bytes.
func (l *Limits) message(t MessageType) int {
	switch t {
	case TypeVideo:
		return l.Video
	case TypeAudio:
		return l.Audio
	case TypeData:
		return l.Data
	default:
		return l.Command
	}
}

// Limit names one bound of [Limits] and of the protocol, as a label for metrics and logs. The set is closed.
type Limit uint8

// The bounds that a peer can hit.
const (
	LimitChunkSize Limit = iota
	LimitChunkStreams
	LimitPartial
	LimitMessage
	LimitName
)

// String gives the label.
func (l Limit) String() string {
	switch l {
	case LimitChunkSize:
		return "chunk_size"
	case LimitChunkStreams:
		return "chunk_streams"
	case LimitPartial:
		return "partial_bodies"
	case LimitMessage:
		return "message_size"
	default:
		return "name_length"
	}
}

// LimitError reports a peer that went over a bound. Only its connection ends.
type LimitError struct {
	Limit  Limit
	Offset int64 // bytes read from the connection, handshake not counted
	Seen   int64 // what the peer wanted
	Max    int64 // what is allowed (for LimitChunkSize the least that is allowed)
	Msg    string
}

// Error gives place, limit and both sizes.
func (e *LimitError) Error() string {
	return fmt.Sprintf("rtmp: at byte %d: %s: %d, allowed %d (limit %s)", e.Offset, e.Msg, e.Seen, e.Max, e.Limit)
}
