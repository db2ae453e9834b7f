package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/rtc"
)

// What is told in RTP headers.
const (
	transportWide = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	midExtension  = "urn:ietf:params:rtp-hdrext:sdes:mid"
)

// soundWish is what we would have of the sound (RFC 7587 §7.1): browsers send mono at 32 kbit/s otherwise.
const soundWish = "stereo=1;maxaveragebitrate=128000"

const (
	answerAtMost = 5 * time.Second
	firstMedia   = 15 * time.Second      // after the connection
	tickEach     = 10 * time.Millisecond // for what is missing
	complainEach = 10 * time.Second
	tellEach     = time.Second // how long pictures take
	mostWaiting  = 256         // packets between the readers and the session
)

var (
	errLeft    = errors.New("the publisher's connection is lost")
	errNoMedia = errors.New("no media came within 15 s of the connection")
)

// session is one publisher.
//
//	opening ──▶ publishing ──▶ over
//	   └─────────────────────▲
type session struct {
	server    *Server
	applicant ingest.Applicant
	who       access.Principal
	peer      *rtc.Peer
	place     *access.Place
	log       *slog.Logger
	counts    ingest.Received
	codecs    map[string]rtc.Codec // by kind

	arrivals chan arrival
	asked    chan struct{} // closed when the publisher has asked for the end
	asking   sync.Once
	over     chan struct{} // closed when the stream is given back
	readers  readers

	// The session goroutine's:
	pub   *ingest.Publication
	lanes [2]*lane // of pictures and of sound
	clock clock
	keyer keyer
	way   passage
	told  time.Time // when the stream was told of the way
	trouble
}

func newSession(s *Server, a ingest.Applicant, who access.Principal) *session {
	return &session{
		server: s, applicant: a, who: who, log: s.Log.With("stream", a.Stream, "remote", a.Remote),
		codecs: make(map[string]rtc.Codec), arrivals: make(chan arrival, mostWaiting), asked: make(chan struct{}), over: make(chan struct{}),
	}
}

// open makes the connection and gives the answer.
func (p *session) open(r *http.Request, o *rtc.Offer, chosen map[int]rtc.Codec) ([]byte, error) {
	stages, err := stages()
	if err != nil {
		return nil, err
	}
	for i, c := range chosen {
		p.codecs[o.Medias[i].Kind] = c
	}
	p.peer, err = p.server.Endpoint.NewPeer(o, rtc.Terms{
		Chosen: chosen, Stages: stages, Parameters: soundWish,
		Extensions: map[string][]string{"video": {transportWide, midExtension}, "audio": {transportWide, midExtension}},
	})
	if err != nil {
		return nil, err
	}
	if p.place, err = p.server.Lobby.Enter(p.peer.Visitor(r)); err != nil {
		p.peer.Close()
		return nil, &rtc.Problem{Status: http.StatusServiceUnavailable, Code: "crowded", Detail: "Too many are connecting from your address. Try again in a moment.", Retry: retryAfter}
	}
	p.peer.OnTrack(p.hear)
	p.peer.OnDataChannel(func(dc *webrtc.DataChannel) { dc.OnOpen(func() { _ = dc.Close() }) })
	ctx, cancel := context.WithTimeout(r.Context(), answerAtMost)
	defer cancel()
	answer, err := p.peer.Answer(ctx)
	if err != nil {
		p.place.Leave()
		p.peer.Close()
		return nil, err
	}
	return answer, nil
}

// stages are pion's interceptors: what the publisher needs to know of its way to us. Packets that are missing are asked for by the lanes.
func stages() (*interceptor.Registry, error) {
	var r interceptor.Registry
	wide, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(rtc.Silence()))
	if err != nil {
		return nil, fmt.Errorf("make the feedback of congestion: %w", err)
	}
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(rtc.Silence()))
	if err != nil {
		return nil, fmt.Errorf("make receiver reports: %w", err)
	}
	r.Add(wide)
	r.Add(reports)
	return &r, nil
}

// Peer is asked by [rtc.Handler].
func (p *session) Peer() *rtc.Peer { return p.peer }

// Allows says whether a request shows the key that the session was begun with.
func (p *session) Allows(r *http.Request) error {
	if who := p.server.identify(r); who != p.who {
		return denied(who)
	}
	return nil
}

// End ends the session at the publisher's wish.
func (p *session) End() {
	p.asking.Do(func() { close(p.asked) })
	<-p.over
}

// run takes the publisher in once it is connected, and relays it to its end.
func (p *session) run(ctx context.Context) {
	defer p.readers.end()
	defer p.peer.Close()
	defer p.place.Leave()
	over := sync.OnceFunc(func() { close(p.over) })
	defer over()
	if err := p.wait(ctx); err != nil {
		p.log.Debug("publisher did not come", "err", err)
		return
	}
	p.place.Leave()
	var err error
	if p.pub, err = p.server.Gate.Admit(p.applicant); err != nil {
		p.server.refused(problemOf(err))
		return // the gate has logged it
	}
	p.counts.Connect()
	p.announce()
	clean, err := p.relay(ctx)
	p.pub.Close(clean)
	over()
	if reason := p.pub.Reason(); reason != nil {
		err = reason
	}
	if err != nil && ctx.Err() == nil {
		p.log.Warn("publisher has left", "err", err)
	}
}

// wait waits until media may flow.
func (p *session) wait(ctx context.Context) error {
	select {
	case <-p.peer.Connected():
		return nil
	case <-p.peer.Gone():
		return errLeft
	case <-p.asked:
		return errLeft
	case <-ctx.Done():
		return ctx.Err()
	}
}

// relay works until the publisher is gone; clean says that it has ended its stream itself.
func (p *session) relay(ctx context.Context) (clean bool, err error) {
	tick := time.NewTicker(tickEach)
	defer tick.Stop()
	wishes := p.pub.KeyWanted()
	late := time.After(firstMedia)
	for {
		select {
		case a := <-p.arrivals:
			err = p.take(a)
		case now := <-tick.C:
			err = p.look(now)
		case <-wishes:
			p.keyer.want()
		case <-late:
			if p.lanes == [2]*lane{} {
				return false, errNoMedia
			}
		case <-p.asked:
			return true, nil
		case <-p.peer.Gone():
			return p.farewell(ctx)
		case <-p.pub.Done():
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if err != nil {
			return false, err
		}
	}
}

// farewell waits for the DELETE of a publisher whose connection is gone: a browser that leaves the page closes that first.
func (p *session) farewell(ctx context.Context) (clean bool, err error) {
	select {
	case <-p.asked:
		return true, nil
	case <-time.After(rtc.Linger):
		return false, errLeft
	case <-p.pub.Done():
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
