package relay

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
)

// stage is what makes a rendition, one frame for one frame: Opus becomes AAC, VP8 becomes H.264, all else is the same frame.
type stage struct {
	r    *Reader
	out  *Publisher // nil before the first frame
	made map[*media.Track]*media.Track
}

func (s *stage) fit(t *media.Track) *media.Track {
	to := map[media.Codec]media.Codec{media.Opus: media.AAC, media.VP8: media.H264}[t.Codec]
	if to == media.Unknown {
		return t
	}
	if s.made[t] == nil {
		s.made[t] = &media.Track{ID: t.ID, Codec: to, ClockRate: t.ClockRate}
	}
	return s.made[t]
}

// work makes of what there is.
func (s *stage) work(t testing.TB, to *Stream) {
	fs, _, err := s.r.Next(passing(t), nil, 1<<20)
	if err != nil {
		return
	}
	var tracks []*media.Track
	for _, t := range s.r.Tracks() {
		tracks = append(tracks, s.fit(t))
	}
	if s.out == nil {
		s.out, _ = to.Publish(tracks)
		s.out.MadeOf(s.r)
	}
	s.out.SetTracks(tracks)
	for _, f := range fs {
		if t := s.fit(f.Track); t != f.Track {
			g := *f
			g.Track = t
			f = &g
		}
		_ = s.out.WriteFrame(f) // which has not ended
	}
}

func (s *stage) end() {
	s.r.Close()
	if s.out != nil {
		s.out.End()
	}
}

// takeovers is a stream that publishers with all kinds of tracks take over from each other, with a follower and a stage.
type takeovers struct {
	t      testing.TB
	hub    *Hub
	base   *Stream
	in     *Publisher
	now    []*media.Track // of the publisher
	fresh  bool           // it has written no picture yet
	at     media.Time
	codecs []media.Codec // of pictures
	stage  *stage
	f      *Follower

	from    *Stream               // of the last batch
	last    [classes]*media.Frame // handed over
	written []*media.Frame        // pictures that suit as they are
	seen    []*media.Frame        // of those that were handed over, as they are
	lost    bool                  // a stage ended, and with it what it had: pictures may be missing
	made    bool                  // pictures were made: some may be missing
}

// takeOver begins with a publisher of pictures and sound of some codecs.
func (m *takeovers) takeOver(rt *rapid.T) {
	picture := rapid.SampledFrom(m.codecs).Draw(rt, "pictures")
	sound := rapid.SampledFrom([]media.Codec{media.AAC, media.Opus}).Draw(rt, "sound")
	m.now = []*media.Track{{ID: 1, Codec: picture, ClockRate: 90000}, {ID: 2, Codec: sound, ClockRate: 48000}, overlay}
	m.made = m.made || picture == media.VP8
	m.fresh = true
	in, err := m.base.Publish(m.now)
	if err != nil {
		rt.Fatal(err)
	}
	m.in = in
	if rapid.Bool().Draw(rt, "tells its tracks later") {
		m.in.SetTracks(nil)
	}
}

// write writes a picture, with an overlay in front of some, and sound between some.
func (m *takeovers) write(rt *rapid.T) {
	m.in.SetTracks(m.now)
	m.at++
	kind := m.now[0]
	if rapid.Bool().Draw(rt, "sound first") {
		m.put(rt, at(m.now[1], m.at, false))
		m.at++
	}
	key := m.fresh || rapid.IntRange(0, 5).Draw(rt, "key") == 0
	m.fresh = false
	if key || rapid.Bool().Draw(rt, "overlay") {
		m.put(rt, at(overlay, m.at, key))
	}
	f := at(kind, m.at, key)
	m.put(rt, f)
	if kind.Codec == media.H264 {
		m.written = append(m.written, f)
	}
	if rapid.Bool().Draw(rt, "sound at the same time") {
		m.put(rt, at(m.now[1], m.at, false))
	}
}

func (m *takeovers) put(rt *rapid.T, f *media.Frame) {
	if err := m.in.WriteFrame(f); err != nil {
		rt.Fatal(err)
	}
}

// work lets the stage work; where there is none one begins, as it would with the follower's reader.
func (m *takeovers) work(*rapid.T) {
	if m.rendition().Snapshot().Readers == 0 && m.stage == nil {
		return
	}
	if m.stage == nil {
		m.stage = &stage{r: m.base.Subscribe("stage", 0), made: map[*media.Track]*media.Track{}}
		begins := m.stage.r.session.frame(m.stage.r.next).DTS
		if n := m.unseen(); n < len(m.written) && m.written[n].DTS < begins { // the follower is more than a group behind
			m.lost = true
		}
	}
	m.stage.work(m.t, m.rendition())
}

