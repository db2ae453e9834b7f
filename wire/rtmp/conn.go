package rtmp

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/wire"
)

// windowAckSize is how many bytes either side may send before it wants an acknowledgement (Adobe RTMP §5.4.4).
const windowAckSize = 2_500_000

// source is the connection as it is read: each read may be bounded in time, so that a peer lives as long as bytes come,
// however long a message is under way.
type source struct {
	net.Conn
	began       time.Time
	patience    time.Duration // for each read; 0 leaves the deadline to the caller
	interrupted atomic.Bool
	heard       atomic.Int64 // when bytes came last, in ns since began
}

// Read reads what there is.
func (s *source) Read(b []byte) (int, error) {
	if s.patience > 0 {
		_ = s.SetReadDeadline(time.Now().Add(s.patience))
	}
	if s.interrupted.Load() { // behind the deadline, which an interruption sets to the past
		return 0, os.ErrDeadlineExceeded
	}
	n, err := s.Conn.Read(b)
	if n > 0 {
		s.heard.Store(int64(time.Since(s.began)))
	}
	return n, err
}

// Conn is one RTMP connection after its handshake. One goroutine reads; any may write, since each write is one whole run of
// chunks that the socket does not break up.
type Conn struct {
	nc       net.Conn
	source   *source
	reader   *chunkReader
	sendSize int   // our chunk size, announced
	window   int64 // the peer wants an acknowledgement each so many bytes; 0: never
	acked    int64 // bytes acknowledged
}

// NewConn wraps a connection whose handshake is done. It reads under [Unauthorised] limits until [Conn.Authorise].
func NewConn(nc net.Conn) *Conn {
	src := &source{Conn: nc, began: time.Now()}
	return &Conn{nc: nc, source: src, reader: newChunkReader(src), sendSize: defaultChunkSize}
}

// Authorise lifts the limits to [Authorised], and reads in larger steps once the peer sends what is worth it. The reading goroutine calls it.
func (c *Conn) Authorise() { c.reader.limits, c.reader.authorised = Authorised(), true }

// SetPatience lets reads end in [os.ErrDeadlineExceeded] when no byte has come for d; 0 leaves read deadlines to the caller. The
// reading goroutine calls it.
func (c *Conn) SetPatience(d time.Duration) { c.source.patience = d }

// Quiet is how long no byte has come; at first, how old the connection is. Any goroutine may call it.
func (c *Conn) Quiet() time.Duration {
	return time.Since(c.source.began) - time.Duration(c.source.heard.Load())
}

// Interrupt ends the read under way and all that follow with [os.ErrDeadlineExceeded]; writing stays possible. Any goroutine
// may call it.
func (c *Conn) Interrupt() {
	c.source.interrupted.Store(true)
	_ = c.nc.SetReadDeadline(time.Now())
}

// Interrupted says whether [Conn.Interrupt] was called.
func (c *Conn) Interrupted() bool { return c.source.interrupted.Load() }

// Close closes the connection at once; a read or write under way ends with an error.
func (c *Conn) Close() error { return c.nc.Close() }

// NetConn is the connection below, for deadlines and addresses.
func (c *Conn) NetConn() net.Conn { return c.nc }

// ChunkSize is the size of the chunks that we send, for [Share].
func (c *Conn) ChunkSize() int { return c.sendSize }

// ReadMessage gives the next audio, video, data or command message, or one of a type it does not know. Control messages are
// handled on the way: chunk size, abort, acknowledgements, pings. Types that are never spoken here (AMF3, shared objects,
// aggregates) end in an [wire.UnsupportedError]. io.EOF is a close between two messages.
func (c *Conn) ReadMessage() (Message, error) {
	for {
		m, err := c.reader.next()
		if err != nil {
			return Message{}, err
		}
		if err := c.acknowledge(); err != nil {
			return Message{}, err
		}
		switch m.Type {
		case TypeSetChunkSize, TypeAbort, TypeAcknowledgement, TypeWindowAckSize, TypeSetPeerBandwidth, TypeUserControl:
			if err := c.control(m); err != nil {
				return Message{}, err
			}
		case TypeDataAMF3, TypeSharedAMF3, TypeCommandAMF3, TypeShared, TypeAggregate:
			return Message{}, &wire.UnsupportedError{Format: "rtmp", Offset: c.reader.offset, Msg: m.Type.String() + " messages: use AMF0"}
		default:
			return m, nil
		}
	}
}

