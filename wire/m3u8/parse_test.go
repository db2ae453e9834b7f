package m3u8_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// checkError fails where an error is not of a kind at a byte.
func checkError(t *testing.T, err error, refused bool, offset int64) {
	t.Helper()
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	switch {
	case refused && errors.As(err, &unsupported) && unsupported.Offset == offset:
	case !refused && errors.As(err, &syntax) && syntax.Offset == offset:
	default:
		t.Errorf("got %v, want an error at byte %d, unsupported: %v", err, offset, refused)
	}
}

// head is how all playlists below begin.
const head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"

func TestParseMediaRefuses(t *testing.T) {
	long := strings.Repeat("a", m3u8.MaxLine+1)
	many := "#EXT-X-PART:A0=1"
	for i := range m3u8.MaxAttributes {
		many += fmt.Sprintf(",A%d=1", i+1)
	}
	for _, tc := range []struct {
		name, text string
		refused    bool
		offset     int64
	}{
		{"nothing", "", false, 0},
		{"no M3U", "#EXTINF:1,\na\n", false, 0},
		{"a byte order mark", "\ufeff#EXTM3U\n", false, 0},
		{"no target", "#EXTM3U\n", false, 8},
		{"no UTF-8", head + "#EXTINF:1,\n\xff\n", false, 43},
		{"a control character", head + "#EXTINF:1,\na\x00\n", false, 43},
		{"a control character beyond ASCII", head + "#EXTINF:1,\na\u0085b\n", false, 43},
		{"too long a line", head + long, true, 32},
		{"too long a comment", head + "#" + long, true, 32},
		{"too long", head + strings.Repeat("\n", m3u8.MaxSize), true, 0},
		{"a multivariant tag", head + "#EXT-X-STREAM-INF:BANDWIDTH=1\na\n", false, 32},
		{"renditions", head + "#EXT-X-MEDIA:TYPE=AUDIO\n", false, 32},
		{"I-frame variants", head + "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n", false, 32},
		{"variables", head + "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n", true, 32},
		{"a version of the future", head + "#EXT-X-VERSION:14\n", true, 32},
		{"a version that is none", head + "#EXT-X-VERSION:3.0\n", false, 32},
		{"two versions", head + "#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n", false, 49},
		{"two targets", head + "#EXT-X-TARGETDURATION:2\n", false, 32},
		{"two ends", head + "#EXT-X-ENDLIST\n#EXT-X-ENDLIST\n", false, 47},
		{"I-frames", head + "#EXT-X-I-FRAMES-ONLY\n", true, 32},
		{"encrypted", head + "#EXT-X-KEY:METHOD=AES-128,URI=\"a\"\n", true, 32},
		{"a key without a method", head + "#EXT-X-KEY:URI=\"a\"\n", false, 32},
		{"a target in fractions", "#EXTM3U\n#EXT-X-TARGETDURATION:2.5\n", false, 8},
		{"a target of no digits", "#EXTM3U\n#EXT-X-TARGETDURATION\n", false, 8},
		{"a target of a century", "#EXTM3U\n#EXT-X-TARGETDURATION:1000000000\n", false, 8},
		{"a sequence that is too large", head + "#EXT-X-MEDIA-SEQUENCE:9223372036854775808\n", false, 32},
		{"a sequence with a sign", head + "#EXT-X-MEDIA-SEQUENCE:-1\n", false, 32},
		{"no duration", head + "#EXTINF:,\na\n", false, 32},
		{"a negative duration", head + "#EXTINF:-1,\na\n", false, 32},
		{"a duration with an exponent", head + "#EXTINF:1e3,\na\n", false, 32},
		{"two points", head + "#EXTINF:1.2.3,\na\n", false, 32},
		{"a point alone", head + "#EXTINF:.,\na\n", false, 32},
		{"a long duration", head + "#EXTINF:1000000000,\na\n", false, 32},
		{"a duration that is long when rounded", head + "#EXTINF:999999999.9999995,\na\n", false, 32},
		{"a very long duration", head + "#EXTINF:1" + strings.Repeat("0", 30) + ",\na\n", false, 32},
		{"a URI without a duration", head + "a\n", false, 32},
		{"a duration without a URI", head + "#EXTINF:1,\n", false, 43},
		{"a range of nothing", head + "#EXT-X-BYTERANGE:0@5\n", false, 32},
		{"a range of a word", head + "#EXT-X-BYTERANGE:a@5\n", false, 32},
		{"a range from a word", head + "#EXT-X-BYTERANGE:5@a\n", false, 32},
		{"a range that is too far", head + "#EXT-X-BYTERANGE:5@4611686018427387905\n", false, 32},
		{"a range that follows nothing", head + "#EXT-X-BYTERANGE:5\n#EXTINF:1,\na\n", false, 62},
		{"a range that follows the whole", head + "#EXTINF:1,\na\n#EXT-X-BYTERANGE:5\n#EXTINF:1,\na\n", false, 75},
		{"a range that follows another file", head + "#EXT-X-BYTERANGE:5@0\n#EXTINF:1,\nb\n#EXT-X-BYTERANGE:5\n#EXTINF:1,\na\n", false, 96},
		{"a range of a part that follows nothing", head + "#EXT-X-PART:URI=\"a\",DURATION=1,BYTERANGE=\"5\"\n", false, 32},
		{"ranges of parts that are too far", head + "#EXT-X-PART:URI=\"a\",DURATION=1,BYTERANGE=\"9@4611686018427387904\"\n#EXT-X-PART:URI=\"a\",DURATION=1,BYTERANGE=\"5\"\n", false, 97},
		{"a date that is none", head + "#EXT-X-PROGRAM-DATE-TIME:yesterday\n", false, 32},
		{"a date before our time", head + "#EXT-X-PROGRAM-DATE-TIME:1583-01-01T00:00:00+01:00\n", false, 32},
		{"a date behind our time", head + "#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59.9999Z\n", false, 32},
		{"a map without a URI", head + "#EXT-X-MAP:BYTERANGE=\"5@0\"\n", false, 32},
		{"a map with an empty URI", head + "#EXT-X-MAP:URI=\"\"\n", false, 32},
		{"a part without a duration", head + "#EXT-X-PART:URI=\"a\"\n", false, 32},
		{"a part without a URI", head + "#EXT-X-PART:DURATION=1\n", false, 32},
		{"a part with another duration", head + "#EXT-X-PART:DURATION=long,URI=\"a\"\n", false, 32},
		{"no part target", head + "#EXT-X-PART-INF:X=1\n", false, 32},
		{"a hint without a type", head + "#EXT-X-PRELOAD-HINT:URI=\"a\"\n", false, 32},
		{"a hint without a URI", head + "#EXT-X-PRELOAD-HINT:TYPE=MAP\n", false, 32},
		{"a report without a URI", head + "#EXT-X-RENDITION-REPORT:LAST-MSN=1\n", false, 32},
		{"a report of a word", head + "#EXT-X-RENDITION-REPORT:URI=\"a\",LAST-MSN=a\n", false, 32},
		{"a report of too many parts", head + "#EXT-X-RENDITION-REPORT:URI=\"a\",LAST-PART=2147483647\n", false, 32},
		{"a skip without a count", head + "#EXT-X-SKIP:X=1\n", false, 32},
		{"a skip behind a segment", head + "#EXTINF:1,\na\n#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n", false, 45},
		{"no attributes", head + "#EXT-X-PART\n", false, 32},
		{"an attribute without a value", head + "#EXT-X-PART:URI\n", false, 32},
		{"an attribute without a name", head + "#EXT-X-PART:=1\n", false, 32},
		{"an attribute in small letters", head + "#EXT-X-PART:uri=\"a\"\n", false, 32},
		{"an attribute with an empty value", head + "#EXT-X-PART:URI=,DURATION=1\n", false, 32},
		{"an attribute twice", head + "#EXT-X-PART:URI=\"a\",DURATION=1,URI=\"b\"\n", false, 32},
		{"quotes without an end", head + "#EXT-X-PART:DURATION=1,URI=\"a\n", false, 32},
		{"something behind quotes", head + "#EXT-X-PART:DURATION=1,URI=\"a\"b\n", false, 32},
		{"quotes in a word", head + "#EXT-X-PART:DURATION=1,URI=a\"b\n", false, 32},
		{"a blank in a word", head + "#EXT-X-PART:DURATION=1,URI=a b\n", false, 32},
		{"65 attributes", head + many + "\n", false, 32},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := m3u8.ParseMedia([]byte(tc.text))
			checkError(t, err, tc.refused, tc.offset)
			if diff := cmp.Diff(m3u8.Media{}, got); diff != "" {
				t.Errorf("got besides\n%s", diff)
			}
		})
	}
}

