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
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

const (
	pingEach     = 5 * time.Second  // without a byte
	deadAfter    = 10 * time.Second // without a byte; answers to pings count
	firstMedia   = 15 * time.Second // after publish was accepted
	complainEach = 10 * time.Second // trouble with frames is said once in this time
)

// farthest bounds a publisher's timestamps, in milliseconds either way: a century, beyond which nanoseconds overflow.
const farthest = 100 * 365 * 24 * 3600 * 1000

var (
	errNoMedia = errors.New("no media came within 15 s of publish: check that the encoder's outputs are on")
	errSilent  = errors.New("nothing was heard of it for 10s")
	errDeaf    = errors.New("it takes nothing of what is written to it")
	errRunaway = errors.New("its timestamps went over a century")
)

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
	_ = p.conn.NetConn().SetWriteDeadline(time.Now().Add(deadAfter))
	if err := p.request.Accept(); err != nil {
		p.pub.Close(false)
		return fmt.Errorf("accept publish: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { p.attend(ctx) })
	clean, err := p.read(time.Now())
	p.pub.Close(clean)
	cancel()
	beside.Wait()
	reason := p.pub.Reason()
	switch {
	case reason != nil:
		p.dismiss(reason)
		return reason
	case clean:
		await(p.conn.NetConn())
		return nil
	}
	return fmt.Errorf("publisher lost: %w", err)
}

// attend pings the encoder when it is silent, and ends the reading when the stream is no longer its own. One that sends is not pinged: a
// ping that it has not read when it closes makes its system reset the connection, and the end of its stream may be lost in that.
func (p *publisher) attend(ctx context.Context) {
	nc := p.conn.NetConn()
	alarm := time.NewTimer(pingEach)
	defer alarm.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-p.pub.Done():
		case <-alarm.C:
			// For whatever is written from now to the next time.
			_ = nc.SetWriteDeadline(time.Now().Add(deadAfter))
			if quiet := p.conn.Quiet(); quiet < pingEach {
				alarm.Reset(pingEach - quiet)
				continue
			}
			if p.conn.Ping() == nil {
				alarm.Reset(pingEach)
				continue
			}
		}
		p.conn.Interrupt()
		_ = nc.SetWriteDeadline(time.Now())
		return
	}
}

// dismiss tells the encoder why it lost the stream.
func (p *publisher) dismiss(reason error) {
	nc := p.conn.NetConn()
	_ = nc.SetDeadline(time.Now().Add(farewellTime))
	if !errors.Is(reason, ingest.ErrDraining) {
		refuse(p.conn, p.request, rtmp.CodePublishBadName, reason.Error())
		return
	}
	asked, err := p.request.AskReconnect("", reason.Error())
	if asked && err == nil {
		p.log.Info("publisher was asked to reconnect")
	}
	farewell(nc)
}

// read relays messages until the stream ends; clean says that the encoder ended it.
func (p *publisher) read(start time.Time) (clean bool, err error) {
	_ = p.conn.NetConn().SetReadDeadline(start.Add(firstMedia))
	for {
		m, err := p.conn.ReadMessage()
		if err != nil {
			return false, p.lost(err)
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

// lost says in words why reading ended.
func (p *publisher) lost(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it closed the connection without ending the stream")
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case p.conn.Interrupted():
		return errDeaf
	case !p.media:
		return errNoMedia
	}
	return errSilent
}

// command handles what the encoder says beside media; true is the end of its stream.
func (p *publisher) command(m rtmp.Message) (bool, error) {
	cmd, err := rtmp.ParseCommand(m)
	if err != nil { // a show does not end for a command that nobody knows
		p.count(flv.Demuxed{}, err)
		return false, nil
	}
	return rtmp.IsEnd(cmd), p.conn.Answer(cmd)
}

// tag turns a media message into a frame and relays it. Only a lost stream is an error.
func (p *publisher) tag(m rtmp.Message) error {
	if m.Timestamp > farthest || m.Timestamp < -farthest {
		return errRunaway
	}
	got, err := p.demuxer.Demux(flv.Tag{Type: flv.TagType(m.Type), Timestamp: m.Timestamp, Body: m.Payload})
	if got.TracksChanged {
		p.pub.SetTracks(p.demuxer.Tracks())
	}
	p.count(got, err)
	f := got.Frame
	switch {
	case f == nil:
		return nil
	case f.Track.Codec == media.Data:
		return p.data(f)
	case !p.cleanse(f):
		return nil
	}
	if !p.media {
		p.media = true
		p.conn.SetPatience(deadAfter)
	}
	return p.pub.WriteFrame(f)
}

// count keeps the books of what is not relayed, and says it once in a while.
func (p *publisher) count(got flv.Demuxed, err error) {
	for range got.Extra {
		p.pub.Drop(ingest.DropTrack)
	}
	for _, name := range got.News {
		p.log.Info("publisher sends a track that is not relayed", "track", name)
	}
	if err == nil {
		return
	}
	p.pub.Drop(ingest.DropUnsupported)
	p.complain(err)
}

// complain says once in a while what is wrong with what comes.
func (p *publisher) complain(err error) {
	p.troubles++
	if now := time.Now(); now.Sub(p.complained) >= complainEach {
		p.log.Warn("publisher sends what cannot be relayed", "messages", p.troubles, "err", err)
		p.complained, p.troubles = now, 0
	}
}
