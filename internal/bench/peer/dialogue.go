// Package peer speaks RTMP as the benchmark's publishers, players, sinks and floors do, over plain connections and TLS.
//
// It shares the words of the dialogue with wire/rtmp, but not the reading and writing of media: what measures may become neither
// faster nor slower with what is measured.
package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// dialogueTime is the longest that handshake and commands may take.
const dialogueTime = 20 * time.Second

// App is the application that all publish to and play from.
const App = "live"

// Transactions of the client's commands.
const (
	ofConnect = iota + 1
	ofRelease
	ofFCPublish
	ofCreate
	ofStream // publish or play
)

// streamID is the message stream id that all give.
const streamID = 1

// A Session is one RTMP connection.
type Session struct {
	net.Conn

	in   *chunkReader
	size int // of the chunks that are sent
}

// Next reads the next message.
func (s *Session) Next() (*Message, error) { return s.in.next() }

// say sends commands, in one write.
func (s *Session) say(commands ...rtmp.Command) error {
	_, err := s.Write(appendCommands(nil, s.size, commands...))
	return err
}

// command gives the next command.
func (s *Session) command() (rtmp.Command, error) {
	for {
		m, err := s.in.next()
		if err != nil {
			return rtmp.Command{}, err
		}
		if m.Kind == rtmp.TypeCommand {
			return rtmp.ParseCommand(rtmp.Message{Type: m.Kind, StreamID: m.stream, Payload: m.Body})
		}
	}
}

// Dial connects to a server as far as its application. Publish or Play follows, or Close.
func Dial(addr string) (*Session, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return Connect(nc, addr)
}

// Connect is Dial over a connection that is there. It closes the connection where it fails.
func Connect(nc net.Conn, addr string) (*Session, error) {
	s := &Session{Conn: nc, in: newChunkReader(nc), size: defaultSize}
	_ = nc.SetDeadline(time.Now().Add(dialogueTime))
	if err := s.connect(addr); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return s, nil
}

func (s *Session) connect(addr string) error {
	if err := rtmp.OfferHandshake(s); err != nil {
		return err
	}
	object := amf.Object{{Key: "app", Value: App}, {Key: "tcUrl", Value: "rtmp://" + addr + "/" + App}}
	if err := s.say(rtmp.Command{Name: "connect", Transaction: ofConnect, Object: object}); err != nil {
		return err
	}
	return s.await("connect", ofConnect, "")
}

// create makes a stream and asks for what it is to do: publish or play. It comes back once the server agrees.
func (s *Session) create(what, code string, args ...any) error {
	if err := s.say(rtmp.Command{Name: "createStream", Transaction: ofCreate}); err != nil {
		return err
	}
	if err := s.await("createStream", ofCreate, ""); err != nil {
		return err
	}
	if err := s.say(rtmp.Command{Name: what, Transaction: ofStream, Args: args, StreamID: streamID}); err != nil {
		return err
	}
	err := s.await(what, ofStream, code)
	_ = s.SetDeadline(time.Time{})
	return err
}

// await waits for the result of a transaction, or for the status of a code.
func (s *Session) await(what string, transaction float64, code string) error {
	for {
		c, err := s.command()
		if err != nil {
			return fmt.Errorf("answer to %s: %w", what, err)
		}
		status, _ := rtmp.StatusOf(c)
		switch {
		case c.Name == "_error" && c.Transaction == transaction, status.Level == "error":
			return &rtmp.StatusError{Command: what, Status: status}
		case code == "" && c.Name == "_result" && c.Transaction == transaction, code != "" && status.Code == code:
			return nil
		}
	}
}

// Publish asks to publish under a key.
func (s *Session) Publish(key string) error {
	if err := s.setSize(ChunkSize); err != nil {
		return err
	}
	return s.create("publish", rtmp.CodePublishStart, key, "live")
}

// setSize says in which chunks this side sends from now on.
func (s *Session) setSize(size int) error {
	body := binary.BigEndian.AppendUint32(nil, uint32(size))
	_, err := s.Write(appendMessage(nil, rtmp.TypeSetChunkSize, 0, 0, body, s.size))
	s.size = size
	return err
}

// Unpublish ends a publish cleanly.
func (s *Session) Unpublish(key string) error {
	return s.say(
		rtmp.Command{Name: "FCUnpublish", Transaction: ofStream + 1, Args: []any{key}},
		rtmp.Command{Name: "deleteStream", Transaction: ofStream + 2, Args: []any{float64(streamID)}})
}

// Play asks for a live stream.
func (s *Session) Play(name string) error { return s.create("play", rtmp.CodePlayStart, name) }

// Accept answers a publisher until it has begun. It closes the connection where it fails.
func Accept(nc net.Conn) (*Session, error) {
	s := &Session{Conn: nc, in: newChunkReader(nc), size: defaultSize}
	_ = nc.SetDeadline(time.Now().Add(dialogueTime))
	if err := s.accept(); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("accept publisher: %w", err)
	}
	_ = nc.SetDeadline(time.Time{})
	return s, nil
}

func (s *Session) accept() error {
	hello, err := rtmp.ReadHello(s.in.r) // the one buffer: a floor sends its whole part at once
	if err != nil {
		return err
	}
	if err := hello.Answer(struct {
		io.Reader
		io.Writer
	}{s.in.r, s.Conn}); err != nil {
		return err
	}
	for {
		c, err := s.command()
		if err != nil {
			return err
		}
		switch {
		case c.Name == "publish":
			return s.say(agree())
		case c.Name == "connect":
			err = errors.Join(s.setSize(sinkSize), s.say(welcome(c.Transaction)))
		case c.Name == "createStream":
			err = s.say(created(c.Transaction))
		case c.Transaction > 0:
			err = s.say(rtmp.Command{Name: "_result", Transaction: c.Transaction, Args: []any{amf.Undefined{}}})
		}
		if err != nil {
			return err
		}
	}
}
