//go:build linux

package mediatest

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// obsSocket talks obs-websocket 5 over the least of RFC 6455 that it takes: one text message at a time, asked and
// answered.
type obsSocket struct {
	conn net.Conn
	r    *bufio.Reader
	next int
}

// obsAnswer is what a request came to.
type obsAnswer struct {
	ok   bool
	data json.RawMessage
}

// obsMessage is the envelope of all messages of obs-websocket 5.
type obsMessage struct {
	Op int `json:"op"`
	D  struct {
		Authentication *struct{ Challenge, Salt string } `json:"authentication"`
		RequestStatus  struct{ Result bool }             `json:"requestStatus"`
		ResponseData   json.RawMessage                   `json:"responseData"`
	} `json:"d"`
}

// The operations of obs-websocket 5 that are used here.
const (
	obsHello      = 0
	obsIdentify   = 1
	obsIdentified = 2
	obsRequest    = 6
	obsResponse   = 7
)

func dialable(port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// dialOBS connects and identifies itself.
func dialOBS(t testing.TB, addr, password string) *obsSocket {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dial OBS: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &obsSocket{conn: conn, r: bufio.NewReader(conn)}
	s.upgrade(t, addr)
	hello := s.await(t, obsHello)
	identify := fields{"rpcVersion": 1, "eventSubscriptions": 0}
	if a := hello.D.Authentication; a != nil {
		identify["authentication"] = digest(digest(password+a.Salt) + a.Challenge)
	}
	s.send(t, fields{"op": obsIdentify, "d": identify})
	s.await(t, obsIdentified)
	return s
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// upgrade turns the connection into a WebSocket (RFC 6455 §4.1).
func (s *obsSocket) upgrade(t testing.TB, addr string) {
	t.Helper()
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	_, err := fmt.Fprintf(s.conn, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", addr, base64.StdEncoding.EncodeToString(nonce))
	if err != nil {
		t.Fatalf("upgrade OBS connection: %v", err)
	}
	for first := true; ; first = false {
		line, err := s.r.ReadString('\n')
		if err != nil || first && !strings.Contains(line, " 101 ") {
			t.Fatalf("upgrade OBS connection: %q, %v", line, err)
		}
		if line == "\r\n" {
			return
		}
	}
}

// request asks OBS and waits for the answer.
func (s *obsSocket) request(t testing.TB, kind string) obsAnswer {
	t.Helper()
	s.next++
	s.send(t, fields{"op": obsRequest, "d": fields{"requestType": kind, "requestId": fmt.Sprint(s.next)}})
	m := s.await(t, obsResponse)
	return obsAnswer{ok: m.D.RequestStatus.Result, data: m.D.ResponseData}
}

// send writes one masked text frame (RFC 6455 §5.2); the mask is zero, which the protocol allows.
func (s *obsSocket) send(t testing.TB, v fields) {
	t.Helper()
	body := asJSON(t, v)
	frame := []byte{0x81, 0x80 | byte(min(len(body), 126))}
	if len(body) >= 126 {
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(body)))
	}
	frame = append(append(frame, 0, 0, 0, 0), body...)
	if _, err := s.conn.Write(frame); err != nil {
		t.Fatalf("write to OBS: %v", err)
	}
}

// await reads text frames until one with the operation comes.
func (s *obsSocket) await(t testing.TB, op int) obsMessage {
	t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(obsPatience)); err != nil {
		t.Fatalf("read from OBS: %v", err)
	}
	for {
		kind, body, err := s.frame()
		if err != nil {
			t.Fatalf("read from OBS: %v", err)
		}
		if kind != 1 {
			continue
		}
		var m obsMessage
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("read from OBS: %v: %s", err, body)
		}
		if m.Op == op {
			return m
		}
	}
}

// frame reads one frame of a server, which is never masked.
func (s *obsSocket) frame() (kind byte, body []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(s.r, h[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(h[1] & 0x7f)
	if length >= 126 {
		more := make([]byte, 8)
		if length == 126 {
			_, err = io.ReadFull(s.r, more[6:])
		} else {
			_, err = io.ReadFull(s.r, more)
		}
		if err != nil {
			return 0, nil, err
		}
		length = binary.BigEndian.Uint64(more)
	}
	if length > 1<<20 {
		return 0, nil, fmt.Errorf("frame of %d bytes", length)
	}
	body = make([]byte, length)
	_, err = io.ReadFull(s.r, body)
	return h[0] & 15, body, err
}
