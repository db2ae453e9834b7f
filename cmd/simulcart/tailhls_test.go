package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/id3"
	"github.com/simulcart/simulcart/wire/m3u8"
	"github.com/simulcart/simulcart/wire/sei"
)

// The stream of these tests has 25 pictures a second and segments of a second. Its clock stands at 10 s when it begins, at noon.
const (
	pictureTime  = 40 * media.Millisecond
	clockAtBegin = 10 * media.Time(time.Second)
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// filmed is what a picture carries: texts as SEI, and as events in front of the fragment.
type filmed struct{ sei, events []string }

// both has a text in both carriages.
func both(text string) filmed { return filmed{[]string{text}, []string{text}} }

func videoTrack(t testing.TB) *media.Track {
	t.Helper()
	return &media.Track{Codec: media.H264, ClockRate: 90_000, Config: mediatest.Unhex(t, avcC), Format: media.Format{Width: 1280, Height: 720}}
}

func initOf(t testing.TB, tracks ...*media.Track) []byte {
	t.Helper()
	b, err := fmp4.AppendInit(nil, tracks)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eventOf is an ID3 event of a state at a picture.
func eventOf(t testing.TB, picture int, id uint32, text string) fmp4.Event {
	t.Helper()
	tag, err := id3.Text{Description: "simulcart.overlay", Value: text}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := (clockAtBegin + media.Time(picture)*pictureTime).Ticks(90_000)
	return fmp4.Event{Scheme: fmp4.SchemeID3, Timescale: 90_000, Time: uint64(at), Duration: fmp4.UnknownDuration, ID: id, Data: tag}
}

// fragmentOf has the pictures from a number on to another, with what they carry.
func fragmentOf(t testing.TB, from, to int, carried map[int]filmed) []byte {
	t.Helper()
	track := videoTrack(t)
	var frames []*media.Frame
	var events []fmp4.Event
	for n := from; n < to; n++ {
		at := clockAtBegin + media.Time(n)*pictureTime
		f := &media.Frame{Track: track, PTS: at, DTS: at, Key: n == from}
		for _, text := range carried[n].sei {
			var err error
			if f.Data, err = sei.Append(f.Data, media.H264, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		f.Data = append(f.Data, mediatest.Unhex(t, avcPicture)...)
		frames = append(frames, f)
		for _, text := range carried[n].events {
			id := uint32(1)
			if m, err := overlay.ParseMessage([]byte(text)); err == nil {
				id = uint32(m.Seq)
			}
			events = append(events, eventOf(t, n, id, text))
		}
	}
	run, err := fmp4.NewRun(frames, 0, clockAtBegin+media.Time(to)*pictureTime)
	if err != nil {
		t.Fatal(err)
	}
	return fragment(t, &fmp4.Fragment{Sequence: uint32(from + 1), Events: events, Runs: []fmp4.Run{run}})
}

func fragment(t testing.TB, f *fmp4.Fragment) []byte {
	t.Helper()
	b, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rangeOf is the date range of a state that begins at a picture.
func rangeOf(id string, picture int, text string) m3u8.DateRange {
	return m3u8.DateRange{
		ID: id, Class: "simulcart.overlay", Start: noon.Add(time.Duration(picture) * pictureTime.Duration()),
		Attributes: []m3u8.Attribute{{Name: "X-SIMULCART-OVERLAY", Value: base64.RawURLEncoding.EncodeToString([]byte(text)), Quoted: true}},
	}
}

// listOf lists segments of a second, from a number on to another.
func listOf(from, to int, ranges ...m3u8.DateRange) m3u8.Media {
	m := m3u8.Media{TargetDuration: 1, MediaSequence: uint64(from), Map: &m3u8.Map{URI: "init.mp4"}, DateRanges: ranges}
	for n := from; n < to; n++ {
		m.Segments = append(m.Segments, m3u8.Segment{
			URI: fmt.Sprintf("%d.m4s", n), Duration: time.Second, ProgramDateTime: noon.Add(time.Duration(n) * time.Second),
		})
	}
	return m
}

// ended says that no more segments come.
func ended(m m3u8.Media) m3u8.Media {
	m.Ended = true
	return m
}

// origin is a server of HLS that gives what it was told to: for each name its answers one after the other, the last one again and again.
type origin struct {
	t *testing.T

	mu      sync.Mutex
	answers map[string][]http.HandlerFunc
	asked   []string
	begin   time.Time
	times   []time.Duration // when that was asked, from begin on
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{t: t, answers: make(map[string][]http.HandlerFunc), begin: time.Now()}
	o.bytes("init.mp4", initOf(t, videoTrack(t)))
	return o
}

func (o *origin) answer(name string, f http.HandlerFunc) {
	o.answers[name] = append(o.answers[name], f)
}

func (o *origin) bytes(name string, b []byte) {
	o.answer(name, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
}

func (o *origin) list(m m3u8.Media) {
	o.t.Helper()
	text, err := m.Append(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	o.bytes("main.m3u8", text)
}

// segments are those of a second, from a number on to another.
func (o *origin) segments(from, to int, carried map[int]filmed) {
	o.t.Helper()
	for n := from; n < to; n++ {
		o.bytes(fmt.Sprintf("%d.m4s", n), fragmentOf(o.t, 25*n, 25*(n+1), carried))
	}
}

// ServeHTTP answers.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	o.mu.Lock()
	line := name
	if r.URL.RawQuery != "" {
		line += "?" + r.URL.RawQuery
	}
	o.asked, o.times = append(o.asked, line), append(o.times, time.Since(o.begin))
	f := http.NotFound
	if list := o.answers[name]; len(list) > 0 {
		f = list[0]
		o.answers[name] = list[min(1, len(list)-1):]
	}
	o.mu.Unlock()
	f(w, r)
}

// RoundTrip answers a client without a network.
func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// requests gives what was asked, and when.
func (o *origin) requests() (list []string) {
	for i, line := range o.asked {
		list = append(list, o.times[i].String()+" "+line)
	}
	return list
}

// tail reads main.m3u8 to its end, without a network, and gives what is printed. An error of it is the last line.
func (o *origin) tail() (out, stderr string) {
	o.t.Helper()
	at, err := url.Parse("http://origin.example/live/main.m3u8")
	if err != nil {
		o.t.Fatal(err)
	}
	var told, said bytes.Buffer
	f := &follower{fetch: &fetcher{client: &http.Client{Transport: o}, home: at, stderr: &said}, list: at}
	t := &tail{out: &told, frames: make(map[int64]int)}
	for err = f.open(o.t.Context()); err == nil; {
		err = f.next(o.t.Context(), t)
	}
	t.finish()
	if !errors.Is(err, io.EOF) {
		fmt.Fprintln(&told, err)
	}
	return told.String(), said.String()
}

// places gives when, where and how the states were told, and what is wrong: lines such as "10.2s 6 sei state 1".
func places(out string) (list []string) {
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) > 5 && words[1] == "frame" {
			line = strings.Join([]string{words[0], words[2], words[3], words[4], words[5]}, " ")
		}
		list = append(list, strings.TrimSpace(line))
	}
	return list
}

// All three carriages of a recording, each with its time and the picture that it sits on. A date range may begin before the recording
// does, and then has no picture.
func TestTailOfHLSRecording(t *testing.T) {
	o := newOrigin(t)
	o.segments(1, 3, map[int]filmed{25: both(said(1, 200, 1000, "dress")), 30: both(said(2, 1200, 1200)), 50: both(said(2, 1200, 2000))})
	o.list(ended(listOf(1, 3, rangeOf("s1-1", 5, said(1, 200, 200, "dress")), rangeOf("s1-2", 30, said(2, 1200, 1200)))))
	server := httptest.NewServer(o)
	defer server.Close()
	code, out, errs := typed("overlay", "tail", server.URL+"/live/main.m3u8")
	if code != 0 || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	const dress = `: main=dress "The dress" 24.99 EUR`
	for _, want := range []string{
		"10.2s      frame 0      daterange  state  1 of s1, 238 bytes" + dress, "11s        frame 1      sei  state  1 of s1, 238 bytes" + dress,
	} {
		if !strings.Contains(out, want+"\n") {
			t.Errorf("want %q, got:\n%s", want, out)
		}
	}
	want := []string{
		"10.2s 0 daterange state 1", "11s 1 sei state 1", "11s 1 id3 state 1",
		"11.2s 6 sei state 2", "11.2s 6 daterange state 2", "11.2s 6 id3 state 2", "12s 26 sei repeat 2", "12s 26 id3 repeat 2",
		"50 pictures, 6 states, 2 repeats, 0 faults",
	}
	if diff := cmp.Diff(want, places(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"main.m3u8", "init.mp4", "1.m4s", "2.m4s"}, o.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// The first variant is followed, and what it names is found from where the server has led to.
func TestTailOfHLSVariants(t *testing.T) {
	o := newOrigin(t)
	o.segments(0, 1, map[int]filmed{0: {sei: []string{said(1, 0, 0)}}})
	o.list(ended(listOf(0, 1)))
	o.answer("index.m3u8", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere/all.m3u8", http.StatusFound)
	})
	o.bytes("all.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na/main.m3u8?x=1\n#EXT-X-STREAM-INF:BANDWIDTH=2\nb/main.m3u8\n"))
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.String())
		o.ServeHTTP(w, r)
	}))
	defer server.Close()
	code, out, errs := typed("overlay", "tail", "--json", server.URL+"/live/index.m3u8?token=T")
	if code != 0 || errs != "" || !strings.HasPrefix(out, `{"carriage":"sei","pts_ms":10000,"frame":1,"bytes":54,"repeat":false,"state":{"v":1,"stream":"s1","seq":1,`) {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	want := []string{"/live/index.m3u8?token=T", "/elsewhere/all.m3u8", "/elsewhere/a/main.m3u8?x=1", "/elsewhere/a/init.mp4", "/elsewhere/a/0.m4s"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// Where the server does not let requests wait, the playlist is read again after a target duration, and sooner where nothing was new. What is
// live is read from three target durations before its end.
func TestTailPollsHLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t)
		o.segments(0, 8, map[int]filmed{125: both(said(1, 5000, 5000))})
		for _, to := range []int{5, 5, 6} {
			o.list(listOf(0, to))
		}
		o.list(listOf(1, 7))
		o.list(ended(listOf(2, 8)))
		out, _ := o.tail()
		if diff := cmp.Diff([]string{"15s 76 sei state 1", "15s 76 id3 state 1", "150 pictures, 2 states, 0 repeats, 0 faults"}, places(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		want := []string{
			"0s main.m3u8", "0s init.mp4", "0s 2.m4s", "0s 3.m4s", "0s 4.m4s", "1s main.m3u8", "1.5s main.m3u8", "1.5s 5.m4s",
			"2.5s main.m3u8", "2.5s 6.m4s", "3.5s main.m3u8", "3.5s 7.m4s",
		}
		if diff := cmp.Diff(want, o.requests()); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	})
}

// lowLatency lists the parts of 200 ms that a segment has so far.
func lowLatency(m m3u8.Media, parts int) m3u8.Media {
	m.PartTarget = 200 * time.Millisecond
	m.ServerControl = m3u8.ServerControl{CanBlockReload: true, PartHoldBack: 600 * time.Millisecond}
	number := int(m.MediaSequence) + len(m.Segments)
	s := m3u8.Segment{ProgramDateTime: noon.Add(time.Duration(number) * time.Second)}
	for n := range parts {
		s.Parts = append(s.Parts, m3u8.Part{URI: fmt.Sprintf("%d.%d.m4s", number, n), Duration: 200 * time.Millisecond})
	}
	m.Segments = append(m.Segments, s)
	return m
}

// Parts are read as they come: each answer of the playlist waits for the next one. A server that does not let them wait is not asked
// without a pause.
func TestTailFollowsParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t)
		carried := map[int]filmed{30: both(said(1, 1200, 1200, "hat"))}
		o.segments(0, 1, carried)
		for n := range 5 {
			o.bytes(fmt.Sprintf("1.%d.m4s", n), fragmentOf(t, 25+5*n, 30+5*n, carried))
		}
		hat := rangeOf("s1-1", 30, said(1, 1200, 1200, "hat"))
		o.list(lowLatency(listOf(0, 1), 1))
		o.list(lowLatency(listOf(0, 1, hat), 2))
		o.list(lowLatency(listOf(0, 1, hat), 2)) // at once, with nothing new
		whole := lowLatency(listOf(0, 1, hat), 5)
		whole.Segments[1].URI, whole.Segments[1].Duration = "1.m4s", time.Second
		o.list(whole)
		o.list(ended(whole))
		out, _ := o.tail()
		want := []string{"11.2s 31 sei state 1", "11.2s 31 daterange state 1", "11.2s 31 id3 state 1", "50 pictures, 3 states, 0 repeats, 0 faults"}
		if diff := cmp.Diff(want, places(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		want = []string{
			"0s main.m3u8", "0s init.mp4", "0s 0.m4s", "0s 1.0.m4s", "0s main.m3u8?_HLS_msn=1&_HLS_part=1", "0s 1.1.m4s",
			"0s main.m3u8?_HLS_msn=1&_HLS_part=2", "500ms main.m3u8?_HLS_msn=1&_HLS_part=2", "500ms 1.2.m4s", "500ms 1.3.m4s", "500ms 1.4.m4s",
			"500ms main.m3u8?_HLS_msn=2&_HLS_part=0",
		}
		if diff := cmp.Diff(want, o.requests()); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	})
}

