package nal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/nal"
)

func TestNALUnits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		data   []byte
		want   []string
		offset int64 // of the error; -1 for none
	}{
		{"nothing", nil, nil, -1},
		{"one", []byte("\x00\x00\x00\x02ab"), []string{"ab"}, -1},
		{"two", []byte("\x00\x00\x00\x02ab\x00\x00\x00\x01c"), []string{"ab", "c"}, -1},
		{"empty ones are passed over", []byte("\x00\x00\x00\x00\x00\x00\x00\x01c\x00\x00\x00\x00"), []string{"c"}, -1},
		{"length cut short", []byte("\x00\x00\x00\x01c\x00\x00\x00"), []string{"c"}, 5},
		{"unit cut short", []byte("\x00\x00\x00\x01c\x00\x00\x00\x03ab"), []string{"c"}, 9},
		{"the largest length", []byte("\xff\xff\xff\xffab"), nil, 4},
		{"start codes instead", []byte("\x00\x00\x00\x01\x67\x64\x00\x1f\xac"), []string{"\x67"}, 9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			offset := int64(-1)
			for unit, err := range nal.Units(tc.data) {
				if err == nil {
					got = append(got, string(unit))
					continue
				}
				var syntax *wire.SyntaxError
				if !errors.As(err, &syntax) || unit != nil {
					t.Fatalf("got unit %q, error %v", unit, err)
				}
				offset = syntax.Offset
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || offset != tc.offset {
				t.Errorf("error at %d, want at %d; -want +got:\n%s", offset, tc.offset, diff)
			}
		})
	}
}

func TestNALUnitsStopsWhenAsked(t *testing.T) {
	count := 0
	for _, err := range nal.Units([]byte("\x00\x00\x00\x01a\x00\x00\x00\x01b")) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		break
	}
	if count != 1 {
		t.Errorf("got %d units, want 1", count)
	}
}

func TestRelength(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 255)
	for _, tc := range []struct {
		name string
		data []byte
		size int
		want []byte // nil for an error
	}{
		{"1 byte", append([]byte("\x02ab\xff"), long...), 1, append([]byte("\x00\x00\x00\x02ab\x00\x00\x00\xff"), long...)},
		{"2 bytes", []byte("\x00\x02ab\x00\x01c"), 2, []byte("\x00\x00\x00\x02ab\x00\x00\x00\x01c")},
		{"3 bytes", []byte("\x00\x00\x02ab"), 3, []byte("\x00\x00\x00\x02ab")},
		{"4 bytes", []byte("\x00\x00\x00\x02ab"), 4, []byte("\x00\x00\x00\x02ab")},
		{"nothing", []byte{}, 2, []byte{}},
		{"0 bytes", []byte("ab"), 0, nil},
		{"5 bytes", []byte("\x00\x00\x00\x00\x01a"), 5, nil},
		{"cut short", []byte("\x00\x03ab"), 2, nil},
		{"4 bytes cut short", []byte("\x00\x00\x00\x03ab"), 4, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := nal.Relength(tc.data, tc.size)
			if (err != nil) != (tc.want == nil) {
				t.Fatalf("got error %v", err)
			}
			if !bytes.Equal(got, tc.want) {
				t.Errorf("got %x, want %x", got, tc.want)
			}
		})
	}
}

func TestRelengthGivesTheSameBytesBack(t *testing.T) {
	data := []byte("\x00\x00\x00\x02ab")
	got, err := nal.Relength(data, 4)
	if err != nil || &got[0] != &data[0] {
		t.Errorf("got a copy, error %v", err)
	}
	if n := testing.AllocsPerRun(10, func() { got, err = nal.Relength(data, 4) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestPayload(t *testing.T) {
	for _, tc := range []struct {
		name, unit, want string
		header           int
	}{
		{"no prevention", "\x67\x01\x02", "\x01\x02", 1},
		{"one", "\x67\x00\x00\x03\x01", "\x00\x00\x01", 1},
		{"at the end", "\x67\x01\x00\x00\x03", "\x01\x00\x00", 1},
		{"one after another", "\x67\x00\x00\x03\x00\x00\x03\x00", "\x00\x00\x00\x00\x00", 1},
		{"a 3 that means something", "\x67\x00\x03\x00\x03", "\x00\x03\x00\x03", 1},
		{"the header does not count", "\x40\x00\x00\x03", "\x00\x03", 2},
		{"nothing behind the header", "\x67", "", 1},
		{"less than the header", "\x67", "", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := nal.Payload([]byte(tc.unit), tc.header); string(got) != tc.want {
				t.Errorf("got %x, want %x", got, tc.want)
			}
		})
	}
}

func FuzzRelength(f *testing.F) {
	f.Add([]byte("\x02ab\x00\x01c"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		out, err := nal.Relength(data, size)
		if err != nil {
			return
		}
		total := 0
		for unit, err := range nal.Units(out) {
			if err != nil || len(unit) == 0 {
				t.Fatalf("unit %x, error %v in %x", unit, err, out)
			}
			total += len(unit)
			if payload := nal.Payload(unit, 1); len(payload) >= len(unit) {
				t.Fatalf("payload %x of unit %x", payload, unit)
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes of units in %d bytes", total, len(data))
		}
	})
}
