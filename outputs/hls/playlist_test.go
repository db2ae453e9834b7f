package hls

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"pgregory.net/rapid"
)

var zeroDate = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// seller is the view of a partner.
var seller = &overlay.View{Currency: "USD"}

// listOf gives a playlist as a muxer makes it, of a window and a bound of memory.
func listOf(as shape, window time.Duration, memory int64) *playlist {
	list := newPlaylist(window, memory)
	list.shape = as
	return list
}

// segmentOf adds a segment of one part, of 2 s and so many bytes.
func (p *playlist) segmentOf(t testing.TB, n int, discontinuity bool, size int) {
	t.Helper()
	begin := seconds(2 * float64(n))
	f := &media.Frame{Track: picture, DTS: begin, PTS: begin, Key: true, Data: pictureOf(n, true, size)}
	from := &piece{begin: begin, end: begin + ms(2000), starts: true, ends: true, discontinuity: discontinuity, video: picture, pictures: []*media.Frame{f}, picturesEnd: begin + ms(2000), zero: zeroDate}
	made, err := newPart(from, uint32(n), 0, false)
	failIf(t, err)
	if len(p.inits) == 0 {
		p.retune(initialization{tracks: []*media.Track{picture}})
	}
	p.add(from, made)
}

// Each segment keeps its discontinuity sequence number (RFC 8216bis §6.2.1): that of the playlist, plus the tags in front of it.
func TestDiscontinuitySequence(t *testing.T) {
	list := listOf(shape{target: 2, part: ms(2000)}, 10*time.Second, 1<<30)
	breaks := map[int]bool{1: true, 4: true, 5: true, 9: true, 14: true}
	was := make(map[uint64]uint64)
	for n := range 40 {
		list.segmentOf(t, n, breaks[n], 100)
		m := list.listLocked(whole, seller, nil)
		number, at := m.DiscontinuitySequence, m.MediaSequence
		for _, s := range m.Segments {
			if s.Discontinuity {
				number++
			}
			if before, known := was[at]; known && before != number {
				t.Errorf("segment %d was in %d, now in %d", at, before, number)
			}
			was[at] = number
			at++
		}
	}
	if was[0] != 0 || was[1] != 1 || was[39] != 5 {
		t.Errorf("got %v", was)
	}
}

// What memory cannot hold goes from the oldest on: first what can only be fetched, then what is listed, down to three target durations.
func TestMemoryBound(t *testing.T) {
	const size = 1000
	tests := []struct {
		name         string
		bound        int64
		listed, held int // segments
	}{
		{"all fits", 1 << 30, 15, 32},
		{"no room for what is not listed", 20 * size, 15, 17},
		{"no room for the window", 10 * size, 8, 8},
		{"no room for anything", 1, 3, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := listOf(shape{target: 2, part: ms(2000)}, 30*time.Second, tt.bound)
			for n := range 100 {
				list.segmentOf(t, n, false, size)
			}
			if listed := len(list.segments) - list.first; listed < tt.listed || listed > tt.listed+1 {
				t.Errorf("%d segments are listed, want %d", listed, tt.listed)
			}
			if held := len(list.segments); held < tt.held || held > tt.held+2 {
				t.Errorf("%d segments are held, want %d", held, tt.held)
			}
			if list.memoryLocked() > max(tt.bound, 4*2*size) {
				t.Errorf("%d bytes, at most %d", list.memoryLocked(), tt.bound)
			}
		})
	}
}

// withStates puts a state in front of each nth picture that is newer than all before it, and repeats it at each key frame.
func withStates(frames []*media.Frame, every int) []*media.Frame {
	var all []*media.Frame
	seq, at, newest, due := int64(0), noTime, noTime, 0
	for _, f := range frames {
		if f.Track.Codec.IsVideo() {
			isNew := f.PTS > newest && due <= 0
			if due--; isNew {
				seq, at, due = seq+1, f.PTS, every-1
			}
			if isNew || f.Key {
				all = append(all, stateOf(seq, at, f))
			}
			newest = max(newest, f.PTS)
		}
		all = append(all, f)
	}
	return all
}

