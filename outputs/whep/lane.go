package whep

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/wire/rtp"
)

const (
	mostReport  = 1500                  // bytes of a packet with reports
	mostResends = 8                     // of one packet
	resendApart = 10 * time.Millisecond // the least between two
)

// lane is one track on its way to one viewer. It is a track of pion's too, which calls Bind when the offer is settled. The sender's
// goroutine sends, and another one listens to the viewer and sends again.
type lane struct {
	id     uint8 // of the track
	codec  media.Codec
	clock  rtp.Clock
	counts *outputs.Viewed
	sender *webrtc.RTPSender

	writer  webrtc.TrackLocalWriter // from Bind on
	ssrc    uint32
	repairs bool   // what is sent again has a stream of its own (RFC 4588)
	first   outlet // what is sent
	again   outlet // what is sent again

	mu      sync.Mutex
	sent    []sent // the last packets, by sequence number modulo its length
	packets uint32
	octets  uint32
	told    [8]told // the last reports
	reports int
}

// outlet is what one goroutine sends with.
type outlet struct {
	header  pion.Header
	stamped uint8 // id of abs-send-time; 0: the viewer has none
	stamp   [3]byte
	scratch []byte
}

// sent is a packet that went out. What it holds is shared with all other viewers.
type sent struct {
	payload   rtp.Payload
	timestamp uint32
	stamp     [3]byte
	sequence  uint16
	count     uint8 // of resends
	known     bool
	at        time.Time // of the last one
}

// told is a sender report that went out.
type told struct {
	middle uint32 // of its NTP time, by which the viewer names it
	at     time.Time
}

// Bind is called by pion.
func (l *lane) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	l.ssrc = uint32(c.SSRC())
	l.first.header.SSRC, l.again.header.SSRC = l.ssrc, uint32(c.SSRCRetransmission())
	l.repairs = l.again.header.PayloadType != 0 && l.again.header.SSRC != 0
	if !l.repairs {
		l.again.header.PayloadType, l.again.header.SSRC = l.first.header.PayloadType, l.ssrc
	}
	for _, e := range c.HeaderExtensions() {
		if e.URI == absSendTime {
			l.first.stamped, l.again.stamped = uint8(e.ID), uint8(e.ID)
		}
	}
	for _, p := range c.CodecParameters() {
		if uint8(p.PayloadType) == l.first.header.PayloadType {
			l.writer = c.WriteStream()
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind is called by pion.
func (l *lane) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID names the track in the answer.
func (l *lane) ID() string { return l.codec.String() }

// RID is empty: there is no simulcast.
func (l *lane) RID() string { return "" }

// StreamID is the same for sound and picture, so that they are played together.
func (l *lane) StreamID() string { return "simulcart" }

// Kind is asked by pion.
func (l *lane) Kind() webrtc.RTPCodecType {
	if l.codec.IsVideo() {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// send sends a frame's payloads with the media time of the frame.
func (l *lane) send(payloads []rtp.Payload, at media.Time) error {
	timestamp := l.clock.Timestamp(at)
	for _, p := range payloads {
		s := sent{payload: p, timestamp: timestamp, sequence: l.first.header.SequenceNumber, known: true, stamp: stampOf(time.Now())}
		l.remember(s)
		err := l.write(&l.first, &s, nil)
		l.first.header.SequenceNumber++
		if errors.Is(err, io.ErrClosedPipe) {
			return err
		}
	}
	return nil
}

// remember keeps a packet, and counts it.
func (l *lane) remember(s sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[int(s.sequence)%len(l.sent)] = s
	l.packets++
	l.octets += uint32(s.payload.Len())
}

// write writes a packet, with front before the payload.
func (l *lane) write(o *outlet, s *sent, front []byte) error {
	o.header.Timestamp, o.header.Marker = s.timestamp, s.payload.Marker
	if o.stamped != 0 {
		o.stamp = s.stamp
		_ = o.header.SetExtension(o.stamped, o.stamp[:]) // an id of an agreed description fits
	}
	o.scratch = append(append(append(o.scratch[:0], front...), s.payload.Header...), s.payload.Body...)
	_, err := l.writer.WriteRTP(&o.header, o.scratch)
	return err
}

// stampOf gives a time as abs-send-time has it: seconds with 6 bits in front of the point and 18 behind.
func stampOf(t time.Time) [3]byte {
	n := uint32(rtp.NTP(t) >> 14)
	return [3]byte{byte(n >> 16), byte(n >> 8), byte(n)}
}

// report tells which time of day belongs to a media time.
func (l *lane) report(at media.Time, wall time.Time) []rtcp.Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	ntp := rtp.NTP(wall)
	l.told[l.reports%len(l.told)] = told{uint32(ntp >> 16), time.Now()}
	l.reports++
	return []rtcp.Packet{
		&rtcp.SenderReport{SSRC: l.ssrc, NTPTime: ntp, RTPTime: l.clock.Timestamp(at), PacketCount: l.packets, OctetCount: l.octets},
		rtcp.NewCNAMESourceDescription(l.ssrc, "simulcart"),
	}
}

// listen reads what the viewer says of the track, until its connection is closed.
func (l *lane) listen(wantKey func()) {
	buf := make([]byte, mostReport)
	for {
		n, _, err := l.sender.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue // pion has authenticated it: the viewer hurts herself alone
		}
		for _, p := range packets {
			l.hear(p, wantKey)
		}
	}
}

// hear acts on a report.
func (l *lane) hear(p rtcp.Packet, wantKey func()) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC != l.ssrc {
			return
		}
		for _, pair := range p.Nacks {
			for _, sequence := range pair.PacketList() {
				l.resend(sequence)
			}
		}
	case *rtcp.PictureLossIndication:
		if p.MediaSSRC == l.ssrc {
			l.counts.LosePicture()
			wantKey()
		}
	case *rtcp.FullIntraRequest:
		l.counts.LosePicture()
		wantKey()
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		l.counts.Estimate(float64(p.Bitrate))
	case *rtcp.ReceiverReport:
		for _, r := range p.Reports {
			l.judge(r)
		}
	}
}

