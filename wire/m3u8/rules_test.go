package m3u8_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/wire/m3u8"
)

// What breaks a rule but can be written is written, and said by Validate; what cannot be written is refused by both.
func checkRules(t *testing.T, wantErr string, append func([]byte) ([]byte, error), validate func() error) {
	t.Helper()
	refused := strings.HasPrefix(wantErr, "write m3u8: ")
	b, err := append(nil)
	if refused != (err != nil) || refused && b != nil {
		t.Errorf("append gave %d bytes, error %v", len(b), err)
	}
	err = validate()
	if err == nil || !strings.HasPrefix(err.Error(), wantErr) {
		t.Errorf("got %v, want %q", err, wantErr)
	}
}

func TestMediaRules(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		change     func(m *m3u8.Media)
		want       string
	}{
		{"no target", "live.m3u8", func(m *m3u8.Media) { m.TargetDuration = 0 }, "m3u8: a target duration of 0 s"},
		{"a negative target", "live.m3u8", func(m *m3u8.Media) { m.TargetDuration = -1 }, "write m3u8: a target duration"},
		{"a segment that is too long", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = 2500 * ms }, "m3u8: segment 1843 lasts 2.5s"},
		{"a segment that is too long, not rounded before version 6", "event.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = 6100 * ms }, "m3u8: segment 1 lasts 6.1s"},
		{"a skipped segment counts", "delta.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = 3 * time.Second }, "m3u8: segment 15 lasts 3s"},
		{"a negative duration", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = -1 }, "write m3u8: a duration of -1ns"},
		{"a century", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = 1e18 }, "write m3u8: a duration of"},
		{"a century when rounded", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = 1e18 - 500 }, "write m3u8: a duration of"},
		{"a segment that is too long when rounded", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].Duration = 2500*ms - 500 }, "m3u8: segment 1843 lasts 2.5s"},
		{"no URI", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].URI = "" }, `write m3u8: "" cannot stand`},
		{"no URI at the end, with a duration", "live.m3u8", func(m *m3u8.Media) { m.Segments[2].URI = "" }, `write m3u8: "" cannot stand`},
		{"a URI that is a comment", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].URI = "#a" }, `write m3u8: "#a" cannot stand`},
		{"a URI with a line end", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].URI = "a\n#EXT-X-ENDLIST" }, "write m3u8: "},
		{"a URI with a blank behind", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].URI = "a " }, "write m3u8: "},
		{"a URI that is no UTF-8", "live.m3u8", func(m *m3u8.Media) { m.Segments[1].URI = "\xff" }, "write m3u8: "},
		{"a range of nothing", "vod.m3u8", func(m *m3u8.Media) { m.Segments[1].Range.Length = 0 }, "write m3u8: a byte range of 0 at 6373"},
		{"a long range", "vod.m3u8", func(m *m3u8.Media) { m.Segments[1].Range.Length = 1<<62 + 1 }, "write m3u8: a byte range"},
		{"a far range", "vod.m3u8", func(m *m3u8.Media) { m.Map.Range.Start = 1<<62 + 1 }, "write m3u8: a byte range"},
		{"a date behind our time", "live.m3u8", func(m *m3u8.Media) {
			m.Segments[0].ProgramDateTime = time.Date(9999, 12, 31, 23, 59, 59, 999.6e6, time.UTC)
		}, "write m3u8: a date in the year 10000"},
		{"a date before our time", "live.m3u8", func(m *m3u8.Media) { m.Segments[0].ProgramDateTime = time.Date(1582, 12, 31, 23, 59, 59, 0, time.UTC) }, "write m3u8: a date in the year 1582"},
		{"a map without a URI", "live.m3u8", func(m *m3u8.Media) { m.Map.URI = "" }, "write m3u8: no URI"},
		{"two maps in front of one segment", "live.m3u8", func(m *m3u8.Media) { m.Segments = m.Segments[2:] }, "m3u8: two maps in front"},
		{"a map with quotes", "live.m3u8", func(m *m3u8.Media) { m.Map.URI = `a"` }, `write m3u8: URI: "a\"" cannot stand in quotes`},
		{"two maps", "live.m3u8", func(m *m3u8.Media) { m.Segments[0].Map = m.Map }, "m3u8: two maps in front"},
		{"a sequence that is too large", "live.m3u8", func(m *m3u8.Media) { m.MediaSequence = 1 << 63 }, "write m3u8: sequence numbers"},
		{"discontinuities that are too many", "live.m3u8", func(m *m3u8.Media) { m.DiscontinuitySequence = 1 << 63 }, "write m3u8: sequence numbers"},
		{"a type that is none", "live.m3u8", func(m *m3u8.Media) { m.Type = 3 }, "write m3u8: playlist type 3"},

		{"ended while a segment is being made", "low-latency.m3u8", func(m *m3u8.Media) { m.Ended, m.PreloadHints = true, nil }, "m3u8: segment 12 is being made"},
		{"a range while it is being made", "low-latency.m3u8", func(m *m3u8.Media) { m.Segments[2].Range.Length = 5 }, "m3u8: segment 12 has a byte range"},
		{"no part target", "low-latency.m3u8", func(m *m3u8.Media) { m.PartTarget = 0 }, "m3u8: segment 11 has parts"},
		{"a part that is too long", "low-latency.m3u8", func(m *m3u8.Media) { m.Segments[1].Parts[0].Duration += time.Microsecond }, "m3u8: segment 11: part 0 lasts 500.001ms"},
		{"a part that is too short", "low-latency.m3u8", func(m *m3u8.Media) { m.Segments[1].Parts[1].Duration = 425*ms - time.Microsecond }, "m3u8: segment 11: part 1 lasts 424.999ms"},
		{"a part without a URI", "low-latency.m3u8", func(m *m3u8.Media) { m.Segments[1].Parts[1].URI = "" }, "write m3u8: no URI"},
		{"PART-HOLD-BACK too short", "low-latency.m3u8", func(m *m3u8.Media) { m.ServerControl.PartHoldBack = 1000*ms - time.Microsecond }, "m3u8: PART-HOLD-BACK of 999.999ms"},
		{"no PART-HOLD-BACK", "low-latency.m3u8", func(m *m3u8.Media) { m.ServerControl.PartHoldBack = 0 }, "m3u8: PART-TARGET without PART-HOLD-BACK"},
		{"HOLD-BACK too short", "low-latency.m3u8", func(m *m3u8.Media) { m.ServerControl.HoldBack = 6*time.Second - time.Microsecond }, "m3u8: HOLD-BACK of 5.999999s"},
		{"CAN-SKIP-UNTIL too short", "low-latency.m3u8", func(m *m3u8.Media) { m.ServerControl.CanSkipUntil = 12*time.Second - time.Microsecond }, "m3u8: CAN-SKIP-UNTIL of 11.999999s"},
		{"CAN-SKIP-DATERANGES alone", "low-latency.m3u8", func(m *m3u8.Media) { m.ServerControl.CanSkipUntil = 0 }, "m3u8: CAN-SKIP-DATERANGES without"},
		{"no hint", "low-latency.m3u8", func(m *m3u8.Media) { m.PreloadHints = m.PreloadHints[1:] }, "m3u8: parts, but no hint"},
		{"two hints", "low-latency.m3u8", func(m *m3u8.Media) { m.PreloadHints = append(m.PreloadHints, m.PreloadHints[0]) }, "m3u8: hint at PART"},
		{"a hint at the end", "event.m3u8", func(m *m3u8.Media) { m.Ended, m.PreloadHints = true, []m3u8.PreloadHint{{URI: "a"}} }, "m3u8: hint at PART"},
		{"a hint of no type", "low-latency.m3u8", func(m *m3u8.Media) { m.PreloadHints[0].Type = 2 }, "write m3u8: a hint of type 2"},
		{"a hint far away", "low-latency.m3u8", func(m *m3u8.Media) { m.PreloadHints[0].Start = 1<<62 + 1 }, "write m3u8: a hint"},
		{"parts without dates", "part-ranges.m3u8", func(m *m3u8.Media) { m.Segments[0].ProgramDateTime = time.Time{} }, "m3u8: parts, but no segment with"},
		{"a report of too much", "low-latency.m3u8", func(m *m3u8.Media) { m.RenditionReports[0].Parts = 1 << 31 }, "write m3u8: a report"},

		{"a skip of nothing", "delta.m3u8", func(m *m3u8.Media) { m.Skip.Segments = 0 }, "m3u8: EXT-X-SKIP that skips nothing"},
		{"a skip at the end", "delta.m3u8", func(m *m3u8.Media) { m.Ended = true }, "m3u8: EXT-X-SKIP in a playlist that has ended"},
		{"a skip that was not offered", "delta.m3u8", func(m *m3u8.Media) { m.ServerControl = m3u8.ServerControl{} }, "m3u8: EXT-X-SKIP without"},
		{"a skip of dates that was not offered", "delta-v2.m3u8", func(m *m3u8.Media) { m.ServerControl.CanSkipDateRanges = false }, "m3u8: EXT-X-SKIP of date ranges"},
		{"a skip of too much", "delta.m3u8", func(m *m3u8.Media) { m.Skip.Segments = 1 << 31 }, "write m3u8: 2147483648 skipped"},
		{"a removed range with a tab", "delta-v2.m3u8", func(m *m3u8.Media) { m.Skip.RemovedDateRanges = []string{"a\tb"} }, "write m3u8: "},
		{"a removed range without a name", "delta-v2.m3u8", func(m *m3u8.Media) { m.Skip.RemovedDateRanges = []string{""} }, "write m3u8: "},
		{"removed ranges in the first form", "delta.m3u8", func(m *m3u8.Media) { m.Skip.RemovedDateRanges = []string{"a"} }, "write m3u8: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := ourMedia()[tc.file]
			tc.change(&m)
			checkRules(t, tc.want, m.Append, m.Validate)
		})
	}
}

