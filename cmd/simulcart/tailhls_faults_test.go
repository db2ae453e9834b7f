package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// saysText answers with a status and words.
func saysText(status int, words string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		http.Error(w, words, status)
	}
}

// silent answers with a status alone.
func silent(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// What cannot be followed is exit code 1, and the message says which step it was, what the server says, and what may mend it.
func TestTailCannotFollow(t *testing.T) {
	const master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmain.m3u8\n"
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc // of index.m3u8
		list   string           // main.m3u8
		want   string
	}{
		{"no token", saysText(401, "Show it as ?token=TOKEN."), "", "load the playlist: HTTP 401 Unauthorized: Show it as ?token=TOKEN"},
		{"no token, and no words", silent(401), "", "load the playlist: HTTP 401 Unauthorized: write ?token=TOKEN, or --token"},
		{"not allowed", silent(403), "", "load the playlist: HTTP 403 Forbidden: may you play it?"},
		{"not live", saysText(404, "The stream is not live. Try again in a moment.", "Retry-After", "2"), "", "load the playlist: HTTP 404 Not Found: The stream is not live. Try again in a moment"},
		{"not there", silent(404), "", "load the playlist: HTTP 404 Not Found: is the stream live?"},
		{"broken, for good", silent(503), "", "load the playlist: HTTP 503 Service Unavailable"},
		{"words for a terminal", saysText(500, "a\x1b[31mb\r\nc"), "", "load the playlist: HTTP 500 Internal Server Error: a [31mb  c"},
		{"a page", saysText(200, "<!doctype html>"), "", `read the media playlist: m3u8: at byte 0: the first line is "<!doctype html>", not #EXTM3U`},
		{"too large", saysText(200, strings.Repeat("#", m3u8.MaxSize)), "", "load the playlist: it has more than 4194304 bytes"},
		{"no variant", saysText(200, "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\"\n"), "", "read the playlist: it names no variant"},
		{"a broken variant", saysText(200, "#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"a\"\nmain.m3u8\n"), "", "read the playlist: m3u8: "},
		{"no address of a variant", saysText(200, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://[\n"), "", "read the playlist: the address of its first variant is none"},
		{"a variant elsewhere", saysText(200, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile:///etc/passwd\n"), "", `load the media playlist: unsupported protocol scheme "file"`},
		{"MPEG-TS", saysText(200, master), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n0.ts\n", "read segment 0: the playlist has no EXT-X-MAP: only fragmented MP4 is read, and no MPEG-TS"},
		{"a segment that is gone", saysText(200, master), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\ngone.m4s\n", "load segment 0: HTTP 404 Not Found: 404 page not found"},
		{"no address of a segment", saysText(200, master), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\nhttp://[\n", "load segment 0: its address is none"},
		{"no initialization", saysText(200, master), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"main.m3u8\"\n#EXTINF:1,\n0.m4s\n", "read the initialization: fmp4: "},
		{"no segment", saysText(200, master), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\nmain.m3u8\n", "read segment 0: fmp4: "},
		{"segments left out", saysText(200, master), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n", "read the media playlist: it leaves out segments, which nobody asked for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrigin(t)
			o.answer("index.m3u8", c.answer)
			o.bytes("main.m3u8", []byte(c.list))
			server := httptest.NewServer(o)
			defer server.Close()
			code, _, errs := typed("overlay", "tail", server.URL+"/live/index.m3u8?token=canary")
			if code != 1 || !strings.HasPrefix(errs, "simulcart: "+c.want) || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "canary") {
				t.Errorf("got exit code %d and %q, want 1 and %q", code, errs, c.want)
			}
		})
	}
}

// An address that leads nowhere is told without it, since it may hold a token.
func TestTailOfNoPlaylist(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"http://127.0.0.1/live/maria", "the address is no playlist: write http://HOST:8080/hls/STREAM/index.m3u8?token=TOKEN"},
		{"https:///index.m3u8", "the address is no playlist: "},
		{"http://[/index.m3u8?token=canary", "the address is no playlist: "},
		{"http://127.0.0.1:1/index.m3u8?token=canary", "load the playlist: dial tcp 127.0.0.1:1: "},
		{"http://127.0.0.1:1/index.m3u8 --ca tailhls_test.go", "--ca: no certificate in the file"},
		{"rtmp://127.0.0.1:1/live/maria --token canary", "--token is for http and https: with rtmp write "},
	} {
		t.Run(c.source, func(t *testing.T) {
			code, out, errs := typed(append([]string{"overlay", "tail"}, strings.Fields(c.source)...)...)
			if code != 1 || out != "" || !strings.HasPrefix(errs, "simulcart: "+c.want) || strings.Contains(errs, "canary") {
				t.Errorf("got exit code %d, %q and %q, want %q", code, out, errs, c.want)
			}
		})
	}
}

// A server that is not ready says when to come again: that is told once, and is no error.
func TestTailWaitsAsTheServerSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t)
		o.segments(0, 2, nil)
		later := saysText(503, "Not yet.", "Retry-After", "2")
		o.answer("main.m3u8", later)
		o.answer("main.m3u8", later)
		o.list(listOf(0, 1))
		o.answer("main.m3u8", saysText(503, "", "Retry-After", time.Now().Add(4500*time.Millisecond+10*time.Second).UTC().Format(http.TimeFormat)))
		o.list(ended(listOf(0, 2)))
		out, said := o.tail()
		if want := "50 pictures, 0 states, 0 repeats, 0 faults\n"; out != want {
			t.Errorf("got %q, want %q", out, want)
		}
		if want := "simulcart: waiting: HTTP 503 Service Unavailable: Not yet\nsimulcart: waiting: HTTP 503 Service Unavailable\n"; said != want {
			t.Errorf("got %q, want %q", said, want)
		}
		want := []string{"0s main.m3u8", "2s main.m3u8", "4s main.m3u8", "4s init.mp4", "4s 0.m4s", "5s main.m3u8", "14s main.m3u8", "14s 1.m4s"}
		if diff := cmp.Diff(want, o.requests()); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	})
}

