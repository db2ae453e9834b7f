package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// Publisher publishes frames.
type Publisher struct {
	*Client

	lanes map[uint8]*lane // by track id
}

// lane is one track that is published.
type lane struct {
	local   *webrtc.TrackLocalStaticRTP
	sender  *webrtc.RTPSender
	cut     *rtp.Packetizer
	clock   rtp.Clock
	seq     uint16
	wishes  chan struct{} // for key frames
	packets uint32
}

// Publish begins to publish tracks.
func Publish(t testing.TB, at string, o Options, tracks ...*media.Track) *Publisher {
	t.Helper()
	p := NewPublisher(t, o, tracks...)
	p.Connect(at)
	return p
}

// NewPublisher makes a publisher that has not begun.
func NewPublisher(t testing.TB, o Options, tracks ...*media.Track) *Publisher {
	t.Helper()
	p := &Publisher{Client: newClient(t, o), lanes: map[uint8]*lane{}}
	for _, track := range tracks {
		m, err := rtp.MappingOf(track)
		if err != nil {
			t.Fatal(err)
		}
		kind, parameters := "video/", ""
		if track.Codec.IsAudio() {
			kind = "audio/"
		}
		if track.Codec == media.H264 {
			parameters = H264
		}
		l := &lane{clock: rtp.Clock{Rate: m.Rate, Base: rand.Uint32()}, seq: uint16(rand.Uint32()), wishes: make(chan struct{}, 64)}
		if l.cut, err = rtp.NewPacketizer(track, 0); err != nil {
			t.Fatal(err)
		}
		capability := webrtc.RTPCodecCapability{MimeType: kind + m.Name, ClockRate: uint32(m.Rate), Channels: uint16(m.Channels), SDPFmtpLine: parameters}
		if l.local, err = webrtc.NewTrackLocalStaticRTP(capability, track.Codec.String(), "publisher"); err != nil {
			t.Fatal(err)
		}
		transceiver, err := p.PC.AddTransceiverFromTrack(l.local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			t.Fatal(err)
		}
		l.sender = transceiver.Sender()
		p.lanes[track.ID] = l
		go l.listen()
	}
	return p
}

// listen reads what the server says of a track, until the connection is closed.
func (l *lane) listen() {
	for {
		packets, _, err := l.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				select {
				case l.wishes <- struct{}{}:
				default:
				}
			}
		}
	}
}

// Wishes receives when the server asks for a key frame of a track.
func (p *Publisher) Wishes(track uint8) <-chan struct{} { return p.lanes[track].wishes }

// Write sends a frame.
func (p *Publisher) Write(f *media.Frame) {
	p.t.Helper()
	l := p.lanes[f.Track.ID]
	payloads, err := l.cut.Payloads(f.Key, f.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, payload := range payloads {
		packet := &pion.Packet{Header: pion.Header{Version: 2, Marker: payload.Marker, SequenceNumber: l.seq, Timestamp: l.clock.Timestamp(f.PTS)}}
		packet.Payload = append(append([]byte(nil), payload.Header...), payload.Body...)
		l.seq++
		l.packets++
		if err := l.local.WriteRTP(packet); err != nil {
			p.t.Fatalf("send a packet: %v", err)
		}
	}
}

// Report sends a sender report of a track: its time at was at the time of day wall.
func (p *Publisher) Report(track uint8, at media.Time, wall time.Time) {
	p.t.Helper()
	l := p.lanes[track]
	ssrc := uint32(l.sender.GetParameters().Encodings[0].SSRC)
	err := p.PC.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: ssrc, NTPTime: rtp.NTP(wall), RTPTime: l.clock.Timestamp(at), PacketCount: l.packets}})
	if err != nil {
		p.t.Error(err)
	}
}

// Lose takes so many sequence numbers of a track for packets that never come.
func (p *Publisher) Lose(track uint8, packets uint16) { p.lanes[track].seq += packets }
