package overlays_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/id3"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// The names of the convention in HLS.
const (
	class     = "simulcart.overlay"
	attribute = "X-SIMULCART-OVERLAY"
)

// tagOf gives a payload as this program carries it in an ID3 tag.
func tagOf(t testing.TB, payload []byte) []byte {
	t.Helper()
	b, err := id3.Text{Description: class, Value: string(payload)}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// textOf gives what a tag of ours holds; nothing for those of others.
func textOf(t testing.TB, tag []byte) [][]byte {
	t.Helper()
	got, err := id3.Parse(tag)
	if err != nil {
		t.Fatal(err)
	}
	if got.Description != class {
		return nil
	}
	return [][]byte{[]byte(got.Value)}
}

// eventOf gives a payload as this program carries it in an event. In the vectors the clock of the file is media time; what is no message has
// seq 1, and stands at 0.
func eventOf(t testing.TB, payload []byte) []byte {
	t.Helper()
	e := fmp4.Event{Scheme: fmp4.SchemeID3, Timescale: 90_000, Duration: fmp4.UnknownDuration, ID: 1, Data: tagOf(t, payload)}
	if m, err := overlay.ParseMessage(payload); err == nil {
		e.Time, e.ID = uint64(m.Now), uint32(m.Seq)
	}
	b, err := e.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readEvent(t testing.TB, box []byte) fmp4.Event {
	t.Helper()
	e, err := fmp4.ParseEvent(box)
	if err != nil {
		t.Fatal(err)
	}
	if e.Scheme != fmp4.SchemeID3 || e.Value != "" || e.Duration != fmp4.UnknownDuration {
		t.Errorf("got scheme %q, value %q, duration %d", e.Scheme, e.Value, e.Duration)
	}
	return e
}

// dateRange is a date range, the segment that its time is told by, and what it says: date is the segment's, pts that of its first picture,
// begins that from which the state holds, in ticks of 1/90000 s. text is empty where the range is none of ours.
type dateRange struct {
	Name   string
	Date   time.Time
	PTS    int64
	Tag    string
	Begins int64
	Text   string
}

// Tags are read, and written again as they are; their times are those of the rule.
func TestRanges(t *testing.T) {
	for _, v := range readVectors(t).Ranges {
		t.Run(v.Name, func(t *testing.T) {
			m, err := m3u8.ParseMedia([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + v.Tag + "\n"))
			if err != nil || len(m.DateRanges) != 1 {
				t.Fatalf("got %+v, %v", m, err)
			}
			r := m.DateRanges[0]
			text, err := m.Append(nil)
			if err != nil || !slices.Contains(strings.Split(string(text), "\n"), v.Tag) {
				t.Errorf("%v: got %s\nwant %s", err, text, v.Tag)
			}
			if r.Class != class {
				if v.Text != "" {
					t.Errorf("it is of the class %s", r.Class)
				}
				return
			}
			if got := v.PTS + media.Time(r.Start.Sub(v.Date)).Ticks(90_000); got != v.Begins {
				t.Errorf("begins at %d, want %d", got, v.Begins)
			}
			if len(r.Attributes) != 1 || r.Attributes[0].Name != attribute {
				t.Fatalf("got %+v", r.Attributes)
			}
			state, err := base64.RawURLEncoding.DecodeString(r.Attributes[0].Value)
			if err != nil || string(state) != v.Text {
				t.Errorf("got %s, %v\nwant %s", state, err, v.Text)
			}
			message, err := overlay.ParseMessage(state)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%s-%d", message.Stream, message.Seq); r.ID != want || message.At != message.Now {
				t.Errorf("got ID %s, at %d, now %d; want %s, and both times the same", r.ID, message.At, message.Now, want)
			}
		})
	}
}

// The range that the page shows is one of the vectors, with its segment.
func TestPageShowsRange(t *testing.T) {
	blocks := fenced(readPage(t), "m3u8")
	if len(blocks) != 1 {
		t.Fatalf("got %d blocks of playlists, want 1", len(blocks))
	}
	m, err := m3u8.ParseMedia([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + blocks[0]))
	if err != nil || len(m.Segments) != 1 {
		t.Fatalf("got %+v, %v", m, err)
	}
	known := slices.ContainsFunc(readVectors(t).Ranges, func(v dateRange) bool {
		return strings.Contains(blocks[0], v.Tag+"\n") && v.Date.Equal(m.Segments[0].ProgramDateTime)
	})
	if !known {
		t.Errorf("no vector has this range and this date:\n%s", blocks[0])
	}
	for _, row := range table(t, "| attribute | value |") {
		if name := words(row[0])[0]; name != "END-DATE" && name != "PLANNED-DURATION" && !strings.Contains(blocks[0], name+"=") {
			t.Errorf("the range has no %s", name)
		}
	}
}
