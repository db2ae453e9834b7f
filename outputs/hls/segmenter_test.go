package hls

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"pgregory.net/rapid"
)

// pressed is what a segmenter made of frames.
type pressed struct {
	in      []*media.Frame
	as      shape
	pieces  []*piece
	dropped [drops]uint64
}

// press cuts frames as the muxer does, with segments of 2 s and parts of 200 ms: it collects them until they have a shape.
func press(t interface{ Fatalf(string, ...any) }, frames []*media.Frame) *pressed {
	return pressWith(t, frames, Options{})
}

func pressWith(t interface{ Fatalf(string, ...any) }, frames []*media.Frame, o Options) *pressed {
	made := &pressed{in: frames}
	items := itemsOf(frames)
	s := (*segmenter)(nil)
	for i, it := range items {
		if s != nil {
			s.add(it)
			continue
		}
		if as, ok := shapeOf(items[:i+1], ms(2000), ms(200), i+1 == len(items)); ok {
			made.as = as
			s = &segmenter{
				wish: ms(2000), longest: longestOf(as, o), part: as.part, origin: zeroTime(frames[0].DTS),
				wall: func() time.Time { return zeroDate }, emit: func(p *piece) { made.pieces = append(made.pieces, p) },
			}
			s.begin(items[:i+1], as.step)
		}
	}
	if s == nil {
		t.Fatalf("%d frames have no shape", len(frames))
	}
	s.end()
	made.dropped = s.dropped
	return made
}

// segments gives the pieces by segments.
func (m *pressed) segments() (all [][]*piece) {
	for _, p := range m.pieces {
		if p.starts {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], p)
	}
	return all
}

// lengths gives how long the segments are, in seconds.
func (m *pressed) lengths() (all []float64) {
	for _, s := range m.segments() {
		all = append(all, math.Round((s[len(s)-1].end-s[0].begin).Duration().Seconds()*1000)/1000)
	}
	return all
}

// breaks gives the numbers of the segments behind a discontinuity.
func (m *pressed) breaks() (all []int) {
	for i, s := range m.segments() {
		if s[0].discontinuity {
			all = append(all, i)
		}
	}
	return all
}

// faults says what is wrong with the pieces, whatever the frames are.
func (m *pressed) faults() (all []string) {
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	seen := make(map[*byte]int)
	media := 0
	begun, uneven, segment := noTime, false, 0
	for i, p := range m.pieces {
		what := fmt.Sprintf("piece %d, %v to %v", i, p.begin, p.end)
		length := p.end - p.begin
		if i > 0 {
			before := m.pieces[i-1]
			if p.starts != before.ends {
				fault("%s: starts %v, but the one before it ends %v", what, p.starts, before.ends)
			}
			if p.discontinuity && !p.starts {
				fault("%s: a discontinuity within a segment", what)
			}
			if !p.discontinuity && p.begin != before.end {
				fault("%s: the one before it ends at %v", what, before.end)
			}
			if !p.discontinuity && (p.video != before.video || p.audio != before.audio) {
				fault("%s: other tracks without a discontinuity", what)
			}
			m.followFaults(before, p, what, fault)
		}
		if p.starts {
			begun = p.begin
		}
		if p.isEmpty() || length <= 0 {
			fault("%s: it has %d pictures and %d frames of sound", what, len(p.pictures), len(p.sound))
		}
		if length > m.as.part {
			fault("%s: longer than %v", what, m.as.part)
		}
		if p.starts {
			uneven = slices.ContainsFunc(m.segments()[segment], func(p *piece) bool { return p.isUneven(m.as.step) })
			segment++
		}
		if length < m.as.part*85/100 && !p.ends && !p.isIndependent() && !uneven {
			fault("%s: shorter than 85 %% of %v", what, m.as.part)
		}
		if second := int64(time.Second); p.ends && (int64(p.end-begun)+second/2)/second > int64(m.as.target) {
			fault("%s: it ends a segment of %v, the target is %d s", what, p.end-begun, m.as.target)
		}
		for _, f := range p.pictures {
			if f.Track != p.video || f.DTS < p.begin || f.DTS >= p.end {
				fault("%s: picture at %v of %p, not of %p", what, f.DTS, f.Track, p.video)
			}
		}
		for _, f := range p.sound {
			if f.Track != p.audio {
				fault("%s: sound at %v of %p, not of %p", what, f.DTS, f.Track, p.audio)
			}
		}
		for _, f := range slices.Concat(p.pictures, p.sound) {
			seen[&f.Data[0]]++
		}
	}
	for _, f := range m.in {
		if f.Track.Codec.IsVideo() || f.Track.Codec.IsAudio() {
			media++
			if seen[&f.Data[0]] > 1 {
				fault("the frame at %v is there %d times", f.DTS, seen[&f.Data[0]])
			}
		}
	}
	dropped := uint64(0)
	for _, n := range m.dropped {
		dropped += n
	}
	if len(seen)+int(dropped) != media {
		fault("%d frames in, %d out, %d dropped: %v", media, len(seen), dropped, m.dropped)
	}
	return all
}

