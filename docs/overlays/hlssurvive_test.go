package overlays_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// segments is the show as HLS carries it, in a folder: a segment for each key frame, messages in pictures, events and date ranges.
func (s *show) segments(t testing.TB) (list string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	frames := s.frames(t)
	var tracks []*media.Track
	for _, f := range frames {
		if !slices.Contains(tracks, f.Track) {
			tracks = append(tracks, f.Track)
		}
	}
	in, err := fmp4.AppendInit(nil, tracks)
	if err != nil {
		t.Fatal(err)
	}
	write("init.mp4", in)
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	m := m3u8.Media{TargetDuration: 1, Map: &m3u8.Map{URI: "init.mp4"}, Ended: true}
	first := frames[slices.IndexFunc(frames, func(f *media.Frame) bool { return f.Track.Codec.IsVideo() })]
	origin := min(first.DTS, frames[0].DTS)
	parts := split(frames)
	for n, part := range parts {
		fragment := fmp4.Fragment{Sequence: uint32(n + 1)}
		for _, track := range tracks {
			run, err := fmp4.NewRun(part[track], origin, endOf(parts, n, track))
			if err != nil {
				t.Fatal(err)
			}
			fragment.Runs = append(fragment.Runs, run)
		}
		begin, end := part[first.Track][0].DTS, endOf(parts, n, first.Track)
		for _, one := range s.want.sei {
			if at := first.PTS + media.Time(one.ms)*media.Millisecond; at >= begin && at < end {
				e := readEvent(t, eventOf(t, []byte(one.text)))
				e.Time = uint64((at - origin).Ticks(90_000))
				fragment.Events = append(fragment.Events, e)
			}
		}
		b, err := fragment.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%d.m4s", n)
		write(name, b)
		m.Segments = append(m.Segments, m3u8.Segment{URI: name, Duration: (end - begin).Duration(), ProgramDateTime: noon.Add((begin - first.DTS).Duration())})
	}
	for i, one := range s.want.sei {
		m.DateRanges = append(m.DateRanges, m3u8.DateRange{
			ID: fmt.Sprint("k3v9x2-", i), Class: class, Start: noon.Add(time.Duration(one.ms) * time.Millisecond),
			Attributes: []m3u8.Attribute{{Name: attribute, Value: base64.RawURLEncoding.EncodeToString([]byte(one.text)), Quoted: true}},
		})
	}
	text, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	write("main.m3u8", text)
	return filepath.Join(dir, "main.m3u8")
}

// frames gives those of the show.
func (s *show) frames(t testing.TB) (frames []*media.Frame) {
	t.Helper()
	var d flv.Demuxer
	for _, g := range s.tags {
		got, err := d.Demux(flv.Tag{Type: flv.TagType(g.Type), Timestamp: g.Time, Body: g.Body})
		if err != nil {
			t.Fatal(err)
		}
		if f := got.Frame; f != nil && (f.Track.Codec.IsVideo() || f.Track.Codec.IsAudio()) {
			frames = append(frames, f)
		}
	}
	return frames
}

// split cuts in front of key frames, and gives each piece by track.
func split(frames []*media.Frame) (list []map[*media.Track][]*media.Frame) {
	for _, f := range frames {
		if f.Track.Codec.IsVideo() && f.Key {
			list = append(list, make(map[*media.Track][]*media.Frame))
		}
		if n := len(list); n > 0 {
			list[n-1][f.Track] = append(list[n-1][f.Track], f)
		}
	}
	return list
}

// endOf says when a piece of a track ends: where the next one begins, or after a frame as long as the one before.
func endOf(list []map[*media.Track][]*media.Frame, n int, track *media.Track) media.Time {
	if n+1 < len(list) {
		return list[n+1][track][0].DTS
	}
	frames := list[n][track]
	last := frames[len(frames)-1]
	return 2*last.DTS - frames[len(frames)-2].DTS
}

// TestSurvivesFromHLS measures each row of the page's table of what becomes of an HLS feed.
func TestSurvivesFromHLS(t *testing.T) {
	s := newShow(t)
	list := s.segments(t)
	for _, row := range table(t, "| path from HLS | SEI | ID3 | date ranges |") {
		t.Run(strings.ReplaceAll(row[0], "`", ""), func(t *testing.T) {
			if got, want := fromHLS(t, s, list, row[0]), row[1:]; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// fromHLS takes the path of a row such as "`ffmpeg -c copy`, to MP4", and says what is left of the carriages.
func fromHLS(t *testing.T, s *show, list, row string) []string {
	t.Helper()
	_, format, _ := strings.Cut(row, ", to ")
	ending, known := endings[format]
	args := strings.Fields(strings.Join(words(row), " "))
	if !known || len(args) == 0 || args[0] != "ffmpeg" {
		t.Fatalf("nobody knows the path %s", row)
	}
	dir := t.TempDir()
	out, back := filepath.Join(dir, "out."+ending), filepath.Join(t.TempDir(), "back.flv")
	all := append([]string{"-i", list}, args[1:]...)
	if slices.Contains(args, "libx264") {
		all = append(all, "-preset", "ultrafast")
	}
	if !runFFmpeg(t, append(all, out)...) {
		return []string{"fails", "fails", "fails"}
	}
	if !runFFmpeg(t, "-i", out, "-map", "0:v", "-map", "0:a", "-c", "copy", back) {
		t.Fatal("what came out cannot be copied into FLV")
	}
	got := []string{left(readTags(t, mediatest.Tags(t, back)).sei, s.want.sei)}
	var bytesOut []byte
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		bytesOut = append(bytesOut, readFile(t, file)...)
	}
	for _, mark := range []string{"TXXX", "#EXT-X-DATERANGE"} {
		switch n := bytes.Count(bytesOut, []byte(mark)); n {
		case 0:
			got = append(got, "no")
		case len(s.want.sei):
			got = append(got, "yes")
		default:
			got = append(got, fmt.Sprintf("partly: %d", n))
		}
	}
	return got
}
