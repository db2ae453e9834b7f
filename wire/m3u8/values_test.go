package m3u8_test

import (
	"time"

	"github.com/simulcart/simulcart/wire/m3u8"
)

const ms = time.Millisecond

// at gives a time of the day on which the playlists were made.
func at(hour, minute, second, millis int) time.Time {
	return time.Date(2026, 11, 24, hour, minute, second, millis*1e6, time.UTC)
}

// overlay is a date range as the overlay convention has it.
func overlay(id string, start time.Time) m3u8.DateRange {
	return m3u8.DateRange{
		ID: id, Class: "simulcart.overlay", Start: start, PlannedDuration: 30 * time.Second,
		Attributes: []m3u8.Attribute{{Name: "X-SIMULCART-OVERLAY", Value: "eyJ2IjoxfQ", Quoted: true}},
	}
}

// ourMedia are playlists that keep all rules, by the name of their file in testdata/ours.
func ourMedia() map[string]m3u8.Media {
	closed := overlay("k3v9x2-1", at(10, 0, 0, 40))
	closed.End = at(10, 0, 1, 40)
	segment := func(uri string, second int) m3u8.Segment {
		return m3u8.Segment{URI: uri, Duration: 2 * time.Second, ProgramDateTime: at(10, 0, second, 0)}
	}
	part := func(uri string, d time.Duration, independent bool) m3u8.Part {
		return m3u8.Part{URI: uri, Duration: d, Independent: independent}
	}
	withParts := segment("11.m4s", 2)
	withParts.Parts = []m3u8.Part{
		part("11.0.m4s", 500*ms, true), part("11.1.m4s", 500*ms, false), part("11.2.m4s", 500*ms, false), part("11.3.m4s", 500*ms, false),
	}
	making := m3u8.Segment{
		ProgramDateTime: at(10, 0, 4, 0), Discontinuity: true, Map: &m3u8.Map{URI: "init2.mp4"},
		Parts: []m3u8.Part{part("12.0.m4s", 500*ms, true), part("12.1.m4s", 433333*time.Microsecond, false)},
	}
	lowLatency := m3u8.Media{
		TargetDuration: 2, PartTarget: 500 * ms, MediaSequence: 10, IndependentSegments: true,
		ServerControl: m3u8.ServerControl{CanBlockReload: true, CanSkipUntil: 12 * time.Second, PartHoldBack: 1500 * ms, HoldBack: 6 * time.Second, CanSkipDateRanges: true},
		Map:           &m3u8.Map{URI: "init.mp4"},
		Segments:      []m3u8.Segment{segment("10.m4s", 0), withParts, making},
		DateRanges:    []m3u8.DateRange{overlay("k3v9x2-1", at(10, 0, 0, 40)), closed, overlay("k3v9x2-2", at(10, 0, 1, 40))},
		PreloadHints:  []m3u8.PreloadHint{{URI: "12.2.m4s"}, {Type: m3u8.HintMap, URI: "init2.mp4"}},
		RenditionReports: []m3u8.RenditionReport{
			{URI: "../audio/media.m3u8", Sequence: 12, Parts: 3}, {URI: "../plain/media.m3u8", Sequence: 11},
		},
	}
	delta := m3u8.Media{
		TargetDuration: 2, MediaSequence: 10, ServerControl: m3u8.ServerControl{CanSkipUntil: 12 * time.Second},
		Skip: &m3u8.Skip{Segments: 4}, Segments: []m3u8.Segment{segment("14.m4s", 8), segment("15.m4s", 10)},
	}
	dated := delta
	dated.ServerControl.CanSkipDateRanges = true
	dated.Skip = &m3u8.Skip{Segments: 4, DateRanges: true, RemovedDateRanges: []string{"k3v9x2-1", "k3v9x2-2"}}
	dated.DateRanges = []m3u8.DateRange{overlay("k3v9x2-3", at(10, 0, 9, 0))}
	moment := time.Duration(0)
	return map[string]m3u8.Media{
		"empty.m3u8":       {TargetDuration: 6},
		"low-latency.m3u8": lowLatency,
		"delta.m3u8":       delta,
		"delta-v2.m3u8":    dated,
		"live.m3u8": {
			TargetDuration: 2, MediaSequence: 1842, DiscontinuitySequence: 3, Map: &m3u8.Map{URI: "init.mp4"},
			Segments: []m3u8.Segment{
				{URI: "1842.m4s", Duration: 1983333 * time.Microsecond, ProgramDateTime: at(23, 59, 59, 999)},
				{URI: "1843.m4s", Duration: 2490 * ms, Gap: true},
				{URI: "1844.m4s", Duration: 500 * ms, Discontinuity: true, Map: &m3u8.Map{URI: "init2.mp4"}, ProgramDateTime: at(23, 59, 59, 0).Add(time.Minute)},
			},
		},
		"vod.m3u8": {
			TargetDuration: 6, Type: m3u8.VOD, Ended: true, Map: &m3u8.Map{URI: "all.mp4", Range: m3u8.ByteRange{Length: 1373}},
			Segments: []m3u8.Segment{
				{URI: "all.mp4", Duration: 6 * time.Second, Range: m3u8.ByteRange{Length: 5000, Start: 1373}, ProgramDateTime: at(10, 0, 0, 0)},
				{URI: "all.mp4", Duration: 6499999 * time.Microsecond, Range: m3u8.ByteRange{Length: 4000, Start: 6373}},
			},
			DateRanges: []m3u8.DateRange{
				{ID: "a", Start: at(10, 0, 3, 0), Duration: &moment, Attributes: []m3u8.Attribute{
					{Name: "X-COM-EXAMPLE-SCORE", Value: "1.5"}, {Name: "X-COM-EXAMPLE-ID", Value: "0xAB"}, {Name: "SCTE35-OUT", Value: "0xFC00"},
				}},
				{ID: "b", Class: "c", Start: at(10, 0, 4, 0), EndOnNext: true},
			},
		},
		"event.m3u8": {
			TargetDuration: 6, Type: m3u8.Event, Segments: []m3u8.Segment{{URI: "0.ts", Duration: 6 * time.Second}, {URI: "1.ts", Duration: 5 * time.Second}},
		},
		"part-ranges.m3u8": {
			TargetDuration: 2, PartTarget: 400 * ms, ServerControl: m3u8.ServerControl{PartHoldBack: 800 * ms}, Segments: []m3u8.Segment{{
				ProgramDateTime: at(10, 0, 0, 0), Parts: []m3u8.Part{
					{URI: "1.m4s", Duration: 400 * ms, Range: m3u8.ByteRange{Length: 1000}, Independent: true},
					{URI: "1.m4s", Duration: 400 * ms, Range: m3u8.ByteRange{Length: 900, Start: 1000}, Gap: true},
				},
			}},
			PreloadHints: []m3u8.PreloadHint{{URI: "1.m4s", Start: 1900, Length: 1000}},
		},
	}
}

