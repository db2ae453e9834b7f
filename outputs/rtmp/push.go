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
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	format "github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

const (
	openTimeout = 10 * time.Second       // RTMP handshake, connect and publish together
	lastWords   = 200 * time.Millisecond // for what a peer said before it broke the connection
)

// Push publishes a stream to a destination. Set the fields before Run.
type Push struct {
	Name      string // of the destination: the reader's name in the counters
	URL       wire.URL
	Key       access.Secret
	TLS       *tls.Config // used for rtmps; nil means the system's authorities, TLS 1.2 and later
	Dialer    *outputs.Dialer
	ChunkSize int                    // 0 means as the peer has it, 4096 at least
	Form      flv.Form               // legacy or enhanced
	Plain     bool                   // leaves Enhanced RTMP's fields out of connect
	Coalesce  time.Duration          // collects for so long between writes; 0 writes at once
	Overlays  outputs.Carriage       // of overlay states
	View      *overlay.View          // of them; nil: the neutral one
	PassData  bool                   // carries the encoder's own data messages too
	Takes     func(media.Codec) bool // what the platform takes; nil: anything
	Fit       outputs.Fit            // by that; nil: it gets what the encoder sends
	Carried   *outputs.Carried       // nil: nobody counts
	Progress  *outputs.Progress
	Log       *slog.Logger

	lacking []*media.Track // what was told of last
	moved   *wire.URL      // where the peer asked us to reconnect to; nil: nowhere. Run's goroutine hands it to that of listen and back
}

// link is a connection that the peer takes a stream on.
type link struct {
	conn *wire.Conn
	id   uint32   // message stream id
	url  wire.URL // of the peer
	peer wire.Peer
}

// Run publishes one session of the stream; see [outputs.Output].
func (p *Push) Run(ctx context.Context, s *relay.Stream) error {
	session := s.Snapshot()
	if !session.Live {
		return nil
	}
	l, err := p.open(ctx)
	if err != nil {
		if ctx.Err() != nil && ended(ctx) == nil {
			return nil
		}
		return err
	}
	p.lacking = nil
	nc := l.conn.NetConn()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sn := newSender(s.Follow(p.Name, 0, p.choose(l.peer)), l.conn, l.id, p.Form)
	sn.wrapped, sn.passData = true, p.PassData
	sn.overlays = newCarrier(p.Overlays, p.View, p.Carried)
	defer sn.reader.Close()

	var reading sync.WaitGroup
	reading.Go(func() { cancel(p.listen(l)) })
	// A write that blocks must not outlive ctx: it may end where ctx was asked to, not where the peer is gone or stuck.
	unblock := context.AfterFunc(ctx, func() {
		deadline := time.Now()
		if ended(ctx) == nil {
			deadline = deadline.Add(closeTimeout)
		}
		_ = nc.SetDeadline(deadline)
	})
	whole := true
	if sn.reader.Session() == session.Session { // else it ended while we connected
		whole, err = p.carry(ctx, sn)
	}
	if unblock() { // else the deadline is set
		_ = nc.SetDeadline(time.Now().Add(closeTimeout))
	}
	if whole && p.finish(l) {
		reading.Wait()
		drain(nc)
	}
	abort(nc)
	reading.Wait()
	return err
}

// open dials, shakes hands and publishes. A wish of the peer to reconnect elsewhere is good for one attempt.
func (p *Push) open(ctx context.Context) (*link, error) {
	l := &link{url: p.URL}
	moved := p.moved != nil
	if moved {
		l.url, p.moved = *p.moved, nil
	}
	var secure *tls.Config
	if l.url.TLS {
		if secure = p.TLS; secure == nil {
			secure = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	p.Progress.Enter(outputs.Connecting)
	socket, err := p.Dialer.Dial(ctx, l.url.Address(), secure)
	switch {
	case err != nil && moved: // no reason to wait for a person: the next attempt goes to our own URL
		return nil, &outputs.Failure{Cause: outputs.CauseOf(err), Err: errors.New("reconnect where the peer asked us to: " + err.Error())}
	case err != nil:
		return nil, err
	}
	p.Progress.Connected(socket)
	p.Progress.Enter(outputs.Handshaking)
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Now()) })
	defer stop()
	_ = socket.SetDeadline(time.Now().Add(openTimeout))
	if err := p.dialogue(socket.Conn, l); err != nil {
		abort(socket.Conn)
		return nil, err
	}
	_ = socket.SetDeadline(time.Time{})
	return l, nil
}

