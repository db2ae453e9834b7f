package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/simulcart/simulcart/wire"
)

// The chunk stream (Adobe RTMP §5.3). A message is cut into chunks; each begins with
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+
//	|fmt|   csid    |   csid 0: one more byte (64 to 319), csid 1: two more (64 to 65599)
//	+-+-+-+-+-+-+-+-+
//
// and, by fmt, a message header that says only what differs from the chunk before on the same chunk stream:
//
//	0  timestamp(3) length(3) type(1) message stream id(4, little endian)
//	1  delta(3)     length(3) type(1)
//	2  delta(3)
//	3  nothing
//
// A timestamp or delta of FF FF FF stands for the four bytes of an extended timestamp behind the header. The standard
// has that field in every type 3 chunk of such a message; some encoders leave it out, so it is taken only if it holds
// the expected value.
const (
	defaultChunkSize = 128
	minChunkSize     = 128
	maxChunkSize     = 0xFFFFFF // a message is not longer, so larger announcements mean this
	extendedMark     = 0xFFFFFF
	readStep         = 64 << 10 // bytes read at once, so that memory follows what arrives, not what is declared
	firstStep        = 1 << 10  // the same until a peer that may sends more: hundreds of servers and players never do
	formatChunk      = "rtmp chunk"
)

// chunkStream is what the receiver remembers of one chunk stream.
type chunkStream struct {
	typ       MessageType
	length    int
	streamID  uint32
	timestamp uint32 // absolute, milliseconds, as on the wire
	delta     uint32 // what a type 3 chunk that starts a message adds
	field     uint32 // the timestamp field last seen, extended or not
	extended  bool
	partial   bool // body is the beginning of a message
	body      []byte
}

// chunkReader puts messages together from the chunks of one connection.
type chunkReader struct {
	r          *bufio.Reader
	offset     int64 // bytes consumed
	size       int   // the peer's chunk size
	limits     Limits
	authorised bool         // the buffer may grow
	held       int          // bytes of partial bodies
	longest    int          // bytes of the longest message that has come whole
	ahead      *chunkStream // the one whose body has room for what is declared; nil: none
	streams    map[uint32]*chunkStream
	clock      clock
	scratch    [11]byte // of headers
}

// newChunkReader reads from r under the limits of a peer that is not authorised yet.
func newChunkReader(r io.Reader) *chunkReader {
	return &chunkReader{
		r: bufio.NewReaderSize(r, firstStep), size: defaultChunkSize, limits: Unauthorised(),
		streams: make(map[uint32]*chunkStream),
	}
}

// next reads chunks until a message is whole.
func (c *chunkReader) next() (Message, error) {
	for {
		cs, err := c.header()
		if err != nil {
			return Message{}, err
		}
		if err := c.body(cs); err != nil {
			return Message{}, err
		}
		if len(cs.body) < cs.length {
			continue
		}
		m := Message{Type: cs.typ, StreamID: cs.streamID, Timestamp: int64(cs.timestamp), Payload: cs.body}
		c.longest = max(c.longest, cs.length)
		if c.authorised && c.longest > c.r.Size() && c.r.Size() < readStep { // who only listens to us keeps the small one
			c.r = bufio.NewReaderSize(c.r, readStep) // what the smaller one holds is read first
		}
		c.drop(cs)
		if m.Type.isMedia() {
			m.Timestamp = c.clock.unwrap(cs.timestamp)
		}
		return m, nil
	}
}

// header reads one chunk's headers and gives the chunk stream they belong to, ready for its part of the body.
func (c *chunkReader) header() (*chunkStream, error) {
	format, id, err := c.basicHeader()
	if err != nil {
		return nil, err
	}
	cs, err := c.stream(format, id)
	if err != nil {
		return nil, err
	}
	if cs.partial && format != 3 {
		return nil, c.syntax("type %d header on chunk stream %d in the middle of a message", format, id)
	}
	if format == 3 {
		return cs, c.continuation(cs)
	}
	if err := c.messageHeader(cs, format); err != nil {
		return nil, err
	}
	if most := c.limits.message(cs.typ); cs.length > most {
		return nil, c.over(LimitMessage, int64(cs.length), int64(most), cs.typ.String()+" message too long")
	}
	return cs, nil
}

// basicHeader reads fmt and chunk stream id.
func (c *chunkReader) basicHeader() (format byte, id uint32, err error) {
	b := c.scratch[:2]
	if err := c.fill(b[:1]); err != nil {
		return 0, 0, err // a plain io.EOF here is a clean end
	}
	format, id = b[0]>>6, uint32(b[0]&0x3F)
	switch id {
	case 0:
		err = c.part(b[:1])
		id = 64 + uint32(b[0])
	case 1:
		err = c.part(b)
		id = 64 + uint32(b[0]) + uint32(b[1])<<8
	}
	return format, id, err
}

