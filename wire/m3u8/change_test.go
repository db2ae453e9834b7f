package m3u8_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// tenSegments is a playlist of ten segments of 2 s and one that is being made, of 1 s so far, in which the map changes with the fourth.
func tenSegments() m3u8.Media {
	m := m3u8.Media{
		TargetDuration: 2, PartTarget: time.Second, MediaSequence: 100, DiscontinuitySequence: 7, Map: &m3u8.Map{URI: "a.mp4"},
		ServerControl: m3u8.ServerControl{CanSkipUntil: 12 * time.Second, CanSkipDateRanges: true, PartHoldBack: 3 * time.Second},
		PreloadHints:  []m3u8.PreloadHint{{URI: "110.1.m4s"}},
		DateRanges:    []m3u8.DateRange{overlay("a", at(10, 0, 0, 0)), overlay("b", at(10, 0, 19, 0))},
	}
	for i := range 10 {
		m.Segments = append(m.Segments, m3u8.Segment{
			URI: fmt.Sprintf("%d.m4s", 100+i), Duration: 2 * time.Second, ProgramDateTime: at(10, 0, 2*i, 0),
		})
	}
	m.Segments[3].Discontinuity, m.Segments[3].Map = true, &m3u8.Map{URI: "b.mp4"}
	m.Segments = append(m.Segments, m3u8.Segment{
		ProgramDateTime: at(10, 0, 20, 0), Parts: []m3u8.Part{{URI: "110.0.m4s", Duration: time.Second, Independent: true}},
	})
	return m
}

// merge gives what a player makes of a playlist and the delta update that follows it (§6.3.7).
func merge(t *testing.T, known, delta m3u8.Media) m3u8.Media {
	t.Helper()
	skipped := int(delta.MediaSequence - known.MediaSequence + delta.Skip.Segments)
	if delta.MediaSequence < known.MediaSequence || skipped > len(known.Segments) {
		t.Fatalf("segments %d to %d are not known", delta.MediaSequence, known.MediaSequence+uint64(skipped))
	}
	known.Segments = slices.Clone(known.Segments)
	known.Slide(int(delta.MediaSequence - known.MediaSequence))
	if known.DiscontinuitySequence != delta.DiscontinuitySequence {
		t.Errorf("discontinuity sequence %d, want %d", delta.DiscontinuitySequence, known.DiscontinuitySequence)
	}
	full := delta
	full.Skip, full.Map = nil, known.Map
	full.Segments = append(slices.Clone(known.Segments[:delta.Skip.Segments]), delta.Segments...)
	return full
}

func TestDelta(t *testing.T) {
	known := tenSegments()
	if err := known.Validate(); err != nil {
		t.Fatal(err)
	}
	// The playlist goes on: the segment that was being made is done, another begins, and the first one leaves.
	full := tenSegments()
	full.Segments[10].URI, full.Segments[10].Duration = "110.m4s", 2*time.Second
	full.Segments = append(full.Segments, m3u8.Segment{
		ProgramDateTime: at(10, 0, 22, 0), Parts: []m3u8.Part{{URI: "111.0.m4s", Duration: time.Second, Independent: true}},
	})
	full.Slide(1)
	known.Segments = known.Segments[:10]
	delta, ok := full.Delta()
	if !ok {
		t.Fatal("no delta update")
	}
	// 20 s, and a part: behind the segments 101 to 103 are more than 12 s, behind 104 are 12.
	if delta.Skip.Segments != 3 || delta.Skip.DateRanges || delta.Segments[0].URI != "104.m4s" || delta.Map != nil || len(delta.DateRanges) != 2 {
		t.Errorf("got %+v, skipped %+v", delta, delta.Skip)
	}
	if err := delta.Validate(); err != nil {
		t.Error(err)
	}
	if full.Skip != nil || full.Map == nil || len(full.Segments) != 11 {
		t.Error("the playlist itself was changed")
	}
	if diff := cmp.Diff(full, merge(t, known, delta)); diff != "" {
		t.Errorf("a player sees: -want +got\n%s", diff)
	}
	wantSequence, wantParts := full.Last()
	if sequence, parts := delta.Last(); sequence != wantSequence || parts != wantParts || sequence != 111 || parts != 1 {
		t.Errorf("last: got %d, %d parts, want %d, %d", sequence, parts, wantSequence, wantParts)
	}
	if v := delta.Version(); v != full.Version() {
		t.Errorf("version %d, want %d", v, full.Version())
	}
}