// isUneven says whether a picture lasts longer or shorter than others do: then no rule of short parts can be kept for sure, up to the end of the segment.
func (p *piece) isUneven(step media.Time) bool {
	for i, f := range p.pictures {
		end := p.picturesEnd
		if i+1 < len(p.pictures) {
			end = p.pictures[i+1].DTS
		}
		if off := end - f.DTS - step; off > ms(2) || off < ms(-2) {
			return true
		}
	}
	return false
}

// followFaults says where a piece does not go on from the one before it.
func (m *pressed) followFaults(before, p *piece, what string, fault func(string, ...any)) {
	order := func(frames []*media.Frame) {
		for i := 1; i < len(frames); i++ {
			if frames[i].DTS <= frames[i-1].DTS {
				fault("%s: %v behind %v", what, frames[i].DTS, frames[i-1].DTS)
			}
		}
	}
	order(p.pictures)
	order(p.sound)
	if p.discontinuity {
		return
	}
	if len(p.pictures) > 0 && len(before.pictures) > 0 && p.pictures[0].DTS != before.picturesEnd {
		fault("%s: pictures begin at %v, those before end at %v", what, p.pictures[0].DTS, before.picturesEnd)
	}
	if len(p.sound) > 0 && len(before.sound) > 0 && p.sound[0].DTS != before.soundEnd {
		fault("%s: sound begins at %v, that before ends at %v", what, p.sound[0].DTS, before.soundEnd)
	}
}

// isUneven says whether pictures of any segment do not last alike, so that parts may be short.
func (m *pressed) isUneven() bool {
	return slices.ContainsFunc(m.pieces, func(p *piece) bool { return p.isUneven(m.as.step) })
}

// isIndependent says whether all segments begin with key frames.
func (m *pressed) isIndependent() bool {
	return !slices.ContainsFunc(m.pieces, func(p *piece) bool { return p.starts && !p.isIndependent() })
}

func (m *pressed) check(t *testing.T) {
	t.Helper()
	for i, f := range m.faults() {
		if t.Error(f); i > 10 {
			t.Fatal("and more")
		}
	}
}

