package m3u8_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/m3u8"
	"pgregory.net/rapid"
)

// Texts of all sorts that may stand in quotes, and URIs.
var (
	quotable    = rapid.StringMatching(`[^"\pC]{1,8}`)
	uris        = rapid.StringMatching(`[a-z0-9/:?=&._-]{1,12}`)
	clientNames = rapid.StringMatching(`X-[A-Z0-9-]{1,6}`)
)

func anyRange(t *rapid.T) m3u8.ByteRange {
	if rapid.Bool().Draw(t, "whole") {
		return m3u8.ByteRange{}
	}
	return m3u8.ByteRange{Length: rapid.Uint64Range(1, 1<<62).Draw(t, "length"), Start: rapid.Uint64Range(0, 1<<62).Draw(t, "start")}
}

func anyMap(t *rapid.T) *m3u8.Map {
	if rapid.Bool().Draw(t, "no map") {
		return nil
	}
	return &m3u8.Map{URI: uris.Draw(t, "map"), Range: anyRange(t)}
}

// anyDate draws a time to the millisecond, or none.
func anyDate(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "no date") {
		return time.Time{}
	}
	return at(0, 0, 0, 0).Add(time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(t, "date")) * ms)
}

// anyDuration draws a duration to the microsecond.
func anyDuration(t *rapid.T, most time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(0, most.Microseconds()).Draw(t, "duration")) * time.Microsecond
}

// optionalDuration draws a duration of at least least, or 0.
func optionalDuration(t *rapid.T, least time.Duration) time.Duration {
	if rapid.Bool().Draw(t, "no duration") {
		return 0
	}
	return least + anyDuration(t, time.Hour)
}

// anySegment draws a segment that keeps the rules for parts of at most 1 s.
func anySegment(t *rapid.T, withParts bool) m3u8.Segment {
	s := m3u8.Segment{
		URI: uris.Draw(t, "uri"), Duration: anyDuration(t, 6*time.Second), Range: anyRange(t), ProgramDateTime: anyDate(t),
		Discontinuity: rapid.Bool().Draw(t, "discontinuity"), Gap: rapid.Bool().Draw(t, "gap"), Map: anyMap(t),
	}
	if !withParts {
		return s
	}
	for range rapid.IntRange(0, 3).Draw(t, "parts") {
		s.Parts = append(s.Parts, m3u8.Part{
			URI: uris.Draw(t, "part"), Duration: 850*ms + anyDuration(t, 150*ms), Range: anyRange(t),
			Independent: rapid.Bool().Draw(t, "independent"), Gap: rapid.Bool().Draw(t, "gap"),
		})
	}
	return s
}

func anyDateRange(t *rapid.T, n int) m3u8.DateRange {
	d := m3u8.DateRange{
		ID: fmt.Sprint(n) + quotable.Draw(t, "id"), Class: rapid.OneOf(rapid.Just(""), quotable).Draw(t, "class"),
		Start: at(9, 0, 0, 0).Add(time.Duration(rapid.Int64Range(0, 1e6).Draw(t, "start")) * ms), PlannedDuration: optionalDuration(t, time.Microsecond),
	}
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 1:
		d.End = d.Start.Add(anyDuration(t, time.Hour).Round(ms))
	case 2:
		d.Duration = new(anyDuration(t, time.Hour))
	case 3:
		d.EndOnNext = d.Class != ""
	}
	for _, name := range rapid.SliceOfNDistinct(clientNames, 0, 3, rapid.ID).Draw(t, "names") {
		a := m3u8.Attribute{Name: name, Quoted: rapid.Bool().Draw(t, "quoted")}
		a.Value = rapid.StringMatching(`0x[0-9A-F]{1,6}|[0-9]{1,5}|[0-9]{1,4}\.[0-9]{1,4}`).Draw(t, "number")
		if a.Quoted {
			a.Value = rapid.OneOf(rapid.Just(""), quotable).Draw(t, "text")
		}
		d.Attributes = append(d.Attributes, a)
	}
	return d
}