// ReadCommand gives the next command and passes over other messages.
func (c *Conn) ReadCommand() (Command, error) {
	for {
		m, err := c.ReadMessage()
		if err != nil {
			return Command{}, err
		}
		if m.Type == TypeCommand {
			return ParseCommand(m)
		}
	}
}

// control acts on a control message.
func (c *Conn) control(m Message) error {
	switch m.Type {
	case TypeSetChunkSize:
		return c.reader.setSize(m.Payload)
	case TypeAbort:
		c.reader.abort(m.Payload)
	case TypeWindowAckSize:
		if len(m.Payload) >= 4 {
			c.window = int64(binary.BigEndian.Uint32(m.Payload))
		}
	case TypeUserControl:
		if len(m.Payload) >= 6 && binary.BigEndian.Uint16(m.Payload) == eventPingRequest {
			return c.userControl(eventPingResponse, binary.BigEndian.Uint32(m.Payload[2:]))
		}
	}
	return nil // acknowledgements and bandwidths carry nothing that we use
}

// acknowledge tells the peer how much was read, each window (Adobe RTMP §5.4.3). Halves, since some peers stop at the window.
func (c *Conn) acknowledge() error {
	if c.window == 0 || c.reader.offset-c.acked < c.window/2 {
		return nil
	}
	c.acked = c.reader.offset
	return c.writeControl(TypeAcknowledgement, uint32(c.acked))
}

// Ping asks the peer for a sign of life; the answer shows only in that ReadMessage reads something.
func (c *Conn) Ping() error {
	return c.userControl(eventPingRequest, uint32(time.Since(c.source.began).Milliseconds()))
}

// WriteMessage sends one message.
func (c *Conn) WriteMessage(m Message) error {
	if _, err := c.nc.Write(appendMessage(nil, m, c.sendSize)); err != nil {
		return fmt.Errorf("write %s message: %w", m.Type, err)
	}
	return nil
}

// WriteCommand sends commands, in one write.
func (c *Conn) WriteCommand(commands ...Command) error {
	var out []byte
	for _, cmd := range commands {
		out = appendMessage(out, cmd.Message(), c.sendSize)
	}
	if _, err := c.nc.Write(out); err != nil {
		return fmt.Errorf("write %s: %w", commands[0].Name, err)
	}
	return nil
}

// WriteBatch sends what b holds and empties it.
func (c *Conn) WriteBatch(b *Batch) error {
	if err := b.flush(c.nc); err != nil {
		return fmt.Errorf("write media: %w", err)
	}
	return nil
}

// setChunkSize announces the size of the chunks that we send from now on. It is called in the dialogue, before media.
func (c *Conn) setChunkSize(size int) error {
	if err := c.writeControl(TypeSetChunkSize, uint32(size)); err != nil {
		return err
	}
	c.sendSize = size
	return nil
}

// writeControl sends a control message of four bytes, and more behind them.
func (c *Conn) writeControl(t MessageType, v uint32, more ...byte) error {
	return c.WriteMessage(Message{Type: t, Payload: append(binary.BigEndian.AppendUint32(nil, v), more...)})
}

// userControl sends a user control event (Adobe RTMP §7.1.7).
func (c *Conn) userControl(event uint16, v uint32) error {
	body := binary.BigEndian.AppendUint16(nil, event)
	return c.WriteMessage(Message{Type: TypeUserControl, Payload: binary.BigEndian.AppendUint32(body, v)})
}
