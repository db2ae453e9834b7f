package sei

import (
	"bytes"
	"iter"
	"math"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/nal"
)

// Message is one SEI message of H.264 or HEVC, or one metadata OBU of AV1.
type Message struct {
	Type    int    // payloadType (ITU-T H.264 annex D, H.265 annex D) or metadata_type (AV1 §6.7.1)
	Payload []byte // without emulation prevention and trailing bits; read only, since for AV1 it is part of the access unit
}

// Messages walks all messages of an access unit of c, of any type, those that HEVC has behind the picture included. Messages nested
// in others are not looked for. A NAL unit or OBU whose messages do not fit ends with an empty message and a
// [*wire.SyntaxError] with the offset in data, and the walk goes on with the next one; it ends where data does not fit its own
// lengths. Codecs that carry none have none.
func Messages(c media.Codec, data []byte) iter.Seq2[Message, error] { return messages(c, data, "") }

// Payloads walks what stands behind our UUID in an access unit of c: the payloads that [Append] was given. Faults are given as by
// [Messages], those of units without our UUID are passed over. The payloads are read only.
func Payloads(c media.Codec, data []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for m, err := range messages(c, data, uuid) {
			payload, ours := overlay(c, m.Type, m.Payload)
			if (ours || err != nil) && !yield(payload, err) {
				return
			}
		}
	}
}

// messages walks the messages of the units that hold the bytes of id.
func messages(c media.Codec, data []byte, id string) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for at := 0; at < len(data) && Carries(c); {
			u, err := next(c, data, at)
			if err != nil {
				yield(Message{}, err)
				return
			}
			at = u.end
			if u.kind == message && bytes.Contains(u.body, []byte(id)) && !u.messages(c, yield) {
				return
			}
		}
	}
}

// messages hands over the messages of u; false where no more are wanted.
func (u unit) messages(c media.Codec, yield func(Message, error) bool) bool {
	start := u.end - len(u.body)
	if c == media.AV1 {
		t, content, err := metadata(u.body)
		if err != nil {
			return yield(Message{}, moved(err, start))
		}
		end := trailing(content)
		if end == len(content) {
			return yield(Message{}, syntax("av1 metadata", u.end, "no trailing bits"))
		}
		return yield(Message{Type: t, Payload: content[:end:end]}, nil)
	}
	rbsp := nal.Payload(u.body, 0)
	s := newScanner(rbsp)
	for m, ok := s.next(); ok; m, ok = s.next() {
		if m.short {
			return yield(Message{}, syntax("SEI", start+rawOffset(u.body, m.start), "a message of type %d and %d bytes, %d left", m.kind, m.size, m.end-m.payload))
		}
		if !yield(Message{Type: m.kind, Payload: rbsp[m.payload:m.end:m.end]}, nil) {
			return false
		}
	}
	return true
}

// overlay gives what stands behind our UUID, where a message is ours.
func overlay(c media.Codec, kind int, payload []byte) ([]byte, bool) {
	if c == media.AV1 && kind != privateMetadata || c != media.AV1 && kind != userData {
		return nil, false
	}
	return bytes.CutPrefix(payload, []byte(uuid))
}

// metadata splits the payload of a metadata OBU into its type and the rest, trailing bits included (AV1 §5.8.1).
func metadata(body []byte) (kind int, content []byte, err error) {
	t, n, err := av1.ReadLEB128(body)
	return int(min(t, math.MaxInt32)), body[n:], err
}

// trailing gives where the trailing bits begin: a last 80, and zeros behind it. Where there are none, that is the end.
func trailing(b []byte) int {
	rest := bytes.TrimRight(b, "\x00")
	if n := len(rest) - 1; n >= 0 && rest[n] == stopBit {
		return n
	}
	return len(b)
}

// scanner walks the messages of an SEI NAL unit without its emulation prevention (ITU-T H.264 §7.3.2.3, H.265 §7.3.2.4):
//
//	type, n × FF and a last byte · size, n × FF and a last byte · payload     for each message
//	80                                                                       trailing bits; zeros may follow
type scanner struct {
	rbsp []byte
	at   int
	end  int // where the trailing bits begin
}

// span is where a message stands.
type span struct {
	start, payload, end int  // of the message; of its payload; where both end
	kind, size          int  // as coded
	short               bool // type, size or payload do not fit: the message goes to the end
}

func newScanner(rbsp []byte) scanner { return scanner{rbsp: rbsp, end: trailing(rbsp)} }

// next gives the next message; false behind the last one and behind one that is cut short.
func (s *scanner) next() (m span, ok bool) {
	if s.at == s.end {
		return span{}, false
	}
	var whole bool
	m.start = s.at
	m.kind, m.payload, _ = s.number(s.at)
	m.size, m.payload, whole = s.number(m.payload)
	if m.end = m.payload + m.size; !whole || m.size > s.end-m.payload {
		m.end, m.short = s.end, true
	}
	s.at = m.end
	return m, true
}

// number reads a type or a size, and gives where it ends; false where it does not. Numbers too high for 32 bits stay below.
func (s *scanner) number(at int) (v, end int, whole bool) {
	for ; at < s.end; at++ {
		b := int(s.rbsp[at])
		if v <= math.MaxInt32-2*0xFF {
			v += b
		}
		if b != 0xFF {
			return v, at + 1, true
		}
	}
	return v, at, false
}

// rawOffset gives where byte n of a NAL unit without emulation prevention stands in the NAL unit.
func rawOffset(body []byte, n int) int {
	zeros := 0
	for i, b := range body {
		switch {
		case zeros >= 2 && b == emulation:
			zeros = 0
			continue
		case n == 0:
			return i
		case b == 0:
			zeros++
		default:
			zeros = 0
		}
		n--
	}
	return len(body)
}
