package mediatest

import (
	"encoding/binary"
	"math"
)

// pair is one property of an AMF0 object.
type pair struct {
	name  string
	value any
}

// amf writes AMF0 values (float64, string, bool, nil, []pair) one after the other.
func amf(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, 0), math.Float64bits(v))
		case bool:
			b = append(b, 1, 0)
			if v {
				b[len(b)-1] = 1
			}
		case string:
			b = append(amfName(append(b, 2), len(v)), v...)
		case []pair:
			b = append(b, 3)
			for _, p := range v {
				b = append(append(amfName(b, len(p.name)), p.name...), amf(p.value)...)
			}
			b = append(b, 0, 0, 9)
		default:
			b = append(b, 5)
		}
	}
	return b
}

func amfName(b []byte, length int) []byte { return binary.BigEndian.AppendUint16(b, uint16(length)) }

// command is what the raw peers need of a command message.
type command struct {
	name        string
	transaction float64
	text        []string // the string arguments before the first object after the command object, and those in objects named level, code, description
}

// readCommand reads a command as far as plain values go, then looks for the properties of an information object.
func readCommand(b []byte) command {
	var c command
	first := true
	whole := b
	for len(b) > 0 {
		kind := b[0]
		b = b[1:]
		switch {
		case kind == 0 && len(b) >= 8:
			if c.transaction == 0 {
				c.transaction = math.Float64frombits(binary.BigEndian.Uint64(b))
			}
			b = b[8:]
		case kind == 2 && len(b) >= 2 && len(b) >= 2+int(binary.BigEndian.Uint16(b)):
			n := 2 + int(binary.BigEndian.Uint16(b))
			if first {
				c.name, first = string(b[2:n]), false
			} else {
				c.text = append(c.text, string(b[2:n]))
			}
			b = b[n:]
		case kind == 5 || kind == 6:
		default:
			b = nil
		}
	}
	for _, name := range []string{"level", "code", "description"} {
		if v, found := property(whole, name); found {
			c.text = append(c.text, v)
		}
	}
	return c
}

// property finds a string property by its name, wherever it stands.
func property(b []byte, name string) (string, bool) {
	want := append(append(amfName(nil, len(name)), name...), 2)
	for i := 0; i+len(want)+2 <= len(b); i++ {
		if string(b[i:i+len(want)]) != string(want) {
			continue
		}
		rest := b[i+len(want):]
		n := int(binary.BigEndian.Uint16(rest))
		if len(rest) >= 2+n {
			return string(rest[2 : 2+n]), true
		}
	}
	return "", false
}

// NestedObject gives an AMF0 object in so many others, depth of them in all.
func NestedObject(depth int) []byte {
	inner := []pair{}
	for range depth - 1 {
		inner = []pair{{"a", inner}}
	}
	return amf(inner)
}

// CommandName gives an AMF0 command's name and transaction, for commands that a test makes by hand.
func CommandName(name string, transaction float64) []byte { return amf(name, transaction) }
