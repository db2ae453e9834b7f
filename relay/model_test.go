package relay

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
)

// TestModel does what a stream's users may do, in any order, and compares all that can be seen with a model that keeps
// everything and looks things up by walking through it.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt)
		m.publish(rt)
		m.subscribe(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"":          m.check,
			"write":     m.write,
			"writeMany": m.many(m.write, m.write),
			"nextMany":  m.many(m.next, m.next),
			"both":      m.many(m.write, m.next),
			"publish":   m.publish,
			"subscribe": m.subscribe,
			"other": func(rt *rapid.T) {
				rapid.SampledFrom([]func(*rapid.T){
					m.set, m.leave, m.end, m.endSession, m.close, m.forget, m.wantKey,
				}).Draw(rt, "act")(rt)
			},
		})
	})
}

type model struct {
	stream   *Stream
	maxAge   media.Time
	maxBytes int
	derived  *Derived[*media.Frame]

	session    *modelSession // nil: there is none
	last       *modelSession // the one in being or the last one; nil: there was none
	coming     *modelSession
	publishers []*modelPublisher
	readers    []*modelReader
	outputs    map[string]*Counters
}

type modelPublisher struct {
	*Publisher
	session *modelSession
	gone    error
	wish    bool
}

func newModel(rt *rapid.T) *model {
	h := Hub{
		MaxAge:   pace.Duration() * time.Duration(rapid.IntRange(1, 30).Draw(rt, "max age")),
		MaxBytes: rapid.SampledFrom([]int{1, 10, 30, 100, 1000}).Draw(rt, "max bytes"),
	}
	m := &model{
		stream: h.Stream("s"), maxAge: media.Time(h.MaxAge), maxBytes: h.MaxBytes,
		coming: &modelSession{}, outputs: make(map[string]*Counters),
	}
	m.derived = Derive(m.stream, "same", func(f *media.Frame) *media.Frame { return f })
	return m
}

// many returns what does one of two acts many times.
func (m *model) many(a, b func(*rapid.T)) func(*rapid.T) {
	return func(rt *rapid.T) {
		for range rapid.IntRange(1, 20).Draw(rt, "times") {
			rapid.SampledFrom([]func(*rapid.T){a, b}).Draw(rt, "act")(rt)
		}
	}
}

func (m *model) publish(rt *rapid.T) {
	some := tracks[:rapid.IntRange(0, len(tracks)).Draw(rt, "tracks")]
	p, err := m.stream.Publish(some)
	if err != nil {
		rt.Fatalf("Publish: %v", err)
	}
	if m.session == nil {
		m.session, m.coming = m.coming, nil
		if m.session.number = 1; m.last != nil {
			m.session.number = m.last.number + 1
		}
		m.last = m.session
	}
	m.session.tracks = some
	m.fence(ErrFenced)
	m.publishers = append(m.publishers, &modelPublisher{Publisher: p, session: m.session})
}

// fence takes the right to write from the publisher that is there.
func (m *model) fence(why error) {
	if n := len(m.publishers); n > 0 && m.publishers[n-1].gone == nil {
		m.publishers[n-1].gone = why
	}
}

func (m *model) publisher(rt *rapid.T) *modelPublisher {
	if len(m.publishers) == 0 {
		rt.Skip("no publisher")
	}
	back := rapid.SampledFrom([]int{1, 1, 1, 1, 1, 2, 3}).Draw(rt, "publisher")
	return m.publishers[len(m.publishers)-min(back, len(m.publishers))]
}

func (m *model) write(rt *rapid.T) {
	p := m.publisher(rt)
	dts := media.Time(rapid.IntRange(-3, 3).Draw(rt, "first")) * pace
	if all := p.session.all; len(all) > 0 {
		dts = all[len(all)-1].DTS + media.Time(rapid.SampledFrom([]int{0, 0, 1, 1, 1, 2, 9, -1}).Draw(rt, "step"))*pace
	}
	f := letter(rapid.SampledFrom([]byte("KvvvvvaaaAOOo")).Draw(rt, "frame"), dts)
	f.Data = make([]byte, rapid.IntRange(0, 8).Draw(rt, "size"))
	if err := p.WriteFrame(f); !errors.Is(err, p.gone) {
		rt.Fatalf("WriteFrame = %v, want %v", err, p.gone)
	}
	if p.gone == nil {
		p.session.append(f, m.maxAge, m.maxBytes)
	}
}

func (m *model) set(rt *rapid.T) {
	p := m.publisher(rt)
	some := tracks[:rapid.IntRange(0, len(tracks)).Draw(rt, "tracks")]
	wall := time.Unix(rapid.Int64Range(1, 1000).Draw(rt, "wall"), 0)
	p.SetTracks(some)
	p.SetWall(media.Time(time.Second), wall)
	if p.gone == nil {
		p.session.tracks, p.session.wall = some, wall
	}
}

func (m *model) leave(rt *rapid.T) {
	p := m.publisher(rt)
	p.Leave()
	if p.gone == nil {
		p.gone = ErrFenced
	}
}

func (m *model) end(rt *rapid.T) {
	p := m.publisher(rt)
	p.End()
	if p.gone == nil {
		m.over()
	}
}

func (m *model) endSession(*rapid.T) {
	m.stream.EndSession()
	if m.session != nil {
		m.over()
	}
}

