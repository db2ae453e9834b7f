package m3u8_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire/m3u8"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOurMediaBothWays(t *testing.T) {
	for name, m := range ourMedia() {
		t.Run(name, func(t *testing.T) {
			if err := m.Validate(); err != nil {
				t.Errorf("it breaks a rule: %v", err)
			}
			got, err := m.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			want := read(t, "ours/"+name)
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("written: -want +got\n%s", diff)
			}
			parsed, err := m3u8.ParseMedia(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, parsed); diff != "" {
				t.Errorf("read: -want +got\n%s", diff)
			}
			if m3u8.IsMultivariant(want) {
				t.Error("taken for a multivariant playlist")
			}
		})
	}
}

func TestOurMultivariantBothWays(t *testing.T) {
	for name, m := range ourMultivariant() {
		t.Run(name, func(t *testing.T) {
			if err := m.Validate(); err != nil {
				t.Errorf("it breaks a rule: %v", err)
			}
			got, err := m.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			want := read(t, "ours/"+name)
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("written: -want +got\n%s", diff)
			}
			parsed, err := m3u8.ParseMultivariant(want)
			if err != nil {
				t.Fatal(err)
			}
			for i := range m.Variants {
				m.Variants[i].FrameRate = math.Round(m.Variants[i].FrameRate*1000) / 1000
			}
			if diff := cmp.Diff(m, parsed); diff != "" {
				t.Errorf("read: -want +got\n%s", diff)
			}
			if !m3u8.IsMultivariant(want) {
				t.Error("not taken for a multivariant playlist")
			}
		})
	}
}

