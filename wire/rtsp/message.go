// Package rtsp reads and writes RTSP 1.0: requests, responses and the interleaved frames between them, the headers that a server of
// live streams needs, session descriptions, authentication on both sides, and a small client.
//
// Sources: RFC 2326, with what RFC 7826 made clear of it where that does not change the bytes. A [Conn] is one connection, of which
// [Conn.Read] gives a [Message] at a time. A server answers a [*Request] with [NewResponse]; a client is a [Client]. What
// the frames carry is read by wire/rtp.
package rtsp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Version is the only version that is spoken.
const Version = "RTSP/1.0"

// The methods of RFC 2326 §10. The set is open: a request may have others.
const (
	MethodOptions      = "OPTIONS"
	MethodDescribe     = "DESCRIBE"
	MethodAnnounce     = "ANNOUNCE"
	MethodSetup        = "SETUP"
	MethodPlay         = "PLAY"
	MethodPause        = "PAUSE"
	MethodRecord       = "RECORD"
	MethodTeardown     = "TEARDOWN"
	MethodGetParameter = "GET_PARAMETER"
	MethodSetParameter = "SET_PARAMETER"
	MethodRedirect     = "REDIRECT"
)

// Message is what stands on a connection: a [*Request], a [*Response] or a [*Frame].
type Message interface {
	// Append writes the message behind dst. An error is a fault of the caller: a line break in a field.
	Append(dst []byte) ([]byte, error)
}

// Request is a request, RFC 2326 §6.
type Request struct {
	Method string
	URL    string // as it was sent, see [ParseURL]; "*" for the server itself
	Header Header
	Body   []byte // Content-Length is made of it, and was checked against it
}

// Response is the answer to a request, RFC 2326 §7.
type Response struct {
	Status int
	Reason string // for people; empty: the usual one
	Header Header
	Body   []byte // as in [Request]
}

// Frame is a packet within the connection, RFC 2326 §10.12:
//
//	"$" 8 bits · channel 8 · length 16 · data
type Frame struct {
	Channel uint8  // as agreed in Transport: even ones are RTP, odd ones RTCP, as a habit
	Data    []byte // at most 65,535 bytes
}

// FrameHeaderSize is the size of what [AppendFrameHeader] writes, in bytes.
const FrameHeaderSize = 4

// AppendFrameHeader writes what stands in front of a frame's data of the given length, at most 65,535, behind dst.
func AppendFrameHeader(dst []byte, channel uint8, length int) []byte {
	return binary.BigEndian.AppendUint16(append(dst, '$', channel), uint16(length))
}

// Field is one header field.
type Field struct{ Name, Value string }

// Header is the header of a message, in order. Names are compared without regard to case.
type Header []Field

// Value gives the first value of a name; empty where there is none.
func (h Header) Value(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Values gives all values of a name.
func (h Header) Values(name string) (all []string) {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// Add puts fields behind the others.
func (h *Header) Add(fields ...Field) { *h = append(*h, fields...) }

// CSeq gives the number of a request, which its response repeats; false where it has none.
func (h Header) CSeq() (uint32, bool) {
	n, err := strconv.ParseUint(h.Value("CSeq"), 10, 32)
	return uint32(n), err == nil
}

// NewResponse makes the response to a request, with its CSeq where it has one, and with more fields.
func NewResponse(r *Request, status int, fields ...Field) *Response {
	a := &Response{Status: status}
	if n, ok := r.Header.CSeq(); ok {
		a.Header.Add(Field{"CSeq", strconv.FormatUint(uint64(n), 10)})
	}
	a.Header.Add(fields...)
	return a
}

// errText is a fault of the caller: what would be read as something else.
var errText = errors.New("write rtsp message: a line break, or nothing, where a text must stand")

// Append writes the request behind dst.
func (r *Request) Append(dst []byte) ([]byte, error) {
	if !isToken(r.Method) || !isWord(r.URL) {
		return nil, errText
	}
	dst = fmt.Appendf(dst, "%s %s %s\r\n", r.Method, r.URL, Version)
	return appendRest(dst, r.Header, r.Body)
}

// Append writes the response behind dst.
func (r *Response) Append(dst []byte) ([]byte, error) {
	reason := r.Reason
	if reason == "" {
		reason = Reason(r.Status)
	}
	if r.Status < 100 || r.Status > 999 || !isText(reason) {
		return nil, errText
	}
	dst = fmt.Appendf(dst, "%s %d %s\r\n", Version, r.Status, reason)
	return appendRest(dst, r.Header, r.Body)
}

// Append writes the frame behind dst.
func (f *Frame) Append(dst []byte) ([]byte, error) {
	if len(f.Data) > maxFrame {
		return nil, fmt.Errorf("write rtsp frame: %d bytes, more than %d", len(f.Data), maxFrame)
	}
	return append(AppendFrameHeader(dst, f.Channel, len(f.Data)), f.Data...), nil
}

// appendRest writes all behind the first line. Content-Length is ours to write.
func appendRest(dst []byte, h Header, body []byte) ([]byte, error) {
	for _, f := range h {
		if !isToken(f.Name) || !isText(f.Value) {
			return nil, errText
		}
		if !strings.EqualFold(f.Name, contentLength) {
			dst = fmt.Appendf(dst, "%s: %s\r\n", f.Name, f.Value)
		}
	}
	if len(body) > 0 {
		dst = fmt.Appendf(dst, "%s: %d\r\n", contentLength, len(body))
	}
	return append(append(dst, "\r\n"...), body...), nil
}

const contentLength = "Content-Length"

// isToken says whether s is a token, RFC 2326 §15.1: letters, digits and some signs.
func isToken(s string) bool {
	for i := range len(s) {
		if b := s[i]; b <= ' ' || b >= 0x7F || strings.IndexByte(`()<>@,;:\"/[]?={}`, b) >= 0 {
			return false
		}
	}
	return s != ""
}

// isWord says whether s has neither blanks nor control characters.
func isWord(s string) bool { return s != "" && isText(s) && !strings.ContainsAny(s, " \t") }

// isText says whether s has no control characters but tabs.
func isText(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7F {
			return false
		}
	}
	return true
}
