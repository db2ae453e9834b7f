package mediatest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// The types of RTMP messages that the raw peers know (Adobe RTMP 1.0 §5.4, §7.1).
const (
	setChunkSize    = 1
	abortMessage    = 2
	acknowledgement = 3
	userControl     = 4
	windowAckSize   = 5
	peerBandwidth   = 6
	commandMessage  = 20
)

// extendedTime in a message header says that the time follows in 4 bytes (Adobe RTMP 1.0 §5.3.1.3).
const extendedTime = 0xffffff

// largestMessage bounds what the raw peers take.
const largestMessage = 16 << 20

// message is one RTMP message.
type message struct {
	kind   uint8
	stream uint32 // message stream id
	time   uint32 // milliseconds, absolute
	body   []byte
}

// chunkState is what a chunk stream remembers from one chunk to the next.
type chunkState struct {
	head     message
	length   int
	delta    uint32
	extended bool
	part     []byte
}

// chunkReader puts messages together from chunks. It obeys Set Chunk Size and Abort itself.
type chunkReader struct {
	r       *bufio.Reader
	size    int
	streams map[uint32]*chunkState
}

func newChunkReader(r io.Reader) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, 64<<10), size: 128, streams: map[uint32]*chunkState{}}
}

// next gives the next message.
func (c *chunkReader) next() (message, error) {
	for {
		m, whole, err := c.chunk()
		if err != nil {
			return message{}, err
		}
		if !whole {
			continue
		}
		switch {
		case m.kind == setChunkSize && len(m.body) >= 4:
			c.size = int(binary.BigEndian.Uint32(m.body) & math.MaxInt32)
		case m.kind == abortMessage && len(m.body) >= 4:
			if s := c.streams[binary.BigEndian.Uint32(m.body)]; s != nil {
				s.part = nil
			}
		default:
			return m, nil
		}
	}
}

// chunk reads one chunk (§5.3.1) and says whether it completed a message.
func (c *chunkReader) chunk() (message, bool, error) {
	format, id, err := c.basicHeader()
	if err != nil {
		return message{}, false, err
	}
	s := c.streams[id]
	if s == nil {
		s = &chunkState{}
		c.streams[id] = s
	}
	if err := c.messageHeader(s, format); err != nil {
		return message{}, false, err
	}
	n := min(c.size, s.length-len(s.part))
	at := len(s.part)
	s.part = append(s.part, make([]byte, n)...)
	if _, err := io.ReadFull(c.r, s.part[at:]); err != nil {
		return message{}, false, err
	}
	if len(s.part) < s.length {
		return message{}, false, nil
	}
	m := s.head
	m.body, s.part = s.part, nil
	return m, true, nil
}

func (c *chunkReader) basicHeader() (format byte, id uint32, err error) {
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, id = b>>6, uint32(b&63)
	if id >= 2 {
		return format, id, nil
	}
	var more [2]byte
	if _, err := io.ReadFull(c.r, more[:1+id]); err != nil {
		return 0, 0, err
	}
	return format, 64 + uint32(more[0]) + uint32(more[1])<<8, nil
}

// messageHeader reads the header of a chunk of the format 0 to 3.
func (c *chunkReader) messageHeader(s *chunkState, format byte) error {
	starts := len(s.part) == 0
	var h [11]byte
	if _, err := io.ReadFull(c.r, h[:[4]int{11, 7, 3, 0}[format]]); err != nil {
		return err
	}
	at := uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
	if format < 3 {
		s.extended = at == extendedTime
	}
	if s.extended {
		var x [4]byte
		if _, err := io.ReadFull(c.r, x[:]); err != nil {
			return err
		}
		at = binary.BigEndian.Uint32(x[:])
	}
	if format <= 1 {
		s.length, s.head.kind = int(h[3])<<16|int(h[4])<<8|int(h[5]), h[6]
		if s.length > largestMessage {
			return fmt.Errorf("rtmp message of %d bytes", s.length)
		}
	}
	switch {
	case format == 0:
		s.head.stream = binary.LittleEndian.Uint32(h[7:])
		s.head.time, s.delta = at, at
	case format < 3:
		s.delta = at
		s.head.time += at
	case starts:
		s.head.time += s.delta
	}
	return nil
}

// chunks writes a message as a type 0 chunk and type 3 chunks of at most size bytes.
func chunks(id byte, m message, size int) []byte {
	var out bytes.Buffer
	at := min(m.time, extendedTime)
	out.Write([]byte{id, byte(at >> 16), byte(at >> 8), byte(at), byte(len(m.body) >> 16), byte(len(m.body) >> 8), byte(len(m.body)), m.kind})
	_ = binary.Write(&out, binary.LittleEndian, m.stream) // writes to a bytes.Buffer do not fail
	for rest := m.body; ; {
		if at == extendedTime {
			_ = binary.Write(&out, binary.BigEndian, m.time)
		}
		n := min(size, len(rest))
		out.Write(rest[:n])
		if rest = rest[n:]; len(rest) == 0 {
			return out.Bytes()
		}
		out.WriteByte(0xc0 | id)
	}
}
