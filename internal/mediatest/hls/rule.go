package hls

import "fmt"

// Rule is one rule that a server must keep. Sections are those of draft-pantos-hls-rfc8216bis.
type Rule uint8

// The rules.
const (
	Syntax                Rule = iota // 4.1, 4.2, and the tags' own sections
	VersionNumber                     // 8, 6.2.1: what the tags need, and no more
	TargetDuration                    // 4.4.3.1, 6.2.1: covers each EXTINF, never changes
	PartTarget                        // 4.4.3.7, 4.4.4.9: covers each part, never changes
	PartShort                         // 4.4.4.9: at least 85 % of the target
	PartSum                           // parts together are as long as their segment
	HoldBack                          // 4.4.3.8: HOLD-BACK, PART-HOLD-BACK and CAN-SKIP-UNTIL are long enough, and stay
	MediaSequence                     // 6.2.2: rises with each removed segment, never falls
	DiscontinuitySequence             // 6.2.2: segments keep their number
	SegmentChanges                    // 6.2.1: a segment stays as it was published
	PartChanges                       // 6.2.1: so does a part
	PartsGone                         // 6.2.2: parts go in order, and not near the live edge
	Window                            // 6.2.2: at least three target durations stay
	Dates                             // 6.2.1: one after the other, without overlap
	InitChange                        // 4.4.4.5, 6.2.1: each segment has one, and another one only behind a discontinuity
	Hints                             // 4.4.5.3, 6.2.6: what is hinted comes next
	Delta                             // 6.2.5.1: a delta update gives the whole playlist back
	EndList                           // 6.2.1: nothing comes behind the end
	Cadence                           // 6.2.1: 1.5 target durations for a segment, one part target for a part
	RangeSyntax                       // 4.4.5.1: the attributes of a date range
	RangeChanges                      // 4.4.5.1: an ID has one meaning
	RangeGone                         // 6.2.1: a range stays while a segment of it does
	RangeDate                         // START-DATE is the date of its picture
	MediaTime                         // EXTINF is the time that the media take, and they follow each other
	MediaDate                         // dates are those of the media
	PartTime                          // DURATION is the time that the media take
	Concatenation                     // 4.4.4.9: a segment is its parts, one after the other
	IndependentPart                   // 4.4.4.9: INDEPENDENT=YES where a key frame begins it
	IndependentSegments               // 4.4.2.1: all segments begin with a key frame
	Events                            // an emsg comes with its picture, by the stream's one clock
	Unavailable                       // 6.2.1: what is listed can be fetched
	Withdrawn                         // 6.2.2: what is no longer listed can be fetched for a while
	Blocking                          // 6.2.5.2: not before the playlist has what was asked for
	Held                              // 6.2.5.2: at most three target durations
	TooFar                            // 6.2.5.2: what is far ahead, or no number, is a bad request
	ContentType                       // 4, 10
	Caching                           // playlists are short-lived, media immutable
	Origins                           // CORS for those that are let in
	Compression                       // 6.2.1: gzip gives the same text
	ByteRange                         // 206 and 416
	Variants                          // 4.4.6.2: what the multivariant playlist says is true
	Reports                           // 4.4.5.4: a rendition report names the other playlist's end
	ruleCount
)

var ruleNames = [ruleCount]string{
	"syntax", "version", "target duration", "part target", "part short", "part sum", "hold back", "media sequence", "discontinuity sequence",
	"segment changes", "part changes", "parts gone", "window", "dates", "init change", "hints", "delta", "end list", "cadence", "range syntax",
	"range changes", "range gone", "range date", "media time", "media date", "part time", "concatenation", "independent part",
	"independent segments", "events", "unavailable", "withdrawn", "blocking", "held", "too far", "content type", "caching", "origins",
	"compression", "byte range", "variants", "reports",
}

// String gives the name of the rule, as reports print it.
func (r Rule) String() string {
	if r < ruleCount {
		return ruleNames[r]
	}
	return fmt.Sprintf("rule %d", uint8(r))
}

// Fault is one breach of a rule.
type Fault struct {
	Rule Rule
	Text string
}

// String gives the rule and what breaks it.
func (f Fault) String() string { return f.Rule.String() + ": " + f.Text }

// faults collects breaches, each once.
type faults struct {
	list []Fault
	said map[Fault]bool
}

func (f *faults) add(r Rule, format string, args ...any) {
	fault := Fault{r, fmt.Sprintf(format, args...)}
	if f.said == nil {
		f.said = make(map[Fault]bool)
	}
	if !f.said[fault] {
		f.said[fault] = true
		f.list = append(f.list, fault)
	}
}
