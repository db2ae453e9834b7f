package rtp

import (
	"encoding/binary"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/nal"
)

// H.264 by RFC 6184 with packetization-mode 1, HEVC by RFC 7798 without decoding order numbers. A payload is one of:
//
//	single    a NAL unit as it is                                      RFC 6184 §5.6, RFC 7798 §4.4.1
//	STAP-A    18 and NRI, then { length 16, NAL unit } each            RFC 6184 §5.7.1
//	AP        the HEVC header with type 48, then the same              RFC 7798 §4.4.2
//	FU-A      1C and NRI · start 1, end 1, 0 1, type 5 · fragment      RFC 6184 §5.8
//	FU        HEVC header with type 49 · start 1, end 1, type 6 · …    RFC 7798 §4.4.3
//
// A fragment is a part of what follows the NAL unit's own header. Aggregates of HEVC are read, never written.
const (
	stapA        = 24 // the first type that RTP took of H.264's
	stapB        = 25
	fuA          = 28
	fuB          = 29
	aggregate    = 48 // the first type that RTP took of HEVC's
	fragmentUnit = 49

	startBit = 1 << 7 // of a fragment's header
	endBit   = 1 << 6
)

// unitKind gives the type of a NAL unit, and whether RTP can carry it: the types that H.264 and HEVC leave to others, RTP took for
// itself.
func unitKind(c media.Codec, unit []byte) (kind uint8, carried bool) {
	if c == media.HEVC {
		if len(unit) < 2 {
			return 0, false
		}
		kind = uint8(hevc.TypeOf(unit))
		return kind, kind < aggregate
	}
	if len(unit) == 0 {
		return 0, false
	}
	kind = uint8(h264.TypeOf(unit))
	return kind, kind > 0 && kind < stapA
}

// unitHeader is the size of a NAL unit's header in bytes.
func unitHeader(c media.Codec) int {
	if c == media.HEVC {
		return 2
	}
	return 1
}

// isDelimiter says whether parameter sets stand behind units of this type.
func isDelimiter(c media.Codec, kind uint8) bool {
	if c == media.HEVC {
		return hevc.NALType(kind) == hevc.Delimiter
	}
	return h264.NALType(kind) == h264.Delimiter
}

// units cuts an access unit of H.264 or HEVC.
func (p *Packetizer) units(key bool, parts [][]byte) ([]Payload, error) {
	var few [16][]byte // what most access units have at most
	units, packets, have := few[:0], 0, uint64(0)
	for _, part := range parts {
		for unit, err := range nal.Units(part) {
			if err != nil {
				return nil, err
			}
			if kind, carried := unitKind(p.codec, unit); carried {
				units = append(units, unit)
				packets += 1 + len(unit)/(p.most-3)
				have |= 1 << kind
			}
		}
	}
	if len(units) == 0 {
		return nil, nil
	}
	wanted := key && len(p.sets) > 0
	if wanted {
		packets += len(p.prepared)
	}
	out := make([]Payload, 0, packets)
	for _, unit := range units {
		kind, _ := unitKind(p.codec, unit)
		if wanted && !isDelimiter(p.codec, kind) {
			wanted = false
			out = p.appendSets(out, have)
		}
		out = p.appendUnit(out, unit)
	}
	out[len(out)-1].Marker = true
	return out, nil
}

// appendSets adds the parameter sets of the configuration of which the access unit has none of the type: for H.264 in one
// aggregate where they fit.
func (p *Packetizer) appendSets(out []Payload, have uint64) []Payload {
	if have&p.kinds == 0 && p.prepared != nil {
		return append(out, p.prepared...)
	}
	var sets [][]byte
	size := 1
	for _, set := range p.sets {
		if kind, carried := unitKind(p.codec, set); carried && have>>kind&1 == 0 {
			sets = append(sets, set)
			size += 2 + len(set)
		}
	}
	if p.codec == media.H264 && len(sets) > 1 && size <= p.most {
		return append(out, Payload{Header: appendSTAP(make([]byte, 0, size), sets)})
	}
	for _, set := range sets {
		out = p.appendUnit(out, set)
	}
	return out
}

// appendSTAP writes an aggregate of units. Its F bit is set where one of theirs is, its NRI is the highest of theirs.
func appendSTAP(dst []byte, units [][]byte) []byte {
	head := byte(0)
	for _, unit := range units {
		head = head&0x80 | unit[0]&0x80 | max(head&0x60, unit[0]&0x60)
	}
	dst = append(dst, head|stapA)
	for _, unit := range units {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(unit)))
		dst = append(dst, unit...)
	}
	return dst
}

// appendUnit adds a NAL unit, in fragments where it does not fit.
func (p *Packetizer) appendUnit(out []Payload, unit []byte) []Payload {
	if len(unit) <= p.most {
		return append(out, Payload{Body: unit})
	}
	head := unitHeader(p.codec)
	first, middle, last := fragmentHeaders(p.codec, unit)
	room := p.most - head - 1
	out = append(out, Payload{Header: first, Body: unit[head : head+room]})
	for unit = unit[head+room:]; len(unit) > room; unit = unit[room:] {
		out = append(out, Payload{Header: middle, Body: unit[:room]})
	}
	return append(out, Payload{Header: last, Body: unit})
}