// What other servers write: ffmpeg 5.1 (its own files), and made up after the examples of the draft and of Apple, with what may stand there
// besides.
func TestOthersMedia(t *testing.T) {
	for name, want := range map[string]m3u8.Media{
		"ffmpeg-fmp4.m3u8": {
			TargetDuration: 2, IndependentSegments: true, Map: &m3u8.Map{URI: "init.mp4"}, Ended: true, Segments: []m3u8.Segment{
				{URI: "fmp40.m4s", Duration: 2 * time.Second, ProgramDateTime: at(14, 39, 21, 180)},
				{URI: "fmp41.m4s", Duration: 1980469 * time.Microsecond, ProgramDateTime: at(14, 39, 23, 180)},
			},
		},
		"ffmpeg-event.m3u8": {
			TargetDuration: 2, Type: m3u8.Event, Map: &m3u8.Map{URI: "singlef.m4s", Range: m3u8.ByteRange{Length: 1373}}, Ended: true,
			Segments: []m3u8.Segment{
				{URI: "singlef.m4s", Duration: 2 * time.Second, Range: m3u8.ByteRange{Length: 283264, Start: 1373}},
				{URI: "singlef.m4s", Duration: 1980469 * time.Microsecond, Range: m3u8.ByteRange{Length: 292159, Start: 284637}},
			},
		},
		"ffmpeg-vod.m3u8": {
			TargetDuration: 2, Type: m3u8.VOD, Ended: true, Segments: []m3u8.Segment{
				{URI: "single.ts", Duration: 2 * time.Second, Range: m3u8.ByteRange{Length: 297980}},
				{URI: "single.ts", Duration: 1980 * ms, Range: m3u8.ByteRange{Length: 307192, Start: 297980}},
			},
		},
		"low-latency.m3u8": {
			TargetDuration: 4, PartTarget: 333340 * time.Microsecond, MediaSequence: 266,
			ServerControl: m3u8.ServerControl{CanBlockReload: true, CanSkipUntil: 24 * time.Second, PartHoldBack: time.Second},
			Map:           &m3u8.Map{URI: "init.mp4"},
			Segments: []m3u8.Segment{
				{URI: "fileSequence266.mp4", Duration: 4000080 * time.Microsecond, ProgramDateTime: time.Date(2026, 2, 14, 2, 13, 36, 106e6, time.UTC)},
				{URI: "fileSequence267.mp4", Duration: 4 * time.Second, Discontinuity: true, Gap: true, Parts: []m3u8.Part{
					{URI: "filePart267.0.mp4", Duration: 333340 * time.Microsecond, Independent: true},
					{URI: "filePart267.1.mp4", Duration: 333340 * time.Microsecond, Gap: true},
				}},
				{Parts: []m3u8.Part{
					{URI: "fileSequence268.mp4", Duration: 333340 * time.Microsecond, Range: m3u8.ByteRange{Length: 20000}},
					{URI: "fileSequence268.mp4", Duration: 333340 * time.Microsecond, Range: m3u8.ByteRange{Length: 23000, Start: 20000}},
				}},
			},
			PreloadHints: []m3u8.PreloadHint{{URI: "fileSequence268.mp4", Start: 43000}},
			RenditionReports: []m3u8.RenditionReport{
				{URI: "../1M/waitForMSN.php", Sequence: 273, Parts: 3}, {URI: "../4M/waitForMSN.php", Sequence: 273},
			},
		},
		"crlf-ranges.m3u8": {
			TargetDuration: 6, DiscontinuitySequence: 3, Ended: true, Segments: []m3u8.Segment{
				{URI: "all.ts", Duration: 5500 * ms, Range: m3u8.ByteRange{Length: 100, Start: 50}},
				{URI: "all.ts", Duration: 5500 * ms, Range: m3u8.ByteRange{Length: 200, Start: 150}},
			},
		},
		"delta.m3u8": {
			TargetDuration: 2, MediaSequence: 100, ServerControl: m3u8.ServerControl{CanSkipUntil: 12 * time.Second, CanSkipDateRanges: true},
			Skip:     &m3u8.Skip{Segments: 17, DateRanges: true, RemovedDateRanges: []string{"ad-1", "ad-2"}},
			Segments: []m3u8.Segment{{URI: "117.m4s", Duration: 2 * time.Second, Map: &m3u8.Map{URI: "other.mp4"}}},
		},
		"scte35.m3u8": {
			TargetDuration: 6,
			Segments:       []m3u8.Segment{{URI: "1.ts", Duration: 6 * time.Second, ProgramDateTime: time.Date(2014, 3, 5, 11, 14, 0, 0, time.UTC)}},
			DateRanges: []m3u8.DateRange{
				{
					ID: "splice-6FFFFFF0", Start: time.Date(2014, 3, 5, 11, 15, 0, 0, time.UTC), PlannedDuration: 59993 * ms,
					Attributes: []m3u8.Attribute{{
						Name:  "SCTE35-OUT",
						Value: "0xFC002F0000000000FF000014056FFFFFF000E011622DCAFF000052636200000000000A0008029896F50000008700000000",
					}},
				},
				{
					ID: "splice-6FFFFFF0", Duration: new(59993 * ms),
					Attributes: []m3u8.Attribute{{
						Name:  "SCTE35-IN",
						Value: "0xFC002A0000000000FF00000F056FFFFFF000401162802E6100000000000A0008029896F50000008700000000",
					}},
				},
				{
					ID: "next", Class: "a", Start: time.Date(2014, 3, 5, 11, 15, 0, 500e6, time.UTC), Duration: new(time.Duration(0)), EndOnNext: true,
					Attributes: []m3u8.Attribute{{Name: "X-SCORE", Value: "1.5"}},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := m3u8.ParseMedia(read(t, "others/"+name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			b, err := got.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			again, err := m3u8.ParseMedia(b)
			if diff := cmp.Diff(want, again); diff != "" || err != nil {
				t.Errorf("written and read again: error %v, -want +got\n%s", err, diff)
			}
		})
	}
}

func TestOthersMultivariant(t *testing.T) {
	for name, want := range map[string]m3u8.Multivariant{
		"ffmpeg-multivariant.m3u8": {Variants: []m3u8.Variant{{URI: "fmp4.m3u8", Bandwidth: 1240800, Width: 640, Height: 360}}},
		"renditions.m3u8": {
			IndependentSegments: true,
			Renditions: []m3u8.Rendition{
				{URI: "main/english-audio.m3u8", Group: "aac", Name: "English", Language: "en", Channels: "2", Default: true, Autoselect: true},
				{URI: "main/german-audio.m3u8", Group: "aac", Name: "Deutsch", Language: "de", Autoselect: true},
				{Type: m3u8.Subtitles, URI: "subs/en.m3u8", Group: "subs", Name: "English", Forced: true, Characteristics: "public.easy-to-read"},
				{Type: m3u8.ClosedCaptions, Group: "cc", Name: "English", InstreamID: "CC1"},
			},
			Variants: []m3u8.Variant{
				{
					URI: "low/video-only.m3u8", Bandwidth: 1280000, AverageBandwidth: 1000000, Codecs: []string{"avc1.4d401e", "mp4a.40.2"},
					Width: 640, Height: 360, FrameRate: 29.97, Audio: "aac", Subtitles: "subs", ClosedCaptions: "cc",
				},
				{URI: "main/english-audio.m3u8", Bandwidth: 65000, Codecs: []string{"mp4a.40.5"}, Audio: "aac"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := m3u8.ParseMultivariant(read(t, "others/"+name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("it breaks a rule: %v", err)
			}
		})
	}
}
