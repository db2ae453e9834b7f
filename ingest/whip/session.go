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
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
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

// arrival is a packet, or a sender report, on its way to the session.
type arrival struct {
	kind   int
	track  *webrtc.TrackRemote
	packet rtp.Packet
	report *rtcp.SenderReport // nil: it is a packet
	at     time.Time
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

// look does what time brings: what is missing is asked for, or given up; key frames are asked for.
func (p *session) look(now time.Time) error {
	for _, l := range p.lanes {
		if l == nil {
			continue
		}
		p.ask(l.missing(now))
		if err := p.give(l, l.window.Expire(now), now); err != nil {
			return err
		}
		p.counts.Count(l.count())
		if l.kind == picture {
			p.measure(l, now)
		}
	}
	if l := p.lanes[picture]; l != nil && p.keyer.ask(now) {
		p.counts.AskKey()
		p.ask(l.keyRequest())
	}
	if apart, ok := p.clock.apart(); ok {
		p.counts.Apart(apart.Duration())
	}
	return nil
}

// measure tells how pictures come, and once in a while how long they take, which a change as of what the publisher saw has to wait.
func (p *session) measure(l *lane, now time.Time) {
	trip, known := p.way.trip()
	if !known {
		trip = l.window.Trip()
	}
	p.counts.Measure(l.jitter, trip)
	if now.Sub(p.told) < tellEach {
		return
	}
	p.told = now
	if delay, ok := p.way.delay(trip); ok {
		p.counts.Delay(delay)
		p.pub.TellDelay(delay)
	}
}

// ask sends a request to the publisher; nil is none.
func (p *session) ask(packet rtcp.Packet) {
	if packet != nil {
		_ = p.peer.WriteRTCP([]rtcp.Packet{packet}) // it is repeated as long as it is needed
	}
}

// take takes what has arrived.
func (p *session) take(a arrival) error {
	l := p.lanes[a.kind]
	if l == nil {
		var err error
		if l, err = p.join(a); err != nil {
			return err
		}
	}
	if a.track != l.remote {
		p.pub.Drop(ingest.DropTrack)
		return nil
	}
	if a.report != nil {
		if l.begun {
			p.heed(l, a)
		} else {
			l.early = a
		}
		return nil
	}
	if !l.begun {
		p.begin(l, a)
	}
	l.measure(a)
	p.clock.arrive(l.kind, l.line.Time(a.packet.Timestamp), a.at)
	return p.give(l, l.window.Push(a.packet, a.at), a.at)
}

// heed learns from a sender report.
func (p *session) heed(l *lane, a arrival) {
	t, wall := l.line.Time(a.report.RTPTime), fromNTP(a.report.NTPTime)
	p.clock.report(l.kind, t, wall, a.at)
	if l.kind == picture {
		p.way.report(t, wall, a.at)
	}
}

// join makes the lane of a track of which the first has arrived.
func (p *session) join(a arrival) (*lane, error) {
	l, err := newLane(a.kind, p.codecs[kinds[a.kind]], a.track)
	if err != nil {
		return nil, err
	}
	p.lanes[a.kind] = l
	if a.kind == picture {
		p.keyer.want()
	}
	return l, nil
}

// begin sets the lane's clock by its first packet.
func (p *session) begin(l *lane, a arrival) {
	l.begun = true
	l.line = rtp.Timeline{Rate: l.codec.Rate, Base: a.packet.Timestamp}
	p.clock.begin(l.kind, a.at)
	if l.early.report != nil {
		p.heed(l, l.early)
	}
}

// announce tells the publication which tracks there are, or will be by the answer. Pictures whose configuration is not known yet are
// announced without it.
func (p *session) announce() {
	var tracks []*media.Track
	for kind, l := range p.lanes {
		c, agreed := p.codecs[kinds[kind]]
		switch t, err := c.Track(uint8(kind)); {
		case l != nil:
			tracks = append(tracks, l.track)
		case agreed && err == nil:
			tracks = append(tracks, t)
		}
	}
	p.pub.SetTracks(tracks)
}

// give hands packets that are in order over, and relays the frames that are whole.
func (p *session) give(l *lane, packets []rtp.Packet, now time.Time) error {
	for _, packet := range packets {
		frames, err := l.frames.Push(packet)
		p.complain(err)
		for _, f := range frames {
			if err := p.frame(l, f, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// frame relays a frame.
func (p *session) frame(l *lane, f rtp.Frame, now time.Time) error {
	got, err := l.read(f)
	if err != nil {
		p.complain(err)
		p.pub.Drop(ingest.DropUnsupported)
		l.broken = true
		p.keyer.want()
		return nil
	}
	t := l.line.Time(f.Timestamp)
	if l.kind == picture {
		p.way.picture(t, now)
		if got.Key {
			if asked, once := p.keyer.took(now); once {
				p.way.answer(t, asked)
			}
		}
		if drop := l.judge(f, got); drop {
			p.pub.Drop(ingest.DropLoss)
			p.keyer.want()
			return nil
		}
	}
	if got.Track != nil && got.Track != l.track {
		l.track = got.Track
		p.announce()
	}
	if got.Track == nil || len(got.Data) == 0 {
		return nil
	}
	at := p.clock.time(l.kind, t, now)
	out := &media.Frame{Track: got.Track, PTS: at, DTS: at, Key: got.Key, Data: got.Data}
	if l.kind == picture && !p.cleanse(out) {
		return nil
	}
	return p.pub.WriteFrame(out)
}