// What stands where it should not, but is understood.
func TestParseMediaTakes(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       m3u8.Media
	}{
		{"a segment that is being made, of a discontinuity alone", head + "#EXT-X-DISCONTINUITY\n", m3u8.Media{Segments: []m3u8.Segment{{Discontinuity: true}}}},
		{"a map alone", head + "#EXT-X-MAP:URI=\"a\"\n", m3u8.Media{Map: &m3u8.Map{URI: "a"}}},
		{"the last of several", head + "#EXT-X-BYTERANGE:5\n#EXT-X-BYTERANGE:6@7\n#EXTINF:9,\n#EXTINF:1,a,b\nc\n", m3u8.Media{
			Segments: []m3u8.Segment{{URI: "c", Duration: time.Second, Range: m3u8.ByteRange{Length: 6, Start: 7}}},
		}},
		{"a map in front of a skip", head + "#EXT-X-MAP:URI=\"a\"\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\"\"\n", m3u8.Media{
			Map: &m3u8.Map{URI: "a"}, Skip: &m3u8.Skip{Segments: 3, DateRanges: true},
		}},
		{"a comma behind attributes", head + "#EXT-X-MAP:URI=\"a\" , \n#EXTINF:1,\nb", m3u8.Media{
			Map: &m3u8.Map{URI: "a"}, Segments: []m3u8.Segment{{URI: "b", Duration: time.Second}},
		}},
		{"blanks around lines", " #EXTM3U \r\n\t#EXT-X-TARGETDURATION:2\n\n  #EXTINF: 1 ,\n b \n", m3u8.Media{
			Segments: []m3u8.Segment{{URI: "b", Duration: time.Second}},
		}},
		{"more digits than microseconds have", head + "#EXTINF:0001.0000004999999999,\nb\n", m3u8.Media{
			Segments: []m3u8.Segment{{URI: "b", Duration: time.Second}},
		}},
		{"a map of a range without its start", head + "#EXT-X-MAP:URI=\"a\",BYTERANGE=\"5\"\n", m3u8.Media{Map: &m3u8.Map{URI: "a", Range: m3u8.ByteRange{Length: 5}}}},
		{"the latest version", head + "#EXT-X-VERSION:13\n", m3u8.Media{}},
		{"the longest line", head + "#" + strings.Repeat("a", m3u8.MaxLine-1) + "\n", m3u8.Media{}},
		{"the longest playlist", head + strings.Repeat("\n", m3u8.MaxSize-len(head)), m3u8.Media{}},
		{"the longest duration", head + "#EXTINF:999999999.999999499,\na\n", m3u8.Media{Segments: []m3u8.Segment{{URI: "a", Duration: 1e18 - 1000}}}},
		{"the first date", head + "#EXT-X-PROGRAM-DATE-TIME:1583-01-01T00:00:00Z\n#EXTINF:0,\na\n", m3u8.Media{
			Segments: []m3u8.Segment{{URI: "a", ProgramDateTime: time.Date(1583, 1, 1, 0, 0, 0, 0, time.UTC)}},
		}},
		{"the last numbers", head + "#EXT-X-MEDIA-SEQUENCE:9223372036854775807\n#EXT-X-DISCONTINUITY-SEQUENCE:9223372036854775807\n" +
			"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a\",BYTERANGE-START=4611686018427387904,BYTERANGE-LENGTH=4611686018427387904\n" +
			"#EXT-X-RENDITION-REPORT:URI=\"a\",LAST-MSN=9223372036854775807,LAST-PART=2147483646\n" +
			"#EXT-X-BYTERANGE:1@4611686018427387903\n#EXTINF:1,\na\n#EXT-X-BYTERANGE:1\n#EXTINF:1,\na\n", m3u8.Media{
			MediaSequence: math.MaxInt64, DiscontinuitySequence: math.MaxInt64,
			PreloadHints:     []m3u8.PreloadHint{{URI: "a", Start: 1 << 62, Length: 1 << 62}},
			RenditionReports: []m3u8.RenditionReport{{URI: "a", Sequence: math.MaxInt64, Parts: math.MaxInt32}},
			Segments: []m3u8.Segment{
				{URI: "a", Duration: time.Second, Range: m3u8.ByteRange{Length: 1, Start: 1<<62 - 1}},
				{URI: "a", Duration: time.Second, Range: m3u8.ByteRange{Length: 1, Start: 1 << 62}},
			},
		}},
		{"64 attributes", head + "#EXT-X-PART-INF:PART-TARGET=1" + names(m3u8.MaxAttributes-1) + "\n", m3u8.Media{PartTarget: time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.TargetDuration = 2
			got, err := m3u8.ParseMedia([]byte(tc.text))
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("error %v, -want +got\n%s", err, diff)
			}
			if b, err := got.Append(nil); err != nil {
				t.Errorf("written again: %v", err)
			} else if again, err := m3u8.ParseMedia(b); err != nil || !cmp.Equal(got, again) {
				t.Errorf("read again: error %v, -want +got\n%s", err, cmp.Diff(got, again))
			}
		})
	}
}