func TestDateRangeRules(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(d *m3u8.DateRange)
		want   string
	}{
		{"no ID", func(d *m3u8.DateRange) { d.ID = "" }, "write m3u8: a date range with the ID"},
		{"an ID with a tab", func(d *m3u8.DateRange) { d.ID = "a\tb" }, "write m3u8: a date range with the ID"},
		{"an ID with quotes", func(d *m3u8.DateRange) { d.ID = `a"` }, "write m3u8: ID"},
		{"no start", func(d *m3u8.DateRange) { d.Start = time.Time{} }, `m3u8: date range "a" has no START-DATE`},
		{"an end in front", func(d *m3u8.DateRange) { d.End = d.Start.Add(-ms) }, `m3u8: date range "a": ends at`},
		{"an end and another length", func(d *m3u8.DateRange) { d.End, d.Duration = d.Start.Add(2*ms), new(4*ms) }, `m3u8: date range "a": lasts 4ms, but ends 2ms`},
		{"a negative length", func(d *m3u8.DateRange) { d.Duration = new(-ms) }, "write m3u8: a duration"},
		{"a negative plan", func(d *m3u8.DateRange) { d.PlannedDuration = -1 }, "write m3u8: a duration"},
		{"END-ON-NEXT without a class", func(d *m3u8.DateRange) { d.EndOnNext, d.Class = true, "" }, `m3u8: date range "a": END-ON-NEXT`},
		{"END-ON-NEXT with an end", func(d *m3u8.DateRange) { d.EndOnNext, d.End = true, d.Start }, `m3u8: date range "a": END-ON-NEXT`},
		{"END-ON-NEXT with a length", func(d *m3u8.DateRange) { d.EndOnNext, d.Duration = true, new(ms) }, `m3u8: date range "a": END-ON-NEXT`},
		{"an attribute not X-", func(d *m3u8.DateRange) { d.Attributes[0].Name = "Y-A" }, `m3u8: date range "a": an attribute Y-A`},
		{"an attribute X- alone", func(d *m3u8.DateRange) { d.Attributes[0].Name = "X-" }, `m3u8: date range "a": an attribute X-`},
		{"an attribute in small letters", func(d *m3u8.DateRange) { d.Attributes[0].Name = "X-a" }, "write m3u8: an attribute"},
		{"an attribute that has its field", func(d *m3u8.DateRange) { d.Attributes[0].Name = "END-DATE" }, "write m3u8: an attribute"},
		{"an attribute twice", func(d *m3u8.DateRange) { d.Attributes = append(d.Attributes, d.Attributes[0]) }, "write m3u8: an attribute"},
		{"a word without quotes", func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: "X-A", Value: "word"} }, `m3u8: date range "a": X-A: "word" is no number`},
		{"hexadecimal of nothing", func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: "X-A", Value: "0x"} }, `m3u8: date range "a": X-A: "0x" is no number`},
		{"a sign", func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: "X-A", Value: "-"} }, `m3u8: date range "a": X-A: "-" is no number`},
		{"a point", func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: "X-A", Value: "."} }, `m3u8: date range "a": X-A: "." is no number`},
		{"a comma without quotes", func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: "X-A", Value: "1,2"} }, `write m3u8: "1,2" needs quotes`},
		{"nothing without quotes", func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: "X-A"} }, `write m3u8: "" needs quotes`},
		{"quotes in quotes", func(d *m3u8.DateRange) { d.Attributes[0].Value = `"` }, "write m3u8: X-A"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := m3u8.DateRange{ID: "a", Class: "c", Start: at(10, 0, 0, 0), Attributes: []m3u8.Attribute{{Name: "X-A", Value: "v", Quoted: true}}}
			m := ourMedia()["live.m3u8"]
			m.DateRanges = []m3u8.DateRange{d}
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
			tc.change(&m.DateRanges[0])
			checkRules(t, tc.want, m.Append, m.Validate)
		})
	}
	for _, number := range []string{"0", "-1.5", "+1", ".5", "0xAB", "0Xab"} {
		m := ourMedia()["live.m3u8"]
		m.DateRanges = []m3u8.DateRange{{ID: "a", Start: at(10, 0, 0, 0), Attributes: []m3u8.Attribute{{Name: "X-A", Value: number}}}}
		if err := m.Validate(); (err == nil) != (number[0] != '+' && number != "0Xab") {
			t.Errorf("%s: %v", number, err)
		}
	}
	m := ourMedia()["event.m3u8"]
	m.DateRanges = []m3u8.DateRange{overlay("a", at(10, 0, 0, 0))}
	checkRules(t, "m3u8: date ranges, but no segment with a PROGRAM-DATE-TIME", m.Append, m.Validate)
}

