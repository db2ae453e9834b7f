package id3_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/id3"
	"pgregory.net/rapid"
)

// hexText gives a text in hexadecimal of one repeated letter.
func hexText(n int) string { return strings.Repeat("7a", n) }

// bothWays are tags and what they hold; the first is the vector of the overlay convention. The sizes around 128 and 16384 need
// one more of the synchsafe bytes.
var bothWays = []struct {
	name string
	text id3.Text
	tag  string
}{
	{"vector", id3.Text{Description: "org.x", Value: "hi"}, "494433 0400 00 00000013 54585858 00000009 0000 03 6f72672e78 00 6869"},
	{"nothing", id3.Text{}, "494433 0400 00 0000000c 54585858 00000002 0000 03 00"},
	{"more than ASCII", id3.Text{Description: "é", Value: "€5"}, "494433 0400 00 00000012 54585858 00000008 0000 03 c3a9 00 e282ac35"},
	{"frame of 127", id3.Text{Value: strings.Repeat("z", 125)}, "494433 0400 00 00000109 54585858 0000007f 0000 03 00" + hexText(125)},
	{"frame of 128", id3.Text{Value: strings.Repeat("z", 126)}, "494433 0400 00 0000010a 54585858 00000100 0000 03 00" + hexText(126)},
	{"frame of 16383", id3.Text{Value: strings.Repeat("z", 16381)}, "494433 0400 00 00010009 54585858 00007f7f 0000 03 00" + hexText(16381)},
	{"frame of 16384", id3.Text{Value: strings.Repeat("z", 16382)}, "494433 0400 00 0001000a 54585858 00010000 0000 03 00" + hexText(16382)},
}

func TestBothWays(t *testing.T) {
	for _, tc := range bothWays {
		t.Run(tc.name, func(t *testing.T) {
			want := mediatest.Unhex(t, tc.tag)
			got, err := tc.text.Append([]byte{9})
			if err != nil || !bytes.Equal(got[1:], want) || got[0] != 9 {
				t.Errorf("got %x, error %v, want %x behind 09", got, err, want)
			}
			text, err := id3.Parse(want)
			if err != nil || text != tc.text {
				t.Errorf("got %+v, error %v, want %+v", text, err, tc.text)
			}
		})
	}
}

