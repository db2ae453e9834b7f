// Package sandbox holds what a demonstration and a test need around the gateway: a [Receiver] that answers as a platform
// would, and a [Card], a test card that plays until a real encoder comes.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/rtmp"
)

const (
	openTimeout = 10 * time.Second
	silence     = 5 * time.Minute // a platform waits about so long for a publisher that sends nothing
)

var errWrongKey = errors.New("publisher with a wrong stream key")

// Receiver is an RTMP server that takes publishers as a platform does, counts what they send, and drops it. Set the fields
// before Serve.
type Receiver struct {
	Key string // the only stream key that is taken; "" takes any
	Log *slog.Logger

	mu        sync.Mutex
	counts    Counts
	publisher net.Conn // nil: none
}

// Counts is what a receiver has seen since it started.
type Counts struct {
	Publishing bool
	Publishes  int // publishers accepted
	Refused    int // publishers with another key
	CleanEnds  int // publishers that said FCUnpublish or deleteStream
	Video      int // video messages, sequence headers among them
	Audio      int
	Data       int
	Keys       int   // key frames
	Bytes      int64 // of message bodies
	Backwards  int   // messages whose time fell below the one before on the same track
	Unreadable int   // messages that are no FLV
}

// Counts gives what was seen so far.
func (r *Receiver) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Publishing = r.publisher != nil
	return c
}

// Serve takes connections from l until ctx ends; then it closes them all and returns nil.
func (r *Receiver) Serve(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept sandbox connections: %w", err)
		}
		all.Go(func() {
			defer nc.Close()
			stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
			defer stop()
			if err := r.connection(nc); err != nil && ctx.Err() == nil {
				r.Log.Debug("sandbox connection ended", "remote", nc.RemoteAddr().String(), "err", err)
			}
		})
	}
}

// connection serves one publisher.
func (r *Receiver) connection(nc net.Conn) error {
	_ = nc.SetDeadline(time.Now().Add(openTimeout))
	hello, err := rtmp.ReadHello(nc)
	if err != nil {
		return err
	}
	if err := hello.Answer(nc); err != nil {
		return err
	}
	conn := rtmp.NewConn(nc)
	request, err := rtmp.ReadRequest(conn, "live", "app")
	if err != nil {
		return err
	}
	if request.Action != rtmp.Publish {
		return request.Reject(rtmp.CodePlayFailed, "this server only takes publishers")
	}
	if err := r.claim(nc, request); err != nil {
		return err
	}
	defer r.release(nc)
	if err := request.Accept(); err != nil {
		return err
	}
	conn.Authorise()
	return r.receive(nc, conn)
}

// claim checks the key. A second publisher with the right one replaces the first, as platforms do when an encoder comes back.
func (r *Receiver) claim(nc net.Conn, request *rtmp.Request) error {
	r.mu.Lock()
	if r.Key != "" && request.Name != r.Key {
		r.counts.Refused++
		r.mu.Unlock()
		_ = request.Reject(rtmp.CodePublishBadName, "Invalid stream key.")
		return errWrongKey
	}
	before := r.publisher
	r.publisher = nc
	r.counts.Publishes++
	r.mu.Unlock()
	if before != nil {
		_ = before.Close()
	}
	return nil
}

func (r *Receiver) release(nc net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.publisher == nc {
		r.publisher = nil
	}
}

// receive counts messages until the publisher ends.
func (r *Receiver) receive(nc net.Conn, conn *rtmp.Conn) error {
	var last [256]int64 // by message type
	for {
		_ = nc.SetDeadline(time.Now().Add(silence))
		m, err := conn.ReadMessage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if m.Type == rtmp.TypeCommand {
			cmd, err := rtmp.ParseCommand(m)
			if err != nil {
				return err
			}
			if rtmp.IsEnd(cmd) {
				r.mu.Lock()
				r.counts.CleanEnds++
				r.mu.Unlock()
				return conn.Answer(cmd)
			}
			continue
		}
		r.count(m, m.Timestamp < last[m.Type])
		last[m.Type] = m.Timestamp
	}
}

// count takes one message into the counts.
func (r *Receiver) count(m rtmp.Message, backwards bool) {
	key, readable := inspect(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.counts
	c.Bytes += int64(len(m.Payload))
	switch m.Type {
	case rtmp.TypeVideo:
		c.Video++
	case rtmp.TypeAudio:
		c.Audio++
	case rtmp.TypeData:
		c.Data++
	}
	if key {
		c.Keys++
	}
	if !readable {
		c.Unreadable++
	}
	if backwards {
		c.Backwards++
	}
}

// inspect says whether a message holds a key frame, and whether it can be read at all.
func inspect(m rtmp.Message) (key, readable bool) {
	switch m.Type {
	case rtmp.TypeVideo:
		tags, err := flv.ParseVideo(m.Payload, nil)
		return err == nil && len(tags) > 0 && tags[0].Key && tags[0].Kind == flv.Coded, err == nil
	case rtmp.TypeAudio:
		_, err := flv.ParseAudio(m.Payload, nil)
		return false, err == nil
	}
	return false, true
}