// Parts that may be shorter than 85 % of the part target, §4.4.4.9; the last of a segment may too.
func TestShortParts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(short, next *m3u8.Part)
		want   bool // it may
	}{
		{"like the others", func(_, _ *m3u8.Part) {}, false},
		{"independent", func(short, _ *m3u8.Part) { short.Independent = true }, true},
		{"a gap", func(short, _ *m3u8.Part) { short.Gap = true }, true},
		{"a gap behind it", func(_, next *m3u8.Part) { next.Gap = true }, true},
		{"too long before a gap", func(short, next *m3u8.Part) { short.Duration, next.Gap = 501*ms, true }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := ourMedia()["low-latency.m3u8"]
			parts := m.Segments[1].Parts
			parts[1].Duration, parts[len(parts)-1].Duration = ms, ms
			tc.change(&parts[1], &parts[2])
			if err := m.Validate(); (err == nil) != tc.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Durations stand to the microsecond in a playlist, and rules hold for what stands there.
func TestDurations(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0"},
		{499, "0"},
		{500, "0.000001"},
		{200 * ms, "0.2"},
		{200*ms + 499, "0.2"},
		{33_366_666, "0.033367"},
		{1_983_333_333, "1.983333"},
		{1_999_999_500, "2"},
		{1_999_999_499, "1.999999"},
		{1e18 - 501, "999999999.999999"},
	} {
		m := m3u8.Media{TargetDuration: 1, Segments: []m3u8.Segment{{URI: "a", Duration: tc.d}}}
		b, err := m.Append(nil)
		if want := "#EXTINF:" + tc.want + ",\n"; err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: error %v, no %q in\n%s", tc.d, err, want, b)
		}
	}
	m := ourMedia()["low-latency.m3u8"]
	for i := range m.Segments[1].Parts {
		m.Segments[1].Parts[i].Duration = 500*ms + 499
	}
	m.ServerControl.HoldBack, m.ServerControl.CanSkipUntil = 6*time.Second-499, 12*time.Second-499
	m.DateRanges[0].PlannedDuration += 499
	if err := m.Validate(); err != nil {
		t.Errorf("all within half a microsecond of what is allowed: %v", err)
	}
	whole := m3u8.Media{TargetDuration: 2, Segments: []m3u8.Segment{{URI: "a", Duration: 2*time.Second - 499}}}
	if v := whole.Version(); v != 1 {
		t.Errorf("whole seconds but for 499 ns: version %d, want 1", v)
	}
}

