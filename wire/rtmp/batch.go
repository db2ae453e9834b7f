package rtmp

import (
	"encoding/binary"
	"io"
	"net"

	"github.com/simulcart/simulcart/wire/gather"
)

// How a frame reaches many sockets without a copy of its own:
//
//  1. [Share] cuts a message into chunks once: slices of the frame's bytes, with type 3 headers between them that all
//     connections of one chunk size have alike, since all carry the stream's clock.
//  2. Each connection's [Batch] adds its own type 0 header and the message's first bytes, in its scratch, and refers to the
//     shared slices.
//  3. [Conn.WriteBatch] hands the whole batch over in one go (package gather).

// Shared is a message as every connection with the same chunk size sends it, but for the type 0 header. It is immutable.
type Shared struct {
	typ       MessageType
	timestamp uint32 // as on the wire
	head      []byte // the first bytes of the body, which go into each connection's scratch
	length    int    // of the whole body
	rest      [][]byte
}

// Share prepares a message whose body is head (short: the codec header of FLV) and then all parts. None of them is copied nor
// may change afterwards. timestamp is in milliseconds and is wrapped here; chunkSize is at least 128, and head is no longer.
func Share(t MessageType, timestamp int64, head []byte, chunkSize int, parts ...[]byte) *Shared {
	s := &Shared{typ: t, timestamp: uint32(timestamp), head: head, length: len(head)}
	for _, part := range parts {
		s.length += len(part)
	}
	more := max(0, s.length-1) / chunkSize // chunks behind the first
	s.rest = make([][]byte, 0, 2*more+len(parts))
	var separator []byte
	room := chunkSize - len(head)
	for _, part := range parts {
		for len(part) > 0 {
			if room == 0 {
				if separator == nil {
					separator = appendContinuation(nil, chunkStreamOf(t), s.timestamp)
				}
				s.rest, room = append(s.rest, separator), chunkSize
			}
			n := min(room, len(part))
			s.rest = append(s.rest, part[:n])
			part, room = part[n:], room-n
		}
	}
	return s
}

// Len is the length of the message's body, in bytes.
func (s *Shared) Len() int { return s.length }

// Timestamp is the message's timestamp as on the wire.
func (s *Shared) Timestamp() uint32 { return s.timestamp }

// Batch collects messages for one write. The zero value is ready. It belongs to one connection and one goroutine.
type Batch struct {
	scratch []byte
	mark    int      // scratch before this is in slices already
	slices  [][]byte // what is written, in order
	size    int
	vector  net.Buffers // consumed by each write
}

// Add appends a shared message for the message stream id.
func (b *Batch) Add(s *Shared, streamID uint32) {
	b.scratch = appendHeader(b.scratch, chunkStreamOf(s.typ), s.typ, s.timestamp, s.length, streamID)
	b.scratch = append(b.scratch, s.head...)
	b.cut()
	for _, part := range s.rest {
		b.slices = append(b.slices, part)
		b.size += len(part)
	}
}

// AddMessage appends a message of the connection's own, copied. chunkSize is the connection's sending chunk size.
func (b *Batch) AddMessage(m Message, chunkSize int) {
	b.scratch = appendMessage(b.scratch, m, chunkSize)
}

// Len is the number of bytes that wait to be written.
func (b *Batch) Len() int { return b.size + len(b.scratch) - b.mark }

// cut ends the run of scratch bytes, since shared ones follow.
func (b *Batch) cut() {
	if run := b.scratch[b.mark:]; len(run) > 0 {
		b.slices = append(b.slices, run)
		b.size += len(run)
		b.mark = len(b.scratch)
	}
}

// flush writes all at once (see package gather) and empties the batch, written or not. The bytes reach w without those of another
// goroutine between them.
func (b *Batch) flush(w io.Writer) error {
	b.cut()
	defer b.reset()
	if b.size == 0 {
		return nil
	}
	b.vector = b.slices
	return gather.Write(w, &b.vector)
}

// reset keeps the memory of scratch and list, but no reference to a frame.
func (b *Batch) reset() {
	clear(b.slices[:cap(b.slices)])
	b.slices, b.scratch, b.mark, b.size, b.vector = b.slices[:0], b.scratch[:0], 0, 0, nil
}

// appendMessage cuts m into chunks of chunkSize, the first with a type 0 header.
func appendMessage(dst []byte, m Message, chunkSize int) []byte {
	id, timestamp := chunkStreamOf(m.Type), uint32(m.Timestamp)
	dst = appendHeader(dst, id, m.Type, timestamp, len(m.Payload), m.StreamID)
	for rest := m.Payload; ; {
		n := min(chunkSize, len(rest))
		dst = append(dst, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			return dst
		}
		dst = appendContinuation(dst, id, timestamp)
	}
}

// appendHeader appends a type 0 chunk header. Ids up to 63 take one byte; all of ours do.
func appendHeader(dst []byte, id byte, t MessageType, timestamp uint32, length int, streamID uint32) []byte {
	field := min(timestamp, extendedMark)
	dst = append(dst, id,
		byte(field>>16), byte(field>>8), byte(field),
		byte(length>>16), byte(length>>8), byte(length), byte(t))
	dst = binary.LittleEndian.AppendUint32(dst, streamID)
	if field == extendedMark {
		dst = binary.BigEndian.AppendUint32(dst, timestamp)
	}
	return dst
}

// appendContinuation appends a type 3 chunk header, with the extended timestamp where the message has one.
func appendContinuation(dst []byte, id byte, timestamp uint32) []byte {
	dst = append(dst, 3<<6|id)
	if timestamp >= extendedMark {
		dst = binary.BigEndian.AppendUint32(dst, timestamp)
	}
	return dst
}
