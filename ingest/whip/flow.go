package whip

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// arrival is a packet, or a sender report, on its way to the session.
type arrival struct {
	kind   int
	track  *webrtc.TrackRemote
	packet rtp.Packet
	report *rtcp.SenderReport // nil: it is a packet
	at     time.Time
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
	if apart, ok := p.clock.apart(); ok && !p.pub.Waits() {
		p.counts.Apart(apart.Duration())
	}
	return nil
}

// measure tells how pictures come, and once in a while how long they take, which a change as of what the publisher saw has to wait. While another
// publisher is relayed, only the gate is told.
func (p *session) measure(l *lane, now time.Time) {
	trip, known := p.way.trip()
	if !known {
		trip = l.window.Trip()
	}
	waits := p.pub.Waits()
	if !waits {
		p.counts.Measure(l.jitter, trip)
	}
	if now.Sub(p.told) < tellEach {
		return
	}
	p.told = now
	if delay, ok := p.way.delay(trip); ok {
		if !waits {
			p.counts.Delay(delay)
		}
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