// fragmentHeaders gives the headers of the first, of all middle, and of the last fragment of a unit.
func fragmentHeaders(c media.Codec, unit []byte) (first, middle, last []byte) {
	if c == media.HEVC {
		a, b, kind := unit[0]&0x81|fragmentUnit<<1, unit[1], uint8(hevc.TypeOf(unit))
		all := []byte{a, b, startBit | kind, a, b, kind, a, b, endBit | kind}
		return all[:3:3], all[3:6:6], all[6:]
	}
	a, kind := unit[0]&0xe0|fuA, uint8(h264.TypeOf(unit))
	all := []byte{a, startBit | kind, a, kind, a, endBit | kind}
	return all[:2:2], all[2:4:4], all[4:]
}

// addUnits takes the payload of a packet of H.264 or HEVC.
func (d *Depacketizer) addUnits(payload []byte) error {
	head := unitHeader(d.codec)
	if len(payload) <= head {
		return syntax(d.format(), 0, "a payload of %d bytes", len(payload))
	}
	kind, single := unitKind(d.codec, payload)
	switch {
	case single && d.fragment >= 0:
		return syntax(d.format(), 0, "a unit of type %d within a fragmented one", kind)
	case single:
		return d.appendUnit(payload)
	case d.codec == media.H264 && kind == stapA, d.codec == media.HEVC && kind == aggregate:
		return d.addAggregate(payload, head)
	case d.codec == media.H264 && kind == fuA, d.codec == media.HEVC && kind == fragmentUnit:
		return d.addFragment(payload, head)
	case d.codec == media.H264 && kind >= stapB && kind <= fuB:
		return unsupported("H.264 packets of type %d, use packetization-mode 0 or 1", kind)
	}
	return unsupported("%s packets of type %d", d.codec, kind)
}

// appendUnit adds a whole NAL unit behind its length.
func (d *Depacketizer) appendUnit(unit []byte) error {
	if err := d.fits(4 + len(unit)); err != nil {
		return err
	}
	d.data = binary.BigEndian.AppendUint32(d.data, uint32(len(unit)))
	d.data = append(d.data, unit...)
	return nil
}

// addAggregate takes a STAP-A or AP apart.
func (d *Depacketizer) addAggregate(payload []byte, head int) error {
	if d.fragment >= 0 {
		return syntax(d.format(), 0, "an aggregate within a fragmented unit")
	}
	for at := head; at < len(payload); {
		if len(payload)-at < 2 {
			return syntax(d.format(), at, "the length of an aggregated unit is cut short")
		}
		size := int(binary.BigEndian.Uint16(payload[at:]))
		at += 2
		if size > len(payload)-at {
			return syntax(d.format(), at, "an aggregated unit of %d bytes, %d left", size, len(payload)-at)
		}
		unit := payload[at : at+size]
		if kind, carried := unitKind(d.codec, unit); !carried {
			return syntax(d.format(), at, "an aggregated unit of type %d and %d bytes", kind, size)
		}
		if err := d.appendUnit(unit); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// addFragment takes an FU-A or FU. Until the last one has come, the unit's length is not filled in.
func (d *Depacketizer) addFragment(payload []byte, head int) error {
	if len(payload) <= head+1 {
		return syntax(d.format(), head, "a fragment without bytes")
	}
	flags, body := payload[head], payload[head+1:]
	switch {
	case flags&startBit != 0 && d.fragment >= 0:
		return syntax(d.format(), head, "a fragmented unit begins within another")
	case flags&startBit == 0 && d.fragment < 0:
		return syntax(d.format(), head, "a fragment of a unit that did not begin")
	case flags&startBit != 0:
		unit := [2]byte{payload[0]&0xe0 | flags&0x1f}
		if d.codec == media.HEVC {
			unit = [2]byte{payload[0]&0x81 | flags&0x3f<<1, payload[1]}
		}
		if kind, carried := unitKind(d.codec, unit[:head]); !carried {
			return syntax(d.format(), head, "fragments of a unit of type %d", kind)
		}
		if err := d.fits(4 + head); err != nil {
			return err
		}
		d.fragment = len(d.data)
		d.data = append(append(d.data, 0, 0, 0, 0), unit[:head]...)
	}
	if err := d.fits(len(body)); err != nil {
		return err
	}
	d.data = append(d.data, body...)
	if flags&endBit != 0 {
		binary.BigEndian.PutUint32(d.data[d.fragment:], uint32(len(d.data)-d.fragment-4))
		d.fragment = -1
	}
	return nil
}

// beginsUnits says whether a payload is surely the first of an access unit, as far as one needs it: delimiters and parameter sets
// come first.
func beginsUnits(c media.Codec, payload []byte) bool {
	head := unitHeader(c)
	if len(payload) <= head {
		return false
	}
	kind, single := unitKind(c, payload)
	if !single && len(payload) > head+2 && (c == media.H264 && kind == stapA || c == media.HEVC && kind == aggregate) {
		kind, _ = unitKind(c, payload[head+2:])
	}
	if c == media.HEVC {
		t := hevc.NALType(kind)
		return t == hevc.Delimiter || t == hevc.VideoSet || t == hevc.SequenceSet
	}
	t := h264.NALType(kind)
	return t == h264.Delimiter || t == h264.SequenceSet
}