// A reader that comes late to a segment whose parts are not listed any more reads the whole of it, and tells nothing twice.
func TestTailReadsTheRestOfASegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t)
		carried := map[int]filmed{3: both(said(1, 120, 120)), 12: both(said(2, 480, 480))}
		o.bytes("0.0.m4s", fragmentOf(t, 0, 5, carried))
		o.bytes("0.m4s", slices.Concat(fragmentOf(t, 0, 5, carried), fragmentOf(t, 5, 25, carried)))
		o.segments(1, 2, nil)
		o.list(lowLatency(listOf(0, 0), 1))
		o.list(ended(listOf(0, 2)))
		out, _ := o.tail()
		want := []string{"10.12s 4 sei state 1", "10.12s 4 id3 state 1", "10.48s 13 sei state 2", "10.48s 13 id3 state 2", "50 pictures, 4 states, 0 repeats, 0 faults"}
		if diff := cmp.Diff(want, places(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What there is no media of is passed over, and what the server has dropped.
func TestTailPassesOverHLSGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t)
		o.segments(0, 9, map[int]filmed{0: both(said(1, 0, 0)), 200: both(said(1, 0, 8000))})
		first := listOf(0, 3)
		first.Segments[1].Gap = true
		o.list(first)
		o.list(ended(listOf(8, 9, rangeOf("s1-1", 0, said(1, 0, 0)))))
		out, _ := o.tail()
		want := []string{"10s 1 sei state 1", "10s 1 id3 state 1", "10s 1 daterange state 1", "18s 51 sei repeat 1", "18s 51 id3 repeat 1", "75 pictures, 3 states, 2 repeats, 0 faults"}
		if diff := cmp.Diff(want, places(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Sound alone has no pictures for its states to sit on.
func TestTailOfHLSSound(t *testing.T) {
	o := newOrigin(t)
	track := &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48_000, Config: mediatest.Unhex(t, "1190"), Format: media.Format{Channels: 2}}
	o.answers["init.mp4"] = nil
	o.bytes("init.mp4", initOf(t, track))
	run, err := fmp4.NewRun([]*media.Frame{{Track: track, PTS: clockAtBegin, DTS: clockAtBegin, Key: true, Data: []byte{1}}}, 0, clockAtBegin+media.Time(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	o.bytes("0.m4s", fragment(t, &fmp4.Fragment{Events: []fmp4.Event{eventOf(t, 3, 1, said(1, 120, 120))}, Runs: []fmp4.Run{run}}))
	o.list(ended(listOf(0, 1, rangeOf("s1-1", 3, said(1, 120, 120)))))
	out, _ := o.tail()
	if diff := cmp.Diff([]string{"10.12s 0 daterange state 1", "10.12s 0 id3 state 1", "0 pictures, 2 states, 0 repeats, 0 faults"}, places(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
