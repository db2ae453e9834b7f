package fmp4_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// mustBeTyped fails where an error is none of the two that decoders return.
func mustBeTyped(t *testing.T, err error) {
	t.Helper()
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	if err != nil && !errors.As(err, &syntax) && !errors.As(err, &unsupported) {
		t.Fatalf("got error %v", err)
	}
}

// FuzzParseInit checks that the tracks that were read are read again from what is written of them.
func FuzzParseInit(f *testing.F) {
	f.Add(golden(f, "init.txt"))
	for _, file := range foreigns(f) {
		b := file.read(f)
		f.Add(b[:bytes.Index(b, []byte("moof"))-4])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := fmp4.ParseInit(b)
		mustBeTyped(t, err)
		if err != nil {
			return
		}
		tracks := mediaTracks(in)
		written, err := fmp4.AppendInit(nil, tracks)
		if err != nil {
			return // a size of 0, a clock of 0
		}
		again, err := fmp4.ParseInit(written)
		if err != nil {
			t.Fatal(err)
		}
		complete, err := fmp4.AppendInit(nil, mediaTracks(again))
		if err != nil || !bytes.Equal(complete, written) {
			t.Errorf("error %v, -first +again\n%s", err, cmp.Diff(written, complete))
		}
		for _, tr := range tracks {
			if _, err := fmp4.CodecString(tr); err != nil {
				t.Errorf("%s: %v", tr.Codec, err)
			}
		}
	})
}

// FuzzParseFragments checks that the fragments that were read are read again from what is written of them.
func FuzzParseFragments(f *testing.F) {
	in := withDefaults(f)
	f.Add(golden(f, "fragment.txt"))
	for _, file := range foreigns(f) {
		b := file.read(f)
		f.Add(b[bytes.Index(b, []byte("moof"))-4:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fragments, err := in.ParseFragments(b)
		mustBeTyped(t, err)
		var want []fmp4.Fragment
		var file []byte
		for _, fragment := range fragments {
			if len(fragment.Runs) == 0 || fragment.Size() > 1<<24 { // samples may overlap
				continue
			}
			if file, err = fragment.Append(file); err != nil {
				t.Fatal(err)
			}
			want = append(want, fragment)
		}
		got, err := in.ParseFragments(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// FuzzParseEvent checks that each event that was read comes back from what is written of it.
func FuzzParseEvent(f *testing.F) {
	event := goldenFragment().Events[0]
	b, err := event.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := fmp4.ParseEvent(b)
		mustBeTyped(t, err)
		if err != nil {
			return
		}
		written, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fmp4.ParseEvent(written); err != nil || !cmp.Equal(want, got) {
			t.Errorf("got %+v, error %v, want %+v", got, err, want)
		}
	})
}