// names gives so many attributes.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",A%d=1", i)
	}
	return b.String()
}

func TestDates(t *testing.T) {
	for _, tc := range []struct {
		text string
		want time.Time
	}{
		{"2026-11-24T10:00:00Z", at(10, 0, 0, 0)},
		{"2026-11-24T10:00:00.5Z", at(10, 0, 0, 500)},
		{"2026-11-24T10:00:00,5Z", at(10, 0, 0, 500)},
		{"2026-11-24T12:30:00.001+02:30", at(10, 0, 0, 1)},
		{"2026-11-24T12:30:00.001+0230", at(10, 0, 0, 1)},
		{"2026-11-24T12:00:00.001+02", at(10, 0, 0, 1)},
		{"2026-11-24T10:00:00.001", at(10, 0, 0, 1)},
	} {
		t.Run(tc.text, func(t *testing.T) {
			m, err := m3u8.ParseMedia([]byte(head + "#EXT-X-PROGRAM-DATE-TIME:" + tc.text + "\n#EXTINF:1,\na\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Segments[0].ProgramDateTime; !got.Equal(tc.want) || got.Location() != time.UTC {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestParseMultivariantRefuses(t *testing.T) {
	const variant = "#EXTM3U\n#EXT-X-STREAM-INF:"
	for _, tc := range []struct {
		name, text string
		refused    bool
		offset     int64
	}{
		{"nothing", "", false, 0},
		{"no UTF-8", "#EXTM3U\n\xff", false, 8},
		{"a media playlist", head, false, 8},
		{"segments", "#EXTM3U\n#EXTINF:1,\na\n", false, 8},
		{"an end", "#EXTM3U\n#EXT-X-ENDLIST\n", false, 8},
		{"a URI alone", "#EXTM3U\na\n", false, 8},
		{"a variant without a URI", variant + "BANDWIDTH=1\n", false, 38},
		{"no bandwidth", variant + "CODECS=\"a\"\na\n", false, 8},
		{"a bandwidth that is no number", variant + "BANDWIDTH=fast\na\n", false, 8},
		{"a size that is none", variant + "BANDWIDTH=1,RESOLUTION=640\na\n", false, 8},
		{"a size of words", variant + "BANDWIDTH=1,RESOLUTION=axb\na\n", false, 8},
		{"a large size", variant + "BANDWIDTH=1,RESOLUTION=1x2147483648\na\n", false, 8},
		{"a rate that is none", variant + "BANDWIDTH=1,FRAME-RATE=NaN\na\n", false, 8},
		{"a negative rate", variant + "BANDWIDTH=1,FRAME-RATE=-1\na\n", false, 8},
		{"a broken variant", variant + "BANDWIDTH\na\n", false, 8},
		{"a rendition without a group", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"\n", false, 8},
		{"a rendition without a name", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\"\n", false, 8},
		{"a rendition without a type", "#EXTM3U\n#EXT-X-MEDIA:GROUP-ID=\"a\",NAME=\"a\"\n", false, 8},
		{"variables", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n", true, 8},
		{"a version of the future", "#EXTM3U\n#EXT-X-VERSION:99\n", true, 8},
		{"too long", "#EXTM3U\n" + strings.Repeat("\n", m3u8.MaxSize), true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := m3u8.ParseMultivariant([]byte(tc.text))
			checkError(t, err, tc.refused, tc.offset)
			if diff := cmp.Diff(m3u8.Multivariant{}, got); diff != "" {
				t.Errorf("got besides\n%s", diff)
			}
		})
	}
}
