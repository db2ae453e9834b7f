package rtmp

import (
	"bytes"
	"reflect"
	"sync"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// What goes out for two states, the second repeated at a key frame, by carriage. The rig checks the bytes of each message.
func TestCarriages(t *testing.T) {
	script := []shot{still(0, true, 0), still(40, false, 1), still(80, false, 2), still(120, true, 2)}
	for carriage, want := range map[outputs.Carriage]string{
		0:                  "metadata@0 config@0 picture0@0 picture1@40 picture2@80 picture3@120",
		outputs.CarriesSEI: "metadata@0 config@0 picture0@0 picture1+1@40 picture2+2@80 picture3+2@120",
		outputs.CarriesAMF: "metadata@0 config@0 picture0@0 text1@40 picture1@40 text2@80 picture2@80 text2@120 picture3@120",
		both:               "metadata@0 config@0 picture0@0 text1@40 picture1+1@40 text2@80 picture2+2@80 text2@120 picture3+2@120",
	} {
		t.Run(carriage.String(), func(t *testing.T) {
			s := newSale(t, video)
			l := s.leg("out", Push{Overlays: carriage})
			script[1].shows, script[2].shows, script[3].shows = "A", "A B C D", "A B C D"
			s.shoot(script...)
			l.sends(want)
		})
	}
}

// Codecs that can take a state in have it in their pictures, in both forms of RTMP; streams of others have it beside them only.
func TestOverlaysByCodec(t *testing.T) {
	const inside, beside = "text1@0 picture0+1@0 picture1@40 text2@80 picture2+2@80 text2@120 picture3+2@120",
		"text1@0 picture0@0 picture1@40 text2@80 picture2@80 text2@120 picture3@120"
	for _, tt := range []struct {
		track        *media.Track
		config, want string
	}{
		{video, "config@0", inside},
		{hevcVideo, "config@0", inside},
		{av1Video, "config@0", inside},
		{vp8Video, "config@0", beside},
		{vp9Video, "config@0", beside},
	} {
		for _, form := range []flv.Form{flv.Legacy, flv.Enhanced} {
			t.Run(tt.track.Codec.String()+" "+form.String(), func(t *testing.T) {
				s := newSale(t, tt.track)
				carried := &outputs.Carried{}
				l := s.leg("out", Push{Form: form, Overlays: both, Carried: carried})
				for n, seq := range []int64{1, 0, 2, 2} {
					sh := still(int64(40*n), n%3 == 0, seq)
					sh.track, sh.shows = tt.track, "A B C D"
					s.shoot(sh)
				}
				l.sends("metadata@0", tt.config, tt.want)
				if got := carried.Status().Unreadable; got != 0 {
					t.Errorf("%d copies could not be carried, want 0", got)
				}
			})
		}
	}
}

// HEVC has composition times, so that its states wait for their pictures like those of H.264.
func TestOverlaysInReorderedHEVC(t *testing.T) {
	s := newSale(t, hevcVideo)
	l := s.leg("out", Push{Form: flv.Enhanced, Overlays: both})
	for n, pts := range []int64{80, 200, 120, 160} {
		sh := moved(int64(40*n), pts, 0)
		sh.track, sh.key = hevcVideo, n == 0
		if n < 2 {
			sh.seq, sh.shows = int64(n+1), "A"
		}
		s.shoot(sh)
	}
	l.sends("metadata@0 config@0 picture0+1@0 picture1+2@40 text1@80 picture2@80 picture3@120")
}

// Without pictures states go out as onTextData with the sound that they belong to.
func TestOverlaysOfSound(t *testing.T) {
	for carriage, want := range map[outputs.Carriage]string{
		both:               "metadata@0 config@0 sound0@0 text1@21 sound1@21 sound2@42 text1@2000 sound3@2000",
		outputs.CarriesSEI: "metadata@0 config@0 sound0@0 sound1@21 sound2@42 sound3@2000",
	} {
		t.Run(carriage.String(), func(t *testing.T) {
			s := newSale(t, audio)
			carried := &outputs.Carried{}
			l := s.leg("out", Push{Overlays: carriage, Carried: carried})
			s.shoot(heard(0, 0), heard(21, 1), heard(42, 0), heard(2000, 1))
			l.sends(want)
			if got := carried.Status(); got.Unreadable != 0 || got.SEI != (outputs.Copies{}) {
				t.Errorf("got %+v, want no state in a picture, and none lost", got)
			}
		})
	}
}

// A state in front of a sound goes out beside it, in streams with pictures too: they have stopped. What was shown before them is
// due by then.
func TestOverlaysWhilePicturesAreMissing(t *testing.T) {
	s := newSale(t, video, audio)
	l := s.leg("out", Push{Overlays: both})
	s.shoot(shot{key: true, pts: ms(80)}, moved(40, 200, 1), heard(1300, 2), heard(1321, 0), still(1400, true, 2))
	l.sends("metadata@0 config@0 picture0@0 picture1+1@40",
		"config@1300 text1@200 text2@1300 sound2@1300 sound3@1321 text2@1400 picture4+2@1400")
}

// The encoder's own data messages go to those who ask for them. A state passes them by on its way to its picture.
func TestDataMessages(t *testing.T) {
	track := &media.Track{ID: 7, Codec: media.Data}
	for name, tt := range map[string]struct {
		pass bool
		want string
	}{
		"passed":   {true, "metadata@0 config@0 picture0@0 onCuePoint@20 onCuePoint@40 text1@40 picture1+1@40 picture2@80"},
		"held off": {false, "metadata@0 config@0 picture0@0 text1@40 picture1+1@40 picture2@80"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, video)
			l := s.leg("out", Push{Overlays: both, PassData: tt.pass})
			cue := func(at int64) *media.Frame {
				body := amf.Append(nil, "onCuePoint", amf.ECMA{{Key: "name", Value: "ad"}, {Key: "time", Value: float64(at)}})
				return &media.Frame{Track: track, PTS: ms(at), DTS: ms(at), Data: body}
			}
			s.shoot(still(0, true, 0))
			s.put(cue(20))
			s.put(s.state(still(40, false, 1)))
			between := cue(40)
			s.put(between)
			s.shoot(still(40, false, 0), still(80, false, 0))
			l.sends(tt.want)
			for _, m := range l.messages() {
				if name, _, _ := flv.ParseData(m.Payload); name == "onCuePoint" && m.Timestamp == 40 && !bytes.Equal(m.Payload, between.Data) {
					t.Errorf("got %q, want %q", m.Payload, between.Data)
				}
			}
		})
	}
}