// unseen gives how many of the pictures that suit were handed over, or are older than those that were.
func (m *takeovers) unseen() int {
	if len(m.seen) == 0 {
		return len(m.written)
	}
	return slices.Index(m.written, m.seen[len(m.seen)-1]) + 1
}

func (m *takeovers) rendition() *Stream { return m.hub.Stream("s made") }

// lose ends the stage.
func (m *takeovers) lose(*rapid.T) {
	if m.stage != nil {
		m.stage.end()
		m.stage, m.lost = nil, true
	}
}

// next reads, and holds what comes to the rules.
func (m *takeovers) next(rt *rapid.T) {
	fs, skipped, err := m.f.Next(passing(m.t), nil, rapid.SampledFrom([]int{1, 3, 1 << 20}).Draw(rt, "bytes"))
	if err != nil {
		return
	}
	if skipped > 0 {
		rt.Fatalf("%d skipped", skipped)
	}
	if first := fs[0]; m.from != nil && m.from != m.f.Stream() && (m.last[pictures] != nil && first.DTS < m.last[pictures].DTS || m.last[sounds] != nil && first.DTS < m.last[sounds].DTS) {
		rt.Fatalf("%s goes back", namesOf(fs[:1]))
	}
	m.from = m.f.Stream()
	for i, f := range fs {
		if held := m.f.now.session.frame(m.f.First() + uint64(i)); held != f {
			rt.Fatalf("frame %d of the batch is not that of its number", i)
		}
		c := classOf(f.Track)
		last := m.last[c]
		m.last[c] = f
		if c == others {
			continue
		}
		if codec := f.Track.Codec; codec == media.Opus || codec == media.VP8 {
			rt.Fatalf("%s is handed over", codec)
		}
		if last != nil && f.DTS <= last.DTS {
			rt.Fatalf("%s follows %s", namesOf([]*media.Frame{f}), namesOf([]*media.Frame{last}))
		}
		if c != pictures {
			continue
		}
		if !f.Key && (last == nil || last.Track != f.Track) {
			rt.Fatalf("pictures begin with %s", namesOf([]*media.Frame{f}))
		}
		n := slices.Index(m.written, f)
		if n > 0 && !f.Key && last != m.written[n-1] {
			rt.Fatalf("%s hangs in the air", namesOf([]*media.Frame{f}))
		}
		if n >= 0 {
			m.seen = append(m.seen, f)
		}
	}
}

// settle lets all work and read until nothing is left.
func (m *takeovers) settle(rt *rapid.T) {
	for range 8 {
		m.work(rt)
		for before := m.last; ; before = m.last {
			if m.next(rt); m.last == before {
				break
			}
		}
	}
}

// TestFollowTakeovers takes a stream over and over, while a follower of it reads: what it hands over can always be taken and decoded, and no
// time goes back. Pictures that suit as they are all come, once, unless others were made between or a stage was lost. In the end the newest
// picture is there, and of what suits it comes from the base.
func TestFollowTakeovers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &takeovers{t: t, hub: &Hub{}, at: media.Time(rapid.IntRange(-3, 3).Draw(rt, "first"))}
		m.codecs = rapid.SampledFrom([][]media.Codec{{media.H264}, {media.H264, media.VP8}}).Draw(rt, "codecs of pictures")
		m.base = m.hub.Stream("s")
		m.takeOver(rt)
		m.write(rt)
		m.f = m.base.Follow("out", 0, takesNoOpus(m.hub))
		defer m.f.Close()
		defer m.lose(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {}, "write": m.write, "write more": m.write, "work": m.work, "next": m.next, "settle": m.settle,
			"take over": m.takeOver, "leave": func(rt *rapid.T) { m.in.Leave(); m.takeOver(rt) }, "lose": m.lose,
		})
		m.write(rt)
		m.settle(rt)
		m.fresh = true // a key frame
		m.write(rt)
		m.settle(rt)
		m.write(rt)
		m.settle(rt)
		if f := m.last[pictures]; f == nil || f.DTS != m.at*pace {
			rt.Fatalf("the last picture is %v, want one at %v", f, m.at*pace)
		}
		if suits := m.now[0].Codec == media.H264 && m.now[1].Codec == media.AAC; suits && m.f.now.stream != m.base && m.last[sounds] != nil && m.last[sounds].Track == m.now[1] {
			rt.Fatal("the rendition is read though nothing is made")
		}
		if m.lost || m.made {
			return
		}
		if want := m.written[slices.Index(m.written, m.seen[0]):]; !slices.Equal(m.seen, want) {
			rt.Fatalf("pictures %s, want %s", namesOf(m.seen), namesOf(want))
		}
	})
}
