package floor

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// RTSP reads one RTMP publisher and has readers over RTSP, with the packets in their connections: each frame is cut into packets once,
// and written to each reader in one piece.
type RTSP struct {
	fan      fan
	sequence [2]uint16
}

// Run serves publisher and readers until ctx ends.
func (f *RTSP) Run(ctx context.Context, publishers, readers net.Listener) error {
	defer f.fan.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	var serving sync.WaitGroup
	serving.Go(func() {
		defer cancel()
		failed = accept(ctx, readers, f.reader)
	})
	err := accept(ctx, publishers, f.publisher)
	cancel()
	serving.Wait()
	return errors.Join(err, failed)
}

// reader brings one reader as far as PLAY.
func (f *RTSP) reader(nc net.Conn) {
	if err := peer.ServeRTSP(nc); err != nil {
		_ = nc.Close()
		return
	}
	f.fan.add(&plain{conn: nc})
}

// publisher passes one publisher on until it leaves.
func (f *RTSP) publisher(nc net.Conn) {
	defer nc.Close()
	s, err := peer.Accept(nc)
	if err != nil {
		return
	}
	for {
		raw, err := s.Raw()
		if err != nil {
			return
		}
		if frame := f.packets(raw); len(frame) > 0 {
			f.fan.write(frame)
		}
	}
}

// payload is that of most packets, in bytes: of Ethernet's 1,500 less the headers of IP, TCP, RTP and the channel.
const payload = 1440

// payloadType is that of the pictures; that of the sound is the next.
const payloadType = 96

// packets makes the packets of a frame, each behind its channel and its length.
func (f *RTSP) packets(raw []byte) []byte {
	body := unchunk(raw)
	kind, ms := rtmp.MessageType(raw[7]), uint32(raw[1])<<16|uint32(raw[2])<<8|uint32(raw[3])
	out := make([]byte, 0, len(body)+len(body)/payload*32+128)
	switch {
	case kind == rtmp.TypeAudio && len(body) > 2 && body[1] == 1:
		sound := body[2:]
		out = f.packet(out, 1, ms*48, true, []byte{0, 16, byte(len(sound) >> 5), byte(len(sound) << 3)}, sound) // RFC 3640 §3.3.6
	case kind == rtmp.TypeVideo && len(body) > 5 && body[1] == 1:
		for units := body[5:]; len(units) > 4; {
			n := 4 + int(binary.BigEndian.Uint32(units))
			out = f.unit(out, ms*90, units[4:n], n == len(units))
			units = units[n:]
		}
	}
	return out
}

// unit makes the packets of one NAL unit (RFC 6184 §5.6, §5.8).
func (f *RTSP) unit(out []byte, timestamp uint32, unit []byte, last bool) []byte {
	if len(unit) <= payload {
		return f.packet(out, 0, timestamp, last, nil, unit)
	}
	const fragment, start, end = 28, 0x80, 0x40
	head := []byte{unit[0]&0x60 | fragment, unit[0]&0x1F | start}
	for rest := unit[1:]; len(rest) > 0; {
		n := min(payload-2, len(rest))
		if n == len(rest) {
			head[1] |= end
		}
		out = f.packet(out, 0, timestamp, last && n == len(rest), head, rest[:n])
		head[1] &^= start
		rest = rest[n:]
	}
	return out
}

// packet makes one packet (RFC 3550 §5.1) of a track.
func (f *RTSP) packet(out []byte, track int, timestamp uint32, marker bool, head, rest []byte) []byte {
	second := byte(payloadType + track)
	if marker {
		second |= 0x80
	}
	out = append(out, '$', byte(2*track))
	out = binary.BigEndian.AppendUint16(out, uint16(peer.RTPHeader+len(head)+len(rest)))
	out = append(out, 0x80, second)
	out = binary.BigEndian.AppendUint16(out, f.sequence[track])
	out = binary.BigEndian.AppendUint32(out, timestamp)
	out = binary.BigEndian.AppendUint32(out, 1+uint32(track))
	f.sequence[track]++
	return append(append(out, head...), rest...)
}

// unchunk gives the body of a message that [peer.Session.Raw] gave.
func unchunk(raw []byte) []byte {
	raw = raw[peer.HeaderSize:]
	body := make([]byte, 0, len(raw))
	for len(raw) > peer.ChunkSize {
		body = append(body, raw[:peer.ChunkSize]...)
		raw = raw[peer.ChunkSize+1:]
	}
	return append(body, raw...)
}
