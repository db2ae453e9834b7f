package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/wire"
)

// Sizes of the buffer of a connection, in bytes.
const (
	serverBuffer = 4 << 10  // clients send little
	clientBuffer = 64 << 10 // servers send media
)

// Conn is one RTSP connection. One goroutine reads; any may write, since each message is one write. Deadlines are the caller's.
type Conn struct {
	nc     net.Conn
	r      *bufio.Reader
	offset int64 // bytes read
}

// NewConn wraps a connection of a server. It reads nothing yet.
func NewConn(nc net.Conn) *Conn { return newConn(nc, serverBuffer) }

func newConn(nc net.Conn, buffer int) *Conn {
	return &Conn{nc: nc, r: bufio.NewReaderSize(nc, buffer)}
}

// NetConn is the connection below, for deadlines and addresses, and for writing frames that were put together elsewhere.
func (c *Conn) NetConn() net.Conn { return c.nc }

// Close closes the connection at once; a read or write under way ends with an error.
func (c *Conn) Close() error { return c.nc.Close() }

// Write sends messages, in one write.
func (c *Conn) Write(all ...Message) error {
	var out []byte
	var err error
	for _, m := range all {
		if out, err = m.Append(out); err != nil {
			return err
		}
	}
	if _, err := c.nc.Write(out); err != nil {
		return fmt.Errorf("write rtsp message: %w", err)
	}
	return nil
}

// Read gives the next message. Errors are [*wire.SyntaxError], [*wire.UnsupportedError], [*LimitError], or those of the connection; io.EOF is
// a close between two messages. None of them repeats a URL or a header's value. After an error the connection is of no more use,
// but for an answer, see [StatusOf].
func (c *Conn) Read() (Message, error) {
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return nil, err // io.EOF too
		}
		c.offset++
		switch b {
		case '\r', '\n': // between messages, since some end a body with one (RFC 9112 §2.2)
			continue
		case '$':
			return c.readFrame()
		}
		c.offset--
		if err := c.r.UnreadByte(); err != nil {
			return nil, err
		}
		return c.readText()
	}
}

// readFrame reads a frame behind its "$".
func (c *Conn) readFrame() (*Frame, error) {
	head, err := c.readBytes(FrameHeaderSize - 1)
	if err != nil {
		return nil, err
	}
	data, err := c.readBytes(int(head[1])<<8 | int(head[2]))
	if err != nil {
		return nil, err
	}
	return &Frame{Channel: head[0], Data: data}, nil
}

// readText reads a request or a response.
func (c *Conn) readText() (Message, error) {
	start := c.offset
	line, err := c.readLine(maxFirstLine, LimitRequestLine, "first line too long")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(line, "RTSP/") {
		r := &Response{}
		if r.Status, r.Reason, err = parseStatusLine(line, start); err != nil {
			return nil, err
		}
		r.Header, r.Body, err = c.readRest(start)
		return message(r, err)
	}
	r := &Request{}
	if r.Method, r.URL, err = parseRequestLine(line, start); err != nil {
		return nil, err
	}
	r.Header, r.Body, err = c.readRest(start)
	return message(r, err)
}

