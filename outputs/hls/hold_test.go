package hls

import (
	"context"
	"errors"
	"testing"
)

// Where all places are taken, who has most gives way to who has fewer, her oldest first; and nobody gives way to who has as many.
func TestHoldGivesWay(t *testing.T) {
	s := &Server{}
	var hoarder, other, third viewer
	held := make([]context.Context, mostHeld)
	frees := make([]func(), mostHeld)
	for i := range held {
		var err error
		if held[i], frees[i], err = s.hold(t.Context(), "maria", &hoarder); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.hold(t.Context(), "maria", &hoarder); !errors.Is(err, errHeld) {
		t.Errorf("one more than there may be: %v", err)
	}
	if _, free, err := s.hold(t.Context(), "ana", &hoarder); err != nil {
		t.Errorf("of another stream: %v", err)
	} else {
		free()
	}
	for i := range mostHeld / 2 {
		_, free, err := s.hold(t.Context(), "maria", &other)
		if err != nil {
			t.Fatalf("the other's place %d: %v", i, err)
		}
		defer free()
		if !errors.Is(context.Cause(held[i]), errHeld) || held[i+1].Err() != nil {
			t.Fatalf("after %d: the oldest ended with %v, the next with %v", i, context.Cause(held[i]), held[i+1].Err())
		}
	}
	for _, v := range []*viewer{&other, &hoarder} {
		if _, _, err := s.hold(t.Context(), "maria", v); !errors.Is(err, errHeld) {
			t.Errorf("both have half: %v", err)
		}
	}
	if _, free, err := s.hold(t.Context(), "maria", &third); err != nil {
		t.Errorf("a third one: %v", err)
	} else {
		free()
	}
	for _, free := range frees {
		free()
		free()
	}
	if w := s.held["maria"]; w.all > mostHeld/2 || len(w.by) != 1 {
		t.Errorf("%d are held by %d", w.all, len(w.by))
	}
	if len(s.held) != 1 {
		t.Errorf("%d streams hold", len(s.held))
	}
}
