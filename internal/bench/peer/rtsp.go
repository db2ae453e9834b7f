package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// RTSP is a connection that plays a stream over RTSP, with the packets in it (RFC 2326 §10.12).
type RTSP struct {
	net.Conn

	r       *bufio.Reader
	cseq    int
	session string
	video   int    // channel of the pictures
	head    []byte // of the last packet
}

// A Packet is one of RTP.
type Packet struct {
	Video  bool
	Length int    // with its header
	Head   []byte // its beginning; good until the next is read
}

// RTPHeader is the size of RTP's header without extensions (RFC 3550 §5.1).
const RTPHeader = 12

// VideoType is the payload type of the pictures that floors send; that of the sound is the next.
const VideoType = 96

// Last says whether the packet is the last of its picture (RFC 6184 §5.1).
func (p Packet) Last() bool { return len(p.Head) > 1 && p.Head[1]&0x80 != 0 }

// DialRTSP plays a stream, all its tracks.
func DialRTSP(addr, stream string) (*RTSP, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &RTSP{Conn: nc, r: bufio.NewReaderSize(nc, readBuffer), video: -1}
	_ = nc.SetDeadline(time.Now().Add(dialogueTime))
	if err := s.play("rtsp://" + addr + "/" + stream); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("play %s over RTSP: %w", stream, err)
	}
	_ = nc.SetDeadline(time.Time{})
	return s, nil
}

func (s *RTSP) play(url string) error {
	header, body, err := s.do("DESCRIBE", url, "Accept: application/sdp")
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(header.Get("Content-Base"), "/")
	if base == "" {
		base = url
	}
	tracks := 0
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		control, is := strings.CutPrefix(line, "a=control:")
		switch {
		case strings.HasPrefix(line, "m=video"):
			s.video = 2 * tracks
			tracks++
		case strings.HasPrefix(line, "m="):
			tracks++
		case is && tracks > 0:
			if !strings.Contains(control, "://") {
				control = base + "/" + control
			}
			transport := fmt.Sprintf("Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d", 2*tracks-2, 2*tracks-1)
			if header, _, err = s.do("SETUP", control, transport); err != nil {
				return err
			}
			s.session, _, _ = strings.Cut(header.Get("Session"), ";")
		}
	}
	_, _, err = s.do("PLAY", base)
	return err
}

// do sends a request and gives what is answered. Packets that come before that are passed over.
func (s *RTSP) do(method, url string, fields ...string) (textproto.MIMEHeader, []byte, error) {
	s.cseq++
	fields = append(fields, "CSeq: "+strconv.Itoa(s.cseq))
	if s.session != "" {
		fields = append(fields, "Session: "+s.session)
	}
	if _, err := fmt.Fprintf(s, "%s %s RTSP/1.0\r\n%s\r\n\r\n", method, url, strings.Join(fields, "\r\n")); err != nil {
		return nil, nil, err
	}
	for {
		b, err := s.r.Peek(1)
		if err != nil {
			return nil, nil, fmt.Errorf("answer to %s: %w", method, err)
		}
		if b[0] != '$' {
			break
		}
		if _, err := s.Next(); err != nil {
			return nil, nil, err
		}
	}
	status, header, body, err := readText(s.r)
	if err == nil && !strings.HasPrefix(status, "RTSP/1.0 200 ") {
		err = errors.New(status)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("answer to %s: %w", method, err)
	}
	return header, body, nil
}

// Next reads the next packet of sound or picture.
func (s *RTSP) Next() (Packet, error) {
	for {
		h, err := s.r.Peek(4)
		if err != nil {
			return Packet{}, err
		}
		if h[0] != '$' {
			return Packet{}, errors.New("no packet where one should begin")
		}
		channel, length := int(h[1]), int(binary.BigEndian.Uint16(h[2:]))
		head, err := s.r.Peek(4 + min(length, headKept))
		if err != nil {
			return Packet{}, err
		}
		s.head = append(s.head[:0], head[4:]...)
		p := Packet{Video: channel == s.video, Length: length, Head: s.head}
		if _, err := s.r.Discard(4 + length); err != nil {
			return Packet{}, err
		}
		if channel%2 == 0 && length >= RTPHeader {
			return p, nil
		}
	}
}

// readText reads a message of RTSP: its first line, its header and its body.
func readText(r *bufio.Reader) (first string, header textproto.MIMEHeader, body []byte, err error) {
	text := textproto.NewReader(r)
	if first, err = text.ReadLine(); err != nil {
		return "", nil, nil, err
	}
	if header, err = text.ReadMIMEHeader(); err != nil {
		return "", nil, nil, err
	}
	if length := header.Get("Content-Length"); length != "" {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > maxKept {
			return "", nil, nil, fmt.Errorf("a body of %q bytes", length)
		}
		body = make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return "", nil, nil, err
		}
	}
	return first, header, body, nil
}

// ServeRTSP plays the server's part of the dialogue, up to PLAY, for a stream of H.264 and AAC on the channels 0 and 2.
func ServeRTSP(nc net.Conn) error {
	const description = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=floor\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track=0\r\n" +
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/2\r\na=control:track=1\r\n"
	_ = nc.SetDeadline(time.Now().Add(dialogueTime))
	defer func() { _ = nc.SetDeadline(time.Time{}) }()
	r := bufio.NewReader(nc)
	for {
		first, header, _, err := readText(r)
		if err != nil {
			return err
		}
		method, _, _ := strings.Cut(first, " ")
		answer := "RTSP/1.0 200 OK\r\nCSeq: " + header.Get("CSeq") + "\r\n"
		switch method {
		case "DESCRIBE":
			answer += fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(description), description)
		case "SETUP":
			answer += "Session: 1\r\nTransport: " + header.Get("Transport") + "\r\n\r\n"
		default:
			answer += "\r\n"
		}
		if _, err := io.WriteString(nc, answer); err != nil || method == "PLAY" {
			return err
		}
	}
}
