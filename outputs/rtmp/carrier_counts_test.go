package rtmp

import (
	"errors"
	"reflect"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// A reader that skips forgets what was to go with the frames it does not get. The key frame where it goes on carries the current
// state, where there is one.
func TestSkipForgets(t *testing.T) {
	for name, pending := range map[string]func(s *sale, l *leg){
		"a state before its picture": func(s *sale, l *leg) {
			first := moved(40, 80, 1)
			s.put(s.state(first))
			l.sends("metadata@0 config@0 picture0@0")
			first.seq = 0
			s.shoot(first)
		},
		"onTextData before its time": func(s *sale, l *leg) {
			s.shoot(moved(40, 8000, 1))
			l.sends("metadata@0 config@0 picture0@0 picture1+1@40")
		},
	} {
		for current, seq := range map[string]int64{"another state": 2, "the same state": 1, "no state": 0} {
			t.Run(name+", then "+current, func(t *testing.T) {
				s := newSale(t, video)
				l := s.leg("out", Push{Overlays: both})
				s.shoot(shot{key: true, pts: ms(40)})
				pending(s, l)
				for n := range int64(300) { // 12 s, more than a reader may lag
					at := 80 + 40*n
					sh := shot{dts: ms(at), pts: ms(at + 40), key: n%100 == 0}
					if sh.key {
						sh.seq = seq
					}
					s.shoot(sh)
				}
				parts, skipped := l.send()
				if skipped == 0 || len(parts) != 100+int(min(seq, 1)) {
					t.Fatalf("%d messages, %d frames skipped: the test tests nothing", len(parts), skipped)
				}
				switch seq {
				case 0:
					expect(t, parts[:2], "picture202@8080 picture203@8120")
				case 1:
					expect(t, parts[:3], "picture202+1@8080 text1@8120 picture203@8120")
				case 2:
					expect(t, parts[:3], "picture202+2@8080 text2@8120 picture203@8120")
				}
				for _, p := range parts {
					if p.Seq != 0 && p.Seq != seq {
						t.Errorf("%v, want nothing of what was skipped", p)
					}
				}
			})
		}
	}
}

// Who comes late has the current state with its first key frame; what changed since is in the group.
func TestLateJoiner(t *testing.T) {
	s := newSale(t, video)
	s.shoot(still(0, true, 1), still(40, false, 2), still(80, true, 2), still(120, false, 3), still(160, false, 0))
	l := s.leg("out", Push{Overlays: both})
	l.at = 4 // the frames of the first group
	l.sends("metadata@80 config@80 text2@80 picture2+2@80 text3@120 picture3+3@120 picture4@160")

	moving := newSale(t, video)
	moving.shoot(shot{key: true, pts: ms(80), seq: 1}, moved(40, 120, 0), shot{dts: ms(80), pts: ms(160), key: true, seq: 1}, moved(120, 200, 0), moved(160, 240, 0))
	l = moving.leg("out", Push{Overlays: both})
	l.sends("metadata@80 config@80 picture2+1@80 picture3@120 text1@160 picture4@160")
}

// While the rest of a session is read after the next one has begun, states count from the session's own origin.
func TestStatesDrainOnTheirOwnClock(t *testing.T) {
	s := newSale(t, video)
	l, idle := s.leg("out", Push{Overlays: both}), s.leg("idle", Push{Overlays: both})
	s.shoot(shot{dts: ms(1000), pts: ms(1040), key: true, seq: 1})
	l.sends("metadata@0 config@0 picture0+1@0")
	s.shoot(moved(1040, 1080, 2), moved(1080, 1120, 0))
	s.End()
	s.begin(video)
	if err := s.WriteFrame(&media.Frame{Track: video, DTS: ms(-500), Key: true, Data: []byte{0, 0, 0, 1, 0x65}}); err != nil {
		t.Fatal(err)
	}
	l.sends("text1@40 picture1+2@40 text2@80 picture2@80")
	idle.sends("metadata@0 config@0 picture0+1@0 text1@40 picture1+2@40 text2@80 picture2@80") // which finds out so late
	if _, _, err := l.sn.next(t.Context()); !errors.Is(err, relay.ErrEnded) {
		t.Errorf("next = %v, want ErrEnded", err)
	}
}

// What a carrier counts: first copies and repeats on each connection, and what the view could not give once for each state,
// however often and by whatever carriage it goes out.
func TestCarrierCounts(t *testing.T) {
	carried := &outputs.Carried{}
	s := newSale(t, video)
	view := &overlay.View{Currency: "GBP", Locale: "de"} // which no product has
	l := s.leg("out", Push{Overlays: both, View: view, Carried: carried})
	one := func(at int64, key bool, seq int64, shows string) shot {
		return shot{dts: ms(at), pts: ms(at), key: key, seq: seq, shows: shows}
	}
	s.shoot(one(0, true, 1, "A"), one(40, false, 0, ""), one(80, true, 1, "A"), one(120, false, 2, "A B"), one(160, true, 2, "A B"), one(200, true, 2, "A B"))
	parts, _ := l.send()
	var bytes uint64
	for _, p := range only(parts, "picture") {
		bytes += uint64(len(p.Text))
	}
	copies := outputs.Copies{States: 2, Repeats: 3, Bytes: bytes}
	want := outputs.CarriedStatus{SEI: copies, AMF: copies, Seq: 2, Reductions: outputs.Reductions{NoPrice: 3, OtherLang: 3}}
	if got := carried.Status(); got != want || bytes == 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}

	l = s.leg("out", Push{Overlays: outputs.CarriesSEI, View: view, Carried: carried}) // the next connection
	l.send()
	got := carried.Status()
	want.SEI.States++
	want.SEI.Bytes += uint64(len(parts[len(parts)-1].Text))
	if got.SEI != want.SEI || got.AMF != want.AMF || got.Seq != 2 {
		t.Errorf("after another connection: got %+v, want %+v", got, want)
	}

	l = s.leg("out", Push{Overlays: both}) // nobody counts
	l.send()
	if again := carried.Status(); again != got {
		t.Errorf("after one that nobody counts: got %+v, want %+v", again, got)
	}
}

