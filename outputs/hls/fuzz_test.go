package hls

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// ended is a server with one session that has ended, so that nothing is waited for, and the folder of its names.
func ended(t testing.TB) (s *Server, folder string) {
	t.Helper()
	registry := &access.Registry{}
	registry.Replace(map[string]access.Grant{"open": {Public: true}})
	s = &Server{
		Options: Options{AudioOnly: true, Origins: []string{"https://shop.example.com"}}, Registry: registry, Log: slog.New(slog.DiscardHandler),
		Known:  func(stream string) bool { return stream == "open" },
		Stream: func(string) (*relay.Stream, bool) { return nil, false },
		Feed:   func(stream, _ string) (Feed, bool) { return Feed{View: seller}, stream == "open" },
	}
	made := pressWith(t, withStates(source{video: picture, audio: sound}.until(seconds(20)), 40), s.Options)
	r := recorderOf(made.as, 10*time.Second)
	r.alone = true
	for _, p := range made.pieces {
		failIf(t, r.take(p))
	}
	r.list.end()
	m := &muxer{key: session{"open", 1}, list: r.list, ready: make(chan struct{}), options: s.Options.withDefaults(), begun: time.Now()}
	close(m.ready)
	s.muxers = map[session]*muxer{m.key: m}
	ticket := registry.NewTicket(access.Principal{}, access.Object{Stream: "open", Over: access.HLS}, s.viewID(seller))
	return s, "/hls/open/" + ticket + "/1/"
}

// Whatever names, directives and header fields are asked with, the answer is one of those that there are, and bytes are where they belong.
func FuzzRequest(f *testing.F) {
	for _, one := range [][4]string{
		{"main.m3u8", "_HLS_msn=3&_HLS_part=2&_HLS_skip=YES", "", "gzip"},
		{"main.m3u8", "_HLS_msn=18446744073709551615", "", "*;q=0.5"},
		{"sound.m3u8", "_HLS_part=1", "", "gzip;q=0, br"},
		{"3.m4s", "", "bytes=0-9", ""},
		{"3.1.m4s", "x=%zz;&&", "bytes=5-,-7", ""},
		{"sound-4.m4s", "", "bytes=-1", ""},
		{"init0.mp4", "", "bytes=99999999999999999999-", ""},
		{"sound-init0.mp4", "", "", ""},
		{"000000000000003.000001.m4s", "", "", ""},
		{"999999999999999.999999.m4s", "", "", ""},
		{"%2e%2e/index.m3u8", "", "", ""},
		{"-1.m4s", "", "pieces=1-2", "identity"},
		{"", "token=x", "", ""},
	} {
		f.Add(one[0], one[1], one[2], one[3])
	}
	s, folder := ended(f)
	handler := s.Handler()
	whole := make(map[string][]byte)
	ask := func(file, query, byteRange, encoding string) *httptest.ResponseRecorder {
		q := (&http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: folder + file, RawQuery: query}, Header: http.Header{}, RemoteAddr: "192.0.2.1:5",
		}).WithContext(context.Background())
		if byteRange != "" {
			q.Header.Set("Range", byteRange)
		}
		if encoding != "" {
			q.Header.Set("Accept-Encoding", encoding)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, q)
		return w
	}
	f.Fuzz(func(t *testing.T, file, query, byteRange, encoding string) {
		if strings.Contains(file, "/") {
			return
		}
		got := ask(file, query, byteRange, encoding)
		want, known := whole[file]
		if !known && got.Code < 300 {
			want = ask(file, query, "", "").Body.Bytes()
			if !strings.HasSuffix(file, ".m3u8") {
				whole[file] = want
			}
		}
		switch got.Code {
		case http.StatusOK:
			body := got.Body.Bytes()
			if got.Header().Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(got.Body)
				failIf(t, err)
				body, err = io.ReadAll(z)
				failIf(t, err)
			}
			if !bytes.Equal(body, want) || len(body) == 0 {
				t.Errorf("%d bytes, want %d", len(body), len(want))
			}
		case http.StatusPartialContent:
			if !strings.HasPrefix(got.Header().Get("Content-Type"), "multipart/") && !bytes.Contains(want, got.Body.Bytes()) {
				t.Errorf("%d bytes of %d that are not there", got.Body.Len(), len(want))
			}
		case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable:
		default:
			t.Errorf("status %d: %s", got.Code, got.Body)
		}
		if len(s.viewers) > 1 || len(s.counts) > 1 || len(s.held) > 0 {
			t.Errorf("%d viewers, %d counts, %d held", len(s.viewers), len(s.counts), len(s.held))
		}
	})
}

