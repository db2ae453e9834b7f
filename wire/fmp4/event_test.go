package fmp4_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/fmp4"
)

func TestEventBothWays(t *testing.T) {
	for _, tc := range []struct {
		name  string
		event fmp4.Event
		want  string
	}{
		{"nothing", fmp4.Event{Timescale: 1}, "00000022 656d7367 01000000 00000001 0000000000000000 00000000 00000000 00 00"},
		{
			"an overlay",
			fmp4.Event{
				Scheme: fmp4.SchemeID3, Timescale: 90000, Time: 1<<33 + 5, Duration: fmp4.UnknownDuration, ID: 1842,
				Data: mediatest.Unhex(t, "494433 0400 00 00000013 54585858 00000009 0000 03 6f72672e78 00 6869"),
			},
			"0000005b 656d7367 01000000 00015f90 0000000200000005 ffffffff 00000732" +
				"68747470733a2f2f616f6d656469612e6f72672f656d73672f494433 00 00" +
				"494433 0400 00 00000013 54585858 00000009 0000 03 6f72672e78 00 6869",
		},
		{
			"a value",
			fmp4.Event{Scheme: "urn:a", Value: "b", Timescale: 1, Duration: 2, ID: 3, Data: []byte{0, 0}},
			"0000002a 656d7367 01000000 00000001 0000000000000000 00000002 00000003 75726e3a61 00 62 00 0000",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := mediatest.Unhex(t, tc.want)
			got, err := tc.event.Append([]byte{9})
			if err != nil || !bytes.Equal(got, append([]byte{9}, want...)) {
				t.Errorf("got %x, error %v\nwant %x behind 09", got, err, want)
			}
			event, err := fmp4.ParseEvent(append(want, 7))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.event, event); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestEventRefuses(t *testing.T) {
	for name, e := range map[string]fmp4.Event{
		"no timescale":         {Scheme: "urn:a"},
		"zero in the scheme":   {Scheme: "urn\x00", Timescale: 1},
		"zero in the value":    {Value: "\x00", Timescale: 1},
		"a byte too many":      {Timescale: 1, Data: make([]byte, fmp4.MaxEvent-33)},
		"a very long scheme":   {Timescale: 1, Scheme: strings.Repeat("a", fmp4.MaxEvent)},
		"a value of that size": {Timescale: 1, Value: strings.Repeat("a", fmp4.MaxEvent)},
	} {
		t.Run("written: "+name, func(t *testing.T) {
			if got, err := e.Append(nil); err == nil || got != nil {
				t.Errorf("got %d bytes, want an error", len(got))
			}
		})
	}
	largest := fmp4.Event{Timescale: 1, Data: make([]byte, fmp4.MaxEvent-34)}
	b, err := largest.Append(nil)
	if err != nil || len(b) != fmp4.MaxEvent {
		t.Fatalf("got %d bytes, error %v, want %d", len(b), err, fmp4.MaxEvent)
	}
	if got, err := fmp4.ParseEvent(b); err != nil || len(got.Data) != len(largest.Data) {
		t.Errorf("got %d bytes, error %v", len(got.Data), err)
	}
	for _, tc := range []struct {
		name, hex string
		refused   bool
		offset    int64
	}{
		{"nothing", "", false, 0},
		{"header cut short", "00000022", false, 0},
		{"another box", "00000008 66726565", false, 0},
		{"cut short", "00000022 656d7367 01", false, 0},
		{"no version", "00000008 656d7367", false, 0},
		{"version 0", "00000022 656d7367 00000000 00000000 00000001 00000000 00000000 00000000 00 00", true, 0},
		{"fields cut short", "0000001f 656d7367 01000000 00000001 0000000000000000 00000000 000000", false, 0},
		{"no timescale", "00000022 656d7367 01000000 00000000 0000000000000000 00000000 00000000 00 00", false, 12},
		{"scheme without an end", "00000021 656d7367 01000000 00000001 0000000000000000 00000000 00000000 61", false, 8},
		{"value without an end", "00000022 656d7367 01000000 00000001 0000000000000000 00000000 00000000 00 61", false, 8},
		{"too long", "00200001 656d7367 01000000 00000001" + strings.Repeat("00", fmp4.MaxEvent+1-16), true, 0},
	} {
		t.Run("read: "+tc.name, func(t *testing.T) {
			_, err := fmp4.ParseEvent(mediatest.Unhex(t, tc.hex))
			checkError(t, err, tc.refused, tc.offset)
		})
	}
}
