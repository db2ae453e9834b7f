package hls

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheckFindsNothingInTheModel(t *testing.T) {
	for _, f := range Check(modelRecording()) {
		t.Error(f)
	}
}

// What the rules allow is no breach: a reload for which nothing came, and a discontinuity that a delta update skips.
func TestCheckAllows(t *testing.T) {
	for name, change := range map[string]func(*Recording){
		"nothing new": func(r *Recording) {
			v := *r.of(ByPart)[9]
			v.Status, v.Playlist, v.Asked, v.Answered = http.StatusServiceUnavailable, nil, v.Answered, v.Answered.Add(3*time.Second)
			r.Versions = append(r.Versions, v)
		},
		"a discontinuity": func(r *Recording) {
			rewrite(0, `(#EXT-X-PROGRAM-DATE-TIME:2026-11-20T18:00:0[48].5)`, "#EXT-X-DISCONTINUITY\n$1")(r)
			for i := range r.Versions {
				v := &r.Versions[i]
				first, breaks := v.Playlist.Sequence, 0
				for _, n := range []int64{4, 8} {
					if n < first {
						breaks++
					}
				}
				v.Text = strings.Replace(v.Text, "#EXT-X-MEDIA-SEQUENCE", fmt.Sprintf("#EXT-X-DISCONTINUITY-SEQUENCE:%d\n#EXT-X-MEDIA-SEQUENCE", breaks), 1)
				v.Playlist = Parse(v.Text)
			}
		},
	} {
		r := modelRecording()
		change(r)
		for _, f := range Check(r) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// rewrite changes the text of versions from number from on, of each chain.
func rewrite(from int, old, with string) func(*Recording) {
	return func(r *Recording) {
		find := regexp.MustCompile("(?m)" + old)
		seen := make(map[Chain]int)
		for i := range r.Versions {
			v := &r.Versions[i]
			if seen[v.Chain]++; seen[v.Chain] > from {
				v.Text = find.ReplaceAllString(v.Text, with)
				v.Playlist = Parse(v.Text)
			}
		}
	}
}

// once changes only one version of the client that reloads for each part.
func once(number int, old, with string) func(*Recording) {
	return func(r *Recording) {
		v := r.of(ByPart)[number]
		v.Text = regexp.MustCompile("(?m)"+old).ReplaceAllString(v.Text, with)
		v.Playlist = Parse(v.Text)
	}
}

func (r *Recording) of(c Chain) (all []*Version) {
	for i := range r.Versions {
		if r.Versions[i].Chain == c {
			all = append(all, &r.Versions[i])
		}
	}
	return all
}

// patch changes bytes of a body, where they are found first behind a mark.
func patch(uri, mark string, at int, with ...byte) func(*Recording) {
	return func(r *Recording) {
		b := slices.Clone(r.Bodies[uri].Bytes)
		copy(b[strings.Index(string(b), mark)+at:], with)
		r.Bodies[uri].Bytes = b
	}
}

// both patches the first part of segment 12, and the segment.
func both(mark string, at int, with ...byte) func(*Recording) {
	return func(r *Recording) {
		patch("12.0.m4s", mark, at, with...)(r)
		patch("12.m4s", mark, at, with...)(r)
	}
}

// breaches is a recording for each way to break a rule.
var breaches = []struct {
	name  string
	rule  Rule
	spoil func(*Recording)
}{
	{"no head", Syntax, rewrite(0, `\A#EXTM3U\n`, "")},
	{"carriage returns", Syntax, rewrite(0, `$`, "\r")},
	{"unknown tag", Syntax, rewrite(0, `\A#EXTM3U`, "#EXTM3U\n#EXT-X-NOTHING:1")},
	{"attribute without value", Syntax, rewrite(0, `PART-TARGET=0.2`, "PART-TARGET=")},
	{"attribute twice", Syntax, rewrite(0, `PART-TARGET=0.2`, "PART-TARGET=0.2,PART-TARGET=0.2")},
	{"no comma behind EXTINF", Syntax, rewrite(0, `^(#EXTINF.*),$`, "$1")},
	{"segment without EXTINF", Syntax, rewrite(0, `^#EXTINF.*\n`, "")},
	{"sequence number behind a segment", Syntax, rewrite(0, `\z`, "#EXT-X-MEDIA-SEQUENCE:9\n")},
	{"playlist type", Syntax, rewrite(0, `\A#EXTM3U`, "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT")},
	{"no target duration", Syntax, rewrite(0, `^#EXT-X-TARGETDURATION.*\n`, "")},
	{"date without zone", Syntax, rewrite(0, `(DATE-TIME:.*)Z$`, "$1")},
	{"version too low", VersionNumber, rewrite(0, `VERSION:9`, "VERSION:6")},
	{"version too high", VersionNumber, rewrite(0, `VERSION:9`, "VERSION:12")},
	{"segment too long", TargetDuration, rewrite(0, `EXTINF:1.000`, "EXTINF:1.500")},
	{"target changes", TargetDuration, rewrite(30, `TARGETDURATION:1`, "TARGETDURATION:2")},
	{"part too long", PartTarget, rewrite(0, `DURATION=0.2,`, "DURATION=0.201,")},
	{"part target changes", PartTarget, rewrite(30, `PART-TARGET=0.2`, "PART-TARGET=0.25")},
	{"part too short", PartShort, rewrite(0, `DURATION=0.2,(URI="[0-9]+.2)`, "DURATION=0.16,$1")},
	{"parts do not add up", PartSum, rewrite(0, `DURATION=0.2,`, "DURATION=0.199,")},
	{"hold back", HoldBack, rewrite(0, `,HOLD-BACK=3`, ",HOLD-BACK=2.9")},
	{"part hold back", HoldBack, rewrite(0, `PART-HOLD-BACK=0.6`, "PART-HOLD-BACK=0.39")},
	{"no part hold back", HoldBack, rewrite(0, `,PART-HOLD-BACK=0.6`, "")},
	{"skip boundary", HoldBack, rewrite(0, `SKIP-UNTIL=6`, "SKIP-UNTIL=5")},
	{"control changes", HoldBack, rewrite(30, `PART-HOLD-BACK=0.6`, "PART-HOLD-BACK=0.8")},
	{"sequence falls", MediaSequence, once(40, `MEDIA-SEQUENCE:[0-9]+`, "MEDIA-SEQUENCE:0")},
	{"segment never listed", MediaSequence, func(r *Recording) {
		all := r.of(ByPart)
		gone := func(v Version) bool {
			return v.Chain == ByPart && !v.Answered.Equal(all[0].Answered) && v.Playlist.Sequence < 7
		}
		r.Versions = slices.DeleteFunc(r.Versions, gone)
	}},
	{"segments not counted", SegmentChanges, once(40, `MEDIA-SEQUENCE:[0-9]+`, "MEDIA-SEQUENCE:6")},
	{"discontinuity not counted", DiscontinuitySequence, func(r *Recording) {
		rewrite(0, `(#EXT-X-PROGRAM-DATE-TIME:2026-11-20T18:00:04.5)`, "#EXT-X-DISCONTINUITY\n$1")(r)
	}},
	{"discontinuity sequence falls", DiscontinuitySequence, once(40, `(#EXT-X-MEDIA-SEQUENCE)`, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n$1")},
	{"another URI", SegmentChanges, rewrite(30, `^9.m4s`, "9b.m4s")},
	{"another duration", SegmentChanges, rewrite(30, `(?s)EXTINF:1.000,\n9.m4s`, "EXTINF:0.999,\n9.m4s")},
	{"another date", SegmentChanges, rewrite(30, `18:00:09.500`, "18:00:09.501")},
	{"another part", PartChanges, once(40, `DURATION=0.2,URI="12.3`, `DURATION=0.19,URI="12.3`)},
	{"parts gone at the edge", PartsGone, rewrite(38, `^#EXT-X-PART:.*URI="11..*\n`, "")},
	{"parts gone in the middle", PartsGone, once(44, `^#EXT-X-PART:.*URI="11..*\n`, "")},
	{"window too short", Window, func(r *Recording) {
		for _, v := range r.of(ByPart)[5:] {
			p := v.Playlist
			p.Sequence, p.Segments = p.Next()-2, p.Segments[len(p.Segments)-2:]
		}
	}},
	{"no date", Dates, rewrite(0, `^#EXT-X-PROGRAM-DATE-TIME:.*:09.5.*\n`, "")},
	{"hole in the dates", Dates, rewrite(0, `18:00:09.500`, "18:00:09.502")},
	{"no init", InitChange, rewrite(0, `^#EXT-X-MAP.*\n`, "")},
	{"another init", InitChange, func(r *Recording) {
		rewrite(0, `(#EXT-X-PROGRAM-DATE-TIME:.*18:00:19.5)`, "#EXT-X-MAP:URI=\"init1.mp4\"\n$1")(r)
	}},
	{"no hint", Hints, rewrite(0, `^#EXT-X-PRELOAD-HINT.*\n`, "")},
	{"wrong hint", Hints, once(33, `HINT:TYPE=PART,URI="[0-9]+`, `HINT:TYPE=PART,URI="99`)},
	{"hint behind the end", Hints, rewrite(0, `^#EXT-X-ENDLIST`, "#EXT-X-ENDLIST\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"22.0.m4s\"")},
	{"too much skipped", Delta, func(r *Recording) {
		for _, v := range r.of(ByDelta) {
			if p := v.Playlist; p.Skipped > 0 {
				p.Skipped, p.Segments = p.Skipped+2, p.Segments[2:]
			}
		}
	}},
	{"nothing skipped", Delta, func(r *Recording) {
		for _, v := range r.of(ByDelta) {
			v.Playlist = Parse(modelPlaylist(int(v.Playlist.End().Sequence)*modelParts+v.Playlist.End().Part, false, v.Playlist.Ended))
		}
	}},
	{"delta update of another playlist", Delta, func(r *Recording) {
		for _, v := range r.of(ByDelta) {
			v.Playlist = Parse(strings.Replace(v.Text, "18:00:15.5", "18:00:15.6", 1))
		}
	}},
	{"delta update without a date range", Delta, func(r *Recording) {
		for _, v := range r.of(ByDelta) {
			v.Playlist = Parse(regexp.MustCompile(`#EXT-X-DATERANGE.*m-3.*\n`).ReplaceAllString(v.Text, ""))
		}
	}},
	{"skipped unasked", Delta, func(r *Recording) {
		for _, v := range r.of(ByDelta) {
			v.Query.Skip = false
		}
	}},
	{"end taken back", EndList, once(30, `\z`, "#EXT-X-ENDLIST\n")},
	{"part too late", Cadence, func(r *Recording) {
		for _, v := range r.of(ByPart)[40:] {
			v.Asked, v.Answered = v.Asked.Add(100*time.Millisecond), v.Answered.Add(100*time.Millisecond)
		}
	}},
	{"segment too late", Cadence, func(r *Recording) {
		rewrite(0, `^#EXT-X-PART-INF.*\n`, "")(r)
		for i, v := range r.of(ByPart) {
			v.Answered = v.Answered.Add(time.Duration(i) * 150 * time.Millisecond)
			v.Asked = v.Answered
		}
	}},
	{"unknown attribute of a range", RangeSyntax, rewrite(0, `,CLASS="`, `,SIZE=3,CLASS="`)},
	{"range without begin", RangeSyntax, rewrite(0, `START-DATE="[^"]*",`, "")},
	{"range ends before it begins", RangeSyntax, rewrite(0, `END-DATE="2026`, `END-DATE="2025`)},
	{"range ends on next, and by a date", RangeSyntax, rewrite(0, `,END-DATE`, `,END-ON-NEXT=YES,END-DATE`)},
	{"range with a bad duration", RangeSyntax, rewrite(0, `,END-DATE`, `,PLANNED-DURATION=abc,END-DATE`)},
	{"range without dates", RangeSyntax, rewrite(0, `^#EXT-X-PROGRAM-DATE-TIME.*\n`, "")},
	{"range without its state", RangeSyntax, rewrite(0, `OVERLAY="`, `OVERLAY="*`)},
	{"class changes", RangeChanges, rewrite(40, `CLASS="simulcart`, `CLASS="other`)},
	{"begin changes", RangeChanges, rewrite(40, `START-DATE="2026-11-20T18:00:03.833`, `START-DATE="2026-11-20T18:00:03.834`)},
	{"new attribute", RangeChanges, rewrite(40, `,CLASS="`, `,X-NEW="1",CLASS="`)},
	{"used again", RangeChanges, once(40, `^#EXT-X-DATERANGE:ID="m-3.*\n`, "")},
	{"open range gone", RangeGone, once(70, `^#EXT-X-DATERANGE:ID="m-4.*\n`, "")},
	{"range gone with its segments there", RangeGone, rewrite(40, `^#EXT-X-DATERANGE:ID="m-3.*\n`, "")},
	{"range beside its picture", RangeDate, rewrite(0, `START-DATE="2026-11-20T18:00:07.166`, `START-DATE="2026-11-20T18:00:07.134`)},
	{"longer pictures", MediaTime, patch("init0.mp4", "trex", 4+12, 0, 0, 0x0b, 0xc0)},
	{"hole between segments", MediaTime, patch("9.m4s", "tfdt", 4+4, 0, 0, 0, 0, 0, 1)},
	{"date not of the pictures", MediaDate, func(r *Recording) {
		rewrite(0, `(18:00:1[0-9]).500`, "$1.501")(r)
		rewrite(0, `(18:00:1[5-9]).501`, "$1.502")(r)
	}},
	{"part not of its duration", PartTime, rewrite(0, `DURATION=0.2,URI="12.2`, `DURATION=0.198,URI="12.2`)},
	{"segment is not its parts", Concatenation, patch("12.3.m4s", "mdat", 4, 9)},
	{"independent without key frame", IndependentPart, rewrite(0, `(URI="[0-9]+.2.m4s")$`, "$1,INDEPENDENT=YES")},
	{"key frame not told", IndependentPart, rewrite(0, `,INDEPENDENT=YES`, "")},
	{"segment without key frame", IndependentSegments, both("trun", 4+12, 0, 1, 0, 0)},
	{"state beside its picture", Events, both("emsg", 4+8, 0, 0, 0, 0, 0, 0, 0, 1)},
	{"state of another number", Events, both("emsg", 4+20, 0, 0, 0, 9)},
	{"state that is none", Events, both("TXXX", 0, 'T', 'X', 'X', 'Y')},
	{"state with an end", Events, both("emsg", 4+16, 0, 0, 0, 9)},
	{"clock of the states", Events, both(`"now":`, 6, '9')},
	{"nothing there", Unavailable, func(r *Recording) { r.Versions = nil }},
	{"part not there", Unavailable, func(r *Recording) { r.Bodies["12.3.m4s"].Status = http.StatusNotFound }},
	{"segment not readable", Unavailable, func(r *Recording) { r.Bodies["12.m4s"].Bytes = []byte("segment") }},
	{"init not readable", Unavailable, func(r *Recording) { r.Bodies["init0.mp4"].Bytes = nil }},
	{"reload refused early", Unavailable, func(r *Recording) { r.of(ByPart)[9].Status = http.StatusServiceUnavailable }},
	{"playlist refused", Unavailable, func(r *Recording) { r.of(Polling)[3].Status = http.StatusServiceUnavailable }},
	{"withdrawn", Withdrawn, func(r *Recording) { r.Again[0].Status = http.StatusNotFound }},
	{"other bytes later", Withdrawn, func(r *Recording) { r.Again[0].Same = false }},
	{"answer too early", Blocking, func(r *Recording) { r.of(ByPart)[9].Query.Part++ }},
	{"answer without the segment", Blocking, func(r *Recording) { r.of(ByPart)[9].Query = Query{30, -1, false} }},
	{"answer without the next segment's part", Blocking, func(r *Recording) {
		for _, v := range r.of(ByPart) {
			if v.Playlist.End().Part == 0 {
				v.Query = Query{v.Playlist.End().Sequence - 1, modelParts, false}
			}
		}
	}},
	{"held too long", Held, func(r *Recording) { r.of(ByPart)[9].Asked = r.of(ByPart)[9].Answered.Add(-3100 * time.Millisecond) }},
	{"type of playlists", ContentType, func(r *Recording) { r.of(ByPart)[9].Header = header("text/plain", "max-age=1") }},
	{"type of media", ContentType, func(r *Recording) { r.Bodies["12.m4s"].Header = header("video/mp2t", "max-age=3600, immutable") }},
	{"playlist kept", Caching, func(r *Recording) {
		r.of(Polling)[9].Header = header("application/vnd.apple.mpegurl", "max-age=60")
	}},
	{"segment not kept", Caching, func(r *Recording) { r.Bodies["12.m4s"].Header = header("video/mp4", "no-store") }},
	{"size of the pictures", Variants, index("640x360", "320x180")},
	{"codec", Variants, index("64001e", "42001e")},
	{"further codec", Variants, index("64001e", "64001e,mp4a.40.2")},
	{"bandwidth too low", Variants, index("=20000", "=2000")},
	{"bandwidth too high", Variants, index("=20000", "=2000000")},
	{"frame rate", Variants, index("30.000", "25.000")},
	{"no frame rate", Variants, index(",FRAME-RATE=30.000", "")},
	{"variant without address", Syntax, index("main.m3u8\n", "")},
	{"no rendition report", Reports, index("main.m3u8\n", "main.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"mp4a.40.2\"\nsound.m3u8\n")},
	{"wrong rendition report", Reports, func(r *Recording) {
		index("main.m3u8\n", "main.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"mp4a.40.2\"\nsound.m3u8\n")(r)
		rewrite(0, `\z`, "#EXT-X-RENDITION-REPORT:URI=\"sound.m3u8\",LAST-MSN=3,LAST-PART=1\n")(r)
	}},
}

func index(old, with string) func(*Recording) {
	return func(r *Recording) { r.Index = ParseIndex(strings.Replace(modelIndex, old, with, 1)) }
}

// probed are the rules that are seen to be broken in probe_test.go.
var probed = []Rule{TooFar, Origins, Compression, ByteRange}

// Each rule is seen to be broken, by at least one recording.
func TestCheckFindsEachBreach(t *testing.T) {
	missing := make(map[Rule]bool)
	for r := range ruleCount {
		missing[r] = !slices.Contains(probed, r)
	}
	for _, tt := range breaches {
		t.Run(tt.name, func(t *testing.T) {
			r := modelRecording()
			tt.spoil(r)
			found := Check(r)
			if !slices.ContainsFunc(found, func(f Fault) bool { return f.Rule == tt.rule }) {
				t.Errorf("want a breach of %q, got %v", tt.rule, found)
			}
			missing[tt.rule] = false
		})
	}
	for _, r := range slices.Sorted(maps.Keys(missing)) {
		if missing[r] {
			t.Errorf("no recording breaks %q", r)
		}
	}
}
