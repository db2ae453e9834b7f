package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// card is a card of an encoder's message.
func card(slot, product, more string) string {
	return fmt.Sprintf(`{"slot":%q,"pos":"top","style":"card"%s,"product":{"id":%q,"title":"Title","price":{"amount":100,"currency":"EUR"},"link":"https://a.b/c"}}`,
		slot, more, product)
}

// said is an encoder's message at its own time, which is 90 kHz ticks of another epoch.
func said(stream string, seq, at int64, cards ...string) []byte {
	return fmt.Appendf(nil, `{"v":1,"stream":%q,"seq":%d,"at":%d,"now":%d,"show":[%s]}`, stream, seq, at, at, strings.Join(cards, ","))
}

// states gives the overlay states that came out since it was asked last: "PTS in ms of the frame behind: seq slot=product …", with
// the text where there is one.
func (b *bench) states() (got []string) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		synctest.Wait()
		cancel()
	})
	var state *overlay.State
	for {
		frames, _, err := b.reader.Next(ctx, nil, 1<<30)
		for _, f := range frames {
			if f.Track.Codec == media.Overlay {
				if state, err = overlay.ParseState(f.Data); err != nil {
					b.Fatal(err)
				}
				continue
			}
			if state == nil {
				continue
			}
			line := fmt.Sprintf("%d: %d", f.PTS.Ticks(1000), state.Seq)
			for _, c := range state.Cards {
				line += " " + c.Slot + "=" + c.Product.ID
			}
			if state.Meta != "" {
				line += " " + state.Meta
			}
			got = append(got, line)
			state = nil
		}
		if err != nil {
			return got
		}
	}
}

func (b *bench) wantStates(want ...string) {
	b.Helper()
	if got := b.states(); !slices.Equal(got, want) {
		b.Errorf("states: got %q\nwant %q", got, want)
	}
}

// overlay hands a message over that is trusted.
func (b *bench) overlay(p *Publication, own int64, text []byte) {
	b.Helper()
	if !p.Overlay(media.Time(own)*media.Millisecond, text) {
		b.Error("the encoder is not trusted")
	}
}

func (b *bench) wantDropped(why Drop, want uint64) {
	b.Helper()
	if got := b.status().Counters.Dropped[why]; got != want {
		b.Errorf("dropped as %s: got %d, want %d", why, got, want)
	}
}

// What a trusted encoder sends becomes cues at the picture with which it came, as a difference: repeats and older states change
// nothing, what vanished is hidden, cues of others stay.
func TestAdopt(t *testing.T) {
	line := &overlay.Timeline{}
	on(t, Options{Timeline: line, TrustOverlays: true}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		b.send(p, sent{kind: "K", dts: 5000}, sent{kind: "v", dts: 5040})
		b.overlay(p, 5080, said("up", 7, 900_000, card("main", "A", "")))
		b.send(p, sent{kind: "v", dts: 5080}, sent{kind: "v", dts: 5120})
		b.wantStates("80: 1 main=A")
		b.overlay(p, 5160, said("up", 7, 900_000, card("main", "A", "")))
		b.overlay(p, 5160, said("up", 6, 890_000))
		b.send(p, sent{kind: "v", dts: 5160})
		b.wantStates()
		b.overlay(p, 5200, said("up", 8, 907_200, card("second", "B", `,"until":970200`), card("main", "A", "")))
		b.send(p, sent{kind: "v", dts: 5200})
		b.wantStates("200: 2 main=A second=B")
		b.overlay(p, 5240, said("up", 9, 910_800, card("main", "C", "")))
		b.send(p, sent{kind: "v", dts: 5240}, sent{kind: "K", dts: 5280})
		b.wantStates("240: 3 main=C", "280: 3 main=C")
		b.wantDropped(DropOverlay, 0)
		if got := line.Products(); len(got) != 0 {
			b.Errorf("the catalog has %d products of the encoder", len(got))
		}
	})
}

// A card of the encoder ends when the encoder says so.
func TestAdoptedEnd(t *testing.T) {
	on(t, Options{TrustOverlays: true}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		b.overlay(p, 5000, said("up", 7, 900_000, card("main", "A", `,"until":921600`))) // 240 ms on
		for i := range int64(10) {
			kind := map[bool]string{true: "K", false: "v"}[i == 0]
			b.send(p, sent{kind: kind, dts: 5000 + 40*i})
		}
		b.wantStates("0: 1 main=A", "240: 2")
	})
}

// What came before the line began is adopted when it begins, the newest state at its own picture.
func TestAdoptBeforeTheLine(t *testing.T) {
	on(t, Options{TrustOverlays: true}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video, audio})
		for i := range int64(20) { // more than are kept
			b.overlay(p, 5000, said("up", i+1, 900_000, card("main", fmt.Sprint("P", i), "")))
		}
		b.send(p, sent{kind: "K", dts: 5000}, sent{kind: "v", dts: 5040}, sent{kind: "a", dts: 5040})
		b.wantStates("0: 1 main=P19")
		b.wantDropped(DropOverlay, 4)
	})
}

