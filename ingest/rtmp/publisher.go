package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/flv"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

const (
	pingEach     = 5 * time.Second
	deadAfter    = 10 * time.Second // without a byte, pings notwithstanding
	firstMedia   = 15 * time.Second // after publish was accepted
	farewell     = time.Second      // for the last words to a publisher
	complainEach = 10 * time.Second // trouble with frames is said once in this time
)

var errNoMedia = errors.New("no media came within 15 s of publish: check that the encoder's outputs are on")

// publisher is one encoder's connection after its admission.
type publisher struct {
	conn    *rtmp.Conn
	request *rtmp.Request
	pub     *ingest.Publication
	log     *slog.Logger

	demuxer    flv.Demuxer
	media      bool      // some has come
	complained time.Time // when trouble was last said
	troubles   int       // since then
}

// run relays the publisher until it ends its stream, is lost, or loses the stream.
func (p *publisher) run(ctx context.Context) error {
	if err := p.request.Accept(); err != nil {
		p.pub.Close(false)
		return fmt.Errorf("accept publish: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { p.attend(ctx) })
	clean, err := p.read(time.Now())
	p.pub.Close(clean)
	cancel()
	beside.Wait()
	if reason := p.pub.Reason(); reason != nil {
		return reason
	}
	if clean {
		p.log.Info("publisher ended the stream")
		return nil
	}
	return fmt.Errorf("publisher lost: %w", err)
}

// attend pings the encoder, and tells it when the stream is no longer its own.
func (p *publisher) attend(ctx context.Context) {
	tick := time.NewTicker(pingEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.pub.Done():
			p.dismiss()
			return
		case <-tick.C:
			_ = p.conn.NetConn().SetWriteDeadline(time.Now().Add(pingEach))
			if err := p.conn.Ping(); err != nil {
				_ = p.conn.Close()
				return
			}
		}
	}
}

// dismiss says why and closes.
func (p *publisher) dismiss() {
	reason := p.pub.Reason()
	if reason == nil {
		return // it left by itself
	}
	_ = p.conn.NetConn().SetWriteDeadline(time.Now().Add(farewell))
	if errors.Is(reason, ingest.ErrDraining) {
		asked, err := p.request.AskReconnect("", reason.Error())
		if asked && err == nil {
			p.log.Info("publisher was asked to reconnect")
		}
	} else {
		_ = p.request.Reject(rtmp.CodePublishBadName, reason.Error())
	}
	_ = p.conn.Close()
}

// read relays messages until the stream ends; clean says that the encoder ended it.
func (p *publisher) read(start time.Time) (clean bool, err error) {
	for {
		deadline := time.Now().Add(deadAfter)
		if !p.media {
			deadline = start.Add(firstMedia)
		}
		_ = p.conn.NetConn().SetReadDeadline(deadline)
		m, err := p.conn.ReadMessage()
		switch {
		case errors.Is(err, io.EOF):
			return false, errors.New("it closed the connection without ending the stream")
		case errors.Is(err, os.ErrDeadlineExceeded) && !p.media:
			return false, errNoMedia
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false, fmt.Errorf("nothing was heard of it for %s", deadAfter)
		case err != nil:
			return false, err
		}
		if m.Type == rtmp.TypeCommand {
			clean, err = p.command(m)
		} else {
			err = p.tag(m)
		}
		if clean || err != nil {
			return clean, err
		}
	}
}

// command handles what the encoder says beside media; true is the end of its stream.
func (p *publisher) command(m rtmp.Message) (bool, error) {
	cmd, err := rtmp.ParseCommand(m)
	if err != nil {
		return false, err
	}
	return rtmp.IsEnd(cmd), p.conn.Answer(cmd)
}

// tag turns a media message into a frame and relays it. Only a lost stream is an error.
func (p *publisher) tag(m rtmp.Message) error {
	got, err := p.demuxer.Demux(flv.Tag{Type: flv.TagType(m.Type), Timestamp: m.Timestamp, Body: m.Payload})
	if got.TracksChanged {
		p.pub.SetTracks(p.demuxer.Tracks())
	}
	p.count(got, err)
	if got.Frame == nil {
		return nil
	}
	p.media = true
	return p.pub.WriteFrame(got.Frame)
}

// count keeps the books of what is not relayed, and says it once in a while.
func (p *publisher) count(got flv.Demuxed, err error) {
	for range got.Extra {
		p.pub.Drop(ingest.DropTrack)
	}
	if got.Data != "" {
		p.pub.Drop(ingest.DropData)
	}
	for _, name := range got.News {
		p.log.Info("publisher sends a track that is not relayed", "track", name)
	}
	if err == nil {
		return
	}
	p.pub.Drop(ingest.DropUnsupported)
	p.troubles++
	if now := time.Now(); now.Sub(p.complained) >= complainEach {
		var unsupported *wire.UnsupportedError
		msg := "publisher sent what cannot be read"
		if errors.As(err, &unsupported) {
			msg = "publisher sends what is not relayed"
		}
		p.log.Warn(msg, "messages", p.troubles, "err", err)
		p.complained, p.troubles = now, 0
	}
}
