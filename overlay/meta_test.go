package overlay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

func annotate(text string) overlay.Change {
	return overlay.Change{Action: overlay.Annotate, Text: text}
}

// texts are those of all states in front of frames, in their order; one that repeats a state has none.
func (r *rig) texts() (all []string) {
	for _, f := range r.out {
		if f.Track.Codec != media.Overlay {
			continue
		}
		s, err := overlay.ParseState(f.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		if s.Meta != "" && s.At != f.PTS {
			r.t.Errorf("the copy at %v of the state at %v has a text", f.PTS, s.At)
		}
		if s.Meta != "" {
			all = append(all, s.Meta)
		}
	}
	return all
}

// A text is in the first copy of one state, beside what is shown, and in no other.
func TestText(t *testing.T) {
	r := newRig(t)
	r.apply(show("A"))
	r.write(frame(0))
	ticket := r.apply(annotate(`{"goal":1}`))
	s := r.write(frame(1))
	if s == nil || s.Meta != `{"goal":1}` || len(s.Cards) != 1 || ticket.Cue().Receipt.Seq != 2 {
		t.Fatalf("got %+v for %+v", s, ticket.Cue())
	}
	if s := r.write(&media.Frame{Track: video25, PTS: 80 * ms, DTS: 80 * ms, Key: true}); s == nil || s.Seq != 2 || s.Meta != "" || len(s.Cards) != 1 {
		t.Errorf("repeat: got %+v", s)
	}
	w := (&overlay.View{}).Apply(&overlay.State{Stream: "a", Seq: 1, Meta: "x\ny"})
	if got, want := string(w.AppendJSON(nil, 0)), `{"v":1,"stream":"a","seq":1,"at":0,"now":0,"show":[],"meta":"x\u000ay"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Each picture carries one text at most: those for now wait for the pictures behind, with all that was asked for after them; one
// for a media time that is taken is refused.
func TestTextsOfOnePicture(t *testing.T) {
	r := newRig(t)
	r.apply(annotate("one"))
	second := r.apply(annotate("two"))
	card := r.apply(show("A"))
	r.write(frame(0))
	r.write(frame(1))
	if got, want := r.texts(), []string{"one", "two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := card.Cue().Receipt.Seq; got != 2 || second.Cue().Receipt.Seq != 2 {
		t.Errorf("what comes behind a text that waits: got state %d, want 2", got)
	}
	first := r.apply(at(annotate("three"), 120*ms))
	also := r.apply(at(annotate("four"), 125*ms))
	now := r.apply(annotate("five"))
	r.write(frame(2))
	r.write(frame(3))
	if c := also.Cue(); c.Progress != overlay.Refused || !errors.Is(c.Err, overlay.ErrMeta) || first.Cue().Progress != overlay.Written {
		t.Errorf("got %+v and %+v, want the second refused", first.Cue(), c)
	}
	if got, want := r.texts(), []string{"one", "two", "five", "three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q (%+v)", got, want, now.Cue())
	}
}

func TestTextFaults(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ name, text string }{{"empty", ""}, {"too long", strings.Repeat("a", 1025)}, {"no UTF-8", "\xff"}} {
		t.Run(c.name, func(t *testing.T) {
			var faults overlay.Faults
			if _, err := r.line.Apply(annotate(c.text), r.now); !errors.As(err, &faults) || faults[0].Field != "metadata" {
				t.Errorf("got %v, want a fault of metadata", err)
			}
		})
	}
	r.apply(annotate(strings.Repeat("a", 1024)))
	if s := r.write(frame(0)); s == nil || len(s.Meta) != 1024 {
		t.Errorf("1024 bytes: got %+v", s)
	}
}

// Beside cards that fill the message a text has no room: asked for then, it is refused at once; overtaken by them, when its time
// comes; in a view that needs more room than the neutral one, it is left out and counted.
func TestTextWithoutRoom(t *testing.T) {
	r := newRig(t)
	var size *overlay.SizeError
	for i, slot := range []string{"a", "b", "c", "d"} {
		p := plain(fmt.Sprint("long", i))
		p.Title[0].Text = strings.Repeat("€", 80)
		p.Image = "https://cdn.example.com/" + strings.Repeat("i", 170)
		p.Link = "https://shop.example.com/" + strings.Repeat("l", 170)
		if _, err := r.line.PutProducts(p); err != nil {
			t.Fatal(err)
		}
		r.apply(in(at(show(p.ID), 40*ms), slot))
	}
	r.apply(at(annotate("short"), 40*ms))
	long := strings.Repeat("x", 1024)
	waits := r.apply(annotate(long))
	r.write(frame(1))
	if c := waits.Cue(); c.Progress != overlay.Pending {
		t.Fatalf("a second text: got %v, want it to wait", c.Progress)
	}
	s := r.write(frame(2))
	if c := waits.Cue(); c.Progress != overlay.Refused || !errors.As(c.Err, &size) || s != nil {
		t.Errorf("no room: got %+v and the state %+v, want it refused", c, s)
	}
	if _, err := r.line.Apply(annotate(long), r.now.Add(1e9)); !errors.As(err, &size) {
		t.Errorf("got %v, want a SizeError", err)
	}
	state := r.line.At(40 * ms)
	state.Meta = strings.Repeat("m", 600)
	tagged := &overlay.View{Link: map[string]string{"utm_source": "partner", "utm_campaign": strings.Repeat("c", 100)}}
	for _, c := range []struct {
		name string
		view *overlay.View
		text string
		want int
	}{{"fits", &overlay.View{Hide: overlay.FieldImage}, state.Meta, 0}, {"does not fit", tagged, long, 1}} {
		state.Meta = c.text
		w := c.view.Apply(&state)
		if got := w.Counts.NoMeta; got != c.want || len(w.AppendJSON(nil, state.At)) > overlay.MaxWireState {
			t.Errorf("%s: got %d left out, want %d", c.name, got, c.want)
		}
	}
}

// Texts come out once each, those for now in their order, whatever else happens.
func TestTextsOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		var want []string
		for i := range 100 {
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(rt, "changes") {
				if rapid.Bool().Draw(rt, "text") {
					want = append(want, fmt.Sprint("text ", len(want)))
					r.apply(annotate(want[len(want)-1]))
				} else {
					r.apply(show("A"))
				}
			}
			if rapid.IntRange(0, 9).Draw(rt, "fenced") == 0 {
				r.deny = 1
				_ = r.in.WriteFrame(frame(i))
				r.deny = 0
				r.takeOver()
				continue
			}
			r.write(frame(i))
		}
		for i := range len(want) {
			r.write(frame(100 + i))
		}
		if got := r.texts(); !slices.Equal(got, want) {
			rt.Fatalf("got %q\nwant %q", got, want)
		}
	})
}
