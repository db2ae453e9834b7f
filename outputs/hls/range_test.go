package hls

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// copyOf reads a state with so many cards of the largest size.
func copyOf(t testing.TB, stream string, seq int64, at media.Time, cards int, until media.Time) *overlay.Copy {
	t.Helper()
	s := &overlay.State{Stream: stream, Seq: seq, At: at}
	for i := range cards {
		s.Cards = append(s.Cards, overlay.Card{
			Cue: fmt.Sprint("c", i), Slot: fmt.Sprint("slot-", i), Style: "card", From: at, Until: until,
			Product: &overlay.Product{
				ID: strings.Repeat("i", 50), Title: []overlay.Text{{Lang: "en", Text: strings.Repeat("t", 80)}}, Link: "https://a.b/" + strings.Repeat("l", 188),
				Image: "https://a.b/" + strings.Repeat("m", 188), Price: []overlay.Money{{Amount: 2499, Currency: "EUR"}}, Variant: []overlay.Text{{Lang: "en", Text: strings.Repeat("v", 40)}},
			},
		})
	}
	data, err := overlay.EncodeState(s)
	failIf(t, err)
	c := new(overlay.Reader).Read(&media.Frame{Track: cardTrack, PTS: at, DTS: at, Data: data})
	if c.State() == nil {
		t.Fatalf("a state that cannot be read: %s", data)
	}
	return c
}

// A date range has the state's own time, says what the view sees, and never changes but for its end, which is where the next one begins.
func TestDateRange(t *testing.T) {
	var all showings
	all.take(copyOf(t, "abc", 7, ms(1500), 1, ms(4000)), zeroDate)
	first := all[0].dateRange(seller)
	if first.ID != "abc-7" || first.Class != "simulcart.overlay" || !first.Start.Equal(zeroDate.Add(1500*time.Millisecond)) || !first.End.IsZero() || first.PlannedDuration != 2500*time.Millisecond {
		t.Errorf("got %+v", first)
	}
	text, state, err := hls.DateRangeState(hls.Attributes{"X-SIMULCART-OVERLAY": first.Attributes[0].Value})
	if err != nil || state != (hls.State{Seq: 7, At: 135000, Now: 135000}) || !strings.Contains(string(text), `"seq":7`) {
		t.Errorf("state %+v, %v: %s", state, err, text)
	}
	all.take(copyOf(t, "abc", 7, ms(1500), 1, ms(4000)), zeroDate.Add(time.Hour)) // a repeat
	all.take(copyOf(t, "abc", 6, ms(1400), 1, 0), zeroDate)                       // an old one
	if len(all) != 1 {
		t.Fatalf("%d ranges", len(all))
	}
	all.take(copyOf(t, "abc", 8, ms(2000), 0, 0), zeroDate)
	again := all[0].dateRange(seller)
	if !again.End.Equal(zeroDate.Add(2 * time.Second)) {
		t.Errorf("it ends at %v", again.End)
	}
	if again.End = first.End; again.Attributes[0] != first.Attributes[0] || again.ID != first.ID || !again.Start.Equal(first.Start) || again.PlannedDuration != first.PlannedDuration {
		t.Errorf("it was %+v, now %+v", first, again)
	}
	if second := all[1].dateRange(seller); second.PlannedDuration != 0 || !second.End.IsZero() {
		t.Errorf("got %+v", second)
	}
	if a, b := all[0].dateRange(&overlay.View{}).Attributes[0].Value, first.Attributes[0].Value; a == b {
		t.Error("two views see the same")
	}
	all.take(copyOf(t, "def", 1, ms(1900), 0, 0), zeroDate) // another session of states, whose time is earlier
	if len(all) != 3 || all[1].until.Before(all[1].begin) {
		t.Errorf("%d ranges, the second from %v to %v", len(all), all[1].begin, all[1].until)
	}
	all.forget(zeroDate.Add(2 * time.Second))
	if len(all) != 1 || all[0].state.Stream != "def" {
		t.Errorf("%d ranges are left: those that hold, and those that end later", len(all))
	}
	all.forget(zeroDate.Add(time.Hour))
	if len(all) != 1 {
		t.Error("the range that holds is gone")
	}
	bad := new(overlay.Reader).Read(&media.Frame{Track: cardTrack, Data: []byte("{")})
	if all.take(bad, zeroDate); len(all) != 1 {
		t.Error("a state that cannot be read makes a range")
	}
}