// Two tags of one ID say more, but nothing else.
func TestDateRangesAgree(t *testing.T) {
	full := overlay("a", at(10, 0, 0, 0))
	full.End, full.Duration = at(10, 0, 2, 0), new(2*time.Second)
	for name, change := range map[string]func(d *m3u8.DateRange){
		"class":            func(d *m3u8.DateRange) { d.Class = "other" },
		"start":            func(d *m3u8.DateRange) { d.Start, d.Duration = d.Start.Add(2*ms), nil },
		"end":              func(d *m3u8.DateRange) { d.End, d.Duration = d.End.Add(2*ms), nil },
		"length":           func(d *m3u8.DateRange) { *d.Duration += ms },
		"plan":             func(d *m3u8.DateRange) { d.PlannedDuration += time.Microsecond },
		"attribute":        func(d *m3u8.DateRange) { d.Attributes[0].Value = "b" },
		"attribute's form": func(d *m3u8.DateRange) { d.Attributes[0] = m3u8.Attribute{Name: d.Attributes[0].Name, Value: "1"} },
	} {
		t.Run(name, func(t *testing.T) {
			other := overlay("a", at(10, 0, 0, 0))
			other.End, other.Duration = full.End, new(*full.Duration)
			change(&other)
			m := ourMedia()["live.m3u8"]
			m.DateRanges = []m3u8.DateRange{full, other}
			checkRules(t, `m3u8: date range "a" is told twice`, m.Append, m.Validate)
		})
	}
	m := ourMedia()["live.m3u8"]
	m.DateRanges = []m3u8.DateRange{full, {ID: "a"}, {ID: "a", End: full.End.Add(300 * time.Microsecond)}, overlay("a", full.Start)}
	if err := m.Validate(); err != nil {
		t.Errorf("those that agree: %v", err)
	}
}

