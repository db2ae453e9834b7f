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
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

const (
	openTimeout  = 10 * time.Second // RTMP handshake, connect and publish together
	closeTimeout = 2 * time.Second  // last flush and the clean end
)

// Push publishes a stream to a destination. Set the fields before Run.
type Push struct {
	Name      string // of the destination: the reader's name in the counters
	URL       wire.URL
	Key       access.Secret
	TLS       *tls.Config // used for rtmps; nil means the system's authorities, TLS 1.2 and later
	Dialer    *outputs.Dialer
	ChunkSize int           // 0 means 4096
	Form      flv.Form      // legacy or enhanced
	Plain     bool          // leaves Enhanced RTMP's fields out of connect
	Coalesce  time.Duration // collects for so long between writes; 0 writes at once
	Progress  *outputs.Progress
	Log       *slog.Logger

	mu    sync.Mutex
	moved *wire.URL // where the peer asked us to reconnect to
}

// Run publishes one session of the stream; see [outputs.Output].
func (p *Push) Run(ctx context.Context, s *relay.Stream) error {
	conn, id, err := p.open(ctx)
	if err != nil {
		if ctx.Err() != nil && context.Cause(ctx) == ctx.Err() {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sn := newSender(s, p.Name, conn, id, p.Form)
	sn.wrapped = true
	defer sn.reader.Close()

	var reading sync.WaitGroup
	reading.Go(func() { cancel(p.listen(conn)) })
	// A write that blocks must not outlive ctx.
	unblock := context.AfterFunc(ctx, func() { _ = conn.NetConn().SetDeadline(time.Now().Add(closeTimeout)) })

	err = p.carry(ctx, sn)
	if err == nil {
		err = p.finish(conn, id)
	}
	unblock()
	_ = conn.Close()
	reading.Wait()
	return err
}

// target is where to connect: the configured URL, or the one that the peer asked for.
func (p *Push) target() wire.URL {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved != nil {
		return *p.moved
	}
	return p.URL
}

// open dials, shakes hands and publishes. A wish of the peer to reconnect elsewhere is good for one attempt.
func (p *Push) open(ctx context.Context) (*wire.Conn, uint32, error) {
	url := p.target()
	p.mu.Lock()
	p.moved = nil
	p.mu.Unlock()
	var secure *tls.Config
	if url.TLS {
		if secure = p.TLS; secure == nil {
			secure = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	p.Progress.Enter(outputs.Connecting)
	socket, err := p.Dialer.Dial(ctx, url.Address(), secure)
	if err != nil {
		return nil, 0, err
	}
	p.Progress.Connected(socket)
	p.Progress.Enter(outputs.Handshaking)
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Now()) })
	defer stop()
	_ = socket.SetDeadline(time.Now().Add(openTimeout))
	conn, id, err := p.dialogue(socket.Conn, url)
	if err != nil {
		_ = socket.Close()
		return nil, 0, err
	}
	_ = socket.SetDeadline(time.Time{})
	return conn, id, nil
}

// dialogue goes from the handshake to the peer's consent.
func (p *Push) dialogue(nc net.Conn, url wire.URL) (*wire.Conn, uint32, error) {
	if err := wire.OfferHandshake(nc); err != nil {
		return nil, 0, outputs.Fail(outputs.Handshake, closedWords("RTMP handshake", err))
	}
	conn := wire.NewConn(nc)
	if _, err := conn.Connect(wire.Offer{URL: url, ChunkSize: p.ChunkSize, Plain: p.Plain}); err != nil {
		return nil, 0, refusal("connect", err)
	}
	id, err := conn.Publish(p.Key.Reveal())
	if err != nil {
		return nil, 0, refusal("publish", err)
	}
	conn.Authorise()
	p.Progress.Enter(outputs.Publishing)
	return conn, id, nil
}

// refusal finds the cause of a failed command: the peer's own words, a close in answer to it, or silence.
func refusal(command string, err error) error {
	var status *wire.StatusError
	switch {
	case errors.As(err, &status):
		return &outputs.Failure{Cause: outputs.PeerRejected, Err: err, Hint: "check URL and stream key at the platform"}
	case command == "publish" && isClosed(err):
		return &outputs.Failure{
			Cause: outputs.PeerRejected, Err: closedWords("publish", err),
			Hint: "platforms close the connection when they do not know the stream key: check it",
		}
	}
	return outputs.Fail(outputs.Handshake, closedWords(command, err))
}

// closedWords says in words what a closed or silent connection means during step.
func closedWords(step string, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: the peer did not answer in time: %w", step, err)
	case isClosed(err):
		return fmt.Errorf("%s: the peer closed the connection: %w", step, err)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// isClosed says whether the peer closed the connection, one way or the other.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// carry copies frames to the peer until the session or ctx ends (nil), or the connection does. Between two writes it collects.
func (p *Push) carry(ctx context.Context, sn *sender) error {
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		first, skipped, err := sn.next(ctx)
		switch {
		case errors.Is(err, relay.ErrEnded):
			return nil
		case err != nil:
			return ended(ctx)
		}
		if skipped > 0 {
			p.Progress.Skipped()
			p.Log.Warn("destination is too slow, skipped to a key frame", "stream", sn.stream.Name(), "output", p.Name, "frames", skipped)
		}
		size := sn.batch.Len()
		p.Progress.Writing(first)
		if err := sn.flush(); err != nil {
			if cause := ended(ctx); cause != nil || ctx.Err() != nil {
				return cause
			}
			return outputs.Fail(lost(err), err)
		}
		p.Progress.Wrote(size)
		if p.Coalesce > 0 {
			pace.Reset(p.Coalesce)
			select {
			case <-ctx.Done():
				return ended(ctx)
			case <-pace.C:
			}
		}
	}
}

// ended gives why ctx ended, nil where it was asked to.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// lost finds the cause of a broken connection.
func lost(err error) outputs.Cause {
	if isClosed(err) {
		return outputs.Kicked
	}
	return outputs.TCP
}

// finish ends the publish cleanly, in bounded time; a peer that does not take it is not waited for.
func (p *Push) finish(conn *wire.Conn, id uint32) error {
	_ = conn.NetConn().SetDeadline(time.Now().Add(closeTimeout))
	if err := conn.Unpublish(p.Key.Reveal(), id); err != nil {
		p.Log.Debug("destination took no clean end", "output", p.Name, "err", err)
	}
	if half, ok := conn.NetConn().(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // what was written still reaches the peer, which closes when it has read the end
	}
	return nil
}

// listen reads what the peer says until the connection ends, and gives why it did.
func (p *Push) listen(conn *wire.Conn) error {
	for {
		m, err := conn.ReadMessage()
		if err != nil {
			return outputs.Fail(lost(err), closedWords("while live", err))
		}
		if m.Type != wire.TypeCommand {
			continue
		}
		cmd, err := wire.ParseCommand(m)
		if err != nil {
			return outputs.Fail(outputs.Handshake, err)
		}
		status, ok := wire.StatusOf(cmd)
		switch {
		case !ok:
		case status.Code == wire.CodeReconnectRequest:
			return p.reconnect(status)
		case status.Level == "error":
			return outputs.Fail(outputs.Kicked, &wire.StatusError{Command: "the stream", Status: status})
		case status.Code == wire.CodeUnpublishSuccess:
			p.Log.Debug("destination says the stream was unpublished", "output", p.Name)
		}
	}
}

// reconnect takes a ReconnectRequest (Enhanced RTMP v2): the next attempt goes where the peer says, under the same policy of
// addresses as any destination.
func (p *Push) reconnect(status wire.Status) error {
	p.Log.Info("destination asks to reconnect", "output", p.Name, "detail", status.Description)
	if status.TCURL != "" {
		url, err := p.target().Resolve(status.TCURL)
		if err != nil {
			return outputs.Fail(outputs.Kicked, fmt.Errorf("reconnect request: %w", err))
		}
		p.mu.Lock()
		p.moved = &url
		p.mu.Unlock()
	}
	return outputs.Fail(outputs.Kicked, fmt.Errorf("the peer asked to reconnect: %s", status.Description))
}
