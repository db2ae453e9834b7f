package flv

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/amf"
)

// textVector is that of the overlay convention, for "hi".
const textVector = "02 000a 6f6e5465787444617461 08 00000002 0004 74797065 02 0004 54657874 0004 74657874 02 0002 6869 000009"

func TestTextBothWays(t *testing.T) {
	for name, tt := range map[string]struct{ text, body string }{
		"vector":  {"hi", textVector},
		"no text": {"", strings.Replace(textVector, "0002 6869", "0000", 1)},
		"UTF-8":   {"€", strings.Replace(textVector, "0002 6869", "0003 e282ac", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			body := mediatest.Unhex(t, tt.body)
			got, err := AppendText([]byte("before"), []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]byte("before"), body...), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			text, err := ParseText(body)
			if err != nil || string(text) != tt.text {
				t.Errorf("got %q, %v, want %q", text, err, tt.text)
			}
		})
	}
}

func TestTextIsLimited(t *testing.T) {
	longest := bytes.Repeat([]byte("a"), amf.MaxText)
	body, err := AppendText(nil, longest)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := ParseText(body); err != nil || !bytes.Equal(text, longest) {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if got, err := AppendText([]byte("before"), append(longest, 'a')); err == nil || string(got) != "before" {
		t.Errorf("got %d bytes, error %v", len(got), err)
	}
}

func TestParseTextOnly(t *testing.T) {
	text, kind := amf.Member{Key: "text", Value: "hi"}, amf.Member{Key: "type", Value: "Text"}
	for name, tt := range map[string]struct {
		values []any
		kind   string // of the error
	}{
		"object":         {[]any{"onTextData", amf.Object{kind, text}}, ""},
		"another order":  {[]any{"onTextData", amf.ECMA{text, {Key: "trackid", Value: 1}, kind}}, ""},
		"no type":        {[]any{"onTextData", amf.ECMA{text}}, ""},
		"setDataFrame":   {[]any{"@setDataFrame", "onTextData", amf.ECMA{kind, text}}, ""},
		"another type":   {[]any{"onTextData", amf.ECMA{{Key: "type", Value: "Image"}, text}}, "unsupported"},
		"type no string": {[]any{"onTextData", amf.ECMA{{Key: "type", Value: amf.Array{}}, text}}, "unsupported"},
		"another name":   {[]any{"onCuePoint", amf.ECMA{kind, text}}, "unsupported"},
		"no text":        {[]any{"onTextData", amf.ECMA{kind}}, "syntax"},
		"text no string": {[]any{"onTextData", amf.ECMA{kind, {Key: "text", Value: 7}}}, "syntax"},
		"no members":     {[]any{"onTextData", "hi"}, "syntax"},
		"a name alone":   {[]any{"onTextData"}, "syntax"},
		"nothing":        {nil, "syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseText(amf.Append(nil, tt.values...))
			if tt.kind != "" {
				checkError(t, err, tt.kind, 0)
				return
			}
			if err != nil || string(got) != "hi" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	body := mediatest.Unhex(t, textVector)
	_, err := ParseText(body[:len(body)-6])
	checkError(t, err, "syntax", int64(len(body)-7))
}

// FuzzParseText checks that text that was read comes back from what is written of it.
func FuzzParseText(f *testing.F) {
	f.Add(mediatest.Unhex(f, textVector))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := ParseText(b)
		mustBeTyped(t, err)
		if err != nil {
			return
		}
		body, err := AppendText(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseText(body)
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("got %q, %v, want %q", again, err, text)
		}
	})
}
