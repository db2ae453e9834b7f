package rtmp

import (
	"context"
	"errors"
	"io"
	"math/bits"
	"net"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/amf"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// What goes over the wire in which order: onMetaData, the sequence header of a track, its states, its pictures. The last state
// comes too late for a picture of its time.
var (
	reordered = []shot{ // I P B B P, and sound
		{key: true, pts: ms(80), seq: 1, shows: "A"},
		heard(0, 0), moved(40, 200, 2), moved(80, 120, 0), moved(120, 160, 0), heard(121, 0),
		{key: true, dts: ms(160), pts: ms(240), seq: 2},
		moved(200, 280, 3), moved(240, 320, 0),
	}
	onTheWire = "metadata@0 config@0 picture0+1@0 config@0 sound1@0 picture2+2@40 text1@80 picture3@80 picture4@120 sound5@121 " +
		"picture6+2@160 text2@200 picture7+3@200 text2@240 picture8@240"
)

func TestPushCarriesOverlays(t *testing.T) {
	peer := newPeer(t)
	s := newSale(t, video, audio)
	push := peer.push()
	push.Overlays, push.Carried = both, &outputs.Carried{}
	push.View = &overlay.View{Currency: "USD"}
	ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, s.stream) })
	visit := peer.next()
	s.awaitReader()
	s.shoot(reordered...)
	s.End()
	if err := outcome(t, ended); err != nil {
		t.Fatalf("Run = %v, want nil", err)
	}
	parts := s.parts(visit.whole(t))
	expect(t, parts, onTheWire, "FCUnpublish@0 deleteStream@0")
	if got := s.message(&parts[2]).Show[0].Product.Price.Currency; got != "USD" {
		t.Errorf("a price in %s, want the view's USD", got)
	}
	if got := push.Carried.Status(); got.SEI.States != 3 || got.SEI.Repeats != 1 || got.AMF.States != 2 || got.AMF.Repeats != 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestPlayCarriesOverlays(t *testing.T) {
	s := newSale(t, video, audio)
	s.shoot(reordered[0])
	play := &Play{Output: "play", Overlays: both, Carried: &outputs.Carried{}, View: &overlay.View{Locale: "el"}}
	conn, ended := attend(t, s, play)
	s.shoot(reordered[1:]...)
	s.End()
	parts := s.parts(readAll(t, conn))
	expect(t, parts, onTheWire, "onStatus@0")
	if got := s.message(&parts[2]).Show[0].Product.Title; got != "Λινό καλοκαιρινό φόρεμα" {
		t.Errorf("got the title %q, want the view's", got)
	}
	_ = conn.Close()
	if err := outcome(t, ended); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if got := play.Carried.Status(); got.SEI.States != 3 || got.SEI.Repeats != 1 || got.AMF.States != 2 || got.AMF.Repeats != 1 {
		t.Errorf("counted %+v", got)
	}
}

// The encoder's own data messages go to destinations that ask for them, and never to players.
func TestPeersGetDataMessages(t *testing.T) {
	track := &media.Track{ID: 7, Codec: media.Data}
	for name, pass := range map[string]string{"passed": "onCuePoint@40", "held off": ""} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, video)
			s.shoot(still(0, true, 1))
			conn, played := attend(t, s, &Play{Output: "play", Overlays: both})
			peer := newPeer(t)
			push := peer.push()
			push.Overlays, push.PassData = both, pass != ""
			pushed, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, s.stream) })
			visit := peer.next()
			visit.await(t, "the first picture", func(m []wire.Message) bool { return len(m) == 4 })
			s.put(&media.Frame{Track: track, PTS: ms(40), DTS: ms(40), Data: amf.Append(nil, "onCuePoint", amf.ECMA{})})
			s.shoot(still(40, false, 2))
			s.End()
			const before, after = "metadata@0 config@0 text1@0 picture0+1@0", "text2@40 picture1+2@40"
			expect(t, s.parts(visit.whole(t)), before, pass, after, "FCUnpublish@0 deleteStream@0")
			expect(t, s.parts(readAll(t, conn)), before, after, "onStatus@0")
			_ = conn.Close()
			for _, ended := range []<-chan error{pushed, played} {
				if err := outcome(t, ended); err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
			}
		})
	}
}

