package amf

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
)

// golden reads a capture that testdata holds as hexadecimal text.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return mediatest.Unhex(t, string(b))
}

// bothWays are messages that are read to these values and written to the same bytes.
var bothWays = []struct {
	name   string
	hex    string
	values []any
}{
	{"nothing", "", nil},
	{"null", "05", []any{nil}},
	{"undefined", "06", []any{Undefined{}}},
	{"true false", "0101 0100", []any{true, false}},
	{"number", "00 3ff8000000000000", []any{1.5}},
	{"negative zero", "00 8000000000000000", []any{math.Copysign(0, -1)}},
	{"infinity", "00 7ff0000000000000", []any{math.Inf(1)}},
	{"string", "02 0004 6c697665", []any{"live"}},
	{"empty string", "02 0000", []any{""}},
	{"text that is no UTF-8", "02 0001 ff", []any{"\xff"}},
	{"date", "0b 42779c771e2a0000 0000", []any{Date(1622548800160)}},
	{"xml", "0f 00000004 3c612f3e", []any{XML("<a/>")}},
	{"empty object", "03 000009", []any{Object{}}},
	{"empty ecma", "08 00000000 000009", []any{ECMA{}}},
	{"empty array", "0a 00000000", []any{Array{}}},
	{"empty key", "03 0000 05 000009", []any{Object{{"", nil}}}},
	{"array", "0a 00000002 05 0101", []any{Array{nil, true}}},
	{
		"object in an object", "03 0001 61 03 0001 62 0101 000009 0001 63 05 000009",
		[]any{Object{{"a", Object{{"b", true}}}, {"c", nil}}},
	},
	{
		"command", "02 0007 7075626c697368 00 4014000000000000 05 02 0003 4b4559 02 0004 6c697665",
		[]any{"publish", 5.0, nil, "KEY", "live"},
	},
	{
		"overlay", "02 000a 6f6e5465787444617461 08 00000002 0004 74797065 02 0004 54657874 0004 74657874 02 0002 6869 000009",
		[]any{"onTextData", ECMA{{"type", "Text"}, {"text", "hi"}}},
	},
}

func TestBothWays(t *testing.T) {
	for _, tt := range bothWays {
		t.Run(tt.name, func(t *testing.T) {
			b := mediatest.Unhex(t, tt.hex)
			got, err := DecodeAll(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.values, got); diff != "" {
				t.Errorf("DecodeAll: (-want +got)\n%s", diff)
			}
			if got := Append([]byte{}, tt.values...); !bytes.Equal(got, b) {
				t.Errorf("Append: got %x, want %x", got, b)
			}
		})
	}
}

// What encoders send and we write otherwise.
func TestDecodeOnly(t *testing.T) {
	tests := []struct {
		name  string
		hex   string
		value any
		n     int
	}{
		{"count of an ecma array is wrong", "08 ffffffff 0001 61 05 000009", ECMA{{"a", nil}}, 12},
		{"no end of an ecma array", "08 00000001 0001 61 05", ECMA{{"a", nil}}, 9},
		{"no end of an ecma array inside", "08 00000001 0001 61 08 00000000", ECMA{{"a", ECMA{}}}, 13},
		{"typed object", "10 0003 416263 0001 61 05 000009 05", Object{{"a", nil}}, 13},
		{"long string", "0c 00000002 6869", "hi", 7},
		{"unsupported", "0d", Undefined{}, 1},
		{"boolean of 2", "01 02", true, 2},
		{"time zone", "0b 0000000000000000 003c", Date(0), 11},
		{"more behind it", "05 05", nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, n, err := Decode(mediatest.Unhex(t, tt.hex))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.value, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if n != tt.n {
				t.Errorf("got %d bytes, want %d", n, tt.n)
			}
		})
	}
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct {
		name   string
		hex    string
		offset int64
	}{
		{"nothing", "", 0},
		{"number cut", "00 00", 1},
		{"boolean cut", "01", 1},
		{"date cut", "0b 0000", 1},
		{"string without length", "02 00", 1},
		{"string cut", "02 0002 61", 3},
		{"long string beyond the end", "0c 00001000 61", 5},
		{"object cut in the key", "03 0002 61", 3},
		{"object without value", "03 0001 61", 4},
		{"object without end", "03 0001 61 05", 5},
		{"object in an ecma array without end", "08 00000001 0001 61 03 0001 62 05", 13},
		{"ecma without count", "08 0000", 1},
		{"ecma cut in the value", "08 00000000 0001 61 01", 9},
		{"array cut", "0a 00000002 05", 6},
		{"array without count", "0a 00", 1},
		{"typed object without name", "10 0003 41", 3},
		{"end marker as a value", "09", 0},
		{"unknown marker", "12", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, _, err := Decode(mediatest.Unhex(t, tt.hex))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %v and error %v, want a syntax error", v, err)
			}
			if syntax.Offset != tt.offset || syntax.Format != "amf0" {
				t.Errorf("got %v, want offset %d", syntax, tt.offset)
			}
			if v != nil {
				t.Errorf("got value %v, want nil", v)
			}
		})
	}
}

// nested is a value inside so many strict arrays.
func nested(depth int) []byte {
	return append(bytes.Repeat([]byte{markArray, 0, 0, 0, 1}, depth), markNull)
}

// keys is an object with so many members.
func keys(n int) []byte {
	b := []byte{markObject}
	for range n {
		b = append(b, 0, 1, 'k', markNull)
	}
	return append(b, 0, 0, markObjectEnd)
}

