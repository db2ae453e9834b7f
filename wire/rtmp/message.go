// Package rtmp reads and writes RTMP: handshake, chunk stream, control messages and the command dialogue of publish and
// play, on both sides, with Enhanced RTMP's capability fields.
//
// Sources: Adobe's Real Time Messaging Protocol 1.0 (named Adobe RTMP below) and Enhanced RTMP v2 (veovera.org). A [Conn]
// is one connection after its handshake. A server reads a [Request] from it and accepts or rejects that; a client calls
// [Conn.Connect], then [Conn.Publish] or [Conn.Play]. What media messages carry is read by wire/flv.
package rtmp

import "fmt"

// MessageType is the type id of a message (Adobe RTMP §5.4, §6.1, §7.1).
type MessageType uint8

// The message types in use.
const (
	TypeSetChunkSize     MessageType = 1
	TypeAbort            MessageType = 2
	TypeAcknowledgement  MessageType = 3
	TypeUserControl      MessageType = 4
	TypeWindowAckSize    MessageType = 5
	TypeSetPeerBandwidth MessageType = 6
	TypeAudio            MessageType = 8
	TypeVideo            MessageType = 9
	TypeDataAMF3         MessageType = 15
	TypeSharedAMF3       MessageType = 16
	TypeCommandAMF3      MessageType = 17
	TypeData             MessageType = 18
	TypeShared           MessageType = 19
	TypeCommand          MessageType = 20
	TypeAggregate        MessageType = 22
)

// String names the type as in the specification, for errors and logs.
func (t MessageType) String() string {
	switch t {
	case TypeSetChunkSize:
		return "set chunk size"
	case TypeAbort:
		return "abort"
	case TypeAcknowledgement:
		return "acknowledgement"
	case TypeUserControl:
		return "user control"
	case TypeWindowAckSize:
		return "window acknowledgement size"
	case TypeSetPeerBandwidth:
		return "set peer bandwidth"
	case TypeAudio:
		return "audio"
	case TypeVideo:
		return "video"
	case TypeData:
		return "data"
	case TypeCommand:
		return "command"
	case TypeDataAMF3, TypeCommandAMF3:
		return "AMF3"
	case TypeShared, TypeSharedAMF3:
		return "shared object"
	case TypeAggregate:
		return "aggregate"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// isMedia says whether messages of this type stand on the media timeline.
func (t MessageType) isMedia() bool { return t == TypeAudio || t == TypeVideo || t == TypeData }

// Message is one whole RTMP message.
type Message struct {
	Type      MessageType
	StreamID  uint32 // message stream id; 0 is the connection itself
	Timestamp int64  // milliseconds, unwrapped from the wire's 32 bits; may start anywhere
	Payload   []byte // the receiver owns it
}

// User control events (Adobe RTMP §7.1.7).
const (
	eventStreamBegin  = 0
	eventStreamEOF    = 1
	eventSetBuffer    = 3
	eventPingRequest  = 6
	eventPingResponse = 7
)

// Chunk streams on which this package sends. The specification fixes only id 2, for control messages (Adobe RTMP §5.4);
// the others follow what most software does.
const (
	chunkStreamControl = 2
	chunkStreamCommand = 3
	chunkStreamAudio   = 4
	chunkStreamData    = 5
	chunkStreamVideo   = 6
)

// chunkStreamOf gives the chunk stream that messages of type t are sent on.
func chunkStreamOf(t MessageType) byte {
	switch t {
	case TypeCommand:
		return chunkStreamCommand
	case TypeAudio:
		return chunkStreamAudio
	case TypeData:
		return chunkStreamData
	case TypeVideo:
		return chunkStreamVideo
	default:
		return chunkStreamControl
	}
}