// What nobody can read is counted, once for each peer and copy, and the media go on as they are.
func TestUnreadableOverlays(t *testing.T) {
	for name, broken := range map[string]string{
		"no JSON":       "\x00",
		"cut":           `{"v":1,"stream":"k3v9x2","seq":1,"at":0,"show":[`,
		"other version": `{"v":2,"stream":"k3v9x2","seq":1,"at":0,"show":[]}`,
		"no seq":        `{"v":1,"stream":"k3v9x2","at":0,"show":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, video)
			carried := &outputs.Carried{}
			l := s.leg("out", Push{Overlays: both, Carried: carried})
			uncounted := &outputs.Carried{}
			off := s.leg("off", Push{Carried: uncounted})
			bad := func(at int64, key bool) shot { return shot{dts: ms(at), pts: ms(at), key: key, broken: broken} }
			s.shoot(bad(0, true), still(40, false, 1), bad(80, false), bad(120, true), still(160, true, 1))
			l.sends("metadata@0 config@0 picture0@0 text1@40 picture1+1@40 picture2@80 picture3@120 text1@160 picture4+1@160")
			off.sends("metadata@0 config@0 picture0@0 picture1@40 picture2@80 picture3@120 picture4@160")
			if got := carried.Status(); got.Unreadable != 3 || got.SEI.States != 1 || got.AMF.States != 1 {
				t.Errorf("got %+v, want 3 unreadable copies and one state", got)
			}
			if got := uncounted.Status(); got != (outputs.CarriedStatus{}) {
				t.Errorf("without a carriage: got %+v, want nothing", got)
			}
		})
	}
}

// A picture that has no place for a state goes out as it is, and the state beside it.
func TestPictureWithoutAPlace(t *testing.T) {
	s := newSale(t, video)
	carried := &outputs.Carried{}
	l := s.leg("out", Push{Overlays: both, Carried: carried})
	other := s.leg("out", Push{Overlays: both, Carried: carried})
	s.put(s.state(shot{seq: 1, key: true}))
	filler := &media.Frame{Track: video, Key: true, Data: []byte("\x00\x00\x00\x11\x0Cpicture 00000000")} // no slice
	s.frames = append(s.frames, filler)
	s.put(filler)
	s.shoot(still(40, true, 1))
	for _, l := range []*leg{l, other} {
		l.sends("metadata@0 config@0 text1@0 picture0@0 text1@40 picture1+1@40")
	}
	if got := carried.Status(); got.Unreadable != 2 || got.SEI.States != 2 || got.AMF.Repeats != 2 {
		t.Errorf("got %+v, want a copy lost for each output", got)
	}
}

// A state is parsed once, each view applied once, each message and picture made once: outputs that are alike share them, whoever
// comes first, and the bytes of the picture are its own.
func TestEqualViewsShare(t *testing.T) {
	s := newSale(t, video)
	dollars := func() *overlay.View {
		return &overlay.View{Currency: "USD", Locale: "el", Link: map[string]string{"ref": "shop", "a": "1"}, Hide: overlay.FieldStock}
	}
	legs := map[string]*leg{
		"dollars":  s.leg("out", Push{Overlays: both, View: dollars()}),
		"again":    s.leg("out", Push{Overlays: both, View: dollars()}),
		"enhanced": s.leg("out", Push{Overlays: both, View: dollars(), Form: flv.Enhanced}),
		"none":     s.leg("out", Push{Overlays: both}),
		"zero":     s.leg("out", Push{Overlays: both, View: &overlay.View{}}),
	}
	s.shoot(still(0, true, 0))
	for _, l := range legs {
		l.send() // and so finds what is shared
	}
	seq := uint64(s.written)
	state := s.state(shot{dts: ms(40), pts: ms(40), seq: 1, shows: "A B"})
	s.put(state)
	s.shoot(still(40, false, 0))
	picture := s.frames[1]
	with := map[string]*wire.Shared{}
	var all sync.WaitGroup
	var mu sync.Mutex
	for name, l := range legs {
		all.Go(func() {
			c := l.sn.overlays
			c.take(state, seq)
			m := c.next.inside(picture, c.kind)
			mu.Lock()
			defer mu.Unlock()
			with[name] = m
		})
	}
	all.Wait()
	for _, tt := range []struct {
		a, b           string
		messages, text bool // are the same
	}{
		{"dollars", "again", true, true},
		{"none", "zero", true, true},
		{"dollars", "enhanced", false, true},
		{"dollars", "none", false, false},
	} {
		a, b := legs[tt.a].sn.overlays.next, legs[tt.b].sn.overlays.next
		if got := &a.Text[0] == &b.Text[0]; got != tt.text {
			t.Errorf("%s and %s share the text: %t, want %t", tt.a, tt.b, got, tt.text)
		}
		if got := a.amf == b.amf; got != tt.messages {
			t.Errorf("%s and %s share onTextData: %t, want %t", tt.a, tt.b, got, tt.messages)
		}
		if got := with[tt.a] == with[tt.b]; got != tt.messages {
			t.Errorf("%s and %s share the picture: %t, want %t", tt.a, tt.b, got, tt.messages)
		}
	}
	picture.Data[len(picture.Data)-1]++ // nobody may; but so it shows whether there is a copy
	var b wire.Batch
	b.Add(with["again"], 1)
	c := &tape{}
	if err := wire.NewConn(c).WriteBatch(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := c.bytes[len(c.bytes)-1], picture.Data[len(picture.Data)-1]; got != want {
		t.Errorf("got %x at the end of the picture with a state, want %x: it is a copy", got, want)
	}
}

// Two outputs of one stream get what their views show.
func TestViewsDiffer(t *testing.T) {
	s := newSale(t, video)
	plain := s.leg("out", Push{Overlays: both})
	tagged := s.leg("out", Push{Overlays: both, View: &overlay.View{Currency: "USD", Locale: "el", Link: map[string]string{"ref": "tsl"}, Hide: overlay.FieldStock}})
	again := s.leg("out", Push{Overlays: outputs.CarriesAMF, View: tagged.sn.overlays.view})
	sh := still(0, true, 1)
	sh.shows = "A"
	s.shoot(sh)
	const want = "metadata@0 config@0 text1@0 picture0+1@0"
	first, second := plain.sends(want), tagged.sends(want)
	third := again.sends("metadata@0 config@0 text1@0 picture0@0")
	a, b := s.message(&first[2]).Show[0].Product, s.message(&second[2]).Show[0].Product
	if a.Title != "Linen summer dress" || a.Price.Currency != "EUR" || a.Stock == nil || a.Link != "https://shop.example.com/p/A?v=red-m" {
		t.Errorf("without a view: got %+v", a)
	}
	if b.Title != "Λινό καλοκαιρινό φόρεμα" || b.Price.Currency != "USD" || b.Stock != nil || b.Link != "https://shop.example.com/p/A?v=red-m&ref=tsl" {
		t.Errorf("with a view: got %+v", b)
	}
	if !bytes.Equal(second[2].Text, third[2].Text) {
		t.Errorf("got %s and %s for one view", second[2].Text, third[2].Text)
	}
}

// Each member of a view tells it apart from others, and their order in a map does not.
func TestViewName(t *testing.T) {
	full := func() *overlay.View {
		return &overlay.View{Currency: "EUR", Locale: "el", Link: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}, Hide: overlay.FieldGTIN}
	}
	for range 20 {
		if got, want := full().Name(), full().Name(); got != want {
			t.Fatalf("got %q and %q for equal views", want, got)
		}
	}
	names := map[string]string{(&overlay.View{}).Name(): "zero"}
	different := func(what string, v *overlay.View) {
		if other, taken := names[v.Name()]; taken {
			t.Errorf("%s and %s are both %q", what, other, v.Name())
		}
		names[v.Name()] = what
	}
	value := reflect.ValueOf(full()).Elem()
	for i := range value.NumField() {
		v := &overlay.View{}
		reflect.ValueOf(v).Elem().Field(i).Set(value.Field(i))
		different(value.Type().Field(i).Name, v)
	}
	different("all", full())
	different("word as currency", &overlay.View{Currency: "el"})
	different("word as locale", &overlay.View{Locale: "EUR"})
	different("one parameter", &overlay.View{Link: map[string]string{"a": "1"}})
	different("another value", &overlay.View{Link: map[string]string{"a": "2"}})
	different("another name", &overlay.View{Link: map[string]string{"b": "2"}})
	different("quotes", &overlay.View{Link: map[string]string{`b"="2" "c`: "3"}})
	different("no quotes", &overlay.View{Link: map[string]string{"b": "2", "c": "3"}})
	different("another member hidden", &overlay.View{Hide: overlay.FieldPrice})
}
