package mediatest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Refusal is how a [Receiver] turns a publisher down.
type Refusal struct {
	Code  string // such as NetStream.Publish.BadName
	Words string // the description
}

// Receiver is a raw RTMP server on loopback that takes whatever is published to it. It notes commands and media, for
// tests that must see what nginx-rtmp does not tell.
type Receiver struct {
	Addr string

	refusal *Refusal // nil: everybody is welcome
	discard bool     // keep no media, only count it
	server  *server

	mu       sync.Mutex
	sessions []*Session
}

// Session is one connection to a [Receiver] that came as far as publish. Its methods may be called at any time.
type Session struct {
	Key      string
	Accepted time.Time

	mu       sync.Mutex
	commands []string
	tags     []Tag
	arrivals []time.Time // of tags
	bytes    int64
	ended    time.Time
}

// NewReceiver starts a receiver that accepts every key and keeps all media.
func NewReceiver(t testing.TB) *Receiver { return startReceiver(t, &Receiver{}) }

// NewSink starts a receiver that accepts every key and counts media without keeping it.
func NewSink(t testing.TB) *Receiver { return startReceiver(t, &Receiver{discard: true}) }

// NewRefuser starts a receiver that turns every publish down.
func NewRefuser(t testing.TB, r Refusal) *Receiver {
	return startReceiver(t, &Receiver{refusal: &r})
}

func startReceiver(t testing.TB, r *Receiver) *Receiver {
	t.Helper()
	r.server = serve(t, func(conn net.Conn) { r.session(conn) })
	r.Addr = r.server.addr
	return r
}

// URL gives the publish URL of a key.
func (r *Receiver) URL(key string) string { return "rtmp://" + r.Addr + "/live/" + key }

// Sessions gives the publishes of a key so far, oldest first.
func (r *Receiver) Sessions(key string) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	var of []*Session
	for _, s := range r.sessions {
		if s.Key == key {
			of = append(of, s)
		}
	}
	return of
}

// Commands gives the names of all commands of the session so far, in order.
func (s *Session) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Tags gives the media so far.
func (s *Session) Tags() []Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tags)
}

// Arrivals gives when each of Tags was read.
func (s *Session) Arrivals() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.arrivals)
}

// Bytes counts the bytes of media so far.
func (s *Session) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Ended gives when the connection ended; zero while it is open.
func (s *Session) Ended() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// session talks with one publisher until it leaves.
func (r *Receiver) session(conn net.Conn) {
	if err := answerHandshake(conn); err != nil {
		return
	}
	s := &Session{}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = time.Now()
	}()
	in := newChunkReader(conn)
	for {
		m, err := in.next()
		if err != nil {
			return
		}
		if m.kind != commandMessage {
			s.media(m, r.discard)
			continue
		}
		c := readCommand(m.body)
		s.note(c.name)
		if err := r.answer(conn, s, c); err != nil {
			return
		}
	}
}

func (s *Session) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, name)
}

func (s *Session) media(m message, discard bool) {
	if m.kind != AudioTag && m.kind != VideoTag && m.kind != DataTag {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(m.body))
	if !discard {
		s.arrivals = append(s.arrivals, time.Now())
		s.tags = append(s.tags, Tag{Type: m.kind, Time: int64(m.time), Body: m.body})
	}
}

// answer says what a server says to a command.
func (r *Receiver) answer(w io.Writer, s *Session, c command) error {
	say := func(stream uint32, values ...any) error {
		_, err := w.Write(chunks(3, message{kind: commandMessage, stream: stream, body: amf(values...)}, 128))
		return err
	}
	switch c.name {
	case "connect":
		window := message{kind: windowAckSize, body: binary.BigEndian.AppendUint32(nil, 2_500_000)}
		bandwidth := message{kind: peerBandwidth, body: append(binary.BigEndian.AppendUint32(nil, 2_500_000), 2)}
		if _, err := w.Write(append(chunks(2, window, 128), chunks(2, bandwidth, 128)...)); err != nil {
			return err
		}
		return say(0, "_result", c.transaction, []pair{{"fmsVer", "FMS/3,0,1,123"}, {"capabilities", 31.0}, {"audioFourCcInfoMap", []pair{{"*", 4.0}}}},
			[]pair{{"level", "status"}, {"code", "NetConnection.Connect.Success"}, {"description", "Connection succeeded."}})
	case "createStream":
		return say(0, "_result", c.transaction, nil, 1.0)
	case "publish":
		return r.verdict(s, c, say)
	}
	return nil
}

// verdict accepts a publish and notes its session, or refuses it and ends the connection.
func (r *Receiver) verdict(s *Session, c command, say func(uint32, ...any) error) error {
	if r.refusal != nil {
		err := say(1, "onStatus", 0.0, nil, []pair{{"level", "error"}, {"code", r.refusal.Code}, {"description", r.refusal.Words}})
		if err == nil {
			err = fmt.Errorf("publish refused")
		}
		return err
	}
	if len(c.text) > 0 {
		s.Key = c.text[0]
	}
	s.Accepted = time.Now()
	r.mu.Lock()
	r.sessions = append(r.sessions, s)
	r.mu.Unlock()
	return say(1, "onStatus", 0.0, nil, []pair{{"level", "status"}, {"code", "NetStream.Publish.Start"}, {"description", "Start publishing"}})
}

// answerHandshake does the server's part of the simple handshake.
func answerHandshake(conn net.Conn) error {
	c0c1 := make([]byte, 1+handshakeLen)
	if _, err := io.ReadFull(conn, c0c1); err != nil {
		return err
	}
	s0s1s2 := make([]byte, 1+2*handshakeLen)
	s0s1s2[0] = 3
	copy(s0s1s2[1+handshakeLen:], c0c1[1:])
	if _, err := conn.Write(s0s1s2); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, handshakeLen)
	return err
}
