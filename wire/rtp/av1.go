package rtp

import (
	"github.com/simulcart/simulcart/wire/av1"
)

// AV1 by "RTP Payload Format For AV1" of the Alliance for Open Media, version 1.0. A payload is an aggregation header (§4.4) and OBU
// elements, which are OBUs without obu_size, or fragments of them:
//
//	Z 1      the first element goes on from the packet before
//	Y 1      the last element goes on in the next packet
//	W 2      elements in the packet, of which the last has no length; 0: any number, each with a length
//	N 1      the first packet of a coded video sequence, so of a key frame
//	000 3
//	{ length, leb128 · element } each
//
// Small OBUs, such as sequence headers, ride in front of the one that follows them.
const (
	continues   = 1 << 7 // Z
	continued   = 1 << 6 // Y
	newSequence = 1 << 3 // N

	hasSize      = 1 << 1 // obu_has_size_field of an OBU header
	hasExtension = 1 << 2 // obu_extension_flag

	smallOBU  = 64 // bytes of an OBU that rides with another
	mostRides = 2  // with the one behind them that makes 3, the most that W can tell
)

// element is an OBU without its size.
type element struct {
	header  [2]byte // without obu_has_size_field
	size    int     // of the header
	payload []byte
}

func elementOf(u av1.OBU) element {
	e := element{header: [2]byte{u.Raw[0] &^ hasSize}, size: 1, payload: u.Payload}
	if u.Raw[0]&hasExtension != 0 {
		e.header[1], e.size = u.Raw[1], 2
	}
	return e
}

func (e *element) len() int { return e.size + len(e.payload) }

// obus cuts a temporal unit of AV1.
func (p *Packetizer) obus(key bool, parts [][]byte) ([]Payload, error) {
	elements, err := p.elements(key, parts)
	if err != nil {
		return nil, err
	}
	packets := 0
	for i := range elements {
		packets += 1 + elements[i].len()/(p.most-1)
	}
	out := make([]Payload, 0, packets)
	var rides []byte // elements with their lengths
	count := 0
	for i := range elements {
		e := &elements[i]
		last := i == len(elements)-1
		if !last && count < mostRides && e.size == 1 && e.len() <= smallOBU && 1+len(rides)+1+e.len()+4 <= p.most {
			rides = av1.AppendLEB128(rides, uint32(e.len()))
			rides = append(append(rides, e.header[0]), e.payload...)
			count++
			continue
		}
		out = p.appendElement(out, e, rides, count)
		rides, count = nil, 0
	}
	if len(out) > 0 {
		out[len(out)-1].Marker = true
		if key {
			out[0].Header[0] |= newSequence
		}
	}
	return out, nil
}

// elements lists what is sent of a temporal unit: the sequence header of the configuration first, where it is a key frame
// without one. Temporal delimiters and tile lists are not sent (§5), nor is padding, at which browsers have stumbled.
func (p *Packetizer) elements(key bool, parts [][]byte) ([]element, error) {
	var all []element
	wanted := key && len(p.sequence) > 0
	for _, part := range parts {
		for u, err := range av1.OBUs(part) {
			switch {
			case err != nil:
				return nil, err
			case u.Type == av1.TemporalDelimiter || u.Type == av1.TileList || u.Type == av1.Padding:
				continue
			case u.Type == av1.SequenceHeader:
				wanted = false
			}
			all = append(all, elementOf(u))
		}
	}
	if wanted && len(all) > 0 {
		all = append(p.sequence[:1:1], all...)
	}
	return all, nil
}

// appendElement adds an element behind those that ride with it, in fragments where it does not fit.
func (p *Packetizer) appendElement(out []Payload, e *element, rides []byte, count int) []Payload {
	head := make([]byte, 0, 1+len(rides)+e.size)
	head = append(head, byte(count+1)<<4)
	head = append(append(head, rides...), e.header[:e.size]...)
	n := min(p.most-len(head), len(e.payload))
	out = append(out, Payload{Header: head, Body: e.payload[:n]})
	rest := e.payload[n:]
	if len(rest) > 0 {
		head[0] |= continued
	}
	for room := p.most - 1; len(rest) > 0; rest = rest[n:] {
		if n = room; n < len(rest) {
			out = append(out, Payload{Header: octet(continues | continued | 1<<4), Body: rest[:n]})
			continue
		}
		n = len(rest)
		out = append(out, Payload{Header: octet(continues | 1<<4), Body: rest})
	}
	return out
}

// addOBUs takes the payload of a packet of AV1.
func (d *Depacketizer) addOBUs(payload []byte) error {
	if len(payload) < 2 {
		return syntax(d.format(), 0, "a payload of %d bytes", len(payload))
	}
	flags, count := payload[0], int(payload[0]>>4&3)
	if (flags&continues != 0) != (d.fragment >= 0) {
		return syntax(d.format(), 0, "an OBU goes on: %t, and it began: %t", flags&continues != 0, d.fragment >= 0)
	}
	n := 0
	for at := 1; at < len(payload); n++ {
		size := len(payload) - at
		if count == 0 || n < count-1 {
			length, width, err := av1.ReadLEB128(payload[at:])
			if err != nil {
				return syntax(d.format(), at, "the length of an OBU is no leb128 number of 32 bits")
			}
			at += width
			if uint64(length) > uint64(len(payload)-at) {
				return syntax(d.format(), at, "an OBU of %d bytes, %d left", length, len(payload)-at)
			}
			size = int(length)
		}
		if err := d.addElement(payload[at:at+size], n == 0 && flags&continues != 0); err != nil {
			return err
		}
		at += size
		if at < len(payload) || flags&continued == 0 {
			if err := d.endElement(); err != nil {
				return err
			}
		}
	}
	if count != 0 && n != count {
		return syntax(d.format(), 0, "%d OBUs, %d told", n, count)
	}
	return nil
}

// addElement keeps an element, or more of one, at the end of the data; d.fragment tells where it begins.
func (d *Depacketizer) addElement(part []byte, more bool) error {
	if err := d.fits(len(part)); err != nil {
		return err
	}
	if !more {
		d.fragment = len(d.data)
	}
	d.data = append(d.data, part...)
	return nil
}

// endElement gives the element at the end of the data its size. Temporal delimiters and tile lists go (§5).
func (d *Depacketizer) endElement() error {
	start := d.fragment
	d.fragment = -1
	whole := d.data[start:]
	if len(whole) == 0 {
		return nil
	}
	u, err := av1.ReadOBU(whole, 0)
	if err != nil {
		return err
	}
	e := elementOf(u)
	if len(u.Raw) != len(whole) {
		return syntax(d.format(), 0, "an OBU of %d bytes in an element of %d", len(u.Raw), len(whole))
	}
	if u.Type == av1.TemporalDelimiter || u.Type == av1.TileList {
		d.data = d.data[:start]
		return nil
	}
	var size [5]byte
	leb := av1.AppendLEB128(size[:0], uint32(len(e.payload)))
	if err := d.fits(len(leb)); err != nil {
		return err
	}
	payload := len(whole) - len(e.payload) // where it stands
	e.header[0] |= hasSize
	head := append(e.header[:e.size:e.size], leb...)
	d.data = append(d.data, head...) // room for the payload to move
	d.data = append(d.data[:start+len(head)], d.data[start+payload:start+payload+len(e.payload)]...)
	copy(d.data[start:], head)
	return nil
}
