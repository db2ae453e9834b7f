package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// maxAppendDepth is above [MaxDepth], so that what was read can be sent inside something of ours.
const maxAppendDepth = 2 * MaxDepth

// Append writes values behind dst and gives the longer slice. It panics on a Go type that is no AMF0 value, on a key of
// more than 65,535 bytes and on containers more than 32 deep: such a value is a mistake of the caller, and no decoded
// value is one.
func Append(dst []byte, values ...any) []byte {
	for _, v := range values {
		dst = appendValue(dst, v, 0)
	}
	return dst
}

func appendValue(dst []byte, v any, depth int) []byte {
	if depth > maxAppendDepth {
		panic(fmt.Sprintf("amf: values more than %d deep", maxAppendDepth))
	}
	switch v := v.(type) {
	case nil:
		return append(dst, markNull)
	case Undefined:
		return append(dst, markUndefined)
	case bool:
		if v {
			return append(dst, markBoolean, 1)
		}
		return append(dst, markBoolean, 0)
	case int:
		return appendFloat64(append(dst, markNumber), float64(v))
	case float64:
		return appendFloat64(append(dst, markNumber), v)
	case Date:
		return append(appendFloat64(append(dst, markDate), float64(v)), 0, 0)
	case string:
		if len(v) > math.MaxUint16 {
			return appendLongText(append(dst, markLongString), v)
		}
		return appendText(append(dst, markString), v)
	case XML:
		return appendLongText(append(dst, markXML), string(v))
	case Object:
		return appendMembers(append(dst, markObject), v, depth)
	case ECMA:
		dst = binary.BigEndian.AppendUint32(append(dst, markECMA), uint32(len(v)))
		return appendMembers(dst, v, depth)
	case Array:
		dst = binary.BigEndian.AppendUint32(append(dst, markArray), uint32(len(v)))
		for _, item := range v {
			dst = appendValue(dst, item, depth+1)
		}
		return dst
	default:
		panic(fmt.Sprintf("amf: a %T is no AMF0 value", v))
	}
}

func appendMembers(dst []byte, members []Member, depth int) []byte {
	for _, m := range members {
		dst = appendText(dst, m.Key)
		dst = appendValue(dst, m.Value, depth+1)
	}
	return append(dst, 0, 0, markObjectEnd)
}

func appendFloat64(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

func appendText(dst []byte, text string) []byte {
	if len(text) > math.MaxUint16 {
		panic(fmt.Sprintf("amf: a key of %d bytes", len(text)))
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(text))), text...)
}

func appendLongText(dst []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(text))), text...)
}