// ourMultivariant are playlists that keep all rules, by the name of their file in testdata/ours.
func ourMultivariant() map[string]m3u8.Multivariant {
	return map[string]m3u8.Multivariant{
		"multivariant.m3u8": {
			IndependentSegments: true, NoClosedCaptions: true,
			Variants: []m3u8.Variant{{
				URI: "media.m3u8", Bandwidth: 6_400_000, AverageBandwidth: 6_000_000, Codecs: []string{"avc1.64002a", "mp4a.40.2"},
				Width: 1920, Height: 1080, FrameRate: 60000.0 / 1001,
			}},
		},
		"multivariant-groups.m3u8": {
			Renditions: []m3u8.Rendition{
				{Type: m3u8.Audio, URI: "audio.m3u8", Group: "aac", Name: "English", Language: "en", Channels: "2", Default: true, Autoselect: true},
				{Type: m3u8.Audio, Group: "aac", Name: "Deutsch", Language: "de", Autoselect: true, Characteristics: "public.accessibility.describes-video"},
				{Type: m3u8.Video, Group: "low", Name: "Main"},
				{Type: m3u8.Subtitles, URI: "subs.m3u8", Group: "subs", Name: "English", Forced: true},
				{Type: m3u8.ClosedCaptions, Group: "cc", Name: "English", InstreamID: "SERVICE63"},
				{Type: m3u8.ClosedCaptions, Group: "cc", Name: "Deutsch", InstreamID: "CC4"},
			},
			Variants: []m3u8.Variant{
				{URI: "low.m3u8", Bandwidth: 800_000, Width: 640, Height: 360, FrameRate: 30, Audio: "aac", Video: "low", Subtitles: "subs", ClosedCaptions: "cc"},
				{URI: "https://cdn.example.com/audio.m3u8?a=1", Bandwidth: 64_000, Audio: "aac"},
			},
		},
	}
}
