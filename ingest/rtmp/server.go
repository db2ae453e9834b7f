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
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/gather"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
	"github.com/simulcart/simulcart/wire/socket"
)

// Deadlines of a connection that has not shown a key yet (LIMITS.md), counted from its start, not from the last read.
const (
	helloTimeout     = 3 * time.Second
	handshakeTimeout = 5 * time.Second
	tlsTimeout       = 5 * time.Second
	requestTimeout   = 10 * time.Second
)

// farewellTime is for the last words to a peer.
const farewellTime = time.Second

// awaitTime is how long a peer that has ended its stream may take to close.
const awaitTime = 2 * time.Second

// app is the application name that publishers and players use.
const app = "live"

// Server takes RTMP connections. Set the fields before Serve, which may run for several listeners at once.
type Server struct {
	Gate     *ingest.Gate
	Registry *access.Registry
	Log      *slog.Logger
	// Play serves an authorised player, under a partner's contract where one is named: it accepts the request, and returns when the
	// player is gone and conn is closed.
	Play  func(ctx context.Context, stream, partner string, conn *rtmp.Conn, r *rtmp.Request) error
	Lobby *access.Lobby // bounds those who have not shown a key; nil: one of its own
	// Refusals counts who was not let in; nil: nobody counts.
	Refusals *ingest.Refusals

	once sync.Once
}

// Serve takes connections from l until ctx ends, then closes l and all connections and returns nil once they are gone. With
// secure set it speaks TLS.
func (s *Server) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	s.once.Do(func() {
		if s.Lobby == nil {
			s.Lobby = &access.Lobby{}
		}
	})
	l = socket.NewListener(l)
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
			if err == nil {
				_ = nc.Close()
			}
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
		place, err := s.Lobby.Enter(nc)
		if err != nil {
			_ = nc.Close()
			s.refused(ingest.RefusedCrowd)
			s.Log.Warn("connection refused", "remote", nc.RemoteAddr().String(), "err", err)
			continue
		}
		all.Go(func() { s.connection(ctx, nc, place, secure) })
	}
}

// connection serves one connection to its end. Its errors are logged here, once.
func (s *Server) connection(ctx context.Context, nc net.Conn, place *access.Place, secure *tls.Config) {
	log := s.Log.With("remote", nc.RemoteAddr().String())
	defer place.Leave()
	defer nc.Close()
	raw := nc
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	settle := func() { // whoever is let in ends in order when ctx does
		place.Leave()
		stop()
	}
	defer stop()

	start := time.Now()
	protocol := "rtmp"
	if secure != nil {
		protocol = "rtmps"
		conn := gather.Server(nc, secure)
		_ = nc.SetDeadline(start.Add(tlsTimeout))
		if err := conn.HandshakeContext(ctx); err != nil {
			s.refused(ingest.RefusedTLS)
			log.Debug("TLS handshake failed", "err", err)
			return
		}
		nc, start = conn, time.Now()
	}
	conn, request, err := open(nc, start)
	if err != nil {
		if place.Evicted() {
			err = access.ErrEvicted
		}
		why := refusalOf(err)
		s.refused(why)
		s.hit(err)
		switch {
		case why == ingest.RefusedApp:
			farewell(nc)
		case errors.Is(err, io.EOF):
			err = nil // it came and went, as health checks do
		}
		say(ctx, log.With("during", "opening"), err)
		return
	}
	log = log.With("during", request.Action.String())
	if request.Action == rtmp.Publish {
		err = s.publish(ctx, conn, request, protocol, settle)
	} else {
		err = s.play(ctx, conn, request, settle)
	}
	s.hit(err)
	say(ctx, log, err)
}

// open goes from the RTMP handshake to the request, each step under its own total time.
func open(nc net.Conn, start time.Time) (*rtmp.Conn, *rtmp.Request, error) {
	_ = nc.SetDeadline(start.Add(helloTimeout))
	hello, err := rtmp.ReadHello(nc)
	if err != nil {
		return nil, nil, err
	}
	_ = nc.SetDeadline(start.Add(handshakeTimeout))
	if err := hello.Answer(nc); err != nil {
		return nil, nil, err
	}
	_ = nc.SetDeadline(start.Add(requestTimeout))
	conn := rtmp.NewConn(nc)
	request, err := rtmp.ReadRequest(conn, app)
	return conn, request, err
}

// publish admits a publisher and relays it; settle is called once it is in.
func (s *Server) publish(ctx context.Context, conn *rtmp.Conn, r *rtmp.Request, protocol string, settle func()) error {
	remote := conn.NetConn().RemoteAddr().String()
	who := s.Registry.Identify(r.Name)
	if err := s.Registry.Authorize(who, access.Publish, access.Object{Stream: who.Stream}); err != nil {
		s.refused(ingest.RefusedKey)
		refuse(conn, r, rtmp.CodePublishBadName, "the stream key is not known here: copy it again")
		return errWrongKey
	}
	pub, err := s.Gate.Admit(ingest.Applicant{Stream: who.Stream, Protocol: protocol, Software: r.Peer.Software, Remote: remote})
	if err != nil {
		s.refused(refusalOf(err))
		refuse(conn, r, rtmp.CodePublishDenied, err.Error())
		return nil // the gate has logged it
	}
	settle()
	conn.Authorise()
	p := &publisher{conn: conn, request: r, pub: pub, log: s.Log.With("stream", who.Stream, "remote", remote)}
	return p.run(ctx)
}

