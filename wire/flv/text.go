package flv

import (
	"fmt"

	"github.com/simulcart/simulcart/wire/amf"
)

// onTextData is the name of data messages that carry text; an overlay state is one.
const onTextData = "onTextData"

// The members of onTextData.
const (
	keyTextType = "type"
	keyText     = "text"
	plainText   = "Text" // the value of type
)

// AppendText writes behind dst the body of a data message that carries text, such as an overlay state:
//
//	"onTextData" | ECMA array of 2 { "type": "Text", "text": text }
//
// There is no @setDataFrame around it, since servers would keep it as metadata. Text of more than [amf.MaxText] bytes is an
// error; overlay states have at most 4,096.
func AppendText(dst, text []byte) ([]byte, error) {
	if len(text) > amf.MaxText {
		return dst, fmt.Errorf("write %s: text of %d bytes, more than %d", onTextData, len(text), amf.MaxText)
	}
	return amf.Append(dst, onTextData, amf.ECMA{{Key: keyTextType, Value: plainText}, {Key: keyText, Value: string(text)}}), nil
}

// ParseText gives the text of the body of a data message that [AppendText] could have written, or an encoder with further
// members, in any order, or with an object in place of the ECMA array. Other messages, and text of another type, are a
// *wire.UnsupportedError; a body that is no AMF0, and onTextData without text, a *wire.SyntaxError.
func ParseText(body []byte) ([]byte, error) {
	const format = "flv text"
	name, value, err := ParseData(body)
	if err != nil {
		return nil, err
	}
	if name != onTextData {
		return nil, unsupportedError(format, 0, "the message %.64q", name)
	}
	var o amf.Object
	switch v := value.(type) {
	case amf.Object:
		o = v
	case amf.ECMA:
		o = amf.Object(v)
	}
	if kind, told := o.Lookup(keyTextType); told && kind != plainText {
		return nil, unsupportedError(format, 0, "%s of another type than %s", onTextData, plainText)
	}
	text, _ := o.Lookup(keyText)
	s, ok := text.(string)
	if !ok {
		return nil, syntaxError(format, 0, "%s without text", onTextData)
	}
	return []byte(s), nil
}
