package rtp

// VP8 by RFC 7741, VP9 by RFC 9628. Each payload is a descriptor and a part of the frame. What we write of them:
//
//	VP8  X 0 · R 0 · N 0 · S 1 · R 0 · PID 000              §4.2; S: begins a partition, here the frame
//	VP9  I 0 · P 1 · L 0 · F 0 · B 1 · E 1 · V 0 · Z 0      §4.2; P: refers to other frames, B: begins the frame, E: ends it
//
// Neither has a picture id: it would be a state between frames, and receivers go by the sequence numbers without it.
const (
	vp8Begins = 1 << 4

	vp9Inter  = 1 << 6
	vp9Begins = 1 << 3
	vp9Ends   = 1 << 2
)

func (p *Packetizer) vp8(frame []byte) []Payload {
	return p.cut(frame, func(first, _ bool) byte {
		if first {
			return vp8Begins
		}
		return 0
	})
}

func (p *Packetizer) vp9(key bool, frame []byte) []Payload {
	return p.cut(frame, func(first, last bool) byte {
		b := byte(0)
		if !key {
			b |= vp9Inter
		}
		if first {
			b |= vp9Begins
		}
		if last {
			b |= vp9Ends
		}
		return b
	})
}

// cut cuts a frame into parts behind descriptors of one byte.
func (p *Packetizer) cut(frame []byte, describe func(first, last bool) byte) []Payload {
	room := p.most - 1
	out := make([]Payload, 0, 1+len(frame)/room)
	for first := true; len(frame) > 0; first = false {
		n := min(room, len(frame))
		last := n == len(frame)
		out = append(out, Payload{Header: octet(describe(first, last)), Body: frame[:n], Marker: last})
		frame = frame[n:]
	}
	return out
}

// addVP8 takes the payload of a packet of VP8. Behind the first byte may stand, where X is set (RFC 7741 §4.2):
//
//	I L T K 1 each, 0000
//	I: picture id, 7 bits, or 15 where the first bit is set · L: TL0PICIDX 8 · T or K: TID 2, Y 1, KEYIDX 5
func (d *Depacketizer) addVP8(payload []byte) error {
	at, begins, err := vp8Descriptor(payload)
	if err != nil {
		return err
	}
	if begins != (len(d.data) == 0) {
		return syntax(d.format(), 0, "a packet begins the frame: %t, with %d bytes there", begins, len(d.data))
	}
	return d.appendPart(payload[at:])
}

// vp8Descriptor gives the size of a descriptor, and whether the packet begins a frame: it begins partition 0.
func vp8Descriptor(payload []byte) (size int, begins bool, err error) {
	r := reader{format: "rtp vp8", b: payload}
	first := r.byte()
	if first&0x80 != 0 { // X
		flags := r.byte()
		if flags&0x80 != 0 && r.byte()&0x80 != 0 { // I, and M of the picture id
			r.byte()
		}
		if flags&0x40 != 0 { // L
			r.byte()
		}
		if flags&0x30 != 0 { // T or K
			r.byte()
		}
	}
	return r.at, first&vp8Begins != 0 && first&7 == 0, r.err
}

// addVP9 takes the payload of a packet of VP9. Of the layers only the first spatial one is taken. Behind the first byte may stand
// (RFC 9628 §4.2):
//
//	I: picture id, 7 bits, or 15 where the first bit is set
//	L: TID 3, U 1, SID 3, D 1; without F also TL0PICIDX 8
//	F and P: up to three { P_DIFF 7, N 1 }, as long as N is set
//	V: N_S 3, Y 1, G 1, 000 · Y: N_S+1 × { width 16, height 16 } · G: N_G 8, N_G × { TID 3, U 1, R 2, 00, R × P_DIFF 8 }
func (d *Depacketizer) addVP9(payload []byte) error {
	at, begins, layer, err := vp9Descriptor(payload)
	switch {
	case err != nil:
		return err
	case layer != 0:
		return unsupported("VP9 with spatial layers")
	case begins != (len(d.data) == 0):
		return syntax(d.format(), 0, "a packet begins the frame: %t, with %d bytes there", begins, len(d.data))
	}
	return d.appendPart(payload[at:])
}

// vp9Descriptor gives the size of a descriptor, whether the packet begins a frame, and the spatial layer.
func vp9Descriptor(payload []byte) (size int, begins bool, layer byte, err error) {
	r := reader{format: "rtp vp9", b: payload}
	first := r.byte()
	inter, flexible := first&vp9Inter != 0, first&0x10 != 0
	if first&0x80 != 0 && r.byte()&0x80 != 0 { // I, and M of the picture id
		r.byte()
	}
	if first&0x20 != 0 { // L
		layer = r.byte() >> 1 & 7
		if !flexible {
			r.byte()
		}
	}
	if flexible && inter {
		for n := 0; r.byte()&1 != 0 && r.err == nil; n++ {
			if n == 2 {
				r.fail("more than 3 references")
			}
		}
	}
	if first&0x02 != 0 { // V
		r.structure()
	}
	return r.at, first&vp9Begins != 0, layer, r.err
}

// structure passes over the scalability structure of VP9.
func (r *reader) structure() {
	head := r.byte()
	if head&0x10 != 0 { // Y
		r.skip(4 * (1 + int(head>>5)))
	}
	if head&0x08 == 0 { // G
		return
	}
	for range r.byte() {
		r.skip(int(r.byte() >> 2 & 3))
	}
}

// appendPart adds a part of a frame.
func (d *Depacketizer) appendPart(part []byte) error {
	if len(part) == 0 {
		return syntax(d.format(), 0, "a descriptor without bytes behind it")
	}
	if err := d.fits(len(part)); err != nil {
		return err
	}
	d.data = append(d.data, part...)
	return nil
}

// reader reads the bytes of a payload's header. Its first error sticks.
type reader struct {
	format string
	b      []byte
	at     int
	err    error
}

// byte gives the next byte, 0 behind an error.
func (r *reader) byte() byte {
	r.skip(1)
	if r.err != nil {
		return 0
	}
	return r.b[r.at-1]
}

func (r *reader) skip(n int) {
	switch {
	case r.err != nil:
	case n > len(r.b)-r.at:
		r.fail("%d bytes needed, %d left", n, len(r.b)-r.at)
	default:
		r.at += n
	}
}

func (r *reader) fail(msg string, args ...any) {
	if r.err == nil {
		r.err = syntax(r.format, r.at, msg, args...)
	}
}
