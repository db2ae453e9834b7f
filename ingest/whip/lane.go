package whip

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/rtp"
)

// The kinds of lanes; each is its track's id.
const (
	picture = iota
	sound
)

var kinds = [2]string{"video", "audio"}

const (
	askAfter   = 10 * time.Millisecond  // that a packet is missing, and the jitter: it may be late
	askLatest  = 60 * time.Millisecond  //
	askEach    = 50 * time.Millisecond  // again, or in the time that it takes to come
	askSeldom  = 100 * time.Millisecond // but so often at least, since requests and answers are lost too, and there is half a second
	repairEach = 20 * time.Millisecond  // pion hands over what was sent again when it is asked, not when it comes
	soundWait  = 100 * time.Millisecond // for packets that cannot be asked for
	largest    = 2048                   // bytes of a packet
	ourSSRC    = 1                      // of feedback; we send nothing else
	pictureRef = "nack pli"
)

// lane is one track of the publisher.
type lane struct {
	kind   int
	codec  rtc.Codec
	remote *webrtc.TrackRemote
	track  *media.Track // as it is announced
	window rtp.Window
	frames *rtp.Depacketizer
	inBand *codec.InBand // nil for sound

	begun  bool
	line   rtp.Timeline
	early  arrival // of a report that came before the first packet
	broken bool    // the next picture refers to one that is lost
	number uint8   // of full intra requests

	jitter  time.Duration // RFC 3550 §6.4.1
	transit media.Time
	heard   bool
	came    uint64         // packets
	counted ingest.Packets // that were told
}

func newLane(kind int, c rtc.Codec, remote *webrtc.TrackRemote) (*lane, error) {
	t, err := c.Track(uint8(kind))
	if err != nil {
		return nil, err
	}
	l := &lane{kind: kind, codec: c, remote: remote, track: t, broken: kind == picture}
	if !c.Has("nack") {
		l.window.Wait = soundWait
	}
	if kind == picture {
		l.inBand = &codec.InBand{ID: t.ID, Codec: t.Codec}
		if len(t.Config) > 0 { // GStreamer sends parameter sets in its offer alone
			if l.track, err = l.inBand.Begin(t); err != nil {
				return nil, err
			}
		}
	}
	l.frames, err = rtp.NewDepacketizer(t, 0)
	return l, err
}

// readers are the goroutines that read from pion.
type readers struct {
	mu    sync.Mutex
	ended bool
	all   sync.WaitGroup
}

// spawn starts a reader, unless the session is over.
func (r *readers) spawn(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.all.Go(f)
	}
}

// end lets no more begin, and waits for all.
func (r *readers) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.all.Wait()
}

// hear reads a track until the connection is closed. pion calls it.
func (p *session) hear(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	kind := sound
	if remote.Kind() == webrtc.RTPCodecTypeVideo {
		kind = picture
	}
	p.readers.spawn(func() { p.hearReports(kind, remote, receiver) })
	p.readers.spawn(func() { p.hearPackets(kind, remote) })
}

// hearPackets reads the packets of a track.
func (p *session) hearPackets(kind int, remote *webrtc.TrackRemote) {
	buf := make([]byte, largest)
	for {
		if remote.HasRTX() {
			_ = remote.SetReadDeadline(time.Now().Add(repairEach))
		}
		n, _, err := remote.Read(buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			return
		case err != nil && p.isGone():
			return
		case err != nil: // the time is over, or it is a packet of a type that was not agreed
			continue
		}
		packet, err := rtp.ParsePacket(bytes.Clone(buf[:n]))
		if err == nil && !p.pass(arrival{kind: kind, track: remote, packet: packet, at: time.Now()}) {
			return
		}
	}
}

// hearReports reads what the publisher reports of a track.
func (p *session) hearReports(kind int, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	buf := make([]byte, largest)
	for {
		n, _, err := receiver.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, packet := range packets {
			r, is := packet.(*rtcp.SenderReport)
			if is && r.SSRC == uint32(remote.SSRC()) && !p.pass(arrival{kind: kind, track: remote, report: r, at: time.Now()}) {
				return
			}
		}
	}
}

// isGone says whether the publisher's connection is over.
func (p *session) isGone() bool {
	select {
	case <-p.peer.Gone():
		return true
	default:
		return false
	}
}

// pass hands over to the session; false where that is over.
func (p *session) pass(a arrival) bool {
	select {
	case p.arrivals <- a:
		return true
	case <-p.peer.Gone():
		return false
	}
}

// measure learns how evenly packets arrive.
func (l *lane) measure(a arrival) {
	l.came++
	transit := media.Time(a.at.UnixNano()) - media.FromTicks(int64(a.packet.Timestamp), l.codec.Rate)
	if l.heard {
		d := transit - l.transit
		if d < 0 {
			d = -d
		}
		if d < media.Time(time.Second) { // else the timestamps have wrapped
			l.jitter += (d.Duration() - l.jitter) / 16
		}
	}
	l.heard, l.transit = true, transit
}

// count gives the packets since it was last asked.
func (l *lane) count() ingest.Packets {
	now := ingest.Packets{Came: l.came, Lost: l.frames.Lost(), Asked: l.window.Asked(), Repaired: l.window.Repaired()}
	before := l.counted
	l.counted = now
	return ingest.Packets{
		Came: now.Came - before.Came, Lost: now.Lost - before.Lost, Asked: now.Asked - before.Asked, Repaired: now.Repaired - before.Repaired,
	}
}

// missing gives the request for what is missing; nil where there is none.
func (l *lane) missing(now time.Time) rtcp.Packet {
	if !l.codec.Has("nack") {
		return nil
	}
	each := min(max(l.window.Trip(), askEach), askSeldom)
	numbers := l.window.Missing(nil, now, min(askAfter+l.jitter, askLatest), each)
	if len(numbers) == 0 {
		return nil
	}
	return &rtcp.TransportLayerNack{SenderSSRC: ourSSRC, MediaSSRC: uint32(l.remote.SSRC()), Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)}
}

// keyRequest gives the request for a key frame; nil where the publisher takes none.
func (l *lane) keyRequest() rtcp.Packet {
	ssrc := uint32(l.remote.SSRC())
	switch {
	case l.codec.Has(pictureRef):
		return &rtcp.PictureLossIndication{SenderSSRC: ourSSRC, MediaSSRC: ssrc}
	case l.codec.Has("ccm fir"):
		l.number++
		return &rtcp.FullIntraRequest{SenderSSRC: ourSSRC, MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: l.number}}}
	}
	return nil
}

// read gives a frame with its track.
func (l *lane) read(f rtp.Frame) (codec.Picture, error) {
	if l.inBand == nil {
		return codec.Picture{Track: l.track, Data: f.Data}, nil
	}
	return l.inBand.Take(f.Data)
}

// judge says whether a picture cannot be decoded, since one before it was lost.
func (l *lane) judge(f rtp.Frame, got codec.Picture) (drop bool) {
	if f.Gap {
		l.broken = true
	}
	if got.Key && got.Track != nil {
		l.broken = false
	}
	return l.broken && len(got.Data) > 0
}