// However often states change, and however large they are, players can read the playlist; what does not fit is counted.
func TestManyRanges(t *testing.T) {
	list := listOf(shape{target: 2, part: ms(2000)}, 30*time.Minute, 1<<40)
	for n := range 700 {
		list.segmentOf(t, n, false, 10)
	}
	const changes = 2000
	for i := range changes {
		dropped := list.states.take(copyOf(t, "session-of-16-ch", int64(1e15)+int64(i), ms(50*int64(i)), overlay.MaxCards, 0), zeroDate)
		if want := uint64(0); i < mostRanges && dropped != want || i >= mostRanges && dropped != 1 {
			t.Fatalf("state %d: %d dropped", i, dropped)
		}
	}
	for _, skip := range []bool{false, true} {
		a, err := list.media(whole, seller, skip, nil)
		failIf(t, err)
		if len(a.plain) > 4<<20 {
			t.Errorf("%d bytes", len(a.plain))
		}
		p := hls.Parse(string(a.plain))
		if len(p.Ranges) != mostRanges || p.Ranges[0]["ID"] != fmt.Sprintf("session-of-16-ch-%d", int64(1e15)+changes-mostRanges) {
			t.Errorf("%d ranges from %s on", len(p.Ranges), p.Ranges[0]["ID"])
		}
		if last := p.Ranges[len(p.Ranges)-1]; last["END-DATE"] != "" {
			t.Error("the state that holds has an end")
		}
	}
}

// A dropped state is counted, and its range does not come back.
func TestRangesAreCounted(t *testing.T) {
	var frames []*media.Frame
	for i, f := range (source{video: picture, step: ms(20), group: 100, size: 9}).until(seconds(12)) {
		frames = append(frames, stateOf(int64(i+1), f.PTS, f), f)
	}
	made := press(t, frames)
	r := recorderOf(made.as, 30*time.Second)
	r.follow(made.pieces)
	if n := r.list.counts.ranges; n != 600-mostRanges {
		t.Errorf("%d are counted, want %d", n, 600-mostRanges)
	}
	for i, f := range r.check(hls.RangeGone) {
		if t.Error(f); i > 10 {
			break
		}
	}
}

// Initializations go with the last segment that needs them.
func TestManyInitializations(t *testing.T) {
	frames := source{video: picture, audio: sound, size: 9}.until(seconds(120))
	for n := 2; n < 120; n += 4 {
		frames = retrack(picture, larger, seconds(float64(n)))(frames)
		frames = retrack(larger, picture, seconds(float64(n+2)))(frames)
	}
	made := press(t, frames)
	r := recorderOf(made.as, 10*time.Second)
	most := 0
	for _, p := range made.pieces {
		failIf(t, r.take(p))
		most = max(most, len(r.list.inits))
		for _, g := range r.list.segments {
			if r.list.initialization(whole, uint64(g.init)) == nil {
				t.Fatalf("segment %d has no initialization", g.number)
			}
		}
	}
	if last := r.list.newestLocked().init; most > 20 || last < 55 {
		t.Errorf("up to %d are held, the last one is %d", most, last)
	}
	if r.list.initialization(whole, 0) != nil || r.list.initialization(whole, 1000) != nil {
		t.Error("there are others")
	}
}

// Behind a discontinuity the time of day is told anew, but dates never go back.
func TestDatesNeverGoBack(t *testing.T) {
	made := press(t, postpone(ms(5000), ms(4000), picture, sound)(source{video: picture, audio: sound}.until(seconds(10))))
	r := recorderOf(made.as, 30*time.Second)
	at := zeroDate
	for _, p := range made.pieces {
		if p.discontinuity {
			at = at.Add(-time.Minute) // the clock of the wall was set back
		}
		p.zero = at
		failIf(t, r.take(p))
	}
	begins := []time.Time{}
	for _, g := range r.list.segments {
		begins = append(begins, g.wall())
	}
	if !slices.IsSortedFunc(begins, time.Time.Compare) || len(begins) < 5 {
		t.Errorf("dates %v", begins)
	}
}
