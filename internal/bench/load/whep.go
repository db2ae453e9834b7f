package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/internal/bench/peer"
)

// viewer is one connection over WHEP.
type viewer struct {
	pc      *webrtc.PeerConnection
	gone    chan struct{} // closed by Close
	closing sync.Once
	sounds  sync.WaitGroup
}

// Close ends the connection.
func (v *viewer) Close() (err error) {
	v.closing.Do(func() {
		close(v.gone)
		err = v.pc.Close()
	})
	return err
}

// PlayWHEP adds a viewer of a stream of H.264 and Opus over WHEP.
func (l *Load) PlayWHEP(address string) error {
	began := l.now()
	pc, err := newConnection()
	if err != nil {
		return fmt.Errorf("open peer connection: %w", err)
	}
	v := &viewer{pc: pc, gone: make(chan struct{})}
	video := make(chan *webrtc.TrackRemote, 1)
	r := l.add(v, began)
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			video <- t
			return
		}
		v.sounds.Go(func() { r.readSound(t) })
	})
	go func() {
		r.readWHEP(v, video)
		v.sounds.Wait()
	}()
	return v.connect(address)
}

// newConnection makes a connection that takes sound and picture, on this machine.
func newConnection() (*webrtc.PeerConnection, error) {
	var engine webrtc.MediaEngine
	var stages interceptor.Registry
	if err := errors.Join(engine.RegisterDefaultCodecs(), webrtc.ConfigureRTCPReports(&stages)); err != nil {
		return nil, err
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&stages), webrtc.WithSettingEngine(s))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return nil, errors.Join(err, pc.Close())
		}
	}
	return pc, nil
}

// connect exchanges offer and answer.
func (v *viewer) connect(address string) error {
	offer, err := v.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	<-gathered
	answer, err := http.Post(address, "application/sdp", strings.NewReader(v.pc.LocalDescription().SDP))
	if err != nil {
		return fmt.Errorf("send offer: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("send offer: %s: %s, %w", answer.Status, body, err)
	}
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}); err != nil {
		return fmt.Errorf("take answer: %w", err)
	}
	return nil
}

// readWHEP reads the pictures.
func (r *Receiver) readWHEP(v *viewer, video <-chan *webrtc.TrackRemote) {
	var t *webrtc.TrackRemote
	buffer := make([]byte, 1500)
	var sent time.Duration
	number, open := 0, false // of the picture under way
	r.run(func() error {
		if t == nil {
			select {
			case <-v.gone:
				return net.ErrClosed
			case t = <-video:
			}
		}
		n, _, err := t.Read(buffer)
		if err != nil {
			return err
		}
		p := peer.Packet{Video: true, Length: n, Head: buffer[:n]}
		r.bytes.Add(int64(payload(buffer[:n])))
		if at, count, _, ok := clip.Find(p.Head); ok {
			sent, number, open = at, count, true
		}
		if open && p.Last() {
			open = false
			r.picture(sent, number)
		}
		return nil
	})
}

// readSound counts the sound.
func (r *Receiver) readSound(t *webrtc.TrackRemote) {
	buffer := make([]byte, 1500)
	for {
		n, _, err := t.Read(buffer)
		if err != nil {
			return
		}
		r.bytes.Add(int64(payload(buffer[:n])))
	}
}

// payload is the size of a packet without its header and extensions (RFC 3550 §5.3.1).
func payload(packet []byte) int {
	if len(packet) < peer.RTPHeader {
		return 0
	}
	header := peer.RTPHeader + 4*int(packet[0]&0x0F)
	if packet[0]&0x10 != 0 && len(packet) >= header+4 {
		header += 4 + 4*int(binary.BigEndian.Uint16(packet[header+2:]))
	}
	return max(0, len(packet)-header)
}

// helloTime is between two words to a floor of WHEP that has not sent anything yet.
const helloTime = 100 * time.Millisecond

// PlaySRTP adds a viewer of the floor of WHEP, which asks for the stream by one datagram. What comes is encrypted: pictures are known by
// their time, which is not.
func (l *Load) PlaySRTP(addr string) error {
	nc, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	r := l.add(nc, l.now())
	go r.readSRTP(nc)
	return nil
}

func (r *Receiver) readSRTP(nc net.Conn) {
	buffer := make([]byte, 2048)
	heard := false
	r.run(func() error {
		if !heard {
			_, _ = nc.Write([]byte("hello")) // again until there is an answer
			_ = nc.SetReadDeadline(time.Now().Add(helloTime))
		}
		n, err := nc.Read(buffer)
		var waited net.Error
		if errors.As(err, &waited) && waited.Timeout() {
			return nil
		}
		if err != nil {
			return err
		}
		if !heard {
			heard = true
			_ = nc.SetReadDeadline(time.Time{})
		}
		const tag = 16 // RFC 7714 §5.2
		r.bytes.Add(int64(max(0, payload(buffer[:n])-tag)))
		p := peer.Packet{Length: n, Head: buffer[:n]}
		if n >= peer.RTPHeader && p.Head[1]&0x7F == peer.VideoType && p.Last() {
			ms := float64(binary.BigEndian.Uint32(p.Head[4:])) / 90
			number := int(ms*clip.Rate/1000 + 0.99) // times are rounded down
			r.picture(time.Duration(r.load.sent[number%len(r.load.sent)].Load()), number)
		}
		return nil
	})
}
