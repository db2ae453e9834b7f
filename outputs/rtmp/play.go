package rtmp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// Play serves one player of a stream, at once: nothing is collected.
type Play struct {
	Request *wire.Request // accepted by Run
	Conn    *wire.Conn
	Output  string      // the reader's name in the counters
	Fit     outputs.Fit // by what the player knows; nil: it gets what the encoder sends

	Overlays outputs.Carriage // of overlay states
	View     *overlay.View    // of them; nil: the neutral one
	Carried  *outputs.Carried // nil: nobody counts
}

// Run accepts the request and carries the stream to the player until the session ends, the player leaves, or ctx ends; then
// it returns nil. It closes the connection.
func (p *Play) Run(ctx context.Context, s *relay.Stream) error {
	defer p.Conn.Close()
	if err := p.Request.Accept(); err != nil {
		return fmt.Errorf("accept play: %w", err)
	}
	sn := newSender(s.Follow(p.Output, 0, p.choose()), p.Conn, p.Request.StreamID, flv.Legacy)
	sn.overlays = newCarrier(p.Overlays, p.View, p.Carried)
	sn.reader.GatherSound()
	defer sn.reader.Close()
	nc := p.Conn.NetConn()
	playing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var reading sync.WaitGroup
	reading.Go(func() { cancel(p.listen()) })
	unblock := context.AfterFunc(playing, func() { _ = nc.SetDeadline(time.Now()) })
	err := p.carry(playing, sn)
	if unblock() {
		_ = nc.SetDeadline(time.Now().Add(closeTimeout))
	}
	if errors.Is(err, relay.ErrEnded) {
		if err = p.Request.EndPlay(); err == nil {
			halfClose(nc)
			reading.Wait()
			drain(nc)
		}
	}
	cause := context.Cause(playing)
	abort(nc)
	reading.Wait()
	switch {
	case err == nil, ctx.Err() != nil, isClosed(err), errors.Is(cause, errLeft):
		return nil
	case cause != nil:
		return cause
	}
	return err
}

// carry copies frames to the player.
func (p *Play) carry(ctx context.Context, sn *sender) error {
	var patience outputs.Patience
	for {
		if _, _, err := sn.next(ctx); err != nil {
			return err
		}
		patience.Begin(p.Conn.NetConn())
		if err := ctx.Err(); err != nil { // the deadline that ended ctx is overwritten
			return err
		}
		if err := sn.flush(); err != nil {
			return err
		}
	}
}

// errLeft is the end of a player that closed its stream or its connection.
var errLeft = errors.New("the player left")

// listen reads what the player says until it leaves.
func (p *Play) listen() error {
	for {
		m, err := p.Conn.ReadMessage()
		if err != nil {
			return errLeft
		}
		if m.Type != wire.TypeCommand {
			continue
		}
		cmd, err := wire.ParseCommand(m)
		if err != nil {
			return err
		}
		if wire.IsEnd(cmd) {
			return errLeft
		}
		if err := p.Conn.Answer(cmd); err != nil {
			return errLeft
		}
	}
}