// A change that the timeline refuses is tried again with the next copy of the state; a text is not sent twice for that.
func TestAdoptAgain(t *testing.T) {
	line := &overlay.Timeline{}
	on(t, Options{Timeline: line, TrustOverlays: true}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		b.send(p, sent{kind: "K", dts: 0})
		for i := range 50 { // the whole burst of a stream's changes
			if _, err := line.Apply(overlay.Change{Action: overlay.Clear}, time.Now()); err != nil {
				b.Fatalf("change %d: %v", i, err)
			}
		}
		b.overlay(p, 40, said("up", 1, 3600, card("main", "A", "")))
		b.send(p, sent{kind: "v", dts: 40})
		b.wantDropped(DropOverlay, 1)
		time.Sleep(100 * time.Millisecond)
		b.overlay(p, 80, said("up", 1, 3600, card("main", "A", "")))
		b.send(p, sent{kind: "v", dts: 80})
		b.wantStates("40: 1", "80: 2 main=A")
		noPrice := strings.Replace(card("main", "B", ""), `"price":{"amount":100,"currency":"EUR"},`, "", 1)
		b.overlay(p, 120, said("up", 2, 3600, noPrice))
		withText := []byte(strings.Replace(string(said("up", 3, 3600, card("main", "A", ""))), `"show"`, `"meta":"hi","show"`, 1))
		b.overlay(p, 120, withText)
		b.overlay(p, 120, withText)
		b.send(p, sent{kind: "v", dts: 120})
		b.wantStates("120: 3 main=A hi")
		b.wantDropped(DropOverlay, 2)
	})
}

// Another encoder has its own numbers and its own clock; what it does not show goes.
func TestAdoptAfterTakeover(t *testing.T) {
	on(t, Options{Hold: time.Minute, TrustOverlays: true}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		b.overlay(p, 0, said("up", 70, 0, card("main", "A", ""), card("second", "B", "")))
		b.send(p, sent{kind: "K", dts: 0})
		time.Sleep(time.Second)
		q := b.admit("two")
		q.SetTracks([]*media.Track{video})
		b.overlay(q, 777_000, said("other", 1, 0, card("main", "C", "")))
		b.send(q, sent{kind: "K", dts: 777_000})
		if p.Overlay(0, said("up", 71, 0)); b.status().Counters.Dropped[DropOverlay] != 1 {
			b.Error("an encoder that lost the stream is heard")
		}
		b.wantStates("0: 1 main=A second=B", "1000: 2 main=C")
	})
}

// Without trust nothing becomes a cue, and faulty messages never do.
func TestDoNotAdopt(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		if p.Overlay(0, said("up", 1, 0, card("main", "A", ""))) {
			b.Error("got trust")
		}
		b.send(p, sent{kind: "K", dts: 0})
		b.gate.Configure("maria", Options{TrustOverlays: true})
		for _, text := range []string{"", "{}", `{"v":1}`, string(said("up", 0, 0)), `{"v":2,"seq":1}`} {
			b.overlay(p, 0, []byte(text))
		}
		b.send(p, sent{kind: "v", dts: 40})
		b.wantStates()
		b.wantDropped(DropOverlay, 6)
	})
}

// Cues keep their place over takeover, loss and jumps of the encoder's clock, and end with the session, whichever way it ends.
func TestCuesOutlivePublishers(t *testing.T) {
	line := &overlay.Timeline{}
	show := func(b *bench, product string, when overlay.When) {
		b.Helper()
		p := &overlay.Product{ID: product, Title: []overlay.Text{{Lang: "en", Text: "T"}}, Price: []overlay.Money{{Amount: 1, Currency: "EUR"}}, Link: "https://a.b/c"}
		if _, err := line.Apply(overlay.Change{Action: overlay.Show, Product: product, Given: p, Slot: product, When: when}, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	at := func(ms int64) overlay.When {
		return overlay.When{Clock: overlay.Media, Media: media.Time(ms) * media.Millisecond}
	}
	on(t, Options{Hold: 10 * time.Second, Timeline: line}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		show(b, "a", overlay.When{})
		show(b, "b", at(1040))
		show(b, "c", overlay.When{Clock: overlay.Wall, Wall: time.Now().Add(3 * time.Second)})
		show(b, "d", at(60_000))
		b.play(p, 900_000) // media time 0 to 960
		q := b.admit("two")
		q.SetTracks([]*media.Track{video})
		b.play(q, 0) // 1000 to 1960
		b.wantStates("0: 1 a=a", "1000: 1 a=a", "1040: 2 a=a b=b")
		q.Close(false)
		time.Sleep(time.Second)
		r := b.admit("three")
		r.SetTracks([]*media.Track{video})
		b.play(r, 50_000) // 3000 on
		b.play(r, 99_000) // a jump forward, that arrival does not confirm
		b.wantStates("3000: 3 a=a b=b c=c", "4000: 3 a=a b=b c=c")
		r.Close(false)
		time.Sleep(11 * time.Second)
		b.wantState(Idle)
		if s, live := line.Current(); live || len(s.Cards) > 0 || len(line.Schedule()) > 0 {
			b.Errorf("after the session: %+v, live %v, %+v", s, live, line.Schedule())
		}
		s := b.admit("four")
		s.SetTracks([]*media.Track{video})
		b.reader.Close()
		b.reader = b.hub.Stream("maria").Subscribe("test", time.Hour) // of the new session
		b.play(s, 0)
		show(b, "e", overlay.When{})
		b.play(s, 1000)
		b.wantStates("1000: 1 e=e")
		b.gate.Drain()
		if _, live := line.Current(); live {
			b.Error("the session is on after the drain")
		}
	})
}