// stream finds the state of a chunk stream, or makes it. A first header of type 1 is taken, as librtmp sends it.
func (c *chunkReader) stream(format byte, id uint32) (*chunkStream, error) {
	if cs := c.streams[id]; cs != nil {
		return cs, nil
	}
	if format > 1 {
		return nil, c.syntax("type %d header on chunk stream %d, which has no message before it", format, id)
	}
	if len(c.streams) >= c.limits.ChunkStreams {
		return nil, c.over(LimitChunkStreams, int64(len(c.streams)+1), int64(c.limits.ChunkStreams), "too many chunk streams")
	}
	cs := &chunkStream{}
	c.streams[id] = cs
	return cs, nil
}

// messageHeader reads a header of type 0, 1 or 2.
func (c *chunkReader) messageHeader(cs *chunkStream, format byte) error {
	h := c.scratch[:[...]int{11, 7, 3}[format]]
	if err := c.part(h); err != nil {
		return err
	}
	cs.field = uint24(h)
	if format <= 1 {
		cs.length, cs.typ = int(uint24(h[3:])), MessageType(h[6])
	}
	if format == 0 {
		cs.streamID = binary.LittleEndian.Uint32(h[7:])
	}
	if cs.extended = cs.field == extendedMark; cs.extended {
		field := c.scratch[:4]
		if err := c.part(field); err != nil {
			return err
		}
		cs.field = binary.BigEndian.Uint32(field)
	}
	cs.delta = cs.field
	if format == 0 {
		cs.timestamp = cs.field
	} else {
		cs.timestamp += cs.field
	}
	return nil
}

// continuation handles a type 3 header: more of a message, or a message like the one before (its time advances by the
// same delta, which after a type 0 header is that timestamp itself: Adobe RTMP §5.3.1.2.4).
func (c *chunkReader) continuation(cs *chunkStream) error {
	before := cs.timestamp
	if !cs.partial {
		cs.timestamp += cs.delta
	}
	if !cs.extended {
		return nil
	}
	b, err := c.r.Peek(4)
	if err != nil {
		return c.eof(err)
	}
	if v := binary.BigEndian.Uint32(b); v == cs.field || v == before || v == cs.timestamp {
		_, _ = c.r.Discard(4) // cannot fail: it was peeked
		c.offset += 4
	}
	return nil
}

// body reads one chunk's part of a message body.
func (c *chunkReader) body(cs *chunkStream) error {
	cs.partial = true
	for n := min(c.size, cs.length-len(cs.body)); n > 0; {
		step := min(n, readStep)
		if c.held+step > c.limits.Partial {
			return c.over(LimitPartial, int64(c.held+step), int64(c.limits.Partial), "too much of unfinished messages")
		}
		start := len(cs.body)
		if cap(cs.body)-start < step {
			grown := make([]byte, start, c.room(cs, start+step))
			copy(grown, cs.body)
			cs.body = grown
		}
		cs.body = cs.body[:start+step]
		c.held += step
		if err := c.part(cs.body[start:]); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// room gives what to allocate for a body that needs some bytes now. What is declared is believed of one chunk stream at a time, up to what
// has come before; else memory follows what arrives.
func (c *chunkReader) room(cs *chunkStream, need int) int {
	size := max(2*cap(cs.body), need)
	if c.ahead == nil && c.longest > size {
		c.ahead, size = cs, c.longest
	}
	return min(cs.length, size)
}

// drop forgets the body of a chunk stream.
func (c *chunkReader) drop(cs *chunkStream) {
	c.held -= len(cs.body)
	cs.body, cs.partial = nil, false
	if c.ahead == cs {
		c.ahead = nil
	}
}

// setSize takes the peer's new chunk size (Adobe RTMP §5.4.1).
func (c *chunkReader) setSize(payload []byte) error {
	if len(payload) < 4 {
		return c.syntax("set chunk size of %d bytes, want 4", len(payload))
	}
	size := binary.BigEndian.Uint32(payload) &^ (1 << 31)
	if size < minChunkSize {
		return c.over(LimitChunkSize, int64(size), minChunkSize, "chunk size too small")
	}
	c.size = int(min(size, maxChunkSize))
	return nil
}

// abort drops the partial message of a chunk stream (Adobe RTMP §5.4.2).
func (c *chunkReader) abort(payload []byte) {
	if len(payload) < 4 {
		return
	}
	if cs := c.streams[binary.BigEndian.Uint32(payload)]; cs != nil {
		c.drop(cs)
	}
}

// part reads bytes that must come.
func (c *chunkReader) part(b []byte) error { return c.eof(c.fill(b)) }

// fill reads len(b) bytes and counts them.
func (c *chunkReader) fill(b []byte) error {
	n, err := io.ReadFull(c.r, b)
	c.offset += int64(n)
	return err
}

// eof turns an end in the middle of a chunk into an unexpected one.
func (c *chunkReader) eof(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *chunkReader) syntax(format string, args ...any) error {
	return &wire.SyntaxError{Format: formatChunk, Offset: c.offset, Msg: fmt.Sprintf(format, args...)}
}

func (c *chunkReader) over(l Limit, seen, most int64, msg string) error {
	return &LimitError{Limit: l, Offset: c.offset, Seen: seen, Max: most, Msg: msg}
}

// uint24 reads three bytes, big endian.
func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
