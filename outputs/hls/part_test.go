package hls

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/sei"
	"pgregory.net/rapid"
)

// pieceOf gives the first piece of a stream that has a state in front of each nth frame of its clock.
func pieceOf(t testing.TB, s source, every int) *piece {
	t.Helper()
	var frames []*media.Frame
	n := 0
	for _, f := range s.until(s.begin + seconds(2.2)) {
		if f.Track.Codec.IsVideo() || s.video == nil {
			if n++; (n-1)%every == 0 {
				frames = append(frames, stateOf(int64(n), f.PTS, f))
			}
		}
		frames = append(frames, f)
	}
	return press(t, frames).pieces[0]
}

// whole gives what a view gets of a part.
func (p *part) whole(t testing.TB, v *overlay.View, of rendition) []byte {
	t.Helper()
	b, err := p.prefix(v, v.Name())
	failIf(t, err)
	return slices.Concat(b, p.bodies[of.variant(v)].data)
}

// readers gives a part as the two readers see it, ours and the independent one.
func readers(t testing.TB, p *piece, b []byte) (*hls.Media, []fmp4.Fragment) {
	t.Helper()
	var tracks []*media.Track
	for _, one := range []*media.Track{p.video, p.audio} {
		if one != nil {
			tracks = append(tracks, one)
		}
	}
	text, err := fmp4.AppendInit(nil, tracks)
	failIf(t, err)
	stranger, err := hls.ReadInit(text)
	failIf(t, err)
	m, err := hls.ReadMedia(b, stranger)
	failIf(t, err)
	in, err := fmp4.ParseInit(text)
	failIf(t, err)
	fragments, err := in.ParseFragments(b)
	failIf(t, err)
	return m, fragments
}

// The fragment is the same bytes for all views; what differs stands in front of it, and in the pictures for the neutral view alone.
func TestPartIsShared(t *testing.T) {
	p := pieceOf(t, source{video: picture, audio: sound}, 3)
	made, err := newPart(p, 1, 0, true)
	failIf(t, err)
	neutral := &overlay.View{}
	if whole.variant(seller) != plain || whole.variant(neutral) != marked || alone.variant(neutral) != sounded || alone.variant(seller) != sounded {
		t.Fatal("views have other variants")
	}
	theirs, _ := readers(t, p, made.whole(t, seller, whole))
	ours, fragments := readers(t, p, made.whole(t, neutral, whole))
	heard, _ := readers(t, p, made.whole(t, seller, alone))
	if len(theirs.Events) != 2 || len(ours.Events) != 2 || len(heard.Events) != 2 || len(fragments) != 1 || len(fragments[0].Events) != 2 {
		t.Fatalf("%d, %d and %d events, %d fragments", len(theirs.Events), len(ours.Events), len(heard.Events), len(fragments))
	}
	pictures, _ := theirs.Of("vide")
	marks, _ := ours.Of("vide")
	for i, f := range p.pictures {
		if !bytes.Equal(pictures.Samples[i].Data, f.Data) {
			t.Errorf("picture %d is not as it came", i)
		}
		clean, found := sei.Strip(media.H264, marks.Samples[i].Data)
		if found != (i%3 == 0) || !bytes.Equal(clean, f.Data) {
			t.Errorf("picture %d for the neutral view: states %v, else the same %v", i, found, bytes.Equal(clean, f.Data))
		}
		for text, err := range sei.Payloads(media.H264, marks.Samples[i].Data) {
			if want := p.states[i/3].state.By(neutral).Text; err != nil || !bytes.Equal(text, want) {
				t.Errorf("picture %d has %s, %v, want %s", i, text, err, want)
			}
		}
	}
	if run, found := heard.Of("soun"); !found || len(run.Samples) != len(p.sound) || len(heard.Runs) != 1 {
		t.Errorf("the sound alone: %v, %d runs", found, len(heard.Runs))
	}
	if a, b := theirs.Events[0].Data, ours.Events[0].Data; bytes.Equal(a, b) {
		t.Error("two views get the same event")
	}
}

// Without states there are no events, and the neutral view has the bytes of the others.
func TestPartWithoutStates(t *testing.T) {
	p := pieceOf(t, source{video: picture, audio: sound}, 1)
	p.states = nil
	made, err := newPart(p, 1, 0, false)
	failIf(t, err)
	if &made.bodies[marked].data[0] != &made.bodies[plain].data[0] || made.isMarked() {
		t.Error("the neutral view has bytes of its own")
	}
	if b, err := made.prefix(seller, seller.Name()); b != nil || err != nil {
		t.Errorf("events %q, %v", b, err)
	}
	if made.bodies[sounded].length() != 0 {
		t.Error("sound alone that nobody asked for")
	}
}

