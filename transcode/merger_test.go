package transcode

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
)

// Tests write frames as letters at multiples of 10 ms: K and v are pictures, a and s are sound, O and o overlays, d data.
var (
	videoTrack   = &media.Track{ID: 1, Codec: media.H264, ClockRate: 90000}
	audioTrack   = &media.Track{ID: 2, Codec: media.AAC, ClockRate: 48000}
	overlayTrack = &media.Track{ID: 3, Codec: media.Overlay}
	dataTrack    = &media.Track{ID: 4, Codec: media.Data}
)

func letter(b byte, at int) *media.Frame {
	dts := media.Time(at) * 10 * media.Millisecond
	f := &media.Frame{PTS: dts, DTS: dts, Data: []byte{b}, Key: b < 'a'}
	switch b {
	case 'K', 'v':
		f.Track = videoTrack
	case 'a', 's':
		f.Track = audioTrack
	case 'O', 'o':
		f.Track = overlayTrack
	default:
		f.Track = dataTrack
	}
	return f
}

// mergerRig is a merger with what it wrote.
type mergerRig struct {
	*merger
	out []*media.Frame
	now time.Time
}

func newMergerRig() *mergerRig {
	r := &mergerRig{now: time.Unix(1000, 0)}
	r.merger = newMerger(func(f *media.Frame) { r.out = append(r.out, f) })
	return r
}

func (r *mergerRig) source(b byte, at int)         { r.pass(letter(b, at), r.now); r.flush(r.now) }
func (r *mergerRig) coded(s slot, b byte, at int)  { r.take(s, letter(b, at), r.now); r.flush(r.now) }
func (r *mergerRig) after(d time.Duration)         { r.now = r.now.Add(d); r.flush(r.now) }
func (r *mergerRig) want(t *testing.T, out string) { t.Helper(); wantOut(t, r, out) }

func wantOut(t *testing.T, r *mergerRig, want string) {
	t.Helper()
	var b strings.Builder
	for _, f := range r.out {
		b.Write(f.Data)
	}
	if b.String() != want {
		t.Errorf("written %q, want %q", b.String(), want)
	}
}

func TestMergerWaitsForALaneThatWorks(t *testing.T) {
	r := newMergerRig()
	r.expect(soundSlot, never, startPatience)
	r.source('O', 1)
	r.source('K', 1)
	r.source('v', 4)
	r.want(t, "")
	r.coded(soundSlot, 's', 0)
	r.want(t, "s")
	r.coded(soundSlot, 's', 2)
	r.want(t, "sOKs")
	r.coded(soundSlot, 's', 4)
	r.want(t, "sOKssv")
	r.coded(soundSlot, 's', 6)
	r.want(t, "sOKssv") // what the source has at 5 may still come
	r.source('v', 7)
	r.want(t, "sOKssvs")
	r.after(patience - 1)
	r.want(t, "sOKssvs")
	r.after(1)
	r.want(t, "sOKssvsv")
	r.source('v', 10)
	r.want(t, "sOKssvsvv") // it is not awaited any more
	r.coded(soundSlot, 's', 8)
	r.want(t, "sOKssvsvv") // too late
	r.source('v', 13)
	r.want(t, "sOKssvsvv") // but it works again
	r.coded(soundSlot, 's', 11)
	r.coded(soundSlot, 's', 13)
	r.want(t, "sOKssvsvvssv")
}

func TestMergerWaitsForWhatIsExpected(t *testing.T) {
	r := newMergerRig()
	r.expect(pictureSlot, 30*media.Millisecond, patience)
	r.source('a', 1)
	r.source('a', 2)
	r.source('a', 3)
	r.source('a', 5)
	r.want(t, "aa")
	r.coded(pictureSlot, 'K', 3)
	r.want(t, "aaKa")
	r.forsake(pictureSlot)
	r.flush(r.now)
	r.want(t, "aaKaa")
	r.end(r.now)
}

// A lane that begins late is awaited until it has caught up, and then no longer than others.
func TestMergerLetsCatchUp(t *testing.T) {
	r := newMergerRig()
	r.expect(pictureSlot, never, beginPatience)
	for at := 1; at <= 4; at++ {
		r.source('a', at)
	}
	r.after(beginPatience - time.Second)
	r.want(t, "")
	r.coded(pictureSlot, 'K', 1)
	r.want(t, "Ka")
	r.after(100 * time.Millisecond)
	r.want(t, "Ka") // what waits since the beginning waits for the next picture
	r.coded(pictureSlot, 'v', 3)
	r.coded(pictureSlot, 'v', 5)
	r.want(t, "Kaavaa")
	r.source('a', 8)
	r.coded(pictureSlot, 'v', 8)
	r.source('a', 9)
	r.want(t, "Kaavaavva")
	r.after(patience)
	r.want(t, "Kaavaavvaa")
	r.end(r.now)
}