func TestLimits(t *testing.T) {
	text := strings.Repeat("x", MaxText+1)
	tests := []struct {
		name   string
		in     []byte
		offset int64
		ok     bool
	}{
		{"depth", nested(MaxDepth), 0, true},
		{"depth and one", nested(MaxDepth + 1), 5 * MaxDepth, false},
		{"a hundred thousand deep", nested(100_000), 5 * MaxDepth, false},
		{"keys", keys(MaxKeys), 0, true},
		{"keys and one", keys(MaxKeys + 1), 1 + 4*MaxKeys, false},
		{"values", bytes.Repeat([]byte{markNull}, MaxValues), 0, true},
		{"values and one", bytes.Repeat([]byte{markNull}, MaxValues+1), MaxValues, false},
		{"count of an array", []byte{markArray, 0xff, 0xff, 0xff, 0xff}, 1, false},
		{"string", Append(nil, text[1:]), 0, true},
		{"string and one", Append(nil, text), 1, false},
		{"length of a long string", []byte{markLongString, 0xff, 0xff, 0xff, 0xff}, 1, false},
		{"xml", Append(nil, XML(text)), 1, false},
		{"key", Append(nil, Object{{text, nil}}), 1, false},
		{"reference", []byte{markReference, 0, 0}, 0, false},
		{"amf3", []byte{markAMF3, 1}, 0, false},
		{"movie clip", []byte{markMovieClip}, 0, false},
		{"record set", []byte{markRecordSet}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeAll(tt.in)
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var unsupported *wire.UnsupportedError
			if !errors.As(err, &unsupported) {
				t.Fatalf("got %v, want it unsupported", err)
			}
			if unsupported.Offset != tt.offset {
				t.Errorf("got %v, want offset %d", err, tt.offset)
			}
		})
	}
}

func TestDecodeAllGivesWhatItRead(t *testing.T) {
	got, err := DecodeAll(mediatest.Unhex(t, "02 0001 61 0101 11 00"))
	if diff := cmp.Diff([]any{"a", true}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var unsupported *wire.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Offset != 6 {
		t.Errorf("got error %v, want it unsupported at byte 6", err)
	}
}

func TestLookup(t *testing.T) {
	members := []Member{{"a", 1.0}, {"b", "text"}, {"n", nil}, {"a", 2.0}}
	for name, o := range map[string]interface {
		Lookup(string) (any, bool)
		Text(string) string
		Number(string) (float64, bool)
	}{"object": Object(members), "ecma": ECMA(members)} {
		t.Run(name, func(t *testing.T) {
			if v, ok := o.Lookup("n"); v != nil || !ok {
				t.Errorf("null: got %v %v", v, ok)
			}
			if _, ok := o.Lookup("z"); ok {
				t.Error("got a value for a key that is not there")
			}
			if got := o.Text("b") + o.Text("a") + o.Text("z"); got != "text" {
				t.Errorf("got text %q", got)
			}
			if n, ok := o.Number("a"); n != 2 || !ok {
				t.Errorf("got %v %v, want the last of two", n, ok)
			}
			if _, ok := o.Number("b"); ok {
				t.Error("got a number for a string")
			}
		})
	}
}

func TestAppendOnly(t *testing.T) {
	if got, want := Append(nil, 5), Append(nil, 5.0); !bytes.Equal(got, want) {
		t.Errorf("int: got %x, want %x", got, want)
	}
	text := strings.Repeat("x", 65536)
	if got := Append(nil, text[1:]); got[0] != markString {
		t.Errorf("65535 bytes: got marker %#x", got[0])
	}
	if got := Append(nil, text); got[0] != markLongString || len(got) != 5+65536 {
		t.Errorf("65536 bytes: got marker %#x and %d bytes", got[0], len(got))
	}
	if got := Append([]byte{1, 2}, nil); !bytes.Equal(got, []byte{1, 2, 5}) {
		t.Errorf("got %x", got)
	}
}

func TestAppendPanics(t *testing.T) {
	loop := Array{nil}
	loop[0] = loop
	for name, v := range map[string]any{
		"type": int32(1), "key": Object{{strings.Repeat("k", 65536), nil}}, "loop": loop,
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Append(nil, v)
		})
	}
}

// What ffmpeg 5.1 sent when it published, as captured.
func TestCaptures(t *testing.T) {
	tests := []struct {
		file string
		want []any
	}{
		{"ffmpeg-connect.hex", []any{"connect", 1.0, Object{
			{"app", "live"},
			{"type", "nonprivate"},
			{"flashVer", "FMLE/3.0 (compatible; Lavf59.27.100)"},
			{"tcUrl", "rtmp://127.0.0.1:19350/live"},
		}}},
		{"ffmpeg-metadata.hex", []any{"@setDataFrame", "onMetaData", ECMA{
			{"duration", 1.0},
			{"width", 64.0},
			{"height", 48.0},
			{"videodatarate", 0.0},
			{"framerate", 5.0},
			{"videocodecid", 7.0},
			{"audiodatarate", 31.25},
			{"audiosamplerate", 44100.0},
			{"audiosamplesize", 16.0},
			{"stereo", false},
			{"audiocodecid", 10.0},
			{"encoder", "Lavf59.27.100"},
			{"filesize", 0.0},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			b := golden(t, tt.file)
			got, err := DecodeAll(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := Append(nil, got...); !bytes.Equal(got, b) {
				t.Errorf("written again: got %x, want %x", got, b)
			}
		})
	}
}
