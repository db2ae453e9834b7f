package rtp

import (
	"encoding/binary"

	"github.com/simulcart/simulcart/wire/opus"
)

// AAC by RFC 3640 in mode AAC-hbr, §3.3.6: sizelength=13, indexlength=3, indexdeltalength=3. We write one access unit, or a
// fragment of one, in each packet:
//
//	AU-headers-length, in bits   16       of all AU headers
//	AU-size 13, AU-Index 3       16 each  the size of the whole access unit, in fragments too; the index is 0
//	access units
//
// Opus by RFC 7587: the packet as it is. Its marker begins a talkspurt, which a stream without pauses has none of.
const (
	auHeader     = 2                 // bytes
	mostAU       = 1<<13 - 1         // bytes of an access unit
	mostDatagram = 1500 - HeaderSize // bytes of a payload that cannot be cut
)

// aac puts an access unit behind its header. Fragments have the same header; the last has the marker.
func (p *Packetizer) aac(frame []byte) ([]Payload, error) {
	if len(frame) > mostAU {
		return nil, unsupported("an AAC frame of %d bytes, more than %d", len(frame), mostAU)
	}
	header := binary.BigEndian.AppendUint16([]byte{0, 8 * auHeader}, uint16(len(frame))<<3)
	room := p.most - len(header)
	out := make([]Payload, 0, 1+len(frame)/room)
	for len(frame) > 0 {
		n := min(room, len(frame))
		out = append(out, Payload{Header: header, Body: frame[:n], Marker: n == len(frame)})
		frame = frame[n:]
	}
	return out, nil
}

// opus gives a packet as it is, up to 1,500 bytes with the RTP header whatever the bound: it cannot be cut.
func (p *Packetizer) opus(packet []byte) ([]Payload, error) {
	if most := max(p.most, mostDatagram); len(packet) > most {
		return nil, unsupported("an Opus packet of %d bytes, more than %d", len(packet), most)
	}
	if _, err := opus.Samples(packet); err != nil {
		return nil, err
	}
	return []Payload{{Body: packet}}, nil
}

// pushAAC takes a packet of AAC: some whole access units, or a fragment of one.
func (d *Depacketizer) pushAAC(p Packet, out []Frame) ([]Frame, error) {
	sizes, units, err := auHeaders(p.Payload)
	if err != nil {
		return out, err
	}
	if len(sizes) == 1 && sizes[0] > len(units) {
		return d.addAU(units, sizes[0], out)
	}
	if d.fragment >= 0 {
		return out, syntax(d.format(), 0, "whole frames within a fragmented one")
	}
	for i, size := range sizes {
		if size > len(units) {
			return out, syntax(d.format(), len(p.Payload)-len(units), "a frame of %d bytes, %d left", size, len(units))
		}
		if err := d.fits(size); err != nil {
			return out, err
		}
		d.data = append(d.data, units[:size]...)
		d.timestamp = p.Timestamp + uint32(i)*d.frameLength
		out, units = d.finish(out), units[size:]
	}
	return out, nil
}

// addAU takes a fragment of an access unit of the given size.
func (d *Depacketizer) addAU(part []byte, size int, out []Frame) ([]Frame, error) {
	if len(part) == 0 || len(d.data)+len(part) > size {
		return out, syntax(d.format(), 0, "a fragment of %d bytes behind %d of a frame of %d", len(part), len(d.data), size)
	}
	if err := d.fits(len(part)); err != nil {
		return out, err
	}
	d.data, d.fragment = append(d.data, part...), 0
	if len(d.data) == size {
		d.fragment = -1
		out = d.finish(out)
	}
	return out, nil
}

// auHeaders gives the sizes of the access units of a packet, and what stands behind the headers.
func auHeaders(payload []byte) (sizes []int, units []byte, err error) {
	const format = "rtp aac"
	if len(payload) < 2 {
		return nil, nil, syntax(format, 0, "a payload of %d bytes", len(payload))
	}
	length := int(binary.BigEndian.Uint16(payload))
	if length == 0 || length%(8*auHeader) != 0 || length/8 > len(payload)-2 {
		return nil, nil, syntax(format, 0, "AU headers of %d bits, %d bytes left", length, len(payload)-2)
	}
	for at := 2; at < 2+length/8; at += auHeader {
		header := binary.BigEndian.Uint16(payload[at:])
		if header&7 != 0 {
			return nil, nil, unsupported("interleaved AAC frames")
		}
		if header>>3 == 0 {
			return nil, nil, syntax(format, at, "a frame of no bytes")
		}
		sizes = append(sizes, int(header>>3))
	}
	return sizes, payload[2+length/8:], nil
}