func TestMergerStartsAtTheFloor(t *testing.T) {
	r := newMergerRig()
	r.stand(pictureSlot, r.now)
	r.floor = 50 * media.Millisecond
	r.expect(pictureSlot, r.floor, startPatience)
	r.source('O', 1)
	r.source('a', 2)
	r.source('a', 6)
	r.coded(pictureSlot, 'K', 5)
	r.coded(pictureSlot, 'v', 8)
	r.source('a', 9)
	r.want(t, "OKav")
	if o := r.out[0]; !o.Key || o.DTS != r.out[1].DTS || o.PTS != r.out[1].PTS {
		t.Errorf("the state before the floor is at %v, key %v", o.DTS, o.Key)
	}
}

// Overlays stand in front of the pictures that they stood in front of before these were coded again, and each group starts with one.
func TestMergerMovesOverlays(t *testing.T) {
	r := newMergerRig()
	r.stand(pictureSlot, r.now)
	r.expect(pictureSlot, 30*media.Millisecond, patience)
	at := func(b byte, dts, pts int) *media.Frame {
		f := letter(b, dts)
		f.PTS = media.Time(pts) * 10 * media.Millisecond
		return f
	}
	r.pass(at('O', 1, 3), r.now)
	r.passed(letter('K', 1))
	r.pass(at('o', 2, 6), r.now)
	r.passed(letter('v', 2))
	r.source('a', 4)
	r.coded(pictureSlot, 'K', 3)
	r.coded(pictureSlot, 'v', 4)
	r.source('a', 8)
	r.coded(pictureSlot, 'v', 6)
	r.coded(pictureSlot, 'v', 7)
	r.want(t, "OKvaovv")
	if o := r.out[4]; o.DTS != 60*media.Millisecond || o.PTS != o.DTS || o.Key {
		t.Errorf("overlay at %v, %v, key %v", o.DTS, o.PTS, o.Key)
	}
	r.coded(pictureSlot, 'K', 8)
	r.coded(pictureSlot, 'v', 9)
	r.want(t, "OKvaovvoKa")
	if o := r.out[7]; !o.Key || o.DTS != 80*media.Millisecond {
		t.Errorf("the state at a group's start is at %v, key %v", o.DTS, o.Key)
	}
	r.forsake(pictureSlot) // overlays go with the sound, when nothing came for them in a second
	r.source('v', 10)
	r.pass(at('o', 11, 12), r.now)
	r.source('a', 111)
	r.source('a', 113)
	r.want(t, "OKvaovvoKavvaoa")
	r.pass(at('o', 120, 120), r.now)
	r.stand(noSlot, r.now)
	r.source('v', 121)
	r.want(t, "OKvaovvoKavvaoaov")
}

// Whatever comes when: each frame is written at most once, in the order of decode time; those of the source all of them, once enough time
// has passed.
func TestMergerModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newMergerRig()
		var passed []*media.Frame
		source, lanes := 0, [slots]int{}
		rt.Repeat(map[string]func(*rapid.T){
			"source": func(rt *rapid.T) {
				source += rapid.IntRange(0, 3).Draw(rt, "step")
				f := letter(rapid.SampledFrom([]byte("KvOd")).Draw(rt, "letter"), source)
				passed = append(passed, f)
				r.pass(f, r.now)
				r.flush(r.now)
			},
			"lane": func(rt *rapid.T) {
				s := slot(rapid.IntRange(0, int(slots)-1).Draw(rt, "lane"))
				lanes[s] += rapid.IntRange(1, 4).Draw(rt, "step")
				r.coded(s, 's', lanes[s])
			},
			"expect": func(rt *rapid.T) {
				r.expect(slot(rapid.IntRange(0, int(slots)-1).Draw(rt, "lane")), media.Time(source)*10*media.Millisecond, patience)
			},
			"forsake": func(rt *rapid.T) {
				r.forsake(slot(rapid.IntRange(0, int(slots)-1).Draw(rt, "lane")))
				r.flush(r.now)
			},
			"wait": func(rt *rapid.T) {
				r.after(time.Duration(rapid.IntRange(1, 1500).Draw(rt, "ms")) * time.Millisecond)
			},
			"": func(rt *rapid.T) {
				if !slices.IsSortedFunc(r.out, func(a, b *media.Frame) int { return int(a.DTS - b.DTS) }) {
					rt.Fatalf("out of order")
				}
			},
		})
		r.after(patience)
		r.after(patience)
		r.end(r.now)
		fromSource := slices.DeleteFunc(slices.Clone(r.out), func(f *media.Frame) bool { return f.Track == audioTrack })
		if !slices.Equal(fromSource, passed) {
			rt.Fatalf("%d frames of the source written, want %d", len(fromSource), len(passed))
		}
	})
}