// However long a server wants one to wait, it is not for ever, and it ends when the command does.
func TestTailWaitsWithinBounds(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"0": leastPause, "1": time.Second, "2000000000": mostToWait, "Mon, 01 Jan 2001 00:00:00 GMT": leastPause, "Mon, 01 Jan 2900 00:00:00 GMT": mostToWait,
	} {
		if got, ok := retryTime(header); !ok || got != want {
			t.Errorf("%s: got %v, want %v", header, got, want)
		}
	}
	for _, header := range []string{"", "-1", "soon", "99999999999"} {
		if got, ok := retryTime(header); ok {
			t.Errorf("%q: got %v, want none", header, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t)
		o.answer("main.m3u8", saysText(503, "", "Retry-After", "60"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := &fetcher{client: &http.Client{Transport: o}, home: &url.URL{}, stderr: io.Discard}
		at := &url.URL{Scheme: "http", Host: "origin.example", Path: "/main.m3u8"}
		if _, _, err := f.get(ctx, at, m3u8.ByteRange{}, 10); !errors.Is(err, context.DeadlineExceeded) || time.Since(o.begin) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(o.begin))
		}
	})
}

// The token is shown to the server that was named, and to no other that it names.
func TestTailShowsItsToken(t *testing.T) {
	shown := map[string]string{}
	note := func(name string, next http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shown[name+r.URL.Path] = r.Header.Get("Authorization")
			next.ServeHTTP(w, r)
		}))
	}
	o := newOrigin(t)
	o.segments(0, 1, nil)
	elsewhere := note("elsewhere", o)
	defer elsewhere.Close()
	m := listOf(0, 1)
	m.Ended, m.Segments[0].URI = true, elsewhere.URL+"/0.m4s"
	o.list(m)
	home := note("home", o)
	defer home.Close()
	if code, _, errs := typed("overlay", "tail", home.URL+"/main.m3u8", "--token", "secret"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	want := map[string]string{"home/main.m3u8": "Bearer secret", "home/init.mp4": "Bearer secret", "elsewhere/0.m4s": ""}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A part of a file is asked for, and cut out where the server gives the whole.
func TestTailFetchesRanges(t *testing.T) {
	content := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		part   m3u8.ByteRange
		want   string
	}{
		{"all", content, m3u8.ByteRange{}, "0123456789"},
		{"a part", content, m3u8.ByteRange{Start: 3, Length: 4}, "3456"},
		{"a part of the whole", saysText(200, "012345678"), m3u8.ByteRange{Start: 3, Length: 4}, "3456"},
		{"a part behind the end", saysText(200, "012345678"), m3u8.ByteRange{Start: 3, Length: 8}, "it has 10 bytes, and ends before byte 11"},
		{"a part far behind the end", saysText(200, "012345678"), m3u8.ByteRange{Start: 1 << 62, Length: 1 << 62}, "it has 10 bytes, and ends before byte 9223372036854775808"},
		{"too much", saysText(200, "0123456789"), m3u8.ByteRange{}, "it has more than 10 bytes"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write([]byte("0"))
		}, m3u8.ByteRange{}, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			at, err := url.Parse(server.URL + "/x.mp4")
			if err != nil {
				t.Fatal(err)
			}
			f := &fetcher{client: server.Client(), home: at, stderr: io.Discard}
			b, _, err := f.get(t.Context(), at, c.part, 10)
			if got := string(b); err == nil && got != c.want || err != nil && err.Error() != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// Playlists that go wrong while they are followed are told, or are an error.
func TestTailOfPlaylistsThatChange(t *testing.T) {
	dress, hat := said(1, 0, 0, "dress"), said(1, 0, 0, "hat")
	odd := func(change func(r *m3u8.DateRange)) m3u8.DateRange {
		r := rangeOf("s1-1", 0, dress)
		change(&r)
		return r
	}
	undated := func(m m3u8.Media, from int) m3u8.Media {
		for i := from; i < len(m.Segments); i++ {
			m.Segments[i].ProgramDateTime = time.Time{}
		}
		return m
	}
	for _, c := range []struct {
		name  string
		lists []m3u8.Media
		want  []string // places, without the sum
	}{
		{
			"a range that ends",
			[]m3u8.Media{listOf(0, 1, rangeOf("s1-1", 0, dress)), listOf(0, 2, odd(func(r *m3u8.DateRange) { r.End = noon.Add(time.Second) }))},
			[]string{"10s 1 daterange state 1"},
		},
		{
			"one ID, two states",
			[]m3u8.Media{listOf(0, 1, rangeOf("s1-1", 0, dress)), listOf(0, 2, rangeOf("s1-1", 0, hat))},
			[]string{"10s 1 daterange state 1", "10s frame 0 daterange", "FAULT: the date range s1-1 says something else than before"},
		},
		{
			"one state, two IDs",
			[]m3u8.Media{listOf(0, 2, rangeOf("s1-1", 0, dress), rangeOf("s1-x", 0, dress))},
			[]string{"10s 1 daterange state 1", "10s 1 daterange repeat 1"},
		},
		{"a date on the first segment alone", []m3u8.Media{undated(listOf(0, 2, rangeOf("s1-1", 30, dress)), 1)}, []string{"11.2s 31 daterange state 1"}},
		{
			"no date",
			[]m3u8.Media{undated(listOf(0, 2, rangeOf("s1-1", 0, dress)), 0)},
			[]string{"0s 0 daterange state 1", "FAULT: no segment that was read has its date"},
		},
		{
			"a date between two pictures",
			[]m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Start = r.Start.Add(420 * time.Millisecond) }))},
			[]string{"10.42s 0 daterange state 1", "FAULT: no picture has its time"},
		},
		{
			"a date that is rounded",
			[]m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Start = r.Start.Add(398 * time.Millisecond) }))},
			[]string{"10.398s 11 daterange state 1"},
		},
		{
			"a date far away",
			[]m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Start = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }))},
			[]string{"1193046h28m27s 0 daterange state 1", "FAULT: no picture has its time"},
		},
		{"a range of others", []m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Class = "com.example.ad" }))}, nil},
		{
			"no state in it",
			[]m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Attributes = nil }))},
			[]string{"10s frame 1 daterange", "FAULT: message is no JSON object: unexpected end of JSON input: must be one"},
		},
		{"padded", []m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Attributes[0].Value += "==" }))}, []string{"10s 1 daterange state 1"}},
		{
			"no base64",
			[]m3u8.Media{listOf(0, 2, odd(func(r *m3u8.DateRange) { r.Attributes[0].Value = "{}" }))},
			[]string{"10s frame 1 daterange", "FAULT: X-SIMULCART-OVERLAY: illegal base64 data at input byte 0"},
		},
		{"segments that go back", []m3u8.Media{listOf(3, 6), listOf(2, 6)}, []string{"read the media playlist: it went back from segment 3 to 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t)
				o.segments(0, 6, nil)
				for i, m := range c.lists {
					m.Ended = i == len(c.lists)-1
					o.list(m)
				}
				out, _ := o.tail()
				var got []string
				for _, line := range places(out) {
					if !strings.Contains(line, " pictures, ") {
						got = append(got, strings.Join(strings.Fields(line), " "))
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What a server makes up is bounded: date ranges that no segment has are told, and forgotten.
func TestTailForgetsDateRanges(t *testing.T) {
	tl := &tail{out: io.Discard, frames: make(map[int64]int)}
	d := &dateRanges{}
	most := 0
	for n := range 4 * recent {
		m := listOf(n, n+1, rangeOf(fmt.Sprint(n), 0, said(1, 0, 0)))
		d.take(&m)
		d.anchor(tl, uint64(n), 0)
		m = listOf(n+1, n+2, rangeOf(fmt.Sprint("x", n), 25*(n+1), said(1, 0, 0)))
		d.take(&m)
		d.tell(tl, 0)
		most = max(most, len(d.waiting), len(d.known), len(d.starts))
	}
	if most > recent {
		t.Errorf("remembers %d, want at most %d", most, recent)
	}
}

// Events that are not what the convention says.
func TestTailOfOddEvents(t *testing.T) {
	state := said(7, 120, 120)
	for _, c := range []struct {
		name   string
		change func(e *fmp4.Event)
		want   []string
	}{
		{"none", func(*fmp4.Event) {}, []string{"10.12s 4 id3 state 7"}},
		{"another scheme", func(e *fmp4.Event) { e.Scheme = "urn:scte:scte35:2013:bin" }, nil},
		{"another's tag", func(e *fmp4.Event) { e.Data = []byte("ID3 of others") }, nil},
		{"another clock", func(e *fmp4.Event) { e.Timescale, e.Time = 1000, 10_120 }, []string{"10.12s 4 id3 state 7"}},
		{"another id", func(e *fmp4.Event) { e.ID = 8 }, []string{"10.12s 4 id3 state 7", "FAULT: the event's id is 8"}},
		{"another time", func(e *fmp4.Event) { e.Time += 900 }, []string{"10.13s 0 id3 state 7", "FAULT: no picture has its time"}},
		{"a broken tag", func(e *fmp4.Event) { e.Data = e.Data[:len(e.Data)-1] }, []string{"10.12s frame 0 id3", "FAULT: id3: "}},
		{"a time without end", func(e *fmp4.Event) { e.Time = math.MaxUint64 }, []string{"read segment 0: its times are centuries from 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrigin(t)
			e := eventOf(t, 3, 7, state)
			c.change(&e)
			box, err := e.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			o.bytes("0.m4s", append(box, fragmentOf(t, 0, 25, nil)...))
			o.list(ended(listOf(0, 1)))
			out, _ := o.tail()
			got := places(out)
			for i, line := range got {
				got[i] = strings.Join(strings.Fields(line), " ")
			}
			got = slices.DeleteFunc(got, func(line string) bool { return strings.Contains(line, " pictures, ") })
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Times that nobody can count with are an error, and no panic.
func TestTailOfFarTimes(t *testing.T) {
	for _, dts := range []uint64{math.MaxUint64, math.MaxInt64, (longestTime + 2) * 90_000} {
		o := newOrigin(t)
		sample := fmp4.Sample{Data: [][]byte{mediatest.Unhex(t, avcPicture)}, Duration: math.MaxUint32, Key: true}
		o.bytes("0.m4s", fragment(t, &fmp4.Fragment{Runs: []fmp4.Run{{TrackID: 1, DTS: dts, Samples: []fmp4.Sample{sample, sample}}}}))
		o.list(ended(listOf(0, 1)))
		if out, _ := o.tail(); !strings.Contains(out, "read segment 0: its times are centuries from 0\n") {
			t.Errorf("%d: got %q", dts, out)
		}
	}
}

// Whatever comes, it is read to its end or is an error.
func FuzzTailHLS(f *testing.F) {
	in := initOf(f, videoTrack(f))
	for _, m := range []m3u8.Media{ended(listOf(0, 2, rangeOf("a", 0, said(1, 0, 0)))), lowLatency(listOf(0, 1), 3)} {
		text, err := m.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, fragmentOf(f, 0, 3, map[int]filmed{1: both(said(1, 40, 40))}))
	}
	f.Fuzz(func(t *testing.T, list, media []byte) {
		fl := &follower{}
		if fl.take(list) != nil {
			return
		}
		fl.number = fl.start()
		tl := &tail{out: io.Discard, frames: make(map[int64]int)}
		for range 8 {
			p, ok := fl.piece()
			if !ok {
				break
			}
			if fl.samples.begin(&m3u8.Map{}, in) != nil {
				t.Fatal("the initialization cannot be read")
			}
			if fl.samples.take(p, media) != nil {
				break
			}
			fl.ranges.anchor(tl, p.segment, fl.samples.start())
			fl.ranges.tell(tl, fl.number)
			fl.samples.tell(tl, p.again)
		}
		fl.ranges.rest(tl, 0)
		tl.finish()
	})
}
