package hls

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

var zeroDate = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// seller is the view of a partner.
var seller = &overlay.View{Currency: "USD"}

// listOf gives a playlist as a muxer makes it, of a window and a bound of memory.
func listOf(as shape, window time.Duration, memory int64) *playlist {
	return &playlist{window: media.Time(window), bound: memory, shape: as, changed: make(chan struct{}), independent: true}
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