// message gives no message with an error.
func message(m Message, err error) (Message, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// readRest reads header and body of a message that began at an offset.
func (c *Conn) readRest(begin int64) (h Header, body []byte, err error) {
	for {
		start := c.offset
		line, err := c.readLine(maxField, LimitField, "header field too long")
		if err != nil {
			return nil, nil, err
		}
		if line == "" {
			break
		}
		if len(h) == maxFields {
			return nil, nil, &LimitError{Limit: LimitFields, Offset: start, Seen: maxFields + 1, Max: maxFields, Msg: "too many header fields"}
		}
		if size := c.offset - begin; size > maxHeader {
			return nil, nil, &LimitError{Limit: LimitHeader, Offset: start, Seen: size, Max: maxHeader, Msg: "header too large"}
		}
		f, err := parseField(line, start)
		if err != nil {
			return nil, nil, err
		}
		h = append(h, f)
	}
	size, err := c.bodySize(h)
	if err != nil || size == 0 {
		return h, nil, err
	}
	body, err = c.readBytes(size)
	return h, body, err
}

// bodySize reads Content-Length.
func (c *Conn) bodySize(h Header) (int, error) {
	size := uint64(0)
	for i, value := range h.Values(contentLength) {
		n, err := strconv.ParseUint(value, 10, 63)
		if errors.Is(err, strconv.ErrRange) {
			n, err = 1<<63-1, nil
		}
		if err != nil || i > 0 && n != size {
			return 0, syntax(c.offset, "Content-Length is not one decimal number")
		}
		size = n
	}
	if size > maxBody {
		return 0, &LimitError{Limit: LimitBody, Offset: c.offset, Seen: int64(size), Max: maxBody, Msg: "body too large"}
	}
	return int(size), nil
}

// readLine reads up to the end of the line, which is CR LF or LF alone (RFC 2326 §4), and gives it without that.
func (c *Conn) readLine(most int, limit Limit, msg string) (string, error) {
	var line []byte
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return "", cut(err)
		}
		c.offset++
		if b == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		if len(line) == most+1 || len(line) == most && b != '\r' {
			return "", &LimitError{Limit: limit, Offset: c.offset, Seen: int64(most) + 1, Max: int64(most), Msg: msg}
		}
		line = append(line, b)
	}
}

// readBytes reads n bytes, for which memory is taken as they arrive.
func (c *Conn) readBytes(n int) ([]byte, error) {
	b := make([]byte, 0, min(n, serverBuffer))
	for len(b) < n {
		start := len(b)
		b = append(b, make([]byte, min(n-start, max(serverBuffer, start)))...)
		read, err := io.ReadFull(c.r, b[start:])
		c.offset += int64(read)
		if err != nil {
			return nil, cut(err)
		}
	}
	return b, nil
}

// cut makes a close within a message an [io.ErrUnexpectedEOF].
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseRequestLine reads "METHOD URL RTSP/1.0", RFC 2326 §6.1.
func parseRequestLine(line string, at int64) (method, url string, err error) {
	method, rest, _ := strings.Cut(line, " ")
	url, version, _ := strings.Cut(rest, " ")
	switch {
	case !isToken(method) || !isWord(url):
		return "", "", syntax(at, "a request line that is not METHOD URL VERSION")
	case strings.HasPrefix(version, "HTTP/"):
		return "", "", &wire.UnsupportedError{Format: "rtsp", Offset: at, Msg: "HTTP, and RTSP within it: use RTSP over TCP or TLS"}
	}
	return method, url, checkVersion(version, at)
}

// parseStatusLine reads "RTSP/1.0 200 OK", RFC 2326 §7.1.
func parseStatusLine(line string, at int64) (status int, reason string, err error) {
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	if err := checkVersion(version, at); err != nil {
		return 0, "", err
	}
	n, err := strconv.ParseUint(code, 10, 16)
	if err != nil || n < 100 || n > 999 || !isText(reason) {
		return 0, "", syntax(at, "a status line that is not VERSION STATUS REASON")
	}
	return int(n), reason, nil
}

func checkVersion(version string, at int64) error {
	number, found := strings.CutPrefix(version, "RTSP/")
	major, minor, dot := strings.Cut(number, ".")
	switch {
	case version == Version:
		return nil
	case found && dot && isDigits(major) && isDigits(minor):
		return &wire.UnsupportedError{Format: "rtsp", Offset: at, Msg: "a version that is not 1.0"}
	}
	return syntax(at, "no version where one must stand")
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// parseField reads "Name: value". Values on several lines, which only old texts have, are refused.
func parseField(line string, at int64) (Field, error) {
	if line[0] == ' ' || line[0] == '\t' {
		return Field{}, syntax(at, "a header field on several lines")
	}
	name, value, found := strings.Cut(line, ":")
	name, value = strings.TrimRight(name, " \t"), strings.Trim(value, " \t")
	if !found || !isToken(name) || !isText(value) {
		return Field{}, syntax(at, "a header field that is not Name: value")
	}
	return Field{name, value}, nil
}

func syntax(at int64, msg string) error {
	return &wire.SyntaxError{Format: "rtsp", Offset: at, Msg: msg}
}
