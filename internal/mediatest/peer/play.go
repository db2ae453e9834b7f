package peer

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// Got is a frame as a player got it.
type Got struct {
	Kind      string // "video" or "audio"
	Timestamp uint32
	Data      []byte
	Gap       bool
	At        time.Time
}

// Player watches a stream.
type Player struct {
	*Client

	mu       sync.Mutex
	frames   []Got
	messages []string
	faults   []error
	lost     map[string]uint64
	reports  map[string]rtcp.SenderReport // the last ones
	video    *webrtc.TrackRemote
}

// Play begins to watch. With channel set it asks for overlay states too.
func Play(t testing.TB, at string, channel bool, o Options) *Player {
	t.Helper()
	p := NewPlayer(t, channel, o)
	p.Connect(at)
	return p
}

// NewPlayer makes a player that has not begun.
func NewPlayer(t testing.TB, channel bool, o Options) *Player {
	t.Helper()
	p := &Player{Client: newClient(t, o), lost: map[string]uint64{}, reports: map[string]rtcp.SenderReport{}}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := p.PC.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	if channel {
		protocol := "simulcart.overlay.1"
		dc, err := p.PC.CreateDataChannel("simulcart.overlay", &webrtc.DataChannelInit{Protocol: &protocol})
		if err != nil {
			t.Fatal(err)
		}
		dc.OnMessage(func(m webrtc.DataChannelMessage) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.messages = append(p.messages, string(m.Data))
		})
	}
	p.PC.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		go func() { // pion learns from sender reports as they are read; ends with the connection
			buf := make([]byte, 1500)
			for {
				n, _, err := r.Read(buf)
				if err != nil {
					return
				}
				p.hear(t.Kind().String(), buf[:n])
			}
		}()
		p.read(t)
	})
	return p
}

// hear notes sender reports.
func (p *Player) hear(kind string, data []byte) {
	packets, err := rtcp.Unmarshal(data)
	if err != nil {
		p.fault(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, packet := range packets {
		if r, is := packet.(*rtcp.SenderReport); is {
			p.reports[kind] = *r
		}
	}
}

// Made gives when a frame was made, on the server's clock of sender reports; false where none has told.
func (p *Player) Made(f Got) (media.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, told := p.reports[f.Kind]
	rate := 90000
	if f.Kind == "audio" {
		rate = 48000
	}
	wall := media.Time(r.NTPTime>>32)*media.Time(time.Second) + media.Time(r.NTPTime&(1<<32-1)*uint64(time.Second)>>32)
	return wall + media.FromTicks(int64(int32(f.Timestamp-r.RTPTime)), rate), told
}

// read puts the frames of a track together.
func (p *Player) read(t *webrtc.TrackRemote) {
	mapping := rtp.Mapping{Name: t.Codec().MimeType[len("video/"):], Rate: int(t.Codec().ClockRate), Channels: int(t.Codec().Channels), Parameters: t.Codec().SDPFmtpLine}
	track, err := mapping.Track(0)
	if err != nil {
		p.fault(err)
		return
	}
	d, err := rtp.NewDepacketizer(track, 0)
	if err != nil {
		p.fault(err)
		return
	}
	if track.Codec.IsVideo() {
		p.mu.Lock()
		p.video = t
		p.mu.Unlock()
	}
	window := rtp.Window{Wait: time.Second}
	for {
		_ = t.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // for what was sent again
		packet, _, err := t.ReadRTP()
		var waited net.Error
		now, in := time.Now(), []rtp.Packet(nil)
		switch {
		case err == nil:
			in = window.Push(packetOf(packet), now)
		case errors.As(err, &waited) && waited.Timeout():
		case errors.Is(err, io.EOF):
			return
		default:
			p.fault(err)
			return
		}
		for _, packet := range append(in, window.Expire(now)...) {
			p.take(track, d, packet)
		}
		p.mu.Lock()
		p.lost[t.Kind().String()] = d.Lost()
		p.mu.Unlock()
	}
}

func packetOf(p *pion.Packet) rtp.Packet {
	return rtp.Packet{
		Header:  rtp.Header{Marker: p.Marker, PayloadType: p.PayloadType, Sequence: p.SequenceNumber, Timestamp: p.Timestamp, SSRC: p.SSRC},
		Payload: p.Payload,
	}
}

func (p *Player) take(track *media.Track, d *rtp.Depacketizer, packet rtp.Packet) {
	frames, err := d.Push(packet)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.faults = append(p.faults, err)
	}
	kind := "audio"
	if track.Codec.IsVideo() {
		kind = "video"
	}
	for _, f := range frames {
		if p.options.Discard {
			f.Data = nil
		}
		p.frames = append(p.frames, Got{kind, f.Timestamp, f.Data, f.Gap, time.Now()})
	}
}

func (p *Player) fault(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, err)
}

// Frames gives what came so far of a kind.
func (p *Player) Frames(kind string) []Got {
	p.mu.Lock()
	defer p.mu.Unlock()
	var of []Got
	for _, f := range p.frames {
		if f.Kind == kind {
			of = append(of, f)
		}
	}
	return of
}

// Lost gives how many packets of a kind never came.
func (p *Player) Lost(kind string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost[kind]
}

// Messages gives what came by the data channel.
func (p *Player) Messages() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.messages...)
}

// Faults gives what could not be read.
func (p *Player) Faults() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]error(nil), p.faults...)
}

// LosePicture complains that a picture was lost.
func (p *Player) LosePicture() {
	p.t.Helper()
	p.say(&rtcp.PictureLossIndication{MediaSSRC: p.pictures()})
}

// Report tells how many of the pictures' packets were to come so far, and how many of them were lost, beside what pion tells (see
// [Options.NoReports]).
func (p *Player) Report(sent, lost uint32) {
	p.t.Helper()
	p.say(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: p.pictures(), LastSequenceNumber: sent, TotalLost: lost}}})
}

// pictures gives the source of the pictures.
func (p *Player) pictures() uint32 {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.video == nil {
		p.t.Fatal("no picture has come yet")
	}
	return uint32(p.video.SSRC())
}

func (p *Player) say(word rtcp.Packet) {
	p.t.Helper()
	if err := p.PC.WriteRTCP([]rtcp.Packet{word}); err != nil {
		p.t.Error(err)
	}
}
