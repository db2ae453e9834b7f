package hls

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// The independent prober asks what no well-behaved client asks.
func TestProbe(t *testing.T) {
	const shop = "https://shop.example.com"
	on(t, Options{Origins: []string{shop}}, func(r *rig) {
		r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		probe := hls.Prober{
			Index: "http://host/hls/maria/index.m3u8?token=" + token, Media: p.home + wholeList, Client: p.http,
			Origin: shop, Foreign: "https://evil.example.com", Private: true,
		}
		faults, err := probe.Probe(r.Context())
		failIf(r, err)
		for _, f := range faults {
			r.Error(f)
		}
	})
}

// Pages of configured origins may read answers, errors too, and browsers are told so before they ask.
func TestOrigins(t *testing.T) {
	const shop, evil = "https://shop.example.com", "https://evil.example.com"
	tests := []struct {
		name    string
		origins []string
		origin  string
		allowed string
		vary    bool
	}{
		{"none configured", nil, shop, "", false},
		{"configured", []string{"https://a.example.com", shop}, shop, shop, true},
		{"another", []string{shop}, evil, "", true},
		{"one that looks alike", []string{shop}, shop + ".evil.com", "", true},
		{"without an origin", []string{shop}, "", "", true},
		{"all", []string{"*"}, evil, "*", false},
		{"all, without an origin", []string{"*"}, "", "*", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on(t, Options{Origins: tt.origins}, func(r *rig) {
				r.live()
				p := r.from("192.0.2.1:5")
				p.open("maria", "?token="+token)
				header := []string{}
				if tt.origin != "" {
					header = []string{"Origin", tt.origin}
				}
				for _, path := range []string{"/hls/maria/index.m3u8?token=" + token, "/hls/maria/index.m3u8", wholeList, "0.m4s", "init0.mp4", "other", "/hls/x/y/z"} {
					a := p.get(path, header...)
					if got := a.header.Get("Access-Control-Allow-Origin"); got != tt.allowed {
						r.Errorf("%s: allowed is %q, want %q", path, got, tt.allowed)
					}
					if vary := strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin"); vary != tt.vary {
						r.Errorf("%s: Vary %q", path, a.header.Values("Vary"))
					}
					if (a.header.Get("Access-Control-Expose-Headers") != "") != (tt.allowed != "") || a.header.Get("Access-Control-Allow-Credentials") != "" {
						r.Errorf("%s: %v", path, a.header)
					}
				}
				a := p.do(http.MethodOptions, "/hls/maria/index.m3u8", append(header, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "range")...)
				methods, headers := a.header.Get("Access-Control-Allow-Methods"), a.header.Get("Access-Control-Allow-Headers")
				if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != tt.allowed || strings.Contains(methods, "GET") != (tt.allowed != "") || strings.Contains(headers, "Range") != (tt.allowed != "") {
					r.Errorf("preflight: %d %v", a.status, a.header)
				}
			})
		})
	}
}

// Playlists are gzipped for those who take that.
func TestGzip(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		e.stop()
		want := p.want(200, wholeList)
		if want.header.Get("Content-Encoding") != "" || !strings.Contains(strings.Join(want.header.Values("Vary"), ","), "Accept-Encoding") {
			r.Errorf("%v", want.header)
		}
		a := p.get(wholeList, "Accept-Encoding", "br, gzip")
		if a.header.Get("Content-Encoding") != "gzip" || len(a.body) >= len(want.body) || a.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
			r.Fatalf("%v, %d bytes of %d", a.header, len(a.body), len(want.body))
		}
		z, err := gzip.NewReader(bytes.NewReader(a.body))
		failIf(r, err)
		if text, err := io.ReadAll(z); err != nil || !bytes.Equal(text, want.body) {
			r.Errorf("%v: %s", err, text)
		}
		if a := p.get("0.m4s", "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "" {
			r.Error("media is compressed")
		}
	})
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZip": true, "x-gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "gzip;q=0.000": false, "gzip; q=0.001": true,
		"*": true, "*;q=0": false, "*;q=0, gzip": true, "gzip;q=0, *": false, "identity": false, "identity, *": true, "gzip;q=x": false, "gzipped": false,
		"br;q=1.0, gzip ; Q=0.8, *;q=0.1": true, ",,gzip": true, ";": false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: got %v", header, got)
		}
	}
	if !acceptsGzip([]string{"br", "gzip"}) || acceptsGzip(nil) {
		t.Error("several lines are one list")
	}
}