// Steady streams are cut at key frames alone, into parts of the same length.
func TestSegments(t *testing.T) {
	tests := []struct {
		name     string
		source   source
		length   float64   // of the stream, in seconds
		want     []float64 // lengths of the first segments
		parts    int       // of the first segment
		target   int
		openGaps bool   // segments are cut between key frames
		early    uint64 // frames of sound from before the first picture is shown
	}{
		{name: "30 pictures a second", source: source{video: picture, audio: sound}, length: 7, want: []float64{2, 2, 2, 1}, parts: 10, target: 2},
		{name: "29.97, in milliseconds", source: source{video: picture, audio: sound, step: 33366667, group: 60, rounded: true}, length: 7, want: []float64{2.002, 2.002, 2.002, 1.002}, parts: 10, target: 2},
		{name: "25", source: source{video: picture, audio: sound, step: ms(40), group: 50}, length: 5, want: []float64{2, 2, 1}, parts: 10, target: 2},
		{name: "50", source: source{video: picture, audio: sound, step: ms(20), group: 100}, length: 5, want: []float64{2, 2, 1}, parts: 10, target: 2},
		{name: "60, in milliseconds", source: source{video: picture, audio: sound, step: media.Time(time.Second) / 60, group: 120, rounded: true}, length: 5, want: []float64{2, 2, 0.999}, parts: 10, target: 2},
		{name: "5", source: source{video: picture, audio: sound, step: ms(200), group: 10}, length: 5, want: []float64{2, 2, 1}, parts: 10, target: 2},
		{name: "reordered pictures", source: source{video: picture, audio: sound, reorder: true}, length: 5, want: []float64{2, 2, 1}, parts: 10, target: 2, early: 2},
		{name: "sound of 44.1 kHz", source: source{video: picture, audio: soundCD, rounded: true}, length: 5, want: []float64{2, 2, 1.001}, parts: 10, target: 2},
		{name: "groups of 0.5 s", source: source{video: picture, audio: sound, group: 15}, length: 5, want: []float64{2, 2, 1}, parts: 10, target: 2},
		{name: "groups of 1.9 s", source: source{video: picture, audio: sound, group: 57}, length: 5, want: []float64{1.9, 1.9, 1.2}, parts: 10, target: 2},
		{name: "groups of 8.33 s", source: source{video: picture, audio: sound, group: 250}, length: 20, want: []float64{8.333, 8.333, 3.333}, parts: 42, target: 8},
		{name: "pictures alone", source: source{video: picture}, length: 5, want: []float64{2, 2, 1}, parts: 10, target: 2},
		{name: "sound alone", source: source{audio: sound}, length: 5, want: []float64{2.005, 2.005, 1.003}, parts: 11, target: 2},
		{name: "sound alone, in milliseconds", source: source{audio: soundCD, rounded: true}, length: 5, want: []float64{1.997, 1.997, 1.022}, parts: 10, target: 2},
		{name: "no key frames", source: source{video: picture, audio: sound, group: -1}, length: 25, want: []float64{10.467, 10.467, 4.067}, parts: 53, target: 10, openGaps: true},
		{name: "it begins below 0", source: source{video: picture, audio: sound, begin: ms(-1234), reorder: true}, length: 3.766, want: []float64{2, 2, 1}, parts: 10, target: 2, early: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := press(t, tt.source.until(seconds(tt.length)))
			got.check(t)
			if lengths := got.lengths(); !slices.Equal(lengths, tt.want) || got.as.target != tt.target {
				t.Errorf("got segments of %v s, target %d", lengths, got.as.target)
			}
			if parts := len(got.segments()[0]); parts != tt.parts {
				t.Errorf("%d parts in the first segment, want %d", parts, tt.parts)
			}
			for i, s := range got.segments() {
				if !s[0].isIndependent() && (!tt.openGaps || i == 0) {
					t.Errorf("segment %d begins with no key frame", i)
				}
			}
			if breaks := got.breaks(); len(breaks) > 0 || got.dropped != ([drops]uint64{dropBefore: tt.early}) {
				t.Errorf("discontinuities %v, dropped %v", breaks, got.dropped)
			}
		})
	}
}

// edit changes frames for a test.
type edit func(frames []*media.Frame) []*media.Frame

// retrack gives frames of a track from a time on another one; the first picture of it is a key frame.
func retrack(from, to *media.Track, at media.Time) edit {
	return func(frames []*media.Frame) []*media.Frame {
		key := from.Codec.IsVideo()
		for i, f := range frames {
			if f.Track != from || f.DTS < at {
				continue
			}
			again := *f
			again.Track, again.Key = to, f.Key || key
			frames[i], key = &again, false
		}
		return frames
	}
}

// without leaves out the frames of tracks from one time to another.
func without(from, to media.Time, tracks ...*media.Track) edit {
	return func(frames []*media.Frame) []*media.Frame {
		return slices.DeleteFunc(frames, func(f *media.Frame) bool {
			return slices.Contains(tracks, f.Track) && f.DTS >= from && f.DTS < to
		})
	}
}

// postpone shifts frames from a time on.
func postpone(at, by media.Time, tracks ...*media.Track) edit {
	return func(frames []*media.Frame) []*media.Frame {
		for i, f := range frames {
			if again := *f; f.DTS >= at && slices.Contains(tracks, f.Track) {
				again.DTS += by
				again.PTS += by
				frames[i] = &again
			}
		}
		return frames
	}
}