// anyMedia draws a playlist that keeps all rules.
func anyMedia(t *rapid.T) m3u8.Media {
	m := m3u8.Media{
		TargetDuration: 6, MediaSequence: rapid.Uint64Range(0, math.MaxInt64).Draw(t, "sequence"),
		DiscontinuitySequence: rapid.Uint64Range(0, math.MaxInt64).Draw(t, "discontinuities"),
		IndependentSegments:   rapid.Bool().Draw(t, "independent"), Type: m3u8.PlaylistType(rapid.IntRange(0, 2).Draw(t, "type")),
		Ended: rapid.Bool().Draw(t, "ended"),
		ServerControl: m3u8.ServerControl{
			CanBlockReload: rapid.Bool().Draw(t, "block"), CanSkipUntil: optionalDuration(t, 36*time.Second), HoldBack: optionalDuration(t, 18*time.Second),
			PartHoldBack: optionalDuration(t, 2*time.Second),
		},
	}
	m.ServerControl.CanSkipDateRanges = m.ServerControl.CanSkipUntil > 0 && rapid.Bool().Draw(t, "skip dates")
	withParts := rapid.Bool().Draw(t, "with parts")
	if withParts {
		m.PartTarget, m.ServerControl.PartHoldBack = time.Second, 2*time.Second+anyDuration(t, time.Hour)
		if !m.Ended {
			m.PreloadHints = append(m.PreloadHints, m3u8.PreloadHint{
				URI: uris.Draw(t, "hint"), Start: rapid.Uint64Range(0, 1<<62).Draw(t, "start"), Length: rapid.Uint64Range(0, 1<<62).Draw(t, "length"),
			})
		}
	}
	if m.Map = anyMap(t); !m.Ended && m.ServerControl.CanSkipUntil > 0 && rapid.Bool().Draw(t, "skip") {
		m.Skip = &m3u8.Skip{Segments: rapid.Uint64Range(1, math.MaxInt32).Draw(t, "skipped")}
		if m.Skip.DateRanges = m.ServerControl.CanSkipDateRanges; m.Skip.DateRanges {
			m.Skip.RemovedDateRanges = append(m.Skip.RemovedDateRanges, rapid.SliceOfN(quotable, 0, 3).Draw(t, "removed")...)
		}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "segments") {
		m.Segments = append(m.Segments, anySegment(t, withParts))
		if i == 0 && m.Skip == nil {
			m.Segments[0].Map, m.Segments[0].ProgramDateTime = nil, at(9, 0, 0, 0)
		}
	}
	if n := len(m.Segments); n > 0 && !m.Ended && len(m.Segments[n-1].Parts) > 0 && rapid.Bool().Draw(t, "being made") {
		m.Segments[n-1].URI, m.Segments[n-1].Duration, m.Segments[n-1].Range = "", 0, m3u8.ByteRange{}
	}
	if len(m.Segments) > 0 {
		m.Segments[len(m.Segments)-1].ProgramDateTime = at(9, 0, 10, 0)
		for n := range rapid.IntRange(0, 3).Draw(t, "date ranges") {
			m.DateRanges = append(m.DateRanges, anyDateRange(t, n))
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "reports") {
		m.RenditionReports = append(m.RenditionReports, m3u8.RenditionReport{
			URI: uris.Draw(t, "report"), Sequence: rapid.Uint64Range(0, math.MaxInt64).Draw(t, "last"), Parts: rapid.Uint64Range(0, 99).Draw(t, "parts"),
		})
	}
	return m
}

func TestMediaWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyMedia(t)
		if err := want.Validate(); err != nil {
			t.Fatal(err)
		}
		b, err := want.Append([]byte("in front\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m3u8.ParseMedia(bytes.TrimPrefix(b, []byte("in front\n")))
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s\n%s", diff, b)
		}
	})
}

func TestMultivariantWrittenIsRead(t *testing.T) {
	text := rapid.OneOf(rapid.Just(""), quotable)
	rapid.Check(t, func(t *rapid.T) {
		want := m3u8.Multivariant{IndependentSegments: rapid.Bool().Draw(t, "independent")}
		for i := range rapid.IntRange(0, 3).Draw(t, "renditions") {
			want.Renditions = append(want.Renditions, m3u8.Rendition{
				Type: m3u8.Audio, Group: "g", Name: fmt.Sprint(i) + quotable.Draw(t, "name"), Language: text.Draw(t, "language"), Channels: text.Draw(t, "channels"),
				Characteristics: text.Draw(t, "characteristics"), Autoselect: rapid.Bool().Draw(t, "autoselect"), URI: text.Draw(t, "uri"), Default: i == 1,
			})
		}
		want.NoClosedCaptions = rapid.Bool().Draw(t, "silent")
		for range rapid.IntRange(1, 3).Draw(t, "variants") {
			v := m3u8.Variant{
				URI: uris.Draw(t, "uri"), Bandwidth: rapid.Uint64Min(1).Draw(t, "bandwidth"), AverageBandwidth: rapid.Uint64().Draw(t, "average"),
				FrameRate: float64(rapid.IntRange(0, 1e6).Draw(t, "rate")) / 1000,
			}
			v.Codecs = append(v.Codecs, rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9.]{1,9}`), 0, 3).Draw(t, "codecs")...)
			if len(want.Renditions) > 0 {
				v.Audio = "g"
			}
			if rapid.Bool().Draw(t, "pictures") {
				v.Width, v.Height = rapid.IntRange(1, math.MaxInt32).Draw(t, "width"), rapid.IntRange(1, math.MaxInt32).Draw(t, "height")
			}
			want.Variants = append(want.Variants, v)
		}
		if err := want.Validate(); err != nil {
			t.Fatal(err)
		}
		b, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m3u8.ParseMultivariant(b)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, -want +got\n%s\n%s", err, diff, b)
		}
	})
}

// seeds adds the files of testdata.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*.m3u8")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// fuzzed reads a playlist, writes it, reads that and writes it again: both written ones are the same.
func fuzzed[T any](t *testing.T, b []byte, parse func([]byte) (T, error), write func(*T) ([]byte, error)) {
	t.Helper()
	m, err := parse(b)
	if err != nil {
		var syntax *wire.SyntaxError
		var unsupported *wire.UnsupportedError
		if !errors.As(err, &syntax) && !errors.As(err, &unsupported) {
			t.Errorf("got error %v", err)
		}
		return
	}
	once, err := write(&m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse(once)
	if err != nil && len(once) <= m3u8.MaxSize {
		t.Fatalf("%v in\n%s", err, once)
	}
	twice, err := write(&again)
	if err == nil && !bytes.Equal(once, twice) {
		t.Errorf("-once +twice\n%s", cmp.Diff(string(once), string(twice)))
	}
}

// FuzzParseMedia checks that what was read is read again from what is written of it.
func FuzzParseMedia(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzed(t, b, m3u8.ParseMedia, func(m *m3u8.Media) ([]byte, error) {
			_, _ = m.Validate(), m.Duration() // do not panic
			m.Delta()
			return m.Append(nil)
		})
	})
}

// FuzzParseMultivariant checks the same of multivariant playlists.
func FuzzParseMultivariant(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzed(t, b, m3u8.ParseMultivariant, func(m *m3u8.Multivariant) ([]byte, error) {
			_ = m.Validate()
			return m.Append(nil)
		})
	})
}
