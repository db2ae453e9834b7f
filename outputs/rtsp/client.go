package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/wire/gather"
	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
)

// public are the methods that are answered.
const public = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER"

// errRevoked is the end of a client whose right to play is gone.
var errRevoked = errors.New("the right to play has expired, or was taken away")

// client is one connection. Its goroutine reads requests; while it plays, another one writes packets.
type client struct {
	server  *Server
	conn    *wire.Conn
	nc      net.Conn
	peer    string     // address without port
	address netip.Addr // the same; the only one to which packets go
	log     *slog.Logger
	settle  func() // it has come to PLAY
	began   time.Time

	refusals int
	session  wire.Session // empty before SETUP
	stream   string       // of the session
	lanes    []*lane
	playing  *playing // nil before PLAY

	writing sync.Mutex       // each message and each run of packets is whole on the connection; held while they are written
	stuck   outputs.Patience // with the client's reading; guarded by writing
	alive   atomic.Int64     // when there was the last sign of life, in ns since began
}

// playing is a sender at work.
type playing struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has returned
	pass   *access.Pass
	until  time.Time // set before done is closed: the client may speak till then
}

// run reads until the connection is over.
func (c *client) run(ctx context.Context) error {
	for {
		c.patience()
		m, err := c.conn.Read()
		if err != nil {
			if c.isAlive(ctx, err) {
				continue
			}
			if status := wire.StatusOf(err); status != 0 {
				_ = c.say(&wire.Response{Status: status})
			}
			return c.reason(err)
		}
		c.lives()
		r, ok := m.(*wire.Request)
		if !ok {
			continue // frames are RTCP of the client, which says no more than that it is there
		}
		over, err := c.answer(ctx, r)
		if err != nil || over {
			return err
		}
	}
}

// patience sets how long the next message may take.
func (c *client) patience() {
	until := c.began.Add(openTime)
	if c.playing != nil {
		until = c.began.Add(time.Duration(c.alive.Load()) + c.server.timeout())
	}
	_ = c.nc.SetReadDeadline(until)
	if c.playing != nil && c.playing.isOver() { // its end has set another deadline, just before
		_ = c.nc.SetReadDeadline(c.playing.until)
	}
}

// isOver says whether the sender has returned.
func (p *playing) isOver() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// isAlive says whether a client that says nothing takes packets, or sends RTCP over UDP.
func (c *client) isAlive(ctx context.Context, err error) bool {
	if c.playing == nil || !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil || c.playing.isOver() {
		return false
	}
	return time.Since(c.began)-time.Duration(c.alive.Load()) < c.server.timeout()
}

// reason is why reading ended, where it was made to.
func (c *client) reason(err error) error {
	if c.playing == nil {
		return err
	}
	select {
	case <-c.playing.pass.Done():
		return errRevoked
	default:
		return err
	}
}

// answer carries a request out; over is the end of the connection.
func (c *client) answer(ctx context.Context, r *wire.Request) (over bool, err error) {
	switch r.Method {
	case wire.MethodOptions:
		return false, c.say(wire.NewResponse(r, wire.StatusOK, wire.Field{Name: "Public", Value: public}))
	case wire.MethodDescribe:
		return c.describe(r)
	case wire.MethodSetup:
		return c.setup(r)
	case wire.MethodPlay:
		return c.play(ctx, r)
	case wire.MethodGetParameter, wire.MethodSetParameter:
		return c.parameter(r)
	case wire.MethodTeardown:
		if !c.isSession(r) {
			return false, c.refuse(r, wire.StatusSessionNotFound, "")
		}
		c.stop()
		return true, c.say(c.within(r))
	case wire.MethodPause:
		return false, c.refuse(r, wire.StatusMethodNotAllowed, "A live stream cannot be paused")
	}
	return false, c.refuse(r, wire.StatusNotImplemented, "")
}

// parameter is a sign of life; there is nothing to get or to set.
func (c *client) parameter(r *wire.Request) (bool, error) {
	if c.session.ID != "" && !c.isSession(r) {
		return false, c.refuse(r, wire.StatusSessionNotFound, "")
	}
	return false, c.say(c.within(r))
}

// describe gives the session description.
func (c *client) describe(r *wire.Request) (bool, error) {
	u, over, err := c.authorize(r)
	if over || err != nil || u == nil {
		return over, err
	}
	tracks := c.tracks(u.Path)
	if len(tracks) == 0 {
		return false, c.refuse(r, wire.StatusNotFound, "The stream is not live")
	}
	d := wire.Description{Name: u.Path, ID: uint64(rtp.Random()), Version: 1, Control: "*"}
	for i, t := range tracks {
		d.Medias = append(d.Medias, wire.Media{Track: t, Control: fmt.Sprintf("trackID=%d", i)})
	}
	body, err := d.Marshal()
	if err != nil {
		c.log.Warn("stream not described", "stream", u.Path, "err", err)
		return false, c.refuse(r, wire.StatusInternalError, "")
	}
	base := strings.TrimSuffix(u.WithTrack(wire.NoTrack).String(), "/") + "/"
	a := wire.NewResponse(r, wire.StatusOK, wire.Field{Name: "Content-Base", Value: base}, wire.Field{Name: "Content-Type", Value: wire.ContentTypeSDP})
	a.Body = body
	return false, c.say(a)
}

// tracks gives those tracks of a stream that RTP can carry; none where it is not live.
func (c *client) tracks(stream string) (tracks []*media.Track) {
	s, live := c.server.Stream(stream)
	if !live {
		return nil
	}
	for _, t := range s.Tracks() {
		if !t.Codec.IsVideo() && !t.Codec.IsAudio() {
			continue
		}
		if _, err := rtp.MappingOf(t); err == nil {
			tracks = append(tracks, t)
		}
	}
	return tracks
}

// refuse answers with an error.
func (c *client) refuse(r *wire.Request, status int, words string) error {
	a := wire.NewResponse(r, status)
	a.Reason = words
	if status == wire.StatusMethodNotAllowed {
		a.Header.Add(wire.Field{Name: "Allow", Value: public})
	}
	return c.say(a)
}

// within makes the answer to a request of the session.
func (c *client) within(r *wire.Request, fields ...wire.Field) *wire.Response {
	a := wire.NewResponse(r, wire.StatusOK)
	if c.session.ID != "" {
		a.Header.Add(wire.Field{Name: "Session", Value: c.session.String()})
	}
	a.Header.Add(fields...)
	return a
}

// isSession says whether a request names the connection's session.
func (c *client) isSession(r *wire.Request) bool {
	named, err := wire.ParseSession(r.Header.Value("Session"))
	return err == nil && c.session.ID != "" && named.ID == c.session.ID
}

func (c *client) laneOf(id uint8) *lane {
	for _, l := range c.lanes {
		if l.id == id {
			return l
		}
	}
	return nil
}

// say writes a response.
func (c *client) say(a *wire.Response) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.stuck.Begin(c.nc)
	return c.conn.Write(a)
}

// lives notes a sign of life: something was said, or packets were taken.
func (c *client) lives() { c.alive.Store(int64(time.Since(c.began))) }

// send writes packets, and consumes the list.
func (c *client) send(packets *net.Buffers) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.stuck.Begin(c.nc)
	if err := gather.Write(c.nc, packets); err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	c.lives()
	return nil
}