func TestDeltaDateRanges(t *testing.T) {
	m := tenSegments()
	delta, ok := m.DeltaDateRanges(m.DateRanges[1:], []string{"gone"})
	if !ok {
		t.Fatal("no delta update")
	}
	want := &m3u8.Skip{Segments: 3, DateRanges: true, RemovedDateRanges: []string{"gone"}}
	if diff := cmp.Diff(want, delta.Skip); diff != "" || len(delta.DateRanges) != 1 || len(m.DateRanges) != 2 {
		t.Errorf("%d date ranges of %d, -want +got\n%s", len(delta.DateRanges), len(m.DateRanges), diff)
	}
	if err := delta.Validate(); err != nil {
		t.Error(err)
	}
	b, err := delta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m3u8.ParseMedia(b)
	if diff := cmp.Diff(delta, got); err != nil || diff != "" {
		t.Errorf("error %v, -want +got\n%s", err, diff)
	}
	m.ServerControl.CanSkipDateRanges = false
	if delta, ok = m.DeltaDateRanges(nil, []string{"gone"}); !ok || delta.Skip.DateRanges || len(delta.DateRanges) != 2 {
		t.Errorf("where that is not offered: got %+v, skipped %+v", delta, delta.Skip)
	}
}

func TestNoDelta(t *testing.T) {
	for name, change := range map[string]func(m *m3u8.Media){
		"not offered":           func(m *m3u8.Media) { m.ServerControl.CanSkipUntil = 0 },
		"ended":                 func(m *m3u8.Media) { m.Ended = true },
		"a delta itself":        func(m *m3u8.Media) { m.Skip = &m3u8.Skip{Segments: 1} },
		"nothing is old enough": func(m *m3u8.Media) { m.ServerControl.CanSkipUntil = 18 * time.Second },
		"no segments":           func(m *m3u8.Media) { m.Segments = nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := tenSegments()
			change(&m)
			if got, ok := m.Delta(); ok {
				t.Errorf("got %+v", got)
			}
			if got, ok := m.DeltaDateRanges(nil, nil); ok {
				t.Errorf("with date ranges: got %+v", got)
			}
		})
	}
	m := tenSegments()
	m.ServerControl.CanSkipUntil = 18*time.Second - 1
	if got, ok := m.Delta(); !ok || got.Skip.Segments != 1 {
		t.Errorf("the first segment ends 18 s from the end, further than the boundary: got %+v", got.Skip)
	}
}

func TestSlide(t *testing.T) {
	for _, tc := range []struct {
		n                      int
		sequence, discontinued uint64
		left                   int
		uri                    string
	}{
		{0, 100, 7, 11, "a.mp4"}, {3, 103, 7, 8, "a.mp4"}, {4, 104, 8, 7, "b.mp4"}, {10, 110, 8, 1, "b.mp4"}, {99, 111, 8, 0, "b.mp4"},
	} {
		m := tenSegments()
		before := m.Segments
		m.Slide(tc.n)
		if m.MediaSequence != tc.sequence || m.DiscontinuitySequence != tc.discontinued || len(m.Segments) != tc.left || m.Map.URI != tc.uri {
			t.Errorf("by %d: got %+v", tc.n, m)
		}
		if before[3].Map == nil {
			t.Error("a segment was changed")
		}
	}
}

func TestLastAndDuration(t *testing.T) {
	m := tenSegments()
	if sequence, parts := m.Last(); sequence != 110 || parts != 1 {
		t.Errorf("got %d, %d parts, want 110, 1", sequence, parts)
	}
	if got := m.Duration(); got != 21*time.Second {
		t.Errorf("got %s, want 21s", got)
	}
	m.Segments = nil
	if sequence, parts := m.Last(); sequence != 100 || parts != 0 {
		t.Errorf("without segments: got %d, %d parts, want 100, 0", sequence, parts)
	}
}
