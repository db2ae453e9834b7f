// Package amf reads and writes AMF0, the values of RTMP commands and data messages and of FLV script data (Adobe,
// "Action Message Format -- AMF 0").
//
// A value is one of these Go types:
//
//	nil        null
//	bool       boolean
//	float64    number; [Append] takes an int too
//	string     string, and long string where it has more than 65,535 bytes
//	Object     object, and on reading a typed object, whose class name is dropped
//	ECMA       ECMA array
//	Array      strict array
//	Date       date
//	Undefined  undefined, and on reading the marker "unsupported"
//	XML        XML document
//
// Text is passed on as it came: AMF0 says UTF-8, some encoders send other bytes.
package amf

// Limits on what is read from one message. What goes beyond them is a *wire.UnsupportedError.
const (
	MaxDepth  = 16       // containers around a value; a value that stands alone has none
	MaxValues = 1024     // values, those inside containers and the containers themselves included
	MaxKeys   = 256      // members of one object or ECMA array
	MaxText   = 16 << 10 // bytes of one string, key, class name or XML document
)

// The markers that start a value (AMF 0, §2.1).
const (
	markNumber      = 0x00
	markBoolean     = 0x01
	markString      = 0x02
	markObject      = 0x03
	markMovieClip   = 0x04
	markNull        = 0x05
	markUndefined   = 0x06
	markReference   = 0x07
	markECMA        = 0x08
	markObjectEnd   = 0x09
	markArray       = 0x0A
	markDate        = 0x0B
	markLongString  = 0x0C
	markUnsupported = 0x0D
	markRecordSet   = 0x0E
	markXML         = 0x0F
	markTypedObject = 0x10
	markAMF3        = 0x11
)

// Member is one key and its value. The key may be empty.
type Member struct {
	Key   string
	Value any
}

// Object is an anonymous object: its members in the order of the wire. A key may come twice; the last one counts.
type Object []Member

// ECMA is an ECMA array, in which encoders send onMetaData. It differs from [Object] on the wire only.
type ECMA []Member

// Array is a strict array: values without keys.
type Array []any

// Date is a point in time, in milliseconds since 1970 UTC. The time zone on the wire is reserved: it is written as 0 and
// not read (AMF 0, §2.13).
type Date float64

// Undefined is the value that is not even null.
type Undefined struct{}

// XML is the text of an XML document.
type XML string

// Lookup gives the value of a key, and whether there is one.
func (o Object) Lookup(key string) (any, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Text gives the string of a key, empty where there is none or where it is no string.
func (o Object) Text(key string) string {
	v, _ := o.Lookup(key)
	text, _ := v.(string)
	return text
}

// Number gives the number of a key, and whether there is one.
func (o Object) Number(key string) (float64, bool) {
	v, _ := o.Lookup(key)
	n, ok := v.(float64)
	return n, ok
}

// Lookup is [Object.Lookup].
func (e ECMA) Lookup(key string) (any, bool) { return Object(e).Lookup(key) }

// Text is [Object.Text].
func (e ECMA) Text(key string) string { return Object(e).Text(key) }

// Number is [Object.Number].
func (e ECMA) Number(key string) (float64, bool) { return Object(e).Number(key) }
