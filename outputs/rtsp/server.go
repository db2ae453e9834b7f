package rtsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
	"github.com/simulcart/simulcart/wire/socket"
)

// The limits of connections.
const (
	openTime     = 10 * time.Second // from accept to PLAY, in all
	firstFrames  = 5 * time.Second  // that PLAY waits for media
	farewellTime = time.Second      // for what is said last

	mostRefusals = 8 // answers of 401 on one connection
)

// Feed is a stream as one client may have it.
type Feed struct {
	Output  string           // the reader's name in the counters
	View    *overlay.View    // of overlay states
	Carried *outputs.Carried // counts them; nil: nobody does
}

// Server answers RTSP 1.0 clients (RFC 2326). Set the fields before use.
//
//	OPTIONS ─ DESCRIBE ─ SETUP (each track) ─ PLAY ═▶ packets ═▶ TEARDOWN
//
// Each connection has one session. DESCRIBE, SETUP and PLAY are authorised; PLAY opens the pass that ends with the right to play.
type Server struct {
	Registry *access.Registry
	Stream   func(name string) (*relay.Stream, bool)   // false: it is not live
	Feed     func(stream, partner string) (Feed, bool) // false: it is not known
	Timeout  time.Duration                             // of a session whose client gives no sign; 0: 60 s
	Secure   bool                                      // the listener is behind TLS, so that Basic may be offered
	Lobby    *access.Lobby                             // bounds those who have not come to PLAY; nil: one of its own
	Crowded  func(evicted bool)                        // counts who lost a place in the lobby, or got none; nil: nobody does
	UDP      *Ports                                    // for clients that ask for UDP; nil: none is. Of one server, which closes them
	Log      *slog.Logger

	once sync.Once
	auth wire.Auth

	bases rtp.Bases
}

// Serve answers all who connect to l until ctx ends, and returns when all of them are gone. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.once.Do(func() {
		s.auth.Basic = s.Secure
		if s.Lobby == nil {
			s.Lobby = &access.Lobby{}
		}
	})
	l = socket.NewListener(l)
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var clients sync.WaitGroup
	defer clients.Wait()
	if s.UDP != nil {
		clients.Go(func() { s.UDP.run(ctx) })
	}
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept rtsp: %w", err)
		case err != nil: // out of files, or the client has gone
			s.Log.Warn("connection not accepted", "err", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		clients.Go(func() { s.serve(ctx, nc) })
	}
}

// serve answers one client.
func (s *Server) serve(ctx context.Context, nc net.Conn) {
	peer, _, _ := net.SplitHostPort(nc.RemoteAddr().String())
	log := s.Log.With("remote", nc.RemoteAddr().String())
	defer nc.Close()
	place, err := s.Lobby.Enter(nc)
	if err != nil {
		s.crowded(false)
		log.Warn("connection refused", "err", err)
		return
	}
	defer place.Leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &client{server: s, conn: wire.NewConn(nc), nc: nc, peer: peer, log: log, settle: place.Leave, began: time.Now()}
	c.address, _ = netip.ParseAddr(peer) // without one, there is no UDP
	c.address = c.address.Unmap()
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	err = c.run(ctx)
	if place.Evicted() {
		s.crowded(true)
		err = access.ErrEvicted
	}
	place.Leave()
	c.stop()
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
		c.log.Debug("connection ended", "err", err)
	default:
		c.log.Warn("connection ended", "err", err)
	}
}

func (s *Server) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return wire.DefaultTimeout
}

func (s *Server) crowded(evicted bool) {
	if s.Crowded != nil {
		s.Crowded(evicted)
	}
}
