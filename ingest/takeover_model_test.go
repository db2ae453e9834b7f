package ingest

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
)

// TestTakeoverModel lets publishers come, send, and leave as they like. Whatever they do: at most one has the stream and one waits for it, who has
// neither was told, and what comes out rises in time per track, in one session as long as somebody is there.
func TestTakeoverModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) { // Deadline may not be called in a bubble
			b := &bench{T: t}
			b.gate = &Gate{Hub: &b.hub, Log: slog.New(&b.log)}
			b.gate.Configure("maria", Options{Hold: 5 * time.Second, OnEnd: HoldSession})
			b.reader = b.hub.Stream("maria").Subscribe("test", time.Hour)
			defer b.reader.Close()
			defer b.gate.Drain()
			m := &takeovers{bench: b, own: make(map[*Publication]int64), last: make(map[bool]int64)}
			rt.Repeat(map[string]func(*rapid.T){"come": m.come, "send": m.send, "leave": m.leave, "pause": m.pause, "": m.check})
		})
	})
}

// takeovers is what is known of the publishers of one stream.
type takeovers struct {
	*bench
	all  []*Publication
	own  map[*Publication]int64 // time by their clocks, in milliseconds
	last map[bool]int64         // DTS given out, by whether it was sound
}

func (m *takeovers) come(rt *rapid.T) {
	p, err := m.gate.Admit(Applicant{Stream: "maria", Protocol: "rtmp", Remote: strconv.Itoa(len(m.all))})
	if errors.Is(err, ErrContested) {
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	p.SetTracks(rapid.SampledFrom([][]*media.Track{{video, audio}, {video}, {audio}}).Draw(rt, "tracks"))
	m.all, m.own[p] = append(m.all, p), rapid.Int64Range(0, 1_000_000).Draw(rt, "clock")
}

func (m *takeovers) one(rt *rapid.T) *Publication {
	if len(m.all) == 0 {
		rt.Skip("nobody came")
	}
	back := rapid.SampledFrom([]int{1, 1, 1, 2, 2, 3}).Draw(rt, "publisher")
	return m.all[len(m.all)-min(back, len(m.all))]
}

func (m *takeovers) send(rt *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(rt, "frames") {
		p, kind := m.one(rt), rapid.SampledFrom([]string{"K", "v", "v", "a", "a"}).Draw(rt, "kind")
		if err := p.WriteFrame(sent{kind: kind, dts: m.own[p]}.frame()); !errors.Is(err, p.Reason()) {
			rt.Fatalf("%s: got %v, was told %v", p.applicant.Remote, err, p.Reason())
		}
		m.tick(40)
	}
}

func (m *takeovers) leave(rt *rapid.T) { m.one(rt).Close(rapid.Bool().Draw(rt, "clean")) }

func (m *takeovers) pause(rt *rapid.T) { m.tick(rapid.Int64Range(1, 12_000).Draw(rt, "ms")) }

func (m *takeovers) tick(ms int64) {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	synctest.Wait()
	for p := range m.own {
		m.own[p] += ms
	}
}

func (m *takeovers) check(rt *rapid.T) {
	here := 0
	for i, p := range m.all {
		select {
		case <-p.Done():
			if e := p.entry; e.current == p || e.waiting == p {
				rt.Fatalf("publisher %d was told that it is over", i)
			}
		default:
			here++
			if e := p.entry; e.current != p && e.waiting != p {
				rt.Fatalf("publisher %d was told nothing", i)
			}
		}
	}
	st := m.status()
	if here > 2 || (here > 0) != (st.Publisher.Protocol != "") || (here > 0) != m.hub.Stream("maria").Snapshot().Publisher {
		rt.Fatalf("%d are here, the gate says %+v", here, st)
	}
	for _, s := range m.read() {
		isSound := s.kind == "a" || s.kind == "A"
		if last, known := m.last[isSound]; known && s.dts <= last {
			rt.Fatalf("%v follows %d ms", s, last)
		}
		m.last[isSound] = s.dts
	}
	if st.State == Idle {
		clear(m.last)
	}
}