// Media can be asked for in ranges, and looked at without its body.
func TestRanges(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		e.stop()
		for _, name := range []string{"init0.mp4", "0.m4s", "1.2.m4s"} {
			whole := p.want(200, name)
			size := len(whole.body)
			if whole.header.Get("Accept-Ranges") != "bytes" || whole.header.Get("Content-Type") != "video/mp4" || whole.header.Get("Content-Length") != fmt.Sprint(size) {
				r.Errorf("%s: %v", name, whole.header)
			}
			head := p.do(http.MethodHead, name)
			if head.status != 200 || len(head.body) > 0 || head.header.Get("Content-Length") != fmt.Sprint(size) {
				r.Errorf("HEAD %s: %d %v", name, head.status, head.header)
			}
			tests := []struct {
				asked    string
				from, to int // 0, 0: the answer is not a part
				status   int
			}{
				{"bytes=0-0", 0, 1, 206},
				{"bytes=1-9", 1, 10, 206},
				{"bytes=10-", 10, size, 206},
				{"bytes=-7", size - 7, size, 206},
				{fmt.Sprintf("bytes=0-%d", 10*size), 0, size, 206},
				{fmt.Sprintf("bytes=%d-", size), 0, 0, 416},
				{"bytes=9-1", 0, 0, 416},
				{"bytes=x", 0, 0, 416},
				{"pieces=1-2", 0, 0, 416},
				{"bytes=1-2,5-6", 0, 0, 206},
			}
			for _, tt := range tests {
				a := p.get(name, "Range", tt.asked)
				if a.status != tt.status || tt.to > 0 && (!bytes.Equal(a.body, whole.body[tt.from:tt.to]) || a.header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", tt.from, tt.to-1, size)) {
					r.Errorf("%s %s: %d %v, %d bytes", name, tt.asked, a.status, a.header, len(a.body))
				}
				if cache := a.header.Get("Cache-Control"); tt.status == 416 && strings.Contains(cache, "immutable") {
					r.Errorf("%s %s: a refusal with Cache-Control %q", name, tt.asked, cache)
				}
			}
			for _, condition := range []string{`"other"`, "Sat, 01 Jan 2000 00:00:00 GMT"} {
				if a := p.get(name, "Range", "bytes=1-9", "If-Range", condition); a.status != 200 || !bytes.Equal(a.body, whole.body) {
					r.Errorf("%s If-Range %s: %d, %d bytes", name, condition, a.status, len(a.body))
				}
			}
			if a := p.do(http.MethodHead, name, "Range", "bytes=1-9"); a.status != 206 || len(a.body) > 0 || a.header.Get("Content-Length") != "9" {
				r.Errorf("HEAD of a range: %d %v", a.status, a.header)
			}
		}
		if a := p.get(wholeList, "Range", "bytes=1-9"); a.status != 200 {
			r.Errorf("a range of a playlist: %d", a.status)
		}
		if a := p.do(http.MethodHead, wholeList); a.status != 200 || len(a.body) > 0 || a.header.Get("Content-Length") == "" {
			r.Errorf("HEAD of the playlist: %d %v", a.status, a.header)
		}
		if a := p.do(http.MethodPost, wholeList); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "GET") {
			r.Errorf("POST: %d %v", a.status, a.header)
		}
	})
}

// Caches may keep media for good, playlists for a moment, and nothing of what only one may see; no answer is guessed at.
func TestHeaders(t *testing.T) {
	on(t, Options{AudioOnly: true}, func(r *rig) {
		r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		now := p.list("")
		for path, want := range map[string][2]string{
			"/hls/maria/index.m3u8?token=" + token: {"application/vnd.apple.mpegurl", "private, no-cache"},
			wholeList:                              {"application/vnd.apple.mpegurl", "max-age=1"},
			aloneList:                              {"application/vnd.apple.mpegurl", "max-age=1"},
			fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=0", wholeList, now.Next()): {"application/vnd.apple.mpegurl", "max-age=12"},
			"init0.mp4":       {"video/mp4", "public, max-age=90, immutable"},
			"0.m4s":           {"video/mp4", "public, max-age=90, immutable"},
			"1.1.m4s":         {"video/mp4", "public, max-age=90, immutable"},
			"sound-0.m4s":     {"audio/mp4", "public, max-age=90, immutable"},
			"sound-1.1.m4s":   {"audio/mp4", "public, max-age=90, immutable"},
			"sound-init0.mp4": {"audio/mp4", "public, max-age=90, immutable"},
		} {
			a := p.want(200, path)
			if a.header.Get("Content-Type") != want[0] || a.header.Get("Cache-Control") != want[1] {
				r.Errorf("%s: %v", path, a.header)
			}
			if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Referrer-Policy") != "no-referrer" {
				r.Errorf("%s: %v", path, a.header)
			}
		}
	})
}

// What is asked is counted by kind and answer, and what is served for its contract.
func TestCounts(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		e.stop()
		before := r.served.Status()
		size := uint64(len(p.want(200, "0.m4s").body))
		p.do(http.MethodHead, "0.m4s")
		p.get("0.m4s", "Range", "bytes=10-19")
		p.want(200, "1.0.m4s")
		p.want(200, "init0.mp4")
		p.want(200, wholeList)
		p.want(404, "99.m4s")
		p.want(404, "x")
		p.want(400, wholeList+"?_HLS_msn=x")
		want := map[string]uint64{
			"index 200": 1, "segment 200": 2, "segment 206": 1, "segment 404": 1, "part 200": 1, "init 200": 1, "playlist 200": 1, "playlist 400": 1, "other 404": 1,
		}
		st, ok := r.server.Status("maria")
		if !ok || len(st.Requests) != len(want) {
			r.Errorf("%v %+v", ok, st.Requests)
		}
		for _, one := range st.Requests {
			if key := fmt.Sprint(one.Resource, " ", one.Status); want[key] != one.Count {
				r.Errorf("%s: %d, want %d", key, one.Count, want[key])
			}
		}
		after := r.served.Status()
		if bytes := after.Bytes - before.Bytes; bytes < size+10 || bytes > 3*size || after.Requests-before.Requests != 6 {
			r.Errorf("%d bytes in %d answers", bytes, after.Requests-before.Requests)
		}
		if frames := after.Frames - before.Frames; frames < 150 || frames > 180 { // of one segment and one part
			r.Errorf("%d frames", frames)
		}
		if st.Target != 2*time.Second || st.PartTarget < 200*time.Millisecond || st.Window < 6*time.Second || st.Segments < 3 || st.Parts < 30 || st.SegmentSeconds < 6 || st.PartSeconds < 6 || st.Memory == 0 {
			r.Errorf("%+v", st)
		}
		c := r.carried.Status()
		if c.ID3.States == 0 || c.Range.States != 1 || c.SEI.States != 0 || c.ID3.Bytes == 0 || c.Seq == 0 {
			r.Errorf("carried %+v", c)
		}
	})
}
