package mediatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// handshakeLen is the length of C1, S1, C2 and S2 (Adobe RTMP 1.0 §5.2.3).
const handshakeLen = 1536

// dialoguePatience is how long the raw client waits for an answer.
const dialoguePatience = 15 * time.Second

// Client is a raw RTMP publisher or player that measures and misbehaves as a test wants. Its methods may be called one at a time.
type Client struct {
	ChunkSize int  // bytes of our chunks; 0: 128
	Reconnect bool // connect says that we follow a ReconnectRequest (Enhanced RTMP 2: capsEx)

	Media func(g Tag, at time.Time) // takes what is played, in the goroutine that reads; nil: nobody does; set it before Handshake

	conn     net.Conn
	commands chan command
	closed   chan struct{} // closed when nothing more can be read
	reading  bool          // somebody reads what the server says
	mu       sync.Mutex
	fault    error // why reading ended; nil for a close by the peer
}

// Dial opens a TCP connection and does nothing else. The connection is closed when the test ends.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, dialoguePatience)
	if err != nil {
		t.Fatalf("dial rtmp server: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Client{conn: conn, commands: make(chan command, 64), closed: make(chan struct{})}
}

// Raw writes bytes as they are.
func (c *Client) Raw(b []byte) error {
	_, err := c.conn.Write(b)
	return err
}

// Handshake does the simple handshake and starts to read what the server says.
func (c *Client) Handshake() error {
	if err := c.conn.SetReadDeadline(time.Now().Add(dialoguePatience)); err != nil {
		return err
	}
	hello := make([]byte, 1+handshakeLen)
	hello[0] = 3
	for i := 9; i < len(hello); i++ {
		hello[i] = byte(i)
	}
	if err := c.Raw(hello); err != nil {
		return fmt.Errorf("write handshake: %w", err)
	}
	answer := make([]byte, 1+2*handshakeLen)
	if _, err := io.ReadFull(c.conn, answer); err != nil {
		return fmt.Errorf("read handshake: %w", err)
	}
	if err := c.Raw(answer[1 : 1+handshakeLen]); err != nil {
		return fmt.Errorf("write handshake: %w", err)
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.reading = true
	go c.read()
	return nil
}

// Closes says whether the server ends the connection within so much time. After it only Close may be called where there
// was no handshake.
func (c *Client) Closes(within time.Duration) bool {
	if !c.reading {
		c.reading = true
		go func() {
			defer close(c.closed)
			_, _ = io.Copy(io.Discard, c.conn)
		}()
	}
	select {
	case <-c.closed:
		return true
	case <-time.After(within):
		return false
	}
}

// read takes what the server sends until the connection ends.
func (c *Client) read() {
	defer close(c.closed)
	r := newChunkReader(c.conn)
	for {
		m, err := r.next()
		if err != nil {
			c.mu.Lock()
			c.fault = err
			c.mu.Unlock()
			return
		}
		switch m.kind {
		case AudioTag, VideoTag, DataTag:
			if c.Media != nil {
				c.Media(Tag{Type: m.kind, Time: int64(m.time), Body: m.body}, time.Now())
			}
		case commandMessage:
			select {
			case c.commands <- readCommand(m.body):
			default: // nobody waits for it
			}
		case userControl:
			if len(m.body) == 6 && binary.BigEndian.Uint16(m.body) == 6 { // ping request; 7 is the answer
				_ = c.Raw(chunks(2, message{kind: userControl, body: append([]byte{0, 7}, m.body[2:]...)}, 128))
			}
		}
	}
}

// Command sends a command on a message stream.
func (c *Client) Command(stream uint32, values ...any) error {
	return c.Send(stream, Tag{Type: commandMessage, Body: amf(values...)})
}

// Send sends a message of any type, such as a tag of a recording.
func (c *Client) Send(stream uint32, g Tag) error {
	size := c.ChunkSize
	if size == 0 {
		size = 128
	}
	return c.Raw(chunks(4, message{kind: g.Type, stream: stream, time: uint32(g.Time), body: g.Body}, size))
}

// SetChunkSize announces and uses a chunk size.
func (c *Client) SetChunkSize(n int) error {
	err := c.Raw(chunks(2, message{kind: setChunkSize, body: binary.BigEndian.AppendUint32(nil, uint32(n))}, 128))
	c.ChunkSize = n
	return err
}

// Connect asks for the application "live" and waits for the answer.
func (c *Client) Connect() error {
	about := []pair{
		{"app", "live"},
		{"type", "nonprivate"},
		{"flashVer", "FMLE/3.0 (compatible; simulcart test)"},
		{"tcUrl", "rtmp://" + c.conn.RemoteAddr().String() + "/live"},
	}
	if c.Reconnect {
		about = append(about, pair{"capsEx", 1.0})
	}
	if err := c.Command(0, "connect", 1.0, about); err != nil {
		return fmt.Errorf("send connect: %w", err)
	}
	_, err := c.await("_result")
	return err
}

// Publish asks for a key on message stream 1 and waits for the verdict: its code, such as NetStream.Publish.Start, and how
// long the server took from the publish command on.
func (c *Client) Publish(key string) (code string, took time.Duration, err error) {
	if err := c.Command(0, "createStream", 2.0, nil); err != nil {
		return "", 0, fmt.Errorf("send createStream: %w", err)
	}
	if _, err := c.await("_result"); err != nil {
		return "", 0, err
	}
	sent := time.Now()
	if err := c.Command(1, "publish", 3.0, nil, key, "live"); err != nil {
		return "", 0, fmt.Errorf("send publish: %w", err)
	}
	verdict, err := c.await("onStatus")
	if err != nil {
		return "", 0, err
	}
	for _, s := range verdict.text {
		if len(s) > 10 && s[:10] == "NetStream." {
			code = s
		}
	}
	return code, time.Since(sent), nil
}

// StartPlay dials and plays a stream; anything but acceptance ends the test. media takes what comes.
func StartPlay(t testing.TB, addr, name string, media func(g Tag, at time.Time)) *Client {
	t.Helper()
	c := Dial(t, addr)
	c.Media = media
	if err := errors.Join(c.Handshake(), c.Connect()); err != nil {
		t.Fatalf("player: %v", err)
	}
	if code, err := c.Play(name); err != nil || code != "NetStream.Play.Start" {
		t.Fatalf("play: got %q, %v, want NetStream.Play.Start", code, err)
	}
	return c
}

// Play asks for a stream on message stream 1 and waits for the verdict: the code of the first status that is no reset.
func (c *Client) Play(name string) (code string, err error) {
	if err := c.Command(0, "createStream", 2.0, nil); err != nil {
		return "", fmt.Errorf("send createStream: %w", err)
	}
	if _, err := c.await("_result"); err != nil {
		return "", err
	}
	if err := c.Command(1, "play", 3.0, nil, name, -1000.0); err != nil {
		return "", fmt.Errorf("send play: %w", err)
	}
	for code == "" || code == "NetStream.Play.Reset" {
		verdict, err := c.await("onStatus")
		if err != nil {
			return code, err
		}
		for _, s := range verdict.text {
			if strings.HasPrefix(s, "NetStream.") {
				code = s
			}
		}
	}
	return code, nil
}

// Publisher dials and does what [Client.Begin] does.
func Publisher(t testing.TB, addr, key string) (*Client, time.Duration) {
	t.Helper()
	c := Dial(t, addr)
	return c, c.Begin(t, key)
}

// Begin does the whole dialogue of a publisher; anything but acceptance ends the test. It gives the time from the publish
// command to its acceptance.
func (c *Client) Begin(t testing.TB, key string) time.Duration {
	t.Helper()
	if err := errors.Join(c.Handshake(), c.Connect(), c.SetChunkSize(4096)); err != nil {
		t.Fatalf("publisher: %v", err)
	}
	code, took, err := c.Publish(key)
	if err != nil || code != "NetStream.Publish.Start" {
		t.Fatalf("publish: got %q, %v, want NetStream.Publish.Start", code, err)
	}
	return took
}

// await waits for a command by its name; "_result" may also come as "_error", which is an error.
func (c *Client) await(name string) (command, error) {
	patience := time.After(dialoguePatience)
	for {
		select {
		case got := <-c.commands:
			switch got.name {
			case name:
				return got, nil
			case "_error":
				return got, fmt.Errorf("server refuses: %q", got.text)
			}
		case <-c.closed:
			if len(c.commands) > 0 {
				continue
			}
			return command{}, fmt.Errorf("wait for %s: connection ended: %w", name, c.Fault())
		case <-patience:
			return command{}, fmt.Errorf("wait for %s: nothing in %v", name, dialoguePatience)
		}
	}
}

// Closed is closed when the server has ended the connection.
func (c *Client) Closed() <-chan struct{} { return c.closed }

// Fault says why reading ended.
func (c *Client) Fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// Last gives the strings of the newest command of a name that came and was not waited for, and whether there is one.
func (c *Client) Last(name string) (text []string, found bool) {
	for {
		select {
		case got := <-c.commands:
			if got.name == name {
				text, found = got.text, true
			}
		default:
			return text, found
		}
	}
}

// Close drops the connection without a word.
func (c *Client) Close() { _ = c.conn.Close() }