// What other writers put into a tag: other frames, padding, a footer, a zero behind the value, more bytes behind the tag.
func TestParseOthers(t *testing.T) {
	for _, tc := range []struct{ name, tag string }{
		{"frames in front", "494433 0400 00 00000021 50524956 00000004 0000 6f777200 54585858 00000009 0000 03 6f72672e78 00 6869"},
		{"a frame behind", "494433 0400 00 0000001e 54585858 00000009 0000 03 6f72672e78 00 6869 54495432 00000001 0000 03"},
		{"padding", "494433 0400 00 00000016 54585858 00000009 0000 03 6f72672e78 00 6869 000000"},
		{"footer", "494433 0400 10 00000013 54585858 00000009 0000 03 6f72672e78 00 6869 334449 0400 10 00000013"},
		{"zero behind the value", "494433 0400 00 00000014 54585858 0000000a 0000 03 6f72672e78 00 6869 00"},
		{"status flags", "494433 0401 00 00000013 54585858 00000009 6000 03 6f72672e78 00 6869"},
		{"as ffmpeg 5.1 writes it", "494433 0400 00 00000037 54585858 0000000a 0000 03 6f72672e78 00 6869 00" +
			"54535345 0000000f 0000 03 4c61766635392e32372e313030 00 00000000000000000000 fffb9064"},
		{"bytes behind the tag", "494433 0400 00 00000013 54585858 00000009 0000 03 6f72672e78 00 6869 ffff"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := id3.Parse(mediatest.Unhex(t, tc.tag))
			if want := (id3.Text{Description: "org.x", Value: "hi"}); err != nil || got != want {
				t.Errorf("got %+v, error %v, want %+v", got, err, want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, tag   string
		offset      int64
		unsupported bool
	}{
		{"nothing", "", 0, false},
		{"header cut short", "494433 0400 00 000000", 0, false},
		{"no tag", "494434 0400 00 00000000", 0, false},
		{"version 2.3", "494433 0300 00 00000000", 3, true},
		{"unsynchronisation", "494433 0400 80 00000000", 5, true},
		{"extended header", "494433 0400 40 00000000", 5, true},
		{"a flag that nobody knows", "494433 0400 01 00000000", 5, true},
		{"much padding alone", "494433 0400 00 0000000c 000000000000000000000000", 10, false},
		{"size not synchsafe", "494433 0400 00 00000080", 6, false},
		{"tag cut short", "494433 0400 00 00000001", 6, false},
		{"no frame", "494433 0400 00 00000000", 10, false},
		{"padding alone", "494433 0400 00 00000002 0000", 10, false},
		{"frame header cut short", "494433 0400 00 00000009 54585858 00000001 00", 10, false},
		{"frame size not synchsafe", "494433 0400 00 0000000a 54585858 80000000 0000", 14, false},
		{"frame cut short", "494433 0400 00 0000000a 54585858 00000001 0000", 14, false},
		{"compressed", "494433 0400 00 0000000c 54585858 00000002 0008 03 00", 19, true},
		{"no encoding", "494433 0400 00 0000000a 54585858 00000000 0000", 20, false},
		{"Latin-1", "494433 0400 00 0000000c 54585858 00000002 0000 00 00", 20, true},
		{"description without an end", "494433 0400 00 0000000c 54585858 00000002 0000 03 61", 21, false},
		{"description not UTF-8", "494433 0400 00 0000000d 54585858 00000003 0000 03 ff 00", 21, false},
		{"value not UTF-8", "494433 0400 00 0000000d 54585858 00000003 0000 03 00 ff", 21, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := id3.Parse(mediatest.Unhex(t, tc.tag))
			var syntax *wire.SyntaxError
			var refused *wire.UnsupportedError
			switch {
			case tc.unsupported && errors.As(err, &refused) && refused.Offset == tc.offset:
			case !tc.unsupported && errors.As(err, &syntax) && syntax.Offset == tc.offset:
			default:
				t.Errorf("got %v, want an error at byte %d", err, tc.offset)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, text := range map[string]id3.Text{
		"zero in the description":  {Description: "a\x00b"},
		"zero in the value":        {Value: "a\x00"},
		"description not UTF-8":    {Description: "\xff"},
		"value not UTF-8":          {Value: "\xc3"},
		"a byte more than allowed": {Description: "d", Value: strings.Repeat("z", id3.MaxSize-22)},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := text.Append(nil); err == nil {
				t.Errorf("got %d bytes, want an error", len(got))
			}
		})
	}
	longest := id3.Text{Description: "d", Value: strings.Repeat("z", id3.MaxSize-23)}
	if got, err := longest.Append(nil); err != nil || len(got) != id3.MaxSize {
		t.Errorf("got %d bytes, error %v, want %d", len(got), err, id3.MaxSize)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	text := rapid.StringMatching(`[^\x00]{0,300}`)
	rapid.Check(t, func(t *rapid.T) {
		want := id3.Text{Description: text.Draw(t, "description"), Value: text.Draw(t, "value")}
		tag, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := id3.Parse(tag); err != nil || got != want {
			t.Errorf("got %+v, error %v, want %+v", got, err, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, tc := range bothWays {
		f.Add(mediatest.Unhex(f, tc.tag))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := id3.Parse(b)
		if err != nil {
			var syntax *wire.SyntaxError
			var refused *wire.UnsupportedError
			if !errors.As(err, &syntax) && !errors.As(err, &refused) {
				t.Errorf("got error %v", err)
			}
			return
		}
		tag, err := text.Append(nil)
		if len(b) <= id3.MaxSize && err != nil {
			t.Fatal(err)
		}
		if again, err2 := id3.Parse(tag); err == nil && (err2 != nil || again != text) {
			t.Errorf("got %+v, error %v, want %+v", again, err2, text)
		}
	})
}
