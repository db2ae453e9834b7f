package peer

import (
	"encoding/binary"

	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// A program without a mind for RTMP sends its whole part of the dialogue at once, and passes over what is said to it.

// handshakeSize is that of C1, C2, S1 and S2 (Adobe RTMP §5.2.1).
const handshakeSize = 1536

// Opening is all that a publisher says up to its media, the handshake too.
func Opening(key string) []byte {
	out := append([]byte{3}, make([]byte, 2*handshakeSize)...)
	size := binary.BigEndian.AppendUint32(nil, ChunkSize)
	out = appendMessage(out, rtmp.TypeSetChunkSize, 0, 0, size, defaultSize)
	return appendCommands(
		out, ChunkSize,
		rtmp.Command{Name: "connect", Transaction: ofConnect, Object: amf.Object{{Key: "app", Value: App}}},
		rtmp.Command{Name: "createStream", Transaction: ofCreate},
		rtmp.Command{Name: "publish", Transaction: ofStream, Args: []any{key, "live"}, StreamID: streamID})
}

// Answers is all that a server says to a publisher of this package.
func Answers() []byte {
	out := append([]byte{3}, make([]byte, 2*handshakeSize)...)
	return appendCommands(out, defaultSize, welcome(ofConnect), created(ofCreate), agree())
}

func appendCommands(dst []byte, size int, commands ...rtmp.Command) []byte {
	for _, c := range commands {
		m := c.Message()
		dst = appendMessage(dst, m.Type, m.StreamID, 0, m.Payload, size)
	}
	return dst
}

// welcome is what a server says to connect.
func welcome(transaction float64) rtmp.Command {
	return rtmp.Command{
		Name: "_result", Transaction: transaction,
		Object: amf.Object{{Key: "fmsVer", Value: "FMS/3,0,1,123"}, {Key: "capabilities", Value: 31.0}},
		Args: []any{amf.Object{
			{Key: "level", Value: "status"}, {Key: "code", Value: rtmp.CodeConnectSuccess}, {Key: "description", Value: "Connected."},
		}},
	}
}

// created is what a server says to createStream.
func created(transaction float64) rtmp.Command {
	return rtmp.Command{Name: "_result", Transaction: transaction, Args: []any{float64(streamID)}}
}

// agree is what a server says to publish.
func agree() rtmp.Command {
	return rtmp.Command{Name: "onStatus", StreamID: streamID, Args: []any{amf.Object{
		{Key: "level", Value: "status"}, {Key: "code", Value: rtmp.CodePublishStart}, {Key: "description", Value: "Go on."},
	}}}
}
