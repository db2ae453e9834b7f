package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
)

// tape is a connection whose other side is recorded: reads give what it said, writes are kept.
type tape struct {
	net.Conn
	said io.Reader
	told bytes.Buffer
}

func (p *tape) Read(b []byte) (int, error)  { return p.said.Read(b) }
func (p *tape) Write(b []byte) (int, error) { return p.told.Write(b) }

// play gives a connection on which the other side says b.
func play(b []byte) (*Conn, *tape) {
	p := &tape{said: bytes.NewReader(b)}
	return NewConn(p), p
}

// messages reads everything that is said on c. A clean end is no error.
func messages(c *Conn) ([]Message, error) {
	var all []Message
	for {
		m, err := c.ReadMessage()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// commands reads b as commands.
func commands(t testing.TB, b []byte) []Command {
	t.Helper()
	c, _ := play(b)
	all, err := messages(c)
	if err != nil {
		t.Fatal(err)
	}
	var parsed []Command
	for _, m := range all {
		if m.Type != TypeCommand {
			continue
		}
		cmd, err := ParseCommand(m)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, cmd)
	}
	return parsed
}

// say gives the bytes of commands, in chunks that need no announcement.
func say(all ...Command) []byte {
	var b []byte
	for _, cmd := range all {
		b = appendMessage(b, cmd.Message(), defaultChunkSize)
	}
	return b
}

// body is a message body of n bytes, none of which looks like a chunk header by chance for long.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// failing is a connection that breaks after some writes.
type failing struct {
	net.Conn
	said io.Reader
	left int
}

var errBroken = errors.New("broken")

func (f *failing) Read(b []byte) (int, error) { return f.said.Read(b) }

func (f *failing) Write(b []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errBroken
	}
	return len(b), nil
}