func TestMultivariantRules(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(m *m3u8.Multivariant)
		want   string
	}{
		{"no variants", func(m *m3u8.Multivariant) { m.Variants = nil }, "m3u8: no variants"},
		{"no URI", func(m *m3u8.Multivariant) { m.Variants[0].URI = "" }, "write m3u8: "},
		{"no bandwidth", func(m *m3u8.Multivariant) { m.Variants[0].Bandwidth = 0 }, "m3u8: variant low.m3u8 has no bandwidth"},
		{"no height", func(m *m3u8.Multivariant) { m.Variants[0].Height = 0 }, "m3u8: variant low.m3u8 of 640 x 0 pixels"},
		{"no width", func(m *m3u8.Multivariant) { m.Variants[0].Width = 0 }, "m3u8: variant low.m3u8 of 0 x 360 pixels"},
		{"a negative height", func(m *m3u8.Multivariant) { m.Variants[0].Height = -1 }, "write m3u8: pictures of 640 x -1"},
		{"no number of pictures", func(m *m3u8.Multivariant) { m.Variants[0].FrameRate = math.NaN() }, "write m3u8: NaN pictures a second"},
		{"endless pictures", func(m *m3u8.Multivariant) { m.Variants[0].FrameRate = math.Inf(1) }, "write m3u8: +Inf pictures a second"},
		{"two codecs in one", func(m *m3u8.Multivariant) { m.Variants[0].Codecs = []string{"a,b"} }, `write m3u8: a codec "a,b"`},
		{"a codec without a name", func(m *m3u8.Multivariant) { m.Variants[0].Codecs = []string{""} }, `write m3u8: a codec ""`},
		{"no such audio", func(m *m3u8.Multivariant) { m.Variants[0].Audio = "opus" }, `m3u8: variant low.m3u8 has no renditions of AUDIO "opus"`},
		{"captions where there are none", func(m *m3u8.Multivariant) { m.NoClosedCaptions = true }, "write m3u8: closed captions"},
		{"two of one name", func(m *m3u8.Multivariant) { m.Renditions[1].Name = "English" }, `m3u8: two renditions "English" of AUDIO "aac"`},
		{"two defaults", func(m *m3u8.Multivariant) { m.Renditions[1].Default = true }, `m3u8: two renditions of AUDIO "aac"`},
		{"no name", func(m *m3u8.Multivariant) { m.Renditions[1].Name = "" }, `m3u8: rendition "" of AUDIO "aac": it needs`},
		{"no type", func(m *m3u8.Multivariant) { m.Renditions[1].Type = 4 }, "write m3u8: a rendition of type 4"},
		{"an instream ID of sound", func(m *m3u8.Multivariant) { m.Renditions[1].InstreamID = "CC1" }, `m3u8: rendition "Deutsch" of AUDIO "aac": INSTREAM-ID`},
		{"captions elsewhere", func(m *m3u8.Multivariant) { m.Renditions[4].URI = "a" }, `m3u8: rendition "English" of CLOSED-CAPTIONS "cc": closed captions`},
		{"captions without an ID", func(m *m3u8.Multivariant) { m.Renditions[4].InstreamID = "" }, `m3u8: rendition "English" of CLOSED-CAPTIONS "cc": INSTREAM-ID`},
		{"captions of service 64", func(m *m3u8.Multivariant) { m.Renditions[4].InstreamID = "SERVICE64" }, `m3u8: rendition "English" of CLOSED-CAPTIONS "cc": INSTREAM-ID "SERVICE64"`},
		{"captions of service 0", func(m *m3u8.Multivariant) { m.Renditions[4].InstreamID = "SERVICE0" }, `m3u8: rendition "English" of CLOSED-CAPTIONS "cc": INSTREAM-ID "SERVICE0"`},
		{"captions of line 0", func(m *m3u8.Multivariant) { m.Renditions[5].InstreamID = "CC0" }, `m3u8: rendition "Deutsch" of CLOSED-CAPTIONS "cc": INSTREAM-ID "CC0"`},
		{"captions of line 5", func(m *m3u8.Multivariant) { m.Renditions[4].InstreamID = "CC5" }, `m3u8: rendition "English" of CLOSED-CAPTIONS "cc": INSTREAM-ID "CC5"`},
		{"subtitles nowhere", func(m *m3u8.Multivariant) { m.Renditions[3].URI = "" }, `m3u8: rendition "English" of SUBTITLES "subs": subtitles`},
		{"forced pictures", func(m *m3u8.Multivariant) { m.Renditions[2].Forced = true }, `m3u8: rendition "Main" of VIDEO "low": only subtitles`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := ourMultivariant()["multivariant-groups.m3u8"]
			tc.change(&m)
			checkRules(t, tc.want, m.Append, m.Validate)
		})
	}
}

