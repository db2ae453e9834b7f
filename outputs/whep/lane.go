package whep

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/wire/rtp"
)

const (
	mostReport = 1500                   // bytes of a packet with reports
	lossEach   = 900 * time.Millisecond // the least from which a share of losses is told: players report each second, and with each NACK
)

// lane is one track on its way to one viewer. It is a track of pion's too, which calls Bind when the offer is settled. The sender's
// goroutine sends, and another one listens to the viewer and sends again.
type lane struct {
	id     uint8 // of the track
	codec  media.Codec
	clock  rtp.Clock
	counts *outputs.Viewed
	leads  bool    // what reports say of it is counted: of pictures, or of sound where there are none
	strain *strain // of pictures; nil: the track is sent whatever is lost
	sender *webrtc.RTPSender

	writer  webrtc.TrackLocalWriter // from Bind on
	train   *rtc.Train              // of what is sent
	ssrc    uint32
	repairs bool   // what is sent again has a stream of its own (RFC 4588)
	first   outlet // what is sent
	again   outlet // what is sent again

	past  history
	heard heard // the report up to which losses are counted; the listener's
}

// outlet is what one goroutine sends with.
type outlet struct {
	header  pion.Header
	stamped uint8 // id of abs-send-time; 0: the viewer has none
	stamp   [3]byte
	scratch []byte
}

// heard is what a report of the viewer's says of all packets so far.
type heard struct {
	at      time.Time // zero: there was none
	highest uint32    // sequence number, with the turns in front
	lost    uint32    // 24 bits with a sign
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

// send sends a frame's payloads, or some of them, with the media time of the frame. They leave together.
func (l *lane) send(payloads []rtp.Payload, at media.Time) error {
	if len(payloads) > 1 {
		l.train.Hold()
		defer l.train.Send()
	}
	s := sent{timestamp: l.clock.Timestamp(at), sequence: l.first.header.SequenceNumber, stamp: stampOf(time.Now())}
	l.past.remember(payloads, s)
	for i := range payloads {
		s.payload = &payloads[i]
		err := l.write(&l.first, s, nil)
		l.first.header.SequenceNumber++
		if errors.Is(err, io.ErrClosedPipe) {
			return err
		}
	}
	return nil
}

// write writes a packet, with front before the payload.
func (l *lane) write(o *outlet, s sent, front []byte) error {
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
	ntp := rtp.NTP(wall)
	packets, octets := l.past.tell(ntp, time.Now())
	return []rtcp.Packet{
		&rtcp.SenderReport{SSRC: l.ssrc, NTPTime: ntp, RTPTime: l.clock.Timestamp(at), PacketCount: packets, OctetCount: octets},
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
			l.losePicture(wantKey)
		}
	case *rtcp.FullIntraRequest:
		l.losePicture(wantKey)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		l.counts.Estimate(float64(p.Bitrate))
	case *rtcp.ReceiverReport:
		for _, r := range p.Reports {
			l.judge(r)
		}
	}
}

// losePicture takes the word that a picture is lost.
func (l *lane) losePicture(wantKey func()) {
	l.counts.LosePicture()
	if l.strain == nil || l.strain.complain(time.Now()) {
		wantKey()
	}
}

// judge takes a receiver report of the track (RFC 3550 §6.4.1). Reports bear the wall time of the media, by which the viewer names them: the
// round trip is counted on our own clock.
func (l *lane) judge(r rtcp.ReceptionReport) {
	if r.SSRC != l.ssrc || !l.leads {
		return
	}
	now := time.Now()
	l.judgeLoss(r, now)
	if trip, known := l.past.trip(r, now); known {
		l.counts.Return(trip)
	}
	l.counts.Shake(time.Duration(r.Jitter) * time.Second / time.Duration(l.clock.Rate))
}

// judgeLoss counts what was lost since a second ago or more. Browsers send a report with each NACK: the share that it tells itself is of
// the moment since the one before.
func (l *lane) judgeLoss(r rtcp.ReceptionReport, now time.Time) {
	before, next := l.heard, heard{now, r.LastSequenceNumber, r.TotalLost}
	switch {
	case before.at.IsZero():
		l.heard = next
		return
	case now.Sub(before.at) < lossEach:
		return
	}
	l.heard = next
	loss := 0.0
	if sent := int32(next.highest - before.highest); sent > 0 {
		lost := int32((next.lost-before.lost)<<8) >> 8
		loss = min(1, max(0, float64(lost)/float64(sent)))
	}
	l.counts.Lose(loss)
	if l.strain != nil {
		l.strain.report(loss, before.at, now)
	}
}

// resend sends a packet again.
func (l *lane) resend(sequence uint16) {
	now := time.Now()
	s, known, ok := l.past.find(sequence, now)
	if !known || ok {
		l.counts.Ask(known)
	}
	if !ok {
		return
	}
	if !l.repairs {
		// Bit by bit what it was, time stamp too: AES-GCM must not encrypt two packets under one number.
		l.again.header.SequenceNumber = sequence
		_ = l.write(&l.again, s, nil)
		return
	}
	s.stamp = stampOf(now)
	_ = l.write(&l.again, s, binary.BigEndian.AppendUint16(nil, sequence)) // RFC 4588 §4
	l.again.header.SequenceNumber++
}
