package rtsp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
)

// setup agrees on how a track travels.
func (c *client) setup(r *wire.Request) (bool, error) {
	u, over, err := c.authorize(r)
	if over || err != nil || u == nil {
		return over, err
	}
	switch {
	case c.playing != nil:
		return false, c.refuse(r, wire.StatusNotValidInState, "")
	case c.session.ID != "" && u.Path != c.stream, r.Header.Value("Session") != "" && !c.isSession(r):
		return false, c.refuse(r, wire.StatusSessionNotFound, "")
	}
	tracks := c.tracks(u.Path)
	switch {
	case len(tracks) == 0:
		return false, c.refuse(r, wire.StatusNotFound, "The stream is not live")
	case u.Track == wire.NoTrack && len(tracks) > 1:
		return false, c.refuse(r, wire.StatusAggregateNotAllowed, "Set up each track")
	case u.Track >= len(tracks):
		return false, c.refuse(r, wire.StatusNotFound, "There is no such track")
	}
	t := tracks[max(u.Track, 0)]
	if c.laneOf(t.ID) != nil {
		return false, c.refuse(r, wire.StatusNotValidInState, "")
	}
	agreed, refused := c.transport(r)
	if refused != nil {
		return false, c.refuse(r, refused.status, refused.words)
	}
	mapping, err := rtp.MappingOf(t)
	if err != nil {
		return false, c.refuse(r, wire.StatusInternalError, "")
	}
	if c.session.ID == "" {
		c.session = wire.Session{ID: fmt.Sprintf("%08x%08x%08x", rtp.Random(), rtp.Random(), rtp.Random()), Timeout: c.server.timeout()}
		c.stream = u.Path
	}
	l := &lane{
		index: max(u.Track, 0), id: t.ID, codec: t.Codec, channel: uint8(agreed.Interleaved.RTP), ports: agreed.ClientPort, clock: rtp.Clock{Rate: mapping.Rate, Base: c.server.bases.Of(u.Path)},
		header: rtp.Header{PayloadType: uint8(96 + max(u.Track, 0)), Sequence: uint16(rtp.Random()), SSRC: rtp.Random()},
	}
	if !agreed.TCP {
		l.channel = uint8(2 * len(c.lanes))
	}
	c.lanes = append(c.lanes, l)
	agreed.SSRC, agreed.HasSSRC, agreed.Mode = l.header.SSRC, true, "PLAY"
	return false, c.say(c.within(r, wire.Field{Name: "Transport", Value: agreed.String()}))
}

// play begins to send.
func (c *client) play(ctx context.Context, r *wire.Request) (bool, error) {
	if !c.isSession(r) {
		return false, c.refuse(r, wire.StatusSessionNotFound, "")
	}
	if c.playing != nil { // some ask again to be sure
		return false, c.say(c.within(r))
	}
	u, who, err := c.identify(r)
	if err != nil || u == nil {
		return false, err
	}
	if c.admit(who, c.stream) != nil {
		return c.deny(r, who)
	}
	pass, err := c.server.Registry.Open(who, access.Object{Stream: c.stream, Over: access.RTSP})
	if errors.Is(err, access.ErrFull) {
		return false, c.refuse(r, wire.StatusNotEnoughBandwidth, err.Error())
	}
	if err != nil {
		return c.deny(r, who)
	}
	s, live := c.server.Stream(c.stream)
	feed, known := c.server.Feed(c.stream, pass.Partner())
	if !live || !known {
		pass.Close()
		return false, c.refuse(r, wire.StatusNotFound, "The stream is not live")
	}
	sn := &sender{
		stream: s, reader: s.Subscribe(feed.Output, 0), lanes: c.lanes, cname: "simulcart", view: feed.View, carried: feed.Carried,
	}
	if slices.ContainsFunc(c.lanes, func(l *lane) bool { return l.codec.IsVideo() }) {
		sn.reader.GatherSound()
	}
	sn.link = c.link(sn.reader)
	waiting, cancel := context.WithTimeout(ctx, firstFrames)
	defer cancel()
	begin, err := sn.open(waiting)
	if err != nil {
		sn.reader.Close()
		pass.Close()
		return false, c.refuse(r, wire.StatusUnavailable, "No media come at the moment")
	}
	var info []wire.TrackInfo
	base := u.WithTrack(wire.NoTrack)
	for _, l := range c.lanes {
		info = append(info, wire.TrackInfo{
			URL: base.WithTrack(l.index).String(), Sequence: l.header.Sequence, HasSequence: true, Timestamp: l.clock.Timestamp(begin), HasTimestamp: true,
		})
	}
	if err := c.say(c.within(r, wire.Field{Name: "RTP-Info", Value: wire.FormatRTPInfo(info)})); err != nil {
		sn.reader.Close()
		pass.Close()
		return false, err
	}
	c.settle()
	c.log = c.log.With("stream", c.stream, "output", feed.Output)
	c.log.Info("client plays")
	c.start(ctx, sn, pass)
	return false, nil
}

// start lets the sender work until it ends, or is made to.
func (c *client) start(ctx context.Context, sn *sender, pass *access.Pass) {
	ctx, cancel := context.WithCancel(ctx)
	p := &playing{cancel: cancel, done: make(chan struct{}), pass: pass}
	c.playing = p
	c.lives()
	forget := func() {}
	if c.isUDP() {
		forget = c.server.UDP.hear(c)
	}
	go func() {
		defer func() { _ = c.nc.SetReadDeadline(p.until) }() // the session is over, whoever ended it
		defer close(p.done)
		defer pass.Close()
		defer sn.reader.Close()
		defer forget()
		var watching sync.WaitGroup
		watching.Go(func() {
			select {
			case <-pass.Done():
				_ = c.nc.Close() // a write may wait for a client that does not read
			case <-ctx.Done():
			}
		})
		err := sn.run(ctx, time.Now)
		p.until = time.Now()
		if hasEnded(err) { // GStreamer wants to tear down, and dials anew where it cannot
			p.until = p.until.Add(farewellTime)
		}
		cancel()
		watching.Wait()
		c.log.Debug("packets ended", "err", err)
	}()
}

// stop ends the sender.
func (c *client) stop() {
	if c.playing != nil {
		c.playing.cancel()
		_ = c.nc.SetWriteDeadline(time.Now().Add(farewellTime))
		<-c.playing.done
	}
}