// judge takes a receiver report of the track (RFC 3550 §6.4.1). Reports bear the wall time of the media, by which the viewer names them: the
// round trip is counted on our own clock.
func (l *lane) judge(r rtcp.ReceptionReport) {
	if r.SSRC != l.ssrc {
		return
	}
	rtt := time.Duration(-1) // not known
	l.mu.Lock()
	for _, t := range l.told {
		if !t.at.IsZero() && t.middle == r.LastSenderReport {
			rtt = max(0, time.Since(t.at)-time.Duration(r.Delay)*time.Second/(1<<16))
		}
	}
	l.mu.Unlock()
	l.counts.Report(rtt, float64(r.FractionLost)/256, time.Duration(r.Jitter)*time.Second/time.Duration(l.clock.Rate))
}

// resend sends a packet again.
func (l *lane) resend(sequence uint16) {
	s, ok := l.find(sequence, time.Now())
	if !ok {
		return
	}
	if !l.repairs {
		// Bit by bit what it was, time stamp too: AES-GCM must not encrypt two packets under one number.
		l.again.header.SequenceNumber = sequence
		_ = l.write(&l.again, &s, nil)
		return
	}
	s.stamp = stampOf(time.Now())
	_ = l.write(&l.again, &s, binary.BigEndian.AppendUint16(nil, sequence)) // RFC 4588 §4
	l.again.header.SequenceNumber++
}

// find gives a packet that may go out again.
func (l *lane) find(sequence uint16, now time.Time) (sent, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.sent[int(sequence)%len(l.sent)]
	switch {
	case !s.known || s.sequence != sequence:
		l.counts.Ask(false)
		return sent{}, false
	case s.count >= mostResends || now.Sub(s.at) < resendApart:
		return sent{}, false
	}
	s.count++
	s.at = now
	l.counts.Ask(true)
	return *s, true
}