// An independent checker finds no fault with any version of the playlists of streams of half a minute and more, nor with the media.
func TestPlaylistByTheDraft(t *testing.T) {
	tests := []struct {
		name   string
		source source
		window time.Duration
		length float64
		edits  []edit
		except []hls.Rule
	}{
		{"30 pictures a second", source{video: picture, audio: sound}, 14 * time.Second, 32, nil, nil},
		{"in milliseconds, reordered", source{video: picture, audio: soundCD, rounded: true, reorder: true, step: 33366667, group: 60}, 14 * time.Second, 32, nil, nil},
		{"long groups", source{video: picture, audio: sound, group: 250}, 14 * time.Second, 32, nil, nil},
		{"a short window", source{video: picture, audio: sound}, 10 * time.Second, 30, nil, nil},
		{"sound alone", source{audio: sound}, 14 * time.Second, 32, nil, nil},
		{"no key frames", source{video: picture, audio: sound, group: -1}, 14 * time.Second, 32, nil, nil},
		{"changes", source{video: picture, audio: sound}, 14 * time.Second, 50, []edit{
			retrack(picture, larger, ms(8000)), retrack(larger, picture, ms(13500)), retrack(sound, soundCD, ms(13500)), without(ms(18000), ms(21000), picture),
			without(ms(24000), ms(31000), soundCD), postpone(ms(36000), ms(9000), picture, sound, soundCD),
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames := tt.source.until(seconds(tt.length))
			if tt.source.reorder { // the sound goes on while the last pictures are shown
				frames = without(seconds(tt.length), seconds(tt.length+1), picture)(tt.source.until(seconds(tt.length + 0.034)))
			}
			for _, e := range tt.edits {
				frames = e(frames)
			}
			made := pressWith(t, withStates(frames, 77), Options{AudioOnly: true})
			made.check(t)
			for _, of := range []rendition{whole, alone} {
				if of == alone && tt.source.video == nil {
					continue
				}
				r := recorderOf(made.as, tt.window)
				r.alone, r.of, r.reports = true, of, []rendition{whole, alone}
				r.follow(made.pieces)
				except := tt.except
				if of == alone && tt.edits != nil {
					except = holesInSound
				}
				for i, f := range r.check(except...) {
					if t.Errorf("rendition %d: %s", of, f); i > 10 {
						t.Fatal("and more")
					}
				}
			}
		})
	}
}

// holesInSound are the rules that the sound alone may break where sound is missing: its parts are those of the pictures then.
var holesInSound = []hls.Rule{hls.PartTime, hls.MediaTime, hls.MediaDate, hls.RangeDate, hls.Events}

// The same holds for whatever streams come, and for the sound alone.
func TestPlaylistsOfRandomStreams(t *testing.T) {
	check := func(rt *rapid.T) []string {
		made := pressWith(rt, withStates(drawStream(rt, 12, 16), rapid.IntRange(10, 100).Draw(rt, "states each")), Options{AudioOnly: true})
		r := recorderOf(made.as, time.Duration(rapid.IntRange(10, 12).Draw(rt, "window"))*time.Second)
		var except []hls.Rule
		if r.alone = true; rapid.Bool().Draw(rt, "sound alone") {
			r.of = alone
			except = holesInSound
		}
		if made.isUneven() {
			except = append(except, hls.PartShort)
		}
		if !made.isIndependent() { // the first pictures of such segments need not be the first to be shown
			except = append(except, hls.MediaDate, hls.RangeDate)
		}
		r.follow(made.pieces)
		return r.check(except...)
	}
	streams := rapid.Custom(check)
	for seed := range 15 { // a few of those that rapid.Check would take: each costs half a second
		for _, f := range streams.Example(seed) {
			t.Errorf("stream %d: %s", seed, f)
		}
	}
}
