//go:build linux

package floor

import (
	"encoding/binary"
	"net"

	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// A packer cuts frames into packets of RTP.
type packer struct {
	payload  int // most of a packet, in bytes
	sequence [2]uint16
}

// pass passes one publisher on until it leaves: the packets of each frame in one piece, each behind its channel and its length.
func (p *packer) pass(nc net.Conn, to *fan) {
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
		if frame := p.packets(raw); len(frame) > 0 {
			to.write(frame)
		}
	}
}

// packets makes the packets of a frame, each behind its channel and its length.
func (p *packer) packets(raw []byte) []byte {
	body := unchunk(raw)
	kind, ms := rtmp.MessageType(raw[7]), uint32(raw[1])<<16|uint32(raw[2])<<8|uint32(raw[3])
	out := make([]byte, 0, len(body)+len(body)/p.payload*32+128)
	switch {
	case kind == rtmp.TypeAudio && len(body) > 5 && body[0] == 9<<4|1: // Opus
		out = p.packet(out, 1, ms*48, true, nil, body[5:])
	case kind == rtmp.TypeAudio && len(body) > 2 && body[0]>>4 == 10 && body[1] == 1:
		sound := body[2:]
		out = p.packet(out, 1, ms*48, true, []byte{0, 16, byte(len(sound) >> 5), byte(len(sound) << 3)}, sound) // RFC 3640 §3.3.6
	case kind == rtmp.TypeVideo && len(body) > 5 && body[1] == 1:
		for units := body[5:]; len(units) > 4; {
			n := 4 + int(binary.BigEndian.Uint32(units))
			out = p.unit(out, ms*90, units[4:n], n == len(units))
			units = units[n:]
		}
	}
	return out
}

// unit makes the packets of one NAL unit (RFC 6184 §5.6, §5.8).
func (p *packer) unit(out []byte, timestamp uint32, unit []byte, last bool) []byte {
	if len(unit) <= p.payload {
		return p.packet(out, 0, timestamp, last, nil, unit)
	}
	const fragment, start, end = 28, 0x80, 0x40
	head := []byte{unit[0]&0x60 | fragment, unit[0]&0x1F | start}
	for rest := unit[1:]; len(rest) > 0; {
		n := min(p.payload-2, len(rest))
		if n == len(rest) {
			head[1] |= end
		}
		out = p.packet(out, 0, timestamp, last && n == len(rest), head, rest[:n])
		head[1] &^= start
		rest = rest[n:]
	}
	return out
}

// packet makes one packet (RFC 3550 §5.1) of a track.
func (p *packer) packet(out []byte, track int, timestamp uint32, marker bool, head, rest []byte) []byte {
	second := byte(peer.VideoType + track)
	if marker {
		second |= 0x80
	}
	out = append(out, '$', byte(2*track))
	out = binary.BigEndian.AppendUint16(out, uint16(peer.RTPHeader+len(head)+len(rest)))
	out = append(out, 0x80, second)
	out = binary.BigEndian.AppendUint16(out, p.sequence[track])
	out = binary.BigEndian.AppendUint32(out, timestamp)
	out = binary.BigEndian.AppendUint32(out, 1+uint32(track))
	p.sequence[track]++
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