// play checks a player and hands it on; settle is called once it is in.
func (s *Server) play(ctx context.Context, conn *rtmp.Conn, r *rtmp.Request, settle func()) error {
	pass, err := s.Registry.Open(s.Registry.IdentifyViewer(r.Query.Get("token")), access.Object{Stream: r.Name, Over: access.RTMP})
	if err != nil || s.Play == nil {
		s.refused(ingest.RefusedPlay)
		words := "no such stream, or it needs a token that is good for it: rtmp://HOST/live/STREAM?token=TOKEN"
		if errors.Is(err, access.ErrFull) {
			words = err.Error()
		}
		refuse(conn, r, rtmp.CodePlayNotFound, words)
		return err
	}
	defer pass.Close()
	settle()
	_ = conn.NetConn().SetDeadline(time.Time{})
	playing, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case <-playing.Done():
		case <-pass.Done():
			cancel(errRevoked)
		}
	})
	err = s.Play(playing, r.Name, pass.Partner(), conn, r)
	if err == nil && errors.Is(context.Cause(playing), errRevoked) {
		return errRevoked
	}
	return err
}

// errRevoked is the end of a player whose right to play is gone.
var errRevoked = errors.New("the right to play has expired, or was taken away")

// refused counts a connection that was not let in.
func (s *Server) refused(why ingest.Refusal) {
	if s.Refusals != nil {
		s.Refusals.Count(why)
	}
}

// hit counts a connection that ended at one of its limits.
func (s *Server) hit(err error) {
	if l, ok := limitOf(err); ok && s.Refusals != nil {
		s.Refusals.Hit(l)
	}
}

// limitOf gives the limit at which a connection ended; false where it was none.
func limitOf(err error) (ingest.Limit, bool) {
	var over *rtmp.LimitError
	switch {
	case errors.Is(err, errNoMedia):
		return ingest.LimitFirstMedia, true
	case errors.Is(err, errSilent):
		return ingest.LimitSilence, true
	case !errors.As(err, &over):
		return 0, false
	}
	switch over.Limit {
	case rtmp.LimitChunkSize:
		return ingest.LimitChunkSize, true
	case rtmp.LimitChunkStreams:
		return ingest.LimitChunkStreams, true
	case rtmp.LimitPartial:
		return ingest.LimitPartial, true
	case rtmp.LimitMessage:
		return ingest.LimitMessage, true
	default:
		return ingest.LimitName, true
	}
}

// refusalOf gives the label for what went wrong before a connection was let in.
func refusalOf(err error) ingest.Refusal {
	var (
		syntax      *wire.SyntaxError
		unsupported *wire.UnsupportedError
		limit       *rtmp.LimitError
		status      *rtmp.StatusError
	)
	switch {
	case errors.Is(err, access.ErrEvicted):
		return ingest.RefusedEvicted
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ingest.RefusedSlow
	case errors.As(err, &syntax):
		return ingest.RefusedSyntax
	case errors.As(err, &unsupported):
		return ingest.RefusedUnsupported
	case errors.As(err, &limit):
		return ingest.RefusedLimit
	case errors.As(err, &status):
		return ingest.RefusedApp
	case errors.Is(err, ingest.ErrBusy), errors.Is(err, ingest.ErrContested):
		return ingest.RefusedBusy
	}
	return ingest.RefusedOther
}

// refuse answers a request with an error.
func refuse(conn *rtmp.Conn, r *rtmp.Request, code, description string) {
	if err := r.Reject(code, description); err == nil {
		farewell(conn.NetConn())
	}
}

// farewell lets the peer hear what was said last: a close with bytes unread would reset the connection and may overtake it.
// So only our side is closed, and what still comes is thrown away, for a moment. The caller closes nc.
func farewell(nc net.Conn) {
	_ = nc.SetDeadline(time.Now().Add(farewellTime))
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, nc)
	}
}

// await lets the peer close first, as some encoders want it after they have ended their stream. The caller closes nc.
func await(nc net.Conn) {
	_ = nc.SetDeadline(time.Now().Add(awaitTime))
	_, _ = io.Copy(io.Discard, nc)
}

var errWrongKey = errors.New("publish refused: unknown stream key")

// say logs how a connection ended: what the peer did wrong is for the operator to see, a plain end is not.
func say(ctx context.Context, log *slog.Logger, err error) {
	if err == nil || ctx.Err() != nil {
		log.Debug("connection ended")
		return
	}
	log.Warn("connection ended", "err", err)
}