// dialogue goes from the handshake to the peer's consent.
func (p *Push) dialogue(nc net.Conn, l *link) error {
	if err := wire.OfferHandshake(nc); err != nil {
		return outputs.Fail(outputs.Handshake, closedWords("RTMP handshake", err))
	}
	l.conn = wire.NewConn(nc)
	var err error
	if l.peer, err = l.conn.Connect(wire.Offer{URL: l.url, ChunkSize: p.ChunkSize, Plain: p.Plain}); err != nil {
		return refusal("connect", err)
	}
	id, err := l.conn.Publish(p.Key.Reveal())
	if err != nil {
		return refusal("publish", err)
	}
	l.id = id
	l.conn.Authorise()
	p.Progress.Enter(outputs.Publishing)
	return nil
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

// carry copies frames to the peer until the session or ctx ends (nil), or the connection does. Between two writes it
// collects, but not while it catches up. whole says that the last message was written to its end, so that others may follow.
func (p *Push) carry(ctx context.Context, sn *sender) (whole bool, err error) {
	if p.Coalesce > 0 {
		sn.reader.Collect(p.Coalesce)
	} else {
		sn.reader.GatherSound()
	}
	for {
		first, skipped, err := sn.next(ctx)
		switch {
		case errors.Is(err, relay.ErrEnded):
			return true, nil
		case errors.Is(err, relay.ErrStarved):
			return true, lacks(sn.reader.Lacks(), err)
		case err != nil:
			cause := ended(ctx)
			return cause == nil, cause
		}
		if skipped > 0 {
			p.Progress.Skipped()
			p.Log.Warn("destination is too slow, skipped to a key frame", "stream", sn.reader.Name(), "output", p.Name, "frames", skipped)
		}
		p.tell(sn.reader)
		size := sn.batch.Len()
		p.Progress.Writing(first)
		if err := sn.flush(); err != nil {
			return false, p.broken(ctx, sn.conn, err)
		}
		p.Progress.Wrote(size)
	}
}

// broken gives why a write failed: what ended ctx, or the peer's last words, which may wait to be read, or the error itself.
func (p *Push) broken(ctx context.Context, conn *wire.Conn, err error) error {
	if ctx.Err() == nil {
		_ = conn.NetConn().SetDeadline(time.Now().Add(lastWords))
		<-ctx.Done() // which listen ends
	}
	if cause := ended(ctx); outputs.CauseOf(cause) != outputs.TCP {
		return cause
	}
	return outputs.Fail(lost(err), err)
}

// ended gives why ctx ended, nil where it was asked to.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return cause
	}
	return nil
}

// lost finds the cause of a broken connection.
func lost(err error) outputs.Cause {
	var malformed *format.SyntaxError
	var unsupported *format.UnsupportedError
	var limit *wire.LimitError
	switch {
	case isClosed(err):
		return outputs.Kicked
	case errors.As(err, &malformed), errors.As(err, &unsupported), errors.As(err, &limit):
		return outputs.Handshake
	}
	return outputs.TCP
}

// finish ends the publish cleanly, and says whether the peer can have taken it.
func (p *Push) finish(l *link) bool {
	if err := l.conn.Unpublish(p.Key.Reveal(), l.id); err != nil {
		p.Log.Debug("destination took no clean end", "output", p.Name, "err", err)
		return false
	}
	halfClose(l.conn.NetConn())
	return true
}

// listen reads what the peer says until the connection ends, and gives why it did.
func (p *Push) listen(l *link) error {
	for {
		m, err := l.conn.ReadMessage()
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
		said, ok := wire.StatusOf(cmd)
		status := said.Hide(p.Key.Reveal())
		switch {
		case !ok:
		case status.Code == wire.CodeReconnectRequest:
			return outputs.Fail(outputs.Kicked, p.reconnect(l.url, said.TCURL, status.Description))
		case status.Level == "error":
			return outputs.Fail(outputs.Kicked, &wire.StatusError{Command: "the stream", Status: status})
		case status.Code == wire.CodeUnpublishSuccess:
			p.Log.Debug("destination says the stream was unpublished", "output", p.Name)
		}
	}
}

// reconnect takes a ReconnectRequest (Enhanced RTMP v2) of the peer at from: the next attempt goes where the peer says, under
// the same policy of addresses as any destination, and never from TLS to a connection that shows the key.
func (p *Push) reconnect(from wire.URL, tcURL, words string) error {
	if tcURL != "" {
		to, err := from.Resolve(tcURL)
		switch {
		case err != nil:
			return fmt.Errorf("%w, not where we can: %w", outputs.ErrReconnect, err)
		case from.TLS && !to.TLS:
			return fmt.Errorf("%w, without TLS: %s", outputs.ErrReconnect, words)
		}
		p.moved = &to
	}
	return fmt.Errorf("%w: %s", outputs.ErrReconnect, words)
}