func (m *model) over() {
	m.fence(ErrEnded)
	m.session.ended = true
	m.coming = &modelSession{base: m.session.base + uint64(len(m.session.all))}
	m.session = nil
}

func (m *model) subscribe(rt *rapid.T) {
	name := rapid.SampledFrom([]string{"push", "play"}).Draw(rt, "output")
	lag := pace * media.Time(rapid.IntRange(1, 8).Draw(rt, "max lag"))
	r := &modelReader{Reader: m.stream.Subscribe(name, lag.Duration()), maxLag: lag, session: m.session}
	if r.session == nil {
		r.session = m.coming
	}
	switch starts := r.session.starts(); {
	case len(starts) > 0:
		r.next = starts[len(starts)-1]
	case len(r.session.all) > 0:
		r.next = -1
	}
	if m.outputs[name] == nil {
		m.outputs[name] = new(Counters)
	}
	r.output = m.outputs[name]
	r.output.Readers++
	m.readers = append(m.readers, r)
}

func (m *model) reader(rt *rapid.T) *modelReader {
	if len(m.readers) == 0 {
		rt.Skip("no reader")
	}
	return rapid.SampledFrom(m.readers).Draw(rt, "reader")
}

func (m *model) next(rt *rapid.T) {
	r := m.reader(rt)
	maxBytes := rapid.IntRange(0, 50).Draw(rt, "room")
	want, wantSkipped, wantErr := r.read(maxBytes)
	got, skipped, err := r.Next(&passingContext{Context: context.Background()}, nil, maxBytes)
	if !errors.Is(err, wantErr) || skipped != wantSkipped || !slices.Equal(got, want) {
		rt.Fatalf("Next = %d frames, skipped %d, %v; want %d, %d, %v", len(got), skipped, err, len(want), wantSkipped, wantErr)
	}
	if len(got) == 0 {
		return
	}
	if first := r.session.base + uint64(r.next-len(got)); r.First() != first {
		rt.Fatalf("First = %d, want %d", r.First(), first)
	}
	for i, f := range got {
		if d := m.derived.At(r.First()+uint64(i), f); d != f {
			rt.Fatalf("the value derived of frame %d is of another", r.First()+uint64(i))
		}
	}
}

func (m *model) close(rt *rapid.T) {
	r := m.reader(rt)
	r.Close()
	if !r.closed {
		r.closed = true
		r.output.Readers--
	}
}

func (m *model) forget(*rapid.T) {
	m.stream.Forget("push")
	delete(m.outputs, "push")
}

func (m *model) wantKey(rt *rapid.T) {
	r := m.reader(rt)
	r.WantKey()
	if n := len(m.publishers); n > 0 && m.publishers[n-1].gone == nil && r.session == m.session {
		m.publishers[n-1].wish = true
	}
}

// check compares all that can be seen without changing anything.
func (m *model) check(rt *rapid.T) {
	got, want := m.stream.Snapshot(), Snapshot{Epoch: uint64(len(m.publishers)), Live: m.session != nil}
	got.LastWrite = time.Time{}
	if n := len(m.publishers); n > 0 {
		want.Publisher = m.publishers[n-1].gone == nil
	}
	if s := m.last; s != nil {
		want.Session = s.number
		if len(s.all) > 0 {
			want.Newest = s.all[len(s.all)-1].DTS
			if origin := m.stream.Origin(); origin != s.all[0].DTS {
				rt.Fatalf("Origin = %v, want %v", origin, s.all[0].DTS)
			}
		}
		if wall := m.stream.Wall(media.Time(time.Second)); !wall.Equal(s.wall) || !slices.Equal(m.stream.Tracks(), s.tracks) {
			rt.Fatalf("wall %v, %d tracks; want %v, %d", wall, len(m.stream.Tracks()), s.wall, len(s.tracks))
		}
	}
	if s := m.session; s != nil {
		want.Frames, want.Bytes, want.Groups, want.Cuts = len(s.all)-s.oldest, s.bytes(), len(s.starts()), s.cuts
	}
	lags := make(map[*Counters]time.Duration)
	for _, r := range m.readers {
		if lag := r.Lag(); lag != r.lag().Duration() {
			rt.Fatalf("Lag = %v, want %v", lag, r.lag())
		}
		waits := len(r.session.starts()) == 0 && r.next < r.session.oldest
		if got := r.AwaitsKey(); got != waits || r.Session() != r.session.number {
			rt.Fatalf("AwaitsKey = %v, session %d; want %v, %d", got, r.Session(), waits, r.session.number)
		}
		if !r.closed {
			want.Readers++
			lags[r.output] = max(lags[r.output], r.lag().Duration())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Fatalf("Snapshot (-want +got):\n%s", diff)
	}
	for name, want := range m.outputs {
		want := *want
		want.Lag = lags[m.outputs[name]]
		if diff := cmp.Diff(want, m.stream.Counters(name)); diff != "" {
			rt.Fatalf("Counters of %s (-want +got):\n%s", name, diff)
		}
	}
	for i, p := range m.publishers {
		if wished := len(p.KeyWanted()) == 1; wished != p.wish {
			rt.Fatalf("publisher %d: key wanted = %v, want %v", i, wished, p.wish)
		}
	}
	if n := len(m.stream.waiters.list); n != 0 {
		rt.Fatalf("%d readers wait that do not", n)
	}
	wantMemoryFree(rt, &m.stream.session.window)
}