func TestVersions(t *testing.T) {
	segment := m3u8.Segment{URI: "a", Duration: time.Second}
	fraction := m3u8.Segment{URI: "a", Duration: 1500 * ms}
	ranged := m3u8.Segment{URI: "a", Duration: time.Second, Range: m3u8.ByteRange{Length: 1}}
	mapped := m3u8.Segment{URI: "a", Duration: time.Second, Map: &m3u8.Map{URI: "b"}}
	for _, tc := range []struct {
		name string
		m    m3u8.Media
		want int
	}{
		{"whole seconds", m3u8.Media{Segments: []m3u8.Segment{segment}}, 1},
		{"fractions", m3u8.Media{Segments: []m3u8.Segment{fraction, segment}}, 3},
		{"byte ranges", m3u8.Media{Segments: []m3u8.Segment{ranged, fraction}}, 4},
		{"a map", m3u8.Media{Map: &m3u8.Map{URI: "b"}}, 6},
		{"a map later", m3u8.Media{Segments: []m3u8.Segment{segment, mapped}}, 6},
		{"an offer to skip", m3u8.Media{ServerControl: m3u8.ServerControl{CanSkipUntil: 1}}, 9},
		{"a skip", m3u8.Media{Skip: &m3u8.Skip{}}, 9},
		{"an offer to skip dates", m3u8.Media{ServerControl: m3u8.ServerControl{CanSkipUntil: 1, CanSkipDateRanges: true}}, 10},
		{"a skip of dates", m3u8.Media{Skip: &m3u8.Skip{DateRanges: true}}, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.m.Version(); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}
