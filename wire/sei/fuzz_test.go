package sei

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
)

// carrier gives one of the three codecs for any number.
func carrier(n uint8) media.Codec { return media.H264 + media.Codec(n%3) }

// FuzzAppend checks that each payload comes back, that no start code stands in its NAL unit, and that it goes in where it belongs
// and out again without a trace.
func FuzzAppend(f *testing.F) {
	f.Add(uint8(0), []byte(`{"v":1}`))
	f.Add(uint8(1), []byte("\x00\x00\x00\x00\x03\x00\x00\x80\x00"))
	f.Add(uint8(2), bytes.Repeat([]byte{0}, 300))
	f.Fuzz(func(t *testing.T, n uint8, payload []byte) {
		c := carrier(n)
		part, err := Append(nil, c, payload)
		if err != nil {
			t.Fatal(err)
		}
		if c != media.AV1 {
			for _, never := range []string{"\x00\x00\x00", "\x00\x00\x01", "\x00\x00\x02"} {
				if at := bytes.Index(part[lengthSize:], []byte(never)); at >= 0 {
					t.Errorf("%x at byte %d of %x", never, at, part)
				}
			}
		}
		unit := map[media.Codec][]byte{media.H264: {0, 0, 0, 1, 0x65}, media.HEVC: {0, 0, 0, 2, 0x26, 1}, media.AV1: {0x32, 1, 0x10}}[c]
		at, err := Place(c, unit)
		if err != nil || at != 0 {
			t.Fatalf("got place %d, %v", at, err)
		}
		data := append(part, unit...)
		count := 0
		for got, err := range Payloads(c, data) {
			if err != nil || !bytes.Equal(got, payload) {
				t.Errorf("got %x, %v, want %x", got, err, payload)
			}
			count++
		}
		out, found := Strip(c, data)
		if count != 1 || !found || !bytes.Equal(out, unit) {
			t.Errorf("got %d payloads, stripped to %x (%v)", count, out, found)
		}
	})
}

// FuzzStrip checks that nothing of ours is left in any data, and that all else is: other units byte for byte, other messages in
// their order.
func FuzzStrip(f *testing.F) {
	f.Add(uint8(0), units(f, "67", "06 05 12 U 6162 01 02 aabb 80", "65 88"))
	f.Add(uint8(1), units(f, "42 01", "4e 01 81 02 0000 05 10 U 01 00 80", "26 01"))
	f.Add(uint8(2), unhex(f, "0a0100 2a 14 06 U 6162 80 2a 02 0480 32 01 10"))
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		c := carrier(n)
		before := bytes.Clone(data)
		out, found := Strip(c, data)
		if !bytes.Equal(before, data) {
			t.Fatal("the access unit was written to")
		}
		if !found && !bytes.Equal(out, data) {
			t.Fatalf("nothing found, but %x became %x", data, out)
		}
		if again, found := Strip(c, out); found {
			t.Errorf("stripped again: %x became %x", out, again)
		}
		for p, err := range Payloads(c, out) {
			if err == nil {
				t.Errorf("left: %x", p)
			}
		}
		if diff := cmp.Diff(others(t, c, data), others(t, c, out)); diff != "" {
			t.Errorf("other units: -before +after\n%s", diff)
		}
		was, is := foreign(t, c, data), foreign(t, c, out)
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("other messages: -before +after\n%s", diff)
		}
		if at, err := Place(c, data); err == nil && (at < 0 || at > len(data)) {
			t.Errorf("place %d of %d bytes", at, len(data))
		} else if err != nil {
			syntaxOf(t, err)
		}
	})
}

// others gives the units that hold no messages, with their lengths, and what follows them where the lengths do not fit.
func others(t *testing.T, c media.Codec, data []byte) (all [][]byte) {
	t.Helper()
	for at := 0; at < len(data); {
		u, err := next(c, data, at)
		if err != nil {
			syntaxOf(t, err)
			return append(all, data[at:])
		}
		if u.kind != message {
			all = append(all, data[at:u.end])
		}
		at = u.end
	}
	return all
}

// foreign gives the messages that are not ours.
func foreign(t *testing.T, c media.Codec, data []byte) (all []Message) {
	t.Helper()
	for m, err := range Messages(c, data) {
		if _, ours := overlay(c, m.Type, m.Payload); ours || syntaxOf(t, err) != "" {
			continue
		}
		all = append(all, m)
	}
	return all
}