// A state that cannot be read, and one whose picture cannot take it, do no harm.
func TestPartWithBadStates(t *testing.T) {
	p := pieceOf(t, source{video: picture}, 2)
	p.states[0].state = new(overlay.Reader).Read(&media.Frame{Track: cardTrack, Data: []byte("{")})
	broken := *p.pictures[2]
	broken.Data = []byte{0xff, 0xff, 0xff, 0xff, 1}
	p.pictures[2], p.states[1].frame = &broken, &broken
	made, err := newPart(p, 1, 0, false)
	failIf(t, err)
	m, _ := readers(t, p, made.whole(t, &overlay.View{}, whole))
	run, _ := m.Of("vide")
	if len(m.Events) != 2 || !bytes.Equal(run.Samples[2].Data, broken.Data) || !bytes.Equal(run.Samples[0].Data, p.pictures[0].Data) {
		t.Errorf("%d events", len(m.Events))
	}
	if _, found := sei.Strip(media.H264, run.Samples[4].Data); !found {
		t.Error("the state behind them is missing")
	}
}

// The event of a state has the bytes of the convention, and exactly the time of its picture, whatever clock that came by.
func TestEventTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := source{
			video: picture, reorder: rapid.Bool().Draw(rt, "reorder"), rounded: rapid.Bool().Draw(rt, "rounded"),
			step:  rapid.SampledFrom([]media.Time{media.Time(1e9) / 30, 33366667, ms(40), 16666667}).Draw(rt, "step"),
			begin: media.Time(rapid.Int64Range(-5e9, 1e15).Draw(rt, "begin")),
		}
		p := pieceOf(t, s, rapid.IntRange(1, 5).Draw(rt, "every"))
		origin := media.Time(rapid.Int64Range(int64(s.begin)-1e9, int64(s.begin)).Draw(rt, "origin"))
		made, err := newPart(p, 7, zeroTime(origin), false)
		if err != nil {
			rt.Fatal(err)
		}
		m, _ := readers(t, p, made.whole(t, seller, whole))
		run, _ := m.Of("vide")
		shown := map[int64]bool{}
		at := run.Time
		for _, s := range run.Samples {
			shown[at+s.Offset] = true
			at += s.Duration
		}
		if len(m.Events) != len(p.states) {
			rt.Fatalf("%d events of %d states", len(m.Events), len(p.states))
		}
		ahead := int64(0)
		for i, e := range m.Events {
			text, err := e.Text("simulcart.overlay")
			var state hls.State
			if err == nil {
				err = json.Unmarshal([]byte(text), &state)
			}
			if err != nil || text != string(p.states[i].state.By(seller).Text) {
				rt.Fatalf("%v: %s", err, text)
			}
			if e.Scheme != "https://aomedia.org/emsg/ID3" || e.Value != "" || e.Duration != 0xffffffff || int64(e.ID) != state.Seq || e.Scale != 90000 {
				rt.Errorf("event %+v", e)
			}
			if !shown[e.Time] {
				rt.Errorf("event at %d, pictures at %v", e.Time, shown)
			}
			if i == 0 {
				ahead = e.Time - state.Now
			}
			if e.Time-state.Now != ahead {
				rt.Errorf("state %d is %d ticks off the clock of the others", state.Seq, e.Time-state.Now-ahead)
			}
		}
	})
}

// Without pictures the states stand in front of the sound.
func TestPartOfSound(t *testing.T) {
	p := pieceOf(t, source{audio: soundCD, rounded: true}, 4)
	made, err := newPart(p, 1, 0, true)
	failIf(t, err)
	for _, of := range []rendition{whole, alone} {
		m, _ := readers(t, p, made.whole(t, &overlay.View{}, of))
		run, _ := m.Of("soun")
		if len(m.Events) != len(p.states) || len(p.states) < 2 || len(run.Samples) != len(p.sound) {
			t.Fatalf("%d events of %d states, %d samples", len(m.Events), len(p.states), len(run.Samples))
		}
		for i, e := range m.Events {
			if off := p.states[i].frame.PTS - media.FromTicks(e.Time, 90000); off > snapSound || off < -snapSound {
				t.Errorf("event %d is %v off its sound", i, off)
			}
		}
	}
}

// Tick 0 is a whole second, a second before the first frame at least.
func TestZeroTime(t *testing.T) {
	for first, want := range map[media.Time]media.Time{
		0: seconds(-1), 1: seconds(-1), -1: seconds(-2), seconds(1): 0, seconds(1.5): 0, seconds(-1): seconds(-2), seconds(-1.5): seconds(-3), seconds(100): seconds(99),
	} {
		if got := zeroTime(first); got != want {
			t.Errorf("%v: got %v, want %v", first, got, want)
		}
	}
}
