// Package rtmp takes publishers over RTMP and RTMPS, and hands players to whoever serves them: both share one port.
//
// A connection's way:
//
//  1. it waits in the lobby, under small limits and one deadline, until it has shown what it wants and that it may;
//  2. a publisher is admitted by the gate, and its messages become frames (wire/flv.Demuxer) for the publication;
//  3. a player is handed to [Server.Play].
package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// Deadlines of a connection that has not shown a key yet (LIMITS.md), counted from its start, not from the last read.
const (
	helloTimeout     = 3 * time.Second
	handshakeTimeout = 5 * time.Second
	tlsTimeout       = 5 * time.Second
	requestTimeout   = 10 * time.Second
)

// app is the application name that publishers and players use.
const app = "live"

// Server takes RTMP connections. Set the fields before Serve, which may run for several listeners at once.
type Server struct {
	Gate     *ingest.Gate
	Registry *access.Registry
	Log      *slog.Logger
	// Play serves an authorised player: it accepts the request, and returns when the player is gone and conn is closed.
	Play  func(ctx context.Context, stream string, conn *wire.Conn, r *wire.Request) error
	Lobby Lobby // bounds those who have not shown a key
}

// Serve takes connections from l until ctx ends, then closes l and all connections and returns nil once they are gone. With
// secure set it speaks TLS.
func (s *Server) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept rtmp connections: %w", err)
		case err != nil: // out of files, or a connection that broke before it was taken
			s.Log.Warn("could not accept a connection", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		all.Go(func() { s.connection(ctx, nc, secure) })
	}
}

// connection serves one connection to its end. Its errors are logged here, once.
func (s *Server) connection(ctx context.Context, nc net.Conn, secure *tls.Config) {
	log := s.Log.With("remote", nc.RemoteAddr().String())
	place, err := s.Lobby.enter(nc)
	if err != nil {
		_ = nc.Close()
		log.Warn("connection refused", "err", err)
		return
	}
	defer place.leave()
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()

	start := time.Now()
	protocol := "rtmp"
	if secure != nil {
		protocol = "rtmps"
		conn := tls.Server(nc, secure)
		_ = nc.SetDeadline(start.Add(tlsTimeout))
		if err := conn.HandshakeContext(ctx); err != nil {
			log.Debug("TLS handshake failed", "err", err)
			return
		}
		nc, start = conn, time.Now()
	}
	conn, request, err := open(nc, start)
	if err != nil {
		if place.evicted() {
			err = errEvicted
		}
		s.say(ctx, log, "connection ended before it asked for a stream", err)
		return
	}
	switch request.Action {
	case wire.Publish:
		err = s.publish(ctx, conn, request, protocol, place)
	case wire.Play:
		err = s.play(ctx, conn, request, place)
	}
	s.say(ctx, log, request.Action.String()+" ended", err)
}

// open goes from the RTMP handshake to the request, each step under its own total time.
func open(nc net.Conn, start time.Time) (*wire.Conn, *wire.Request, error) {
	_ = nc.SetDeadline(start.Add(helloTimeout))
	hello, err := wire.ReadHello(nc)
	if err != nil {
		return nil, nil, err
	}
	_ = nc.SetDeadline(start.Add(handshakeTimeout))
	if err := hello.Answer(nc); err != nil {
		return nil, nil, err
	}
	_ = nc.SetDeadline(start.Add(requestTimeout))
	conn := wire.NewConn(nc)
	request, err := wire.ReadRequest(conn, app)
	return conn, request, err
}

// publish admits a publisher and relays it.
func (s *Server) publish(ctx context.Context, conn *wire.Conn, r *wire.Request, protocol string, place *place) error {
	who := s.Registry.Identify(r.Name)
	if err := s.Registry.Authorize(who, access.Publish, who.Stream); err != nil {
		_ = r.Reject(wire.CodePublishBadName, "the stream key is not known here: copy it again")
		return errWrongKey
	}
	pub, err := s.Gate.Admit(ingest.Applicant{
		Stream: who.Stream, Protocol: protocol, Software: r.Peer.Software, Remote: conn.NetConn().RemoteAddr().String(),
	})
	if err != nil {
		_ = r.Reject(wire.CodePublishDenied, err.Error())
		return nil // the gate has logged it
	}
	place.leave()
	conn.Authorise()
	p := &publisher{conn: conn, request: r, pub: pub, log: s.Log.With("stream", who.Stream, "remote", conn.NetConn().RemoteAddr().String())}
	return p.run(ctx)
}

// play checks a player and hands it on.
func (s *Server) play(ctx context.Context, conn *wire.Conn, r *wire.Request, place *place) error {
	if err := s.Registry.Authorize(access.Principal{}, access.Play, r.Name); err != nil || s.Play == nil {
		_ = r.Reject(wire.CodePlayNotFound, "no such stream, or it is not public")
		return err
	}
	place.leave()
	_ = conn.NetConn().SetDeadline(time.Time{})
	return s.Play(ctx, r.Name, conn, r)
}

var errWrongKey = errors.New("publish refused: unknown stream key")

// say logs how a connection ended: what the peer did wrong is for the operator to see, a plain end is not.
func (s *Server) say(ctx context.Context, log *slog.Logger, msg string, err error) {
	switch {
	case err == nil, ctx.Err() != nil:
		log.Debug(msg)
	default:
		log.Warn(msg, "err", err)
	}
}
