package overlay_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// example is the state of the convention's example, at 60132000 ticks.
func example() *overlay.State {
	at := media.FromTicks(60132000, 90000)
	return &overlay.State{Stream: "k3v9x2", Seq: 1842, At: at, Cards: []overlay.Card{{
		Cue: "c7", Slot: "main", Style: "card", From: at, Until: media.FromTicks(62832000, 90000), Product: dress(),
	}}}
}

func TestStateBothWays(t *testing.T) {
	want := golden(t, "state.json")
	data, err := overlay.EncodeState(example())
	if err != nil || string(data) != want {
		t.Errorf("got  %s, %v\nwant %s", data, err, want)
	}
	got, err := overlay.ParseState([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyState(t *testing.T) {
	data, err := overlay.EncodeState(&overlay.State{Stream: "a", Seq: 1, Late: true})
	if want := `{"v":1,"stream":"a","seq":1,"at":0,"late":true,"show":[]}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v, want %s", data, err, want)
	}
}

func TestParseStateFaults(t *testing.T) {
	good := golden(t, "state.json")
	tests := map[string]struct{ old, new, want string }{
		"version":       {`"v":1`, `"v":2`, "v is 2: must be 1"},
		"no JSON":       {`{"v":1`, `{v:1`, "read overlay state: invalid character"},
		"stream":        {`"k3v9x2"`, `"a b"`, "stream is"},
		"long stream":   {`"k3v9x2"`, `"12345678901234567"`, "stream is"},
		"seq 0":         {`"seq":1842`, `"seq":0`, "seq is 0"},
		"seq 2^53":      {`"seq":1842`, `"seq":9007199254740992`, "seq is 9007199254740992"},
		"at":            {`"at":668133333333`, `"at":9223372036854775807`, "at is"},
		"float at":      {`"at":668133333333`, `"at":1.5`, "read overlay state: json"},
		"slot":          {`"slot":"main"`, `"slot":"Main"`, "show[0].slot is"},
		"cue":           {`"cue":"c7"`, `"cue":""`, "show[0].cue is"},
		"style":         {`"style":"card"`, `"style":"_"`, "show[0].style is"},
		"pos":           {`"pos":"lower-third"`, `"pos":"middle"`, "pos is"},
		"box":           {`"pos":"lower-third"`, `"pos":[1,2,3]`, "pos is"},
		"box outside":   {`"pos":"lower-third"`, `"pos":[500,0,501,10]`, "pos is"},
		"box of floats": {`"pos":"lower-third"`, `"pos":[0.5,0,0.1,0.1]`, "pos is"},
		"no box":        {`"pos":"lower-third"`, `"pos":[0,0,0,0]`, "pos is"},
		"from":          {`"from":668133333333`, `"from":9223372036854775807`, "show[0].from is"},
		"until":         {`"until":698133333333`, `"until":9223372036854775807`, "show[0].until is"},
		"product":       {`"price":[{"amount":2499`, `"price":[{"amount":-1`, "show[0].product: price[0].amount is -1"},
		"no cards":      {`"show":`, `"cards":`, "show is missing"},
		"no product":    {`"product":`, `"goods":`, "show[0].product is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("%s is not in the state", tt.old)
			}
			s, err := overlay.ParseState([]byte(strings.Replace(good, tt.old, tt.new, 1)))
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	state := example()
	state.Cards = append(state.Cards, state.Cards[0])
	if err := reparse(t, state); err == nil || !strings.Contains(err.Error(), `show[1].slot is "main" again`) {
		t.Errorf("got %v, want a fault of a slot", err)
	}
	state.Cards = make([]overlay.Card, 5)
	if err := reparse(t, state); err == nil || !strings.Contains(err.Error(), "show has 5 cards") {
		t.Errorf("got %v, want a fault of the number of cards", err)
	}
}

func reparse(t *testing.T, s *overlay.State) error {
	t.Helper()
	data, err := overlay.EncodeState(s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = overlay.ParseState(data)
	return err
}

func TestStateSize(t *testing.T) {
	state := example()
	state.Cards[0].Style = strings.Repeat("a", overlay.MaxStateBytes)
	var size *overlay.SizeError
	if _, err := overlay.EncodeState(state); !errors.As(err, &size) || size.Limit != overlay.MaxStateBytes {
		t.Errorf("got %v, want a size error", err)
	}
	if _, err := overlay.ParseState(make([]byte, overlay.MaxStateBytes+1)); !errors.As(err, &size) {
		t.Errorf("got %v, want a size error", err)
	}
}

func TestPositions(t *testing.T) {
	for _, want := range []string{
		`"lower-third"`, `"top-left"`, `"top"`, `"top-right"`, `"left"`, `"center"`, `"right"`, `"bottom-left"`, `"bottom"`, `"bottom-right"`,
		`[0,0,1000,1000]`, `[999,0,1,1]`,
	} {
		var p overlay.Position
		if err := json.Unmarshal([]byte(want), &p); err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got, err := json.Marshal(p); err != nil || string(got) != want || p.String() != strings.Trim(want, `"`) {
			t.Errorf("got %s and %s, %v, want %s", got, p, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	var a overlay.Action
	if err := a.UnmarshalText([]byte("update")); err != nil || a != overlay.Update {
		t.Errorf("got %v, %v, want update", a, err)
	}
	if err := a.UnmarshalText([]byte("refresh")); err == nil {
		t.Error("an internal action can be asked for")
	}
	if text, err := overlay.Clear.MarshalText(); err != nil || string(text) != "clear" {
		t.Errorf("got %s, %v, want clear", text, err)
	}
	if text, err := overlay.Cancelled.MarshalText(); err != nil || string(text) != "cancelled" {
		t.Errorf("got %s, %v, want cancelled", text, err)
	}
	var av overlay.Availability
	if err := av.UnmarshalText(nil); err == nil {
		t.Error("the empty availability was taken")
	}
	if got := overlay.Availability(99).String(); got != "unknown" {
		t.Errorf("got %s, want unknown", got)
	}
}

func FuzzParseState(f *testing.F) {
	f.Add([]byte(golden(f, "state.json")))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := overlay.ParseState(data)
		if err != nil {
			return
		}
		encoded, err := overlay.EncodeState(s)
		var size *overlay.SizeError
		if errors.As(err, &size) { // escapes that were spared
			return
		}
		again, err := overlay.ParseState(encoded)
		if err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Error(diff)
		}
		checkWire(t, (&overlay.View{Currency: "EUR", Locale: "el", Link: map[string]string{"utm_source": "x y"}}).Apply(s), s.At)
	})
}
