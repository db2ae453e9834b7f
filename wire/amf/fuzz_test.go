package amf

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
)

// anyValue draws values of all types, at most depth containers deep.
func anyValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 7
		if depth > 0 {
			kinds = 10
		}
		member := func(t *rapid.T) Member {
			return Member{rapid.StringN(0, 5, 20).Draw(t, "key"), anyValue(depth-1).Draw(t, "value")}
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return rapid.Float64().Draw(t, "number")
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.String().Draw(t, "string")
		case 3:
			return Date(rapid.Float64().Draw(t, "date"))
		case 4:
			return Undefined{}
		case 5:
			return XML(rapid.String().Draw(t, "xml"))
		case 6:
			return nil
		case 7:
			return Object(rapid.SliceOfN(rapid.Custom(member), 0, 4).Draw(t, "object"))
		case 8:
			return ECMA(rapid.SliceOfN(rapid.Custom(member), 0, 4).Draw(t, "ecma"))
		default:
			return Array(rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "array"))
		}
	})
}

func TestAnyValueBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyValue(3).Draw(t, "value")
		b := Append(nil, want)
		got, n, err := Decode(b)
		if err != nil || n != len(b) {
			t.Fatalf("got %d of %d bytes and error %v", n, len(b), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// FuzzDecode checks that what was read is written to bytes that read the same, and that an error is one of the two.
func FuzzDecode(f *testing.F) {
	for _, tt := range bothWays {
		f.Add(mediatest.Unhex(f, tt.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := DecodeAll(b)
		var syntax *wire.SyntaxError
		var unsupported *wire.UnsupportedError
		if err != nil && !errors.As(err, &syntax) && !errors.As(err, &unsupported) {
			t.Fatalf("got %v", err)
		}
		once := Append(nil, values...)
		again, err := DecodeAll(once)
		if err != nil {
			t.Fatalf("read again: %v", err)
		}
		if twice := Append(nil, again...); !bytes.Equal(once, twice) {
			t.Errorf("got %x, then %x", once, twice)
		}
	})
}