// Who comes later has the current state with the first key frame, by both carriages, whether it plays or is pushed to.
func TestLatePeers(t *testing.T) {
	s := newSale(t, video)
	s.shoot(still(0, true, 1), still(40, false, 2), still(80, false, 3), still(120, true, 3))
	const want = "metadata@120 config@120 text3@120 picture3+3@120"
	conn, played := attend(t, s, &Play{Output: "play", Overlays: both})
	peer := newPeer(t)
	push := peer.push()
	push.Overlays = both
	pushed, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, s.stream) })
	visit := peer.next()
	visit.await(t, "the first picture", func(m []wire.Message) bool { return len(m) == 4 })
	s.End()
	expect(t, s.parts(visit.whole(t)), want, "FCUnpublish@0 deleteStream@0")
	expect(t, s.parts(readAll(t, conn)), want, "onStatus@0")
	_ = conn.Close()
	for _, ended := range []<-chan error{pushed, played} {
		if err := outcome(t, ended); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

// A push whose connection was lost begins anew: headers first, then the current state with the first key frame.
func TestReconnectedPush(t *testing.T) {
	for _, carriage := range []outputs.Carriage{outputs.CarriesSEI, outputs.CarriesAMF, both} {
		t.Run(carriage.String(), func(t *testing.T) {
			text, inside := "", ""
			copies := uint64(bits.OnesCount8(uint8(carriage))) // of one state
			if carriage&outputs.CarriesAMF != 0 {
				text = "text2@120"
			}
			if carriage&outputs.CarriesSEI != 0 {
				inside = "+2"
			}
			peer := newPeer(t)
			s := newSale(t, video)
			push := peer.push()
			push.Overlays, push.Carried = carriage, &outputs.Carried{}
			runner := &outputs.Runner{Stream: s.stream, Name: "out", Output: push, Progress: push.Progress, Log: push.Log}
			ended, _ := run(t, runner.Run)
			s.shoot(still(0, true, 1), still(40, false, 0), still(80, false, 2))
			mediatest.Within(t, 10*time.Second, "all states", func() bool { return push.Carried.Status().Seq == 2 })
			s.shoot(still(120, true, 2))
			mediatest.Within(t, 10*time.Second, "the repeat", func() bool {
				got := push.Carried.Status()
				return got.SEI.Repeats+got.AMF.Repeats == copies
			})
			before := push.Carried.Status()
			_ = peer.next().nc.Close()
			visit := peer.next()
			visit.await(t, "media again", func(m []wire.Message) bool { return len(only(s.parts(m), "picture")) == 1 })
			expect(t, s.parts(visit.got()), "metadata@120 config@120", text, "picture3"+inside+"@120")
			after := push.Carried.Status()
			if got := after.SEI.States + after.AMF.States - before.SEI.States - before.AMF.States; got != copies {
				t.Errorf("counted %d first copies on the new connection, want %d", got, copies)
			}
			s.hub.Remove("s")
			if err := outcome(t, ended); err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			visit.whole(t)
		})
	}
}

// A peer that stalls comes back at a key frame with the state of then; nothing of before is left over, and no picture torn.
func TestStalledPushCarriesTheCurrentState(t *testing.T) {
	peer := newPeer(t)
	s := newSale(t, video)
	push := peer.push()
	push.Overlays, push.Carried = both, &outputs.Carried{}
	ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, s.stream) })
	visit := peer.next()
	s.awaitReader()
	visit.stop()
	const count = 6000 // 4 minutes, 27 MB

	state := func(n int) int64 { return int64(n+13) / 20 } // 7, 27, 47 … change it
	for n := range count {
		sh := shot{dts: ms(int64(n) * 40), pts: ms(int64(n)*40 + 80), key: n%50 == 0, shows: "A B"}
		if sh.key || n%20 == 7 {
			sh.seq = state(n)
		}
		s.shoot(sh)
	}
	visit.resume()
	s.End()
	if err := outcome(t, ended); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	next, gaps := 0, 0
	inside := map[stamp]bool{}
	for _, p := range only(s.parts(visit.whole(t)), "picture", "text") {
		var is stamp
		if p.Seq > 0 {
			is = stamp{p.Seq, s.message(&p).Now}
		}
		if p.What == "text" {
			if !inside[is] || p.At > s.onWire(s.frames[next].DTS) {
				t.Errorf("%v in front of picture %d, want those of pictures that came, in time", p, next)
			}
			continue
		}
		if p.Number != next {
			gaps++
			if !s.frames[p.Number].Key || p.Seq == 0 {
				t.Errorf("goes on with %v, want a key frame with a state", p)
			}
		}
		if next = p.Number + 1; p.Seq > 0 && p.Seq != state(p.Number) {
			t.Errorf("%v, want state %d", p, state(p.Number))
		}
		inside[is] = true
	}
	if gaps == 0 || next != count {
		t.Errorf("%d gaps, and it ends at picture %d of %d: the test tests nothing", gaps, next, count)
	}
	if got := push.Carried.Status(); got.SEI.States >= uint64(state(count)) || got.Seq != state(count-1) {
		t.Errorf("counted %+v of %d states, want some skipped and the last one carried", got, state(count))
	}
}

// attend connects a player to a stream over loopback, and gives its side once the stream is read: else the session may end before.
func attend(t *testing.T, s *sale, p *Play) (conn *wire.Conn, ended <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	url := wire.URL{App: "live"}
	if url.Host, url.Port, err = net.SplitHostPort(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	ended, _ = run(t, func(ctx context.Context) error {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		hello, err := wire.ReadHello(nc)
		if err == nil {
			err = hello.Answer(nc)
		}
		p.Conn = wire.NewConn(nc)
		var err2 error
		if p.Request, err2 = wire.ReadRequest(p.Conn, "live"); err != nil || err2 != nil {
			_ = nc.Close()
			return errors.Join(err, err2)
		}
		return p.Run(ctx, s.stream)
	})
	conn = (&theatre{url: url}).watch(t)
	mediatest.Within(t, 10*time.Second, "the player's reader", func() bool { return s.stream.Counters(p.Output).Readers > 0 })
	return conn, ended
}

// readAll reads all messages until the other side says that nothing more follows.
func readAll(t *testing.T, conn *wire.Conn) (all []wire.Message) {
	t.Helper()
	for {
		m, err := conn.ReadMessage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("behind %d messages: %v", len(all), err)
		}
		all = append(all, m)
	}
}
