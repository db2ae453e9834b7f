package bits_test

import (
	"errors"
	"math"
	"testing"

	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
	"pgregory.net/rapid"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	type field struct {
		width int // 0 to 32, or -1 for Exp-Golomb
		value uint32
	}
	fields := rapid.Custom(func(t *rapid.T) field {
		if rapid.Bool().Draw(t, "exp-golomb") {
			return field{-1, rapid.Uint32Range(0, math.MaxUint32-1).Draw(t, "value")}
		}
		width := rapid.IntRange(0, 32).Draw(t, "width")
		return field{width, uint32(rapid.Uint64Range(0, 1<<width-1).Draw(t, "value"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(fields).Draw(t, "fields")
		var w bits.Writer
		for _, f := range list {
			if f.width < 0 {
				w.UE(f.value)
			} else {
				w.Bits(f.value, f.width)
			}
		}
		r := bits.NewReader("test", w.Bytes())
		for _, f := range list {
			read := func() uint32 { return r.Bits(f.width) }
			if f.width < 0 {
				read = r.UE
			}
			got := read()
			if got != f.value || r.Err() != nil {
				t.Fatalf("field %v: got %d, error %v", f, got, r.Err())
			}
		}
		if r.Left() > 7 {
			t.Fatalf("%d bits left", r.Left())
		}
	})
}

// The codes of ITU-T H.264 tables 9-2 and 9-3.
func TestExpGolomb(t *testing.T) {
	for _, tc := range []struct {
		code   byte
		ue     uint32
		signed int32
	}{
		{0b10000000, 0, 0},
		{0b01000000, 1, 1},
		{0b01100000, 2, -1},
		{0b00100000, 3, 2},
		{0b00101000, 4, -2},
		{0b00110000, 5, 3},
		{0b00111000, 6, -3},
	} {
		if got := bits.NewReader("test", []byte{tc.code}).UE(); got != tc.ue {
			t.Errorf("%08b: got %d, want %d", tc.code, got, tc.ue)
		}
		if got := bits.NewReader("test", []byte{tc.code}).SE(); got != tc.signed {
			t.Errorf("%08b: got %d, want %d signed", tc.code, got, tc.signed)
		}
	}
}

func TestFirstErrorSticks(t *testing.T) {
	for _, tc := range []struct {
		name   string
		data   []byte
		read   func(*bits.Reader)
		offset int64
	}{
		{"bits", []byte{1, 2}, func(r *bits.Reader) { r.Bits(9); r.Bits(8) }, 1},
		{"flag", nil, func(r *bits.Reader) { r.Flag() }, 0},
		{"skip", []byte{1}, func(r *bits.Reader) { r.Skip(9) }, 0},
		{"exp-golomb cut short", []byte{0}, func(r *bits.Reader) { r.UE() }, 1},
		{"exp-golomb too long", make([]byte, 9), func(r *bits.Reader) { r.UE() }, 4},
		{"value too large", []byte{0b00100000}, func(r *bits.Reader) { r.UEMax("width", 2) }, 0},
		{"own failure", []byte{1, 2}, func(r *bits.Reader) { r.Bits(3); r.Align(); r.Fail("no") }, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := bits.NewReader("test", tc.data)
			tc.read(r)
			first := r.Err()
			var syntax *wire.SyntaxError
			if !errors.As(first, &syntax) || syntax.Format != "test" || syntax.Offset != tc.offset {
				t.Fatalf("got %v, want a syntax error at byte %d", first, tc.offset)
			}
			r.Fail("again")
			r.Refuse("again")
			r.Skip(1)
			if r.Flag() || r.UE() != 0 || r.SE() != 0 || r.Bits(3) != 0 || !errors.Is(r.Err(), first) {
				t.Error("a read after the first error changed something")
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	r := bits.NewReader("test", []byte{1})
	r.Refuse("colour")
	var refused *wire.UnsupportedError
	if !errors.As(r.Err(), &refused) || refused.Msg != "colour" {
		t.Errorf("got %v", r.Err())
	}
}

func TestFlags(t *testing.T) {
	var w bits.Writer
	w.Flag(true)
	w.Flag(false)
	w.Flag(true)
	if got := w.Bytes(); len(got) != 1 || got[0] != 0b10100000 {
		t.Fatalf("got %08b", got)
	}
	r := bits.NewReader("test", w.Bytes())
	if !r.Flag() || r.Flag() || !r.Flag() {
		t.Error("flags came back otherwise")
	}
}