// What changes ends a segment, once, and each frame keeps its time. Segments are those of 2 s.
func TestChanges(t *testing.T) {
	otherSound := &media.Track{ID: 2, Codec: media.AAC, ClockRate: 48000, Config: sound.Config}
	tests := []struct {
		name    string
		edits   []edit
		lengths []float64 // of all segments
		breaks  []int
		dropped [drops]uint64
		tracks  [][2]*media.Track // of the segments behind discontinuities
	}{
		{
			"pictures of another size",
			[]edit{retrack(picture, larger, ms(3000))},
			[]float64{2, 1, 2, 2, 2, 1},
			[]int{2},
			[drops]uint64{},
			[][2]*media.Track{{larger, sound}},
		},
		{
			"both, sound first",
			[]edit{retrack(picture, larger, ms(3000)), retrack(sound, soundCD, ms(2950))},
			[]float64{2, 1, 2, 2, 2, 1},
			[]int{2},
			[drops]uint64{dropBefore: 1, dropChanging: 1},
			[][2]*media.Track{{larger, soundCD}},
		},
		{
			"both, pictures first",
			[]edit{retrack(picture, larger, ms(3000)), retrack(sound, soundCD, ms(3090)), without(ms(3000), ms(3090), sound)},
			[]float64{2, 1, 2, 2, 2, 1},
			[]int{2},
			[drops]uint64{},
			[][2]*media.Track{{larger, soundCD}},
		},
		{
			"sound alone changes",
			[]edit{retrack(sound, soundCD, ms(3900))},
			[]float64{2, 2, 2, 2, 2},
			[]int{2},
			[drops]uint64{dropChanging: 4},
			[][2]*media.Track{{picture, soundCD}},
		},
		{
			"sound changes, and changes back",
			[]edit{retrack(sound, soundCD, ms(3700)), retrack(soundCD, sound, ms(3900))},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{dropChanging: 9},
			nil,
		},
		{
			"tracks with the same content",
			[]edit{retrack(picture, renewed(picture), ms(4000)), retrack(sound, renewed(sound), ms(4000))},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{},
			nil,
		},
		{
			"a second sound",
			[]edit{func(frames []*media.Frame) []*media.Frame {
				var all []*media.Frame
				for _, f := range frames {
					all = append(all, f)
					if again := *f; f.Track == sound && f.DTS >= ms(1000) && f.DTS < ms(2000) {
						again.Track, again.Data = otherSound, slices.Clone(f.Data)
						all = append(all, &again)
					}
				}
				return all
			}},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{dropOther: 47},
			nil,
		},
		{
			"no pictures for 3 s",
			[]edit{without(ms(3000), ms(6000), picture)},
			[]float64{2, 1, 2.005, 0.981, 2, 2},
			[]int{2, 4},
			[drops]uint64{dropBefore: 1},
			[][2]*media.Track{{nil, sound}, {picture, sound}},
		},
		{
			"no pictures any more",
			[]edit{without(ms(3000), ms(10000), picture)},
			[]float64{2, 1, 2.005, 2.005, 2.005, 0.981},
			[]int{2},
			[drops]uint64{},
			[][2]*media.Track{{nil, sound}},
		},
		{
			"no pictures for 1 s",
			[]edit{without(ms(3010), ms(3990), picture)},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{},
			nil,
		},
		{
			"no sound for 3 s",
			[]edit{without(ms(3000), ms(6000), sound)},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{},
			nil,
		},
		{
			"no sound for 4 s",
			[]edit{without(ms(3000), ms(7000), sound)},
			[]float64{2, 2, 2, 2, 2},
			[]int{3, 4},
			[drops]uint64{dropChanging: 46},
			[][2]*media.Track{{picture, nil}, {picture, sound}},
		},
		{
			"no sound any more",
			[]edit{without(ms(3000), ms(10000), sound)},
			[]float64{2, 2, 2, 2, 2},
			[]int{3},
			[drops]uint64{},
			[][2]*media.Track{{picture, nil}},
		},
		{
			"sound comes late",
			[]edit{without(0, ms(5000), sound)},
			[]float64{2, 2, 2, 2, 2},
			[]int{3},
			[drops]uint64{dropChanging: 45},
			[][2]*media.Track{{picture, sound}},
		},
		{
			"nothing for 5 s",
			[]edit{postpone(ms(5000), ms(5000), picture, sound)},
			[]float64{2, 2, 1, 2, 2, 1},
			[]int{3},
			[drops]uint64{},
			[][2]*media.Track{{picture, sound}},
		},
		{
			"time goes back",
			[]edit{postpone(ms(5000), ms(-200), picture, sound)},
			[]float64{2, 2, 1.8, 2, 2},
			nil,
			[drops]uint64{dropBackwards: 15},
			nil,
		},
		{
			"a scene cut",
			[]edit{func(frames []*media.Frame) []*media.Frame {
				for i, f := range frames {
					if again := *f; f.Track == picture && f.DTS > ms(3400) && f.DTS < ms(3450) {
						again.Key = true
						frames[i] = &again
					}
				}
				return frames
			}},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{},
			nil,
		},
		{
			"times far from showing",
			[]edit{func(frames []*media.Frame) []*media.Frame {
				for i, f := range frames {
					if again := *f; f.Track == picture && f.DTS > ms(3400) && f.DTS < ms(3450) {
						again.PTS += seconds(20)
						frames[i] = &again
					}
				}
				return frames
			}},
			[]float64{2, 2, 2, 2, 2},
			nil,
			[drops]uint64{dropBroken: 1},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames := source{video: picture, audio: sound}.until(seconds(10))
			for _, edit := range tt.edits {
				frames = edit(frames)
			}
			got := press(t, frames)
			got.check(t)
			if lengths := got.lengths(); !slices.Equal(lengths, tt.lengths) {
				t.Errorf("segments of %v s, want %v", lengths, tt.lengths)
			}
			if breaks := got.breaks(); !slices.Equal(breaks, tt.breaks) {
				t.Errorf("discontinuities %v, want %v", breaks, tt.breaks)
			}
			if got.dropped != tt.dropped {
				t.Errorf("dropped %v, want %v", got.dropped, tt.dropped)
			}
			for i, n := range got.breaks() {
				p := got.segments()[n][0]
				if i < len(tt.tracks) && (p.video != tt.tracks[i][0] || p.audio != tt.tracks[i][1]) {
					t.Errorf("segment %d has the tracks %v and %v", n, p.video, p.audio)
				}
			}
		})
	}
}

