package hls

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
)

// begin subscribes a muxer to maria's session, and lets it run until the test ends.
func (r *rig) begin(o Options) *muxer {
	r.Helper()
	m := newMuxer(r.hub.Stream("maria"), nil, o.withDefaults(), r.server.Log)
	done := make(chan error, 1)
	go func() { done <- m.Run(r.Context()) }()
	r.Cleanup(func() {
		m.reader.Close()
		if err := <-done; err != nil {
			r.Errorf("run: %v", err)
		}
	})
	return m
}

// A stream that never has a key frame is waited for without end, and without memory.
func TestMuxerWithoutKey(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		frames := endless(source{video: picture, audio: sound, group: -1, size: 5000})
		r.publish("maria", func(n int) []*media.Frame {
			return slices.DeleteFunc(frames(n), func(f *media.Frame) bool { return f.Key })
		})
		m := r.begin(Options{Memory: 1 << 20})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if m.isReady() || m.held > 1<<19 || len(m.opening) > 500 {
			r.Errorf("ready %v, %d frames of %d bytes wait", m.isReady(), len(m.opening), m.held)
		}
	})
}

// What is dropped is counted and, where viewers may notice, said once a minute.
func TestMuxerTells(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		frames := endless(source{video: picture, audio: sound, size: 100})
		r.publish("maria", func(n int) []*media.Frame {
			return postpone(seconds(10*float64(n)+5), ms(-100), picture)(frames(n))
		})
		m := r.begin(Options{})
		time.Sleep(100 * time.Second)
		synctest.Wait()
		said := strings.Count(r.said(), "level=WARN")
		if said != 2 || !strings.Contains(r.said(), "backwards=3") && !strings.Contains(r.said(), "backwards=2") {
			r.Errorf("said %d times: %s", said, r.said())
		}
		if got := m.list.counts.dropped[dropBackwards]; got < 20 {
			r.Errorf("%d are counted", got)
		}
		r.server.muxers = map[session]*muxer{m.key: m}
		if st, _ := r.server.Status("maria"); st.Dropped["backwards"] < 20 || len(st.Dropped) != int(drops) {
			r.Errorf("status %v", st.Dropped)
		}
	})
}

// A stream that runs has its past at once, as far as the window of the relay reaches; its first segment begins with a key frame.
func TestMuxerOfRunningStream(t *testing.T) {
	for _, age := range []time.Duration{0, 3 * time.Second, 10 * time.Second, time.Minute} {
		t.Run(age.String(), func(t *testing.T) {
			on(t, Options{}, func(r *rig) {
				r.publish("maria", endless(source{video: picture, audio: sound, reorder: true, size: 100}))
				time.Sleep(age)
				synctest.Wait()
				m := r.begin(Options{})
				began := time.Now()
				<-m.ready
				if took := time.Since(began); took > max(0, 7*time.Second-age) {
					r.Errorf("after %v", took)
				}
				list := m.list.listLocked(whole, seller, nil)
				if len(list.Segments) < 3 || !list.IndependentSegments || list.Duration() < 6*time.Second {
					r.Errorf("%d segments of %v, independent %v", len(list.Segments), list.Duration(), list.IndependentSegments)
				}
				first := m.list.segments[0]
				if begin := first.wall(); begin.After(time.Now().Add(-6*time.Second)) || first.parts[0].pictures == 0 {
					r.Errorf("it begins at %v, now is %v", begin, time.Now())
				}
			})
		})
	}
}

// Where frames leave the window before they are read, the segment ends, and the next is behind a discontinuity.
func TestMuxerThatIsLate(t *testing.T) {
	var pieces []*piece
	s := &segmenter{
		wish: ms(2000), longest: ms(2499), part: ms(209), origin: seconds(-1), wall: func() time.Time { return zeroDate }, emit: func(p *piece) { pieces = append(pieces, p) },
	}
	items := itemsOf(source{video: picture, audio: sound}.until(seconds(20)))
	s.begin(items[:4], ms(33))
	for _, it := range items[4:] {
		switch at := it.frame.DTS; {
		case at < ms(5500):
			s.add(it)
		case at == ms(12000) && it.frame.Key:
			s.interrupt()
			fallthrough
		case at >= ms(12000):
			s.add(it)
		}
	}
	s.end()
	made := &pressed{pieces: pieces, as: shape{target: 2, part: ms(209), step: ms(33)}}
	if got := fmt.Sprint(made.lengths(), made.breaks()); got != "[2 2 1.5 2 2 2 2] [3]" {
		t.Errorf("got %s", got)
	}
	if first := made.segments()[3][0]; first.begin != seconds(12) || !first.isIndependent() {
		t.Errorf("it goes on at %v", first.begin)
	}
}

// The aligner lets frames go in the order of the screen, none is lost, and nothing waits for long.
func TestAligner(t *testing.T) {
	tests := []struct {
		name   string
		source source
		edits  []edit
		most   media.Time // that a frame waits, by the time of the newest that came
	}{
		{"together", source{video: picture, audio: sound}, nil, ms(60)},
		{"reordered", source{video: picture, audio: sound, reorder: true}, nil, ms(100)},
		{"pictures alone", source{video: picture}, nil, ms(1100)},
		{"sound alone", source{audio: sound}, nil, ms(320)},
		{"no sound for a while", source{video: picture, audio: sound}, []edit{without(ms(2000), ms(4000), sound)}, ms(340)},
		{"no pictures for a while", source{video: picture, audio: sound}, []edit{without(ms(2000), ms(4000), picture)}, ms(340)},
		{"no sound at first", source{video: picture, audio: sound}, []edit{without(0, ms(2000), sound)}, ms(1050)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames := tt.source.until(seconds(6))
			for _, e := range tt.edits {
				frames = e(frames)
			}
			const shift = media.Time(time.Second) / 30
			var a aligner
			var out []*media.Frame
			for _, f := range frames {
				a.take(item{frame: f})
				for {
					it, ok := a.next(shift, false)
					if !ok {
						break
					}
					if waited := f.DTS - it.frame.DTS; waited > tt.most {
						t.Fatalf("the frame at %v waited %v", it.frame.DTS, waited)
					}
					out = append(out, it.frame)
				}
			}
			for {
				it, ok := a.next(shift, true)
				if !ok {
					break
				}
				out = append(out, it.frame)
			}
			if len(out) != len(frames) {
				t.Errorf("%d frames in, %d out", len(frames), len(out))
			}
			heard := noTime
			for i, f := range out {
				if f.Track.Codec.IsAudio() {
					heard = f.DTS
				} else if tt.edits == nil && tt.source.audio != nil && heard < f.DTS+shift && i < len(out)-10 {
					t.Errorf("the picture at %v goes when %v has been heard", f.DTS, heard)
				}
			}
		})
	}
	var a aligner
	for range 3 * mostWaiting { // whose times do not move
		a.take(item{frame: &media.Frame{Track: picture}})
		a.take(item{frame: &media.Frame{Track: sound, DTS: -1}})
		for {
			if _, ok := a.next(0, false); !ok {
				break
			}
		}
		if len(a.pictures)+len(a.sound) > 2*mostWaiting+2 {
			t.Fatalf("%d and %d frames wait", len(a.pictures), len(a.sound))
		}
	}
}