// Each of a view's counts has its place in the status.
func TestReductionsAreThoseOfTheView(t *testing.T) {
	of := reflect.TypeFor[overlay.Counts]()
	for i := range of.NumField() {
		name := of.Field(i).Name
		c := newCarrier(both, nil, &outputs.Carried{})
		state := &carried{Sight: &overlay.Sight{Seq: 1}}
		reflect.ValueOf(&state.Counts).Elem().Field(i).SetInt(3)
		c.came(state)
		c.came(state) // a repeat
		got := reflect.ValueOf(c.counts.Status().Reductions)
		sum := int64(0)
		for j := range got.NumField() {
			sum += got.Field(j).Int()
		}
		if field := got.FieldByName(name); !field.IsValid() || field.Int() != 3 || sum != 3 {
			t.Errorf("3 of %s: got %+v", name, got)
		}
	}
}

// A picture without a state costs the same as without overlays: nothing, also while a state waits for its time.
func TestPicturesWithoutStatesAllocate(t *testing.T) {
	for name, tt := range map[string]struct {
		carriage outputs.Carriage
		pts      int64 // of the picture with the state
	}{"off": {0, 40}, "nothing waits": {both, 40}, "a state waits": {both, 9000}} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, video)
			sn := newSender(s.stream.Follow("out", 0, nil), wire.NewConn(&null{}), 1, flv.Legacy)
			defer sn.reader.Close()
			sn.overlays = newCarrier(tt.carriage, nil, &outputs.Carried{})
			s.shoot(shot{key: true, pts: ms(tt.pts), seq: 1, shows: "A B C D"}, moved(40, 80, 0), moved(80, 120, 0))
			if _, _, err := sn.next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := sn.flush(); err != nil {
				t.Fatal(err)
			}
			if c := sn.overlays; c != nil && len(c.waiting) != int(tt.pts/9000) {
				t.Fatalf("%d states wait: the test tests nothing", len(c.waiting))
			}
			picture, seq := s.frames[2], uint64(s.written-1)
			got := testing.AllocsPerRun(1000, func() {
				sn.add(picture, seq)
				if err := sn.flush(); err != nil {
					t.Fatal(err)
				}
			})
			if got != 0 {
				t.Errorf("%v allocations for each picture, want 0", got)
			}
		})
	}
}

// A further output with the same view makes no part of a state again: it asks for it by the view's name, and has it.
func TestCarryingAllocates(t *testing.T) {
	s := newSale(t, video)
	first, second := s.leg("first", Push{Overlays: both}), s.leg("second", Push{Overlays: both, Carried: &outputs.Carried{}})
	for _, l := range []*leg{first, second} {
		l.sn.conn = wire.NewConn(&null{})
	}
	send := func(sn *sender) {
		if _, _, err := sn.next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := sn.flush(); err != nil {
			t.Fatal(err)
		}
	}
	front, rest := picture(media.H264, true, 7)
	data, state, n := append(front, rest...), neutral(t, 1, 0, "A", "B", "C", "D"), int64(0)
	measure := func() float64 {
		for range 200 { // 6.6 s, 1.4 MB: some 5 batches
			at := ms(33 * n)
			if n%5 == 0 {
				s.put(&media.Frame{Track: stateTrack, PTS: at + ms(66), DTS: at, Key: n%30 == 0, Data: state})
			}
			s.put(&media.Frame{Track: video, PTS: at + ms(66), DTS: at, Key: n%30 == 0, Data: data})
			n++
		}
		for s.stream.Counters("first").Frames < uint64(s.written) {
			send(first.sn)
		}
		copies := func() uint64 { got := second.sn.overlays.counts.Status(); return got.SEI.States + got.SEI.Repeats }
		before := copies()
		got := testing.AllocsPerRun(3, func() { send(second.sn) }) // and once before
		got *= 4 / float64(copies()-before)
		for s.stream.Counters("second").Frames < uint64(s.written) {
			send(second.sn)
		}
		return got
	}
	measure() // until all has the room that it needs
	if got := measure(); got > 6 {
		t.Errorf("%.1f allocations for each state, want those of its view's name only", got)
	}
	if got := second.sn.overlays.counts.Status(); got.SEI.Repeats != 79 || got.AMF.Repeats != 79 || got.Unreadable > 0 {
		t.Errorf("carried %+v, want 79 repeats by each carriage", got)
	}
}
