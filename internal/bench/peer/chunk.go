package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/simulcart/simulcart/wire/rtmp"
)

// The chunk stream (Adobe RTMP §5.3) as far as measuring needs it: of a media message no more is kept than its beginning.
const (
	ChunkSize = 4096 // of what is sent in the end; encoders of today use it

	sinkSize     = 60_000 // of a sink, as SRS has it: publishers that follow their server, as ffmpeg does, send in such chunks
	defaultSize  = 128
	headKept     = 256      // bytes of a media message that are kept
	maxKept      = 64 << 10 // bytes of other messages
	maxChunkID   = 64
	extendedMark = 0xFFFFFF
	readBuffer   = 64 << 10
)

// Chunk streams on which messages are sent.
const (
	idControl = 2
	idCommand = 3
	idAudio   = 4
	idVideo   = 6
)

// A Message is one RTMP message as it was read.
type Message struct {
	Kind   rtmp.MessageType
	Length int    // of the whole body
	Body   []byte // its beginning, all of it where it is no media; good until the next is read

	stream uint32 // message stream id
	left   int    // bytes to come
}

// Media says whether it is sound or picture.
func (m *Message) Media() bool { return isMedia(m.Kind) }

func isMedia(kind rtmp.MessageType) bool { return kind == rtmp.TypeAudio || kind == rtmp.TypeVideo }

// chunkReader reads messages.
type chunkReader struct {
	r    *bufio.Reader
	size int
	ids  [maxChunkID]Message
}

func newChunkReader(r io.Reader) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, readBuffer), size: defaultSize}
}

// next gives the next message. Announcements of the chunk size are taken and given too.
func (c *chunkReader) next() (*Message, error) {
	for {
		m, err := c.header()
		if err != nil {
			return nil, err
		}
		n := min(c.size, m.left)
		keep := headKept
		if !m.Media() {
			keep = maxKept
		}
		if keep = min(n, keep-len(m.Body)); keep > 0 {
			start := len(m.Body)
			m.Body = append(m.Body, make([]byte, keep)...)
			if _, err := io.ReadFull(c.r, m.Body[start:]); err != nil {
				return nil, err
			}
		}
		if _, err := c.r.Discard(n - max(0, keep)); err != nil {
			return nil, err
		}
		if m.left -= n; m.left > 0 {
			continue
		}
		if m.Kind == rtmp.TypeSetChunkSize && len(m.Body) >= 4 {
			c.size = max(1, int(binary.BigEndian.Uint32(m.Body)&0x7FFFFFFF))
		}
		return m, nil
	}
}

// Raw reads the next message as it came, with its headers, into memory of its own. It is for media from [Append], whose chunks can be
// passed on as they are; no other Next or Raw may have ended in an error.
func (s *Session) Raw() ([]byte, error) {
	h, err := s.in.r.Peek(HeaderSize)
	if err != nil {
		return nil, err
	}
	if h[0]>>6 != 0 {
		return nil, errors.New("a message that begins with a short header: not from here")
	}
	length := int(h[4])<<16 | int(h[5])<<8 | int(h[6])
	raw := make([]byte, HeaderSize+length+max(0, length-1)/ChunkSize)
	_, err = io.ReadFull(s.in.r, raw)
	return raw, err
}

// header reads the headers of one chunk.
func (c *chunkReader) header() (*Message, error) {
	first, err := c.r.ReadByte()
	if err != nil {
		return nil, err
	}
	format, id := first>>6, first&0x3F
	if id < idControl {
		return nil, errors.New("chunk stream id above 63: unsupported")
	}
	m := &c.ids[id]
	if m.left == 0 {
		m.Body = m.Body[:0]
	}
	if format == 3 {
		if m.left == 0 {
			m.left = m.Length
		}
		return m, nil
	}
	h, err := c.r.Peek([...]int{11, 7, 3}[format])
	if err != nil {
		return nil, err
	}
	if h[0]&h[1]&h[2] == 0xFF {
		return nil, errors.New("extended timestamp: unsupported")
	}
	if format < 2 {
		m.Length, m.Kind = int(h[3])<<16|int(h[4])<<8|int(h[5]), rtmp.MessageType(h[6])
	}
	if format == 0 {
		m.stream = binary.LittleEndian.Uint32(h[7:])
	}
	m.left = m.Length
	_, err = c.r.Discard(len(h))
	return m, err
}

// Append adds a message in chunks of [ChunkSize], the first with a header of [HeaderSize] bytes that depends on none before it.
func Append(dst []byte, kind rtmp.MessageType, ms int64, body []byte) []byte {
	return appendMessage(dst, kind, streamID, ms, body, ChunkSize)
}

// HeaderSize is that of the header in front of each message that is sent.
const HeaderSize = 12

// SetTime changes the time of a message that Append made.
func SetTime(chunks []byte, ms int64) {
	if ms >= extendedMark {
		panic(fmt.Sprintf("peer: a timestamp of %d ms, which needs a longer header", ms))
	}
	chunks[1], chunks[2], chunks[3] = byte(ms>>16), byte(ms>>8), byte(ms)
}

func appendMessage(dst []byte, kind rtmp.MessageType, stream uint32, ms int64, body []byte, size int) []byte {
	id, start := chunkStream(kind), len(dst)
	dst = append(dst, id, 0, 0, 0, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)), byte(kind))
	SetTime(dst[start:], ms)
	dst = binary.LittleEndian.AppendUint32(dst, stream)
	for {
		n := min(size, len(body))
		dst = append(dst, body[:n]...)
		if body = body[n:]; len(body) == 0 {
			return dst
		}
		dst = append(dst, 3<<6|id)
	}
}

// chunkStream gives the chunk stream on which messages of a kind are sent.
func chunkStream(kind rtmp.MessageType) byte {
	switch kind {
	case rtmp.TypeCommand:
		return idCommand
	case rtmp.TypeAudio, rtmp.TypeData:
		return idAudio
	case rtmp.TypeVideo:
		return idVideo
	default:
		return idControl
	}
}
