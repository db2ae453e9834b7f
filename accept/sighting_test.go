//go:build linux

package accept_test

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/sei"
)

// recording is what one output gave, with the numbers in its own decoded pictures.
type recording struct {
	name    string
	numbers map[int64]int         // of the pictures, by PTS in ms
	times   []int64               // of the pictures, rising
	seen    map[string][]sighting // by carriage: the copies of states, in their order
	largest int                   // bytes of the largest state
	head    int64                 // PTS in ms of the picture that came first

	joins bool // it began in the middle of the stream
	ends  bool // it ended there

	shown map[int64][]int // by seq: the numbers of the pictures at which carriages show a state; filled by checkSkew
}

// sighting is one copy of a state.
type sighting struct {
	*overlay.Message
	pts  int64   // of what carries it, in ms
	from float64 // PTS in ms from which the state holds, by the copy's own at and now
}

// isRepeat says whether the copy is not the one at the picture from which the state holds.
func (s sighting) isRepeat() bool { return s.At != s.Now }

// readRecording reads a recording and decodes it.
func readRecording(t testing.TB, name, path string) *recording {
	t.Helper()
	r := &recording{name: name, numbers: make(map[int64]int), seen: make(map[string][]sighting)}
	var demuxer flv.Demuxer
	for _, g := range mediatest.Tags(t, path) {
		if g.Type == mediatest.DataTag {
			// FFmpeg 5.1 makes a text of one byte of an onMetaData whose timestamp is not 0.
			if text, err := flv.ParseText(g.Body); err == nil && len(text) > 1 {
				r.see(t, "amf", g.Time, text)
			}
			continue
		}
		got, err := demuxer.Demux(flv.Tag{Type: flv.TagType(g.Type), Timestamp: g.Time, Body: g.Body})
		if err != nil || got.Frame == nil || !got.Frame.Track.Codec.IsVideo() {
			continue
		}
		f := got.Frame
		for payload, err := range sei.Payloads(f.Track.Codec, f.Data) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			r.see(t, "sei", f.PTS.Ticks(1000), payload)
		}
		if len(r.times) == 0 {
			r.head = f.PTS.Ticks(1000)
		}
		r.times = append(r.times, f.PTS.Ticks(1000))
	}
	slices.Sort(r.times)
	numbers := mediatest.Numbers(t, path)
	if len(numbers) != len(r.times) {
		t.Fatalf("%s: %d pictures were decoded of %d", name, len(numbers), len(r.times))
	}
	for i, n := range numbers {
		r.numbers[r.times[i]] = n
	}
	return r
}

// readSession reads what a receiver got in one connection.
func readSession(t testing.TB, name string, s *mediatest.Session) *recording {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".flv")
	mediatest.WriteFLV(t, path, s.Tags())
	return readRecording(t, name, path)
}

func (r *recording) see(t testing.TB, carriage string, pts int64, text []byte) {
	t.Helper()
	r.largest = max(r.largest, len(text))
	m, err := overlay.ParseMessage(text)
	if err != nil {
		t.Errorf("%s: %s at %d ms: %v", r.name, carriage, pts, err)
		return
	}
	r.seen[carriage] = append(r.seen[carriage], sighting{m, pts, float64(pts) + float64(m.At-m.Now)/90})
}

// at gives the number in the picture shown at a time, which must be one's own within what milliseconds lose.
func (r *recording) at(ms float64) (number int, err error) {
	i, _ := slices.BinarySearchFunc(r.times, ms, func(t int64, ms float64) int { return int(math.Copysign(1, float64(t)-ms)) })
	for _, j := range []int{i - 1, i} {
		if j >= 0 && j < len(r.times) && math.Abs(float64(r.times[j])-ms) <= 1.5 {
			return r.numbers[r.times[j]], nil
		}
	}
	return 0, fmt.Errorf("no picture at %.1f ms", ms)
}

// carried checks the states of one carriage: each seq once as a new one, in order, none missing between the first and the last; it
// gives where each is, and what is wrong.
func (r *recording) carried(carriage string) (states map[int64]sighting, last int64, faults []string) {
	states = make(map[int64]sighting)
	for i, s := range r.seen[carriage] {
		switch before, known := states[s.Seq]; {
		case s.Seq < last:
			faults = append(faults, fmt.Sprintf("reordered: %d behind %d", s.Seq, last))
		case known && !s.isRepeat():
			faults = append(faults, fmt.Sprintf("doubled: %d", s.Seq))
		case known:
			if math.Abs(before.from-s.from) > 1.5 {
				faults = append(faults, fmt.Sprintf("the repeat of %d says %.1f ms, the first copy %.1f ms", s.Seq, s.from, before.from))
			}
		case i > 0 && s.Seq != last+1:
			faults = append(faults, fmt.Sprintf("missing: %d to %d", last+1, s.Seq-1))
		case i > 0 && s.isRepeat():
			faults = append(faults, fmt.Sprintf("the first copy of %d is missing", s.Seq))
		}
		if _, known := states[s.Seq]; !known {
			states[s.Seq] = s
		}
		last = max(last, s.Seq)
	}
	return states, last, faults
}
