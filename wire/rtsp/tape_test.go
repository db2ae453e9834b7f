package rtsp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
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
func (p *tape) Close() error                { return nil }

// play gives a connection on which the other side says s.
func play(s string) (*Conn, *tape) {
	p := &tape{said: strings.NewReader(s)}
	return NewConn(p), p
}

// messages reads everything that is said on c. A clean end is no error.
func messages(c *Conn) ([]Message, error) {
	var all []Message
	for {
		m, err := c.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// crlf writes lines as a message has them.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

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

// pieces reads b in pieces of changing lengths.
type pieces struct {
	b   []byte
	n   int
	let byte
}

func (p *pieces) Read(dst []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	p.n = p.n*31 + int(p.let)
	n := copy(dst, p.b[:min(1+p.n&0xFF, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}

// appended writes a message.
func appended(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