// Whatever comes: each frame is in one piece, or dropped for a reason, and no rule of durations is broken.
func TestSegmenterProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		got := press(rt, drawStream(rt, 12, 30))
		for _, f := range got.faults() {
			rt.Error(f)
		}
	})
}

// drawStream draws a stream of so many seconds, with some of what encoders do.
func drawStream(rt *rapid.T, least, most int) []*media.Frame {
	s := source{
		video: picture, audio: rapid.SampledFrom([]*media.Track{sound, soundCD}).Draw(rt, "audio"),
		step:    rapid.SampledFrom([]media.Time{media.Time(time.Second) / 60, ms(20), media.Time(time.Second) / 30, 33366667, ms(40), ms(100)}).Draw(rt, "step"),
		group:   rapid.SampledFrom([]int{10, 15, 30, 60, 250, -1}).Draw(rt, "group"),
		reorder: rapid.Bool().Draw(rt, "reorder"),
		rounded: rapid.Bool().Draw(rt, "rounded"),
		size:    9,
	}
	frames := s.until(seconds(float64(rapid.IntRange(least, most).Draw(rt, "seconds"))))
	kinds := map[string]func(*media.Frame) bool{
		"pictures": func(f *media.Frame) bool { return f.Track.Codec.IsVideo() },
		"sound":    func(f *media.Frame) bool { return f.Track.Codec.IsAudio() },
		"all":      func(*media.Frame) bool { return true },
	}
	names := []string{"all", "pictures", "sound"}
	for range rapid.IntRange(0, 2).Draw(rt, "holes") {
		of := kinds[rapid.SampledFrom(names).Draw(rt, "hole of")]
		from := ms(int64(rapid.IntRange(0, 30_000).Draw(rt, "hole from")))
		to := from + ms(int64(rapid.SampledFrom([]int{50, 150, 400, 1000, 1900, 2400, 5000}).Draw(rt, "hole for")))
		frames = slices.DeleteFunc(frames, func(f *media.Frame) bool { return f.DTS > 0 && f.DTS >= from && f.DTS < to && of(f) })
	}
	if most := rapid.SampledFrom([]int{0, 0, 1, 8, 30}).Draw(rt, "jitter"); most > 0 && !s.reorder {
		off := rapid.SliceOfN(rapid.IntRange(-most, most), 16, 16).Draw(rt, "off")
		newest := media.Time(0)
		for i, f := range frames {
			if again := *f; f.Track.Codec.IsVideo() && f.DTS > 0 {
				again.DTS = max(f.DTS+ms(int64(off[i%16])), newest+media.Millisecond)
				again.PTS = f.PTS - f.DTS + again.DTS
				frames[i], newest = &again, again.DTS
			}
		}
	}
	for range rapid.IntRange(0, 3).Draw(rt, "changes") {
		of := kinds[rapid.SampledFrom(names).Draw(rt, "change of")]
		at := ms(int64(rapid.IntRange(0, 30_000).Draw(rt, "change at")))
		change := rapid.SampledFrom([]map[*media.Track]*media.Track{
			{picture: larger, sound: soundCD, soundCD: sound, larger: picture},
			{picture: renewed(picture), sound: renewed(sound), soundCD: renewed(soundCD), larger: renewed(larger)},
		}).Draw(rt, "change")
		begun := false // pictures change with a key frame
		for i, f := range frames {
			if f.DTS < at || !of(f) || change[f.Track] == nil {
				continue
			}
			video := f.Track.Codec.IsVideo()
			if begun = begun || video && f.Key; video && !begun {
				continue
			}
			again := *f
			again.Track = change[f.Track]
			frames[i] = &again
		}
	}
	return frames
}
