package rtsp

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// standing is a track whose frames are all there.
type standing struct {
	track     *media.Track
	described *media.Track // in the description; nil: track
	frames    []rtp.Frame  // the first is a key frame
}

// recorded gives the frames of wire/rtp's golden files, with the track of their description.
func recorded(t testing.TB, name string) *standing {
	t.Helper()
	text, err := os.ReadFile("../rtp/testdata/ffmpeg-" + name + ".sdp")
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDescription(text)
	if err != nil {
		t.Fatal(err)
	}
	s := &standing{track: d.Medias[0].Track}
	depacketizer, err := rtp.NewDepacketizer(s.track, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../rtp/testdata/ffmpeg-" + name + ".rtp")
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint16(b))
		packet, err := rtp.ParsePacket(b[2 : 2+n])
		if err != nil {
			t.Fatal(err)
		}
		frames, err := depacketizer.Push(packet)
		if err != nil {
			t.Fatal(err)
		}
		s.frames, b = append(s.frames, frames...), b[2+n:]
	}
	return s
}

// stand is a server of one stream, as small as it can be: it plays all frames at once as soon as it is asked.
type stand struct {
	tracks         []*standing
	user, password string // empty: everybody may play
	basic          bool   // asks for Basic, not Digest
	ends           bool   // says no more behind the last frame, as at the end of a stream; else it waits for the client

	auth Auth
	wg   sync.WaitGroup
	mu   sync.Mutex
	seen []string // methods, with what was shown
}

// listen serves on a port until the test ends.
func (s *stand) listen(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				defer nc.Close()
				_ = nc.SetDeadline(time.Now().Add(time.Minute))
				_ = s.serve(nc) // a client that goes
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
	return l.Addr().String()
}

// serve answers one client, until it tears down or goes.
func (s *stand) serve(nc net.Conn) error {
	c := NewConn(nc)
	defer c.Close()
	channels := make([]uint8, len(s.tracks))
	for {
		m, err := c.Read()
		if err != nil {
			return err
		}
		r, isRequest := m.(*Request)
		if !isRequest {
			continue // RTCP
		}
		s.mu.Lock()
		s.seen = append(s.seen, r.Method)
		s.mu.Unlock()
		if a := s.challenge(r); a != nil {
			if err := c.Write(a); err != nil {
				return err
			}
			continue
		}
		u, err := ParseURL(r.URL)
		if err != nil {
			return err
		}
		if err := c.Write(s.answer(r, u, channels)); err != nil {
			return err
		}
		switch r.Method {
		case MethodPlay:
			if err := s.play(c, channels); err != nil {
				return err
			}
			if tcp, ok := nc.(*net.TCPConn); ok && s.ends {
				_ = tcp.CloseWrite()
			}
		case MethodTeardown:
			return nil
		}
	}
}

// challenge gives the refusal of a request whose client is not known; nil where it may go on.
func (s *stand) challenge(r *Request) *Response {
	if s.user == "" || r.Method == MethodOptions {
		return nil
	}
	shown := r.Header.Value("Authorization")
	if s.basic {
		c, err := ParseCredentials(shown)
		if err == nil && c.User == s.user && c.Password == s.password {
			return nil
		}
		return NewResponse(r, StatusUnauthorized, Field{"WWW-Authenticate", `Basic realm="simulcart"`})
	}
	c, err := ParseCredentials(shown)
	if err == nil {
		err = s.auth.Check(c, r, "peer", HA1Of(s.user, s.password))
	}
	if err == nil {
		return nil
	}
	return NewResponse(r, StatusUnauthorized, s.auth.Challenge("peer", errors.Is(err, ErrStale))...)
}

// answer gives the answer to a request.
func (s *stand) answer(r *Request, u URL, channels []uint8) *Response {
	session := Field{"Session", Session{ID: "0123456789abcdef", Timeout: time.Minute}.String()}
	switch r.Method {
	case MethodOptions:
		return NewResponse(r, StatusOK, Field{"Public", "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"})
	case MethodDescribe:
		d := Description{Name: "show", Control: u.String()}
		for i, track := range s.tracks {
			m := Media{Control: u.WithTrack(i).String(), Track: track.track}
			if track.described != nil {
				m.Track = track.described
			}
			d.Medias = append(d.Medias, m)
		}
		a := NewResponse(r, StatusOK, Field{"Content-Type", ContentTypeSDP}, Field{"Content-Base", u.String()})
		var err error
		if a.Body, err = d.Marshal(); err != nil {
			a.Status = StatusInternalError
		}
		return a
	case MethodSetup:
		offers, err := ParseTransports(r.Header.Value("Transport"))
		if err != nil || !offers[0].TCP || u.Track == NoTrack || u.Track >= len(s.tracks) {
			return NewResponse(r, StatusTransport)
		}
		channels[u.Track] = uint8(offers[0].Interleaved.RTP)
		return NewResponse(r, StatusOK, session, Field{"Transport", Transport{TCP: true, Interleaved: offers[0].Interleaved}.String()})
	case MethodPlay:
		var info []TrackInfo
		for i, track := range s.tracks {
			info = append(info, TrackInfo{URL: u.WithTrack(i).String(), HasSequence: true, Timestamp: track.frames[0].Timestamp, HasTimestamp: true})
		}
		return NewResponse(r, StatusOK, session, Field{"Range", Range{Now: true}.String()}, Field{"RTP-Info", FormatRTPInfo(info)})
	case MethodTeardown, MethodGetParameter:
		return NewResponse(r, StatusOK, session)
	}
	return NewResponse(r, StatusNotImplemented)
}

// play sends all frames of all tracks, each behind a report.
func (s *stand) play(c *Conn, channels []uint8) error {
	for i, t := range s.tracks {
		p, err := rtp.NewPacketizer(t.track, rtp.DatagramPayload)
		if err != nil {
			return err
		}
		report, err := rtp.Report{SSRC: uint32(i), Wall: time.Now(), Timestamp: t.frames[0].Timestamp, CNAME: "stand"}.Marshal()
		if err != nil {
			return err
		}
		out := []Message{&Frame{Channel: channels[i] + 1, Data: report}}
		h := rtp.Header{PayloadType: uint8(firstPayloadType + i), SSRC: uint32(i)}
		for n, f := range t.frames {
			payloads, err := p.Payloads(n == 0, f.Data)
			if err != nil {
				return err
			}
			for _, payload := range payloads {
				h.Marker, h.Timestamp = payload.Marker, f.Timestamp
				data := append(append(h.Append(nil), payload.Header...), payload.Body...)
				out = append(out, &Frame{Channel: channels[i], Data: data})
				h.Sequence++
			}
		}
		if err := c.Write(out...); err != nil {
			return err
		}
	}
	return nil
}

// methods gives what was asked so far, in order.
func (s *stand) methods() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.seen, " ")
}
