package whep

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/rtp"
)

// What is told in RTP headers.
const (
	absSendTime  = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

const (
	channelLabel   = "simulcart.overlay"
	mostChannels   = 4 // that a viewer may open, ours among them
	maxLag         = 2 * time.Second
	closeAtMost    = 5 * time.Second // that DELETE waits
	answerAtMost   = 5 * time.Second
	historyOfVideo = 1024 // packets
	historyOfAudio = 128
)

var errRevoked = errors.New("the right to play has expired, or was taken away")

// session is one viewer.
//
//	opening ──▶ playing ──▶ over
//	   └──────────────────▲
type session struct {
	server *Server
	name   string // of the stream, as viewers call it: what is read may be a rendition
	stream *relay.Stream
	feed   Feed
	who    access.Principal
	pass   *access.Pass
	peer   *rtc.Peer
	place  *access.Place
	log    *slog.Logger

	lanes    []*lane
	channels atomic.Int32
	board    *board
	strain   strain
	counts   outputs.Viewed
}

// open makes the connection and gives the answer.
func (v *session) open(r *http.Request, o *rtc.Offer, chosen map[int]choice) ([]byte, error) {
	terms := rtc.Terms{Chosen: make(map[int]rtc.Codec), Sends: true, Extensions: map[string][]string{"video": {absSendTime, playoutDelay}}}
	for i, c := range chosen {
		terms.Chosen[i] = c.codec
	}
	var err error
	if v.peer, err = v.server.Endpoint.NewPeer(o, terms); err != nil {
		return nil, err
	}
	if v.place, err = v.server.Lobby.Enter(v.peer.Visitor(r)); err != nil {
		v.server.crowded(false)
		v.peer.Close()
		return nil, &rtc.Problem{Status: http.StatusServiceUnavailable, Code: "crowded", Detail: "Too many viewers from your address are connecting. Try again in a moment.", Retry: retryIdle}
	}
	answer, err := v.negotiate(r.Context(), chosen)
	if err != nil {
		v.place.Leave()
		v.peer.Close()
		return nil, err
	}
	return answer, nil
}

func (v *session) negotiate(ctx context.Context, chosen map[int]choice) ([]byte, error) {
	base := v.server.bases.Of(v.name)
	for _, c := range chosen {
		size := historyOfAudio
		if c.track.Codec.IsVideo() {
			size = historyOfVideo
		}
		l := &lane{
			id: c.track.ID, codec: c.track.Codec, clock: rtp.Clock{Rate: c.codec.Rate, Base: base}, counts: &v.counts,
			past: newHistory(size),
		}
		l.first.header.Version, l.first.header.PayloadType, l.first.header.SequenceNumber = 2, c.codec.PayloadType, uint16(rtp.Random())
		l.again.header.Version, l.again.header.PayloadType, l.again.header.SequenceNumber = 2, c.codec.Repair, uint16(rtp.Random())
		var err error
		if l.sender, err = v.peer.AddTrack(l); err != nil {
			return nil, err
		}
		if l.leads = len(chosen) == 1 || l.codec.IsVideo(); l.codec.IsVideo() {
			l.strain = &v.strain
		}
		v.lanes = append(v.lanes, l)
	}
	v.peer.OnDataChannel(v.takeChannel)
	ctx, cancel := context.WithTimeout(ctx, answerAtMost)
	defer cancel()
	return v.peer.Answer(ctx)
}

// takeChannel gets what data channels the viewer opens.
func (v *session) takeChannel(dc *webrtc.DataChannel) {
	switch {
	case v.channels.Add(1) > mostChannels:
		v.peer.Leave()
	case dc.Label() != channelLabel:
		dc.OnOpen(func() { _ = dc.Close() })
	default:
		dc.OnOpen(func() { v.board.open(dc) })
	}
}

// Peer is asked by [rtc.Handler].
func (v *session) Peer() *rtc.Peer { return v.peer }

// Allows says whether a request comes from the one who began the session.
func (v *session) Allows(r *http.Request) error {
	switch who := v.server.identify(r); {
	case who == v.who:
		return nil
	case who == access.Principal{}, who.Unknown:
		return denied(who)
	}
	return &rtc.Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "The session was begun with another token or link."}
}

// End ends the session at the viewer's wish.
func (v *session) End() {
	v.peer.Leave()
}

// run plays until the viewer is gone, the session of the stream ends, or ctx ends. It gives back all that the session has.
func (v *session) run(ctx context.Context) {
	defer v.pass.Close()
	defer v.peer.Close()
	defer v.place.Leave()
	err := v.wait(ctx)
	if err == nil {
		v.place.Leave()
		v.counts.Connect()
		v.log.Info("viewer plays")
		err = v.play(ctx)
	}
	v.log.Debug("viewer has left", "err", err)
}

var (
	errLeft    = errors.New("the viewer left")
	errEvicted = access.ErrEvicted
)

// wait waits until media may flow.
func (v *session) wait(ctx context.Context) error {
	select {
	case <-v.peer.Connected():
		return nil
	case <-v.peer.Gone():
		if v.place.Evicted() {
			v.server.crowded(true)
			return errEvicted
		}
		return errLeft
	case <-v.pass.Done():
		return errRevoked
	case <-ctx.Done():
		return ctx.Err()
	}
}

// play sends until something ends it.
func (v *session) play(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	sn := newSender(v)
	var all sync.WaitGroup
	for _, l := range v.lanes {
		l.train = v.peer.NewTrain(l.ssrc)
		defer l.train.Close()
		all.Go(func() { l.listen(sn.wantKey) })
	}
	all.Go(func() { v.board.run(ctx) })
	all.Go(func() {
		select {
		case <-v.peer.Gone():
			cancel(errLeft)
		case <-v.pass.Done():
			cancel(errRevoked)
		case <-ctx.Done():
		}
		v.peer.Close() // ends the listening, and a write that waits
	})
	err := sn.run(ctx)
	sn.reader.Close()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(err)
	all.Wait()
	return err
}
