package amf

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/simulcart/simulcart/wire"
)

// Decode reads the value at the start of b and gives the number of bytes it took. Malformed input is a
// *wire.SyntaxError; references, AMF3 and what goes beyond the limits are a *wire.UnsupportedError. After an error n is
// where reading stopped.
func Decode(b []byte) (v any, n int, err error) {
	d := decoder{b: b}
	if v, err = d.value(); err != nil {
		return nil, d.at, err
	}
	return v, d.at, nil
}

// DecodeAll reads all values of a message body. With an error it also gives the values in front of the one at fault.
func DecodeAll(b []byte) ([]any, error) {
	d := decoder{b: b}
	var values []any
	for d.at < len(b) {
		v, err := d.value()
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// decoder walks over one message body. What it allocates is bounded by the bytes that are there, never by a count field.
type decoder struct {
	b      []byte
	at     int // the next byte
	depth  int // containers that are open
	values int // values begun
}

func (d *decoder) syntax(at int, format string, args ...any) error {
	return &wire.SyntaxError{Format: "amf0", Offset: int64(at), Msg: fmt.Sprintf(format, args...)}
}

func (d *decoder) unsupported(at int, format string, args ...any) error {
	return &wire.UnsupportedError{Format: "amf0", Offset: int64(at), Msg: fmt.Sprintf(format, args...)}
}

// take gives the next n bytes, which are the part of the input that what names.
func (d *decoder) take(n int, what string) ([]byte, error) {
	if left := len(d.b) - d.at; n > left {
		return nil, d.syntax(d.at, "%s needs %d bytes, %d are left", what, n, left)
	}
	part := d.b[d.at : d.at+n]
	d.at += n
	return part, nil
}

// value reads a marker and the value that follows it (AMF 0, §2.1).
func (d *decoder) value() (any, error) {
	start := d.at
	if d.values++; d.values > MaxValues {
		return nil, d.unsupported(start, "more than %d values", MaxValues)
	}
	marker, err := d.take(1, "marker")
	if err != nil {
		return nil, err
	}
	switch m := marker[0]; m {
	case markNull:
		return nil, nil
	case markUndefined, markUnsupported:
		return Undefined{}, nil
	case markNumber, markBoolean, markDate:
		return d.scalar(m)
	case markString:
		return d.text(2, "string")
	case markLongString:
		return d.text(4, "long string")
	case markXML:
		text, err := d.text(4, "XML document")
		return XML(text), err
	case markObject, markECMA, markTypedObject, markArray:
		return d.container(m, start)
	case markMovieClip, markRecordSet:
		return nil, d.unsupported(start, "the reserved marker 0x%02x", m)
	case markReference:
		return nil, d.unsupported(start, "a reference to another object; send the object itself")
	case markAMF3:
		return nil, d.unsupported(start, "AMF3; set the encoder to object encoding 0")
	case markObjectEnd:
		return nil, d.syntax(start, "end of an object where a value must start")
	default:
		return nil, d.syntax(start, "unknown marker 0x%02x", m)
	}
}

// scalar reads the value of a number, boolean or date (AMF 0, §2.2, §2.3, §2.13).
func (d *decoder) scalar(marker byte) (any, error) {
	switch marker {
	case markBoolean:
		b, err := d.take(1, "boolean")
		return err == nil && b[0] != 0, err
	case markDate:
		b, err := d.take(8+2, "date")
		if err != nil {
			return nil, err
		}
		return Date(float64At(b)), nil
	default:
		b, err := d.take(8, "number")
		if err != nil {
			return nil, err
		}
		return float64At(b), nil
	}
}

func float64At(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }

// text reads a length of 2 or 4 bytes and as many bytes of text.
func (d *decoder) text(width int, what string) (string, error) {
	start := d.at
	length, err := d.take(width, "length of a "+what)
	if err != nil {
		return "", err
	}
	var n uint32
	for _, b := range length {
		n = n<<8 | uint32(b)
	}
	if n > MaxText {
		return "", d.unsupported(start, "a %s of %d bytes, more than %d", what, n, MaxText)
	}
	b, err := d.take(int(n), what)
	return string(b), err
}

// container reads what follows the marker of an object, an array or a typed object, and counts the depth.
func (d *decoder) container(marker byte, start int) (any, error) {
	if d.depth == MaxDepth {
		return nil, d.unsupported(start, "more than %d values inside each other", MaxDepth)
	}
	d.depth++
	defer func() { d.depth-- }()
	switch marker {
	case markArray:
		return d.array()
	case markECMA:
		// The count is a hint: encoders send any number (AMF 0, §2.10).
		if _, err := d.take(4, "count of an ECMA array"); err != nil {
			return nil, err
		}
		m, err := d.members(true)
		return ECMA(m), err
	case markTypedObject:
		if _, err := d.text(2, "class name"); err != nil {
			return nil, err
		}
	}
	m, err := d.members(false)
	return Object(m), err
}

// members reads keys and values up to the end marker 00 00 09 (AMF 0, §2.5, §2.11). Some encoders leave the end marker
// of an ECMA array away where the message ends: mayEnd allows that.
func (d *decoder) members(mayEnd bool) ([]Member, error) {
	members := []Member{}
	for {
		if mayEnd && d.at == len(d.b) {
			return members, nil
		}
		start := d.at
		key, err := d.text(2, "key")
		if err != nil {
			return nil, err
		}
		if key == "" && d.at < len(d.b) && d.b[d.at] == markObjectEnd {
			d.at++
			return members, nil
		}
		if len(members) == MaxKeys {
			return nil, d.unsupported(start, "more than %d keys in one object", MaxKeys)
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		members = append(members, Member{Key: key, Value: v})
	}
}

// array reads a count and as many values (AMF 0, §2.12).
func (d *decoder) array() (Array, error) {
	start := d.at
	b, err := d.take(4, "count of an array")
	if err != nil {
		return nil, err
	}
	count := binary.BigEndian.Uint32(b)
	if count > MaxValues {
		return nil, d.unsupported(start, "an array of %d values, more than %d", count, MaxValues)
	}
	values := Array{}
	for range count {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}