// framesOf makes frames of bytes: for each eight the track, whether it is a key frame, the step in time, and when it is shown.
func framesOf(b []byte) []*media.Frame {
	tracks := []*media.Track{picture, sound, larger, soundCD, {ID: 2, Codec: media.AAC, ClockRate: 48000, Config: sound.Config}, renewed(picture), cardTrack, {Codec: media.Metadata}}
	var frames []*media.Frame
	at := media.Time(0)
	for ; len(b) >= 8 && len(frames) < 3000; b = b[8:] {
		step := media.Time(int16(binary.BigEndian.Uint16(b[1:]))) * media.Millisecond / 8
		if b[0]&0x40 != 0 {
			step *= 1000
		}
		if at += step; b[0] == 0xff {
			at = media.Time(int64(binary.BigEndian.Uint64(b))) / 4
		}
		t := tracks[b[0]&7]
		f := &media.Frame{Track: t, DTS: at, PTS: at, Key: b[0]&0x20 != 0, Data: append([]byte(nil), b...)}
		switch {
		case t == cardTrack:
			state := stateOf(int64(len(frames)+1), at, f)
			f = state
		case t.Codec.IsVideo():
			f.PTS += media.Time(int16(binary.BigEndian.Uint16(b[3:]))) * media.Millisecond
		}
		frames = append(frames, f)
	}
	return frames
}

// Whatever frames come, nothing breaks, none is lost without a reason or kept for long, and all that comes out can be packed and listed.
func FuzzSegmenter(f *testing.F) {
	record := func(kind byte, step int16, offset int16) []byte {
		b := binary.BigEndian.AppendUint16([]byte{kind}, uint16(step))
		return append(binary.BigEndian.AppendUint16(b, uint16(offset)), 0, 0, 0)
	}
	var steady, wild []byte
	for i := range 300 {
		kind := byte(0)
		if i%30 == 0 {
			kind = 0x20
			steady = append(steady, record(6, 0, 0)...)
		}
		steady = append(steady, record(kind, 33*8, 0)...)
		steady = append(steady, record(1, 0, 0)...)
		wild = append(wild, record(byte(i*37), int16(i*i*7), int16(i*3-400))...)
	}
	f.Add(steady)
	f.Add(wild)
	f.Add(append(bytes.Clone(steady), wild...))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := framesOf(b)
		items := itemsOf(frames)
		as, ok := shapeOf(items, ms(2000), ms(200), true)
		if !ok {
			return
		}
		first := frames[0].DTS
		r := recorderOf(as, 10*time.Second)
		r.alone = true
		in, out := uint64(0), uint64(0)
		s := &segmenter{wish: ms(2000), longest: longestOf(as, Options{AudioOnly: true}), part: as.part, origin: zeroTime(first), wall: func() time.Time { return zeroDate }}
		s.emit = func(p *piece) {
			if p.isEmpty() || p.end <= p.begin {
				t.Errorf("piece from %v to %v, %d pictures and %d frames of sound", p.begin, p.end, len(p.pictures), len(p.sound))
			}
			out += uint64(len(p.pictures) + len(p.sound))
			if err := r.take(p); err != nil {
				t.Errorf("piece from %v to %v: %v", p.begin, p.end, err)
			}
		}
		r.list.origin = s.origin
		s.begin(nil, as.step)
		for _, it := range items {
			if c := it.frame.Track.Codec; c.IsVideo() || c.IsAudio() {
				in++
			}
			s.add(it)
			if n := len(s.states) + len(s.align.pictures) + len(s.align.sound); n > 2*mostWaiting+mostStates+10 {
				t.Fatalf("%d frames wait", n)
			}
		}
		s.end()
		for _, n := range s.dropped {
			out += n
		}
		if in != out {
			t.Errorf("%d frames in, %d out or dropped: %v", in, out, s.dropped)
		}
		if r.list.isEmpty() {
			return
		}
		r.list.end()
		for _, of := range []rendition{whole, alone} {
			if _, err := r.list.media(of, &overlay.View{}, true, []rendition{whole, alone}); err != nil {
				t.Errorf("rendition %d: %v", of, err)
			}
		}
		if r.list.memoryLocked() > 1<<30 || math.IsNaN(r.list.counts.partSeconds) {
			t.Error("memory")
		}
	})
}
