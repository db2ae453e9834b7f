package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// fetch asks a handler without tokens or streams.
func fetch(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	(&Server{Source: &fakeSource{}}).Handler().ServeHTTP(w, r)
	return w
}

func TestWatchPage(t *testing.T) {
	for _, c := range []struct {
		name, path string
		code       int
	}{
		{"a stream", "/watch/maria", 200},
		{"all kinds of characters", "/watch/Maria_2-x", 200},
		{"with a token", "/watch/maria?token=secret", 200},
		{"64 characters", "/watch/" + strings.Repeat("a", 64), 200},
		{"65 characters", "/watch/" + strings.Repeat("a", 65), 404},
		{"no name", "/watch/", 404},
		{"a dot", "/watch/maria.html", 404},
		{"a slash", "/watch/maria%2Fx", 404},
		{"markup", "/watch/%3Cscript%3E", 404},
		{"another path below", "/watch/maria/x", 404},
	} {
		r := fetch(http.MethodGet, c.path)
		if body := r.Body.Bytes(); r.Code != c.code || (c.code == 200) != bytes.Contains(body, []byte("<video")) {
			t.Errorf("%s: got %d %.80s, want %d", c.name, r.Code, body, c.code)
		}
	}
	r := fetch(http.MethodGet, "/watch/maria?token=secret")
	body := r.Body.Bytes()
	if got := r.Header().Get(policyHeader); got != watchPolicy || strings.Contains(got, "unsafe") {
		t.Errorf("policy: got %q", got)
	}
	if got := r.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: got %q, want no-store", got)
	}
	if bytes.Contains(body, []byte("secret")) {
		t.Error("the page has the token in it")
	}
	if inline := regexp.MustCompile(`<style|style=|<script[^>]*>[^<]|\son\w+=`).Find(body); inline != nil {
		t.Errorf("the page has %q in it, which its policy forbids", inline)
	}
	if r := fetch(http.MethodPost, "/watch/maria"); r.Code != 405 || r.Header().Get("Allow") != allowRead {
		t.Errorf("POST: got %d, Allow %q", r.Code, r.Header().Get("Allow"))
	}
}

// The page may use camera and screen, which no other may, and has no more of the key than a field for it.
func TestPublishPage(t *testing.T) {
	for _, c := range []struct {
		path string
		code int
	}{
		{"/publish/maria", 200},
		{"/publish/Maria_2-x", 200},
		{"/publish/" + strings.Repeat("a", 65), 404},
		{"/publish/", 404},
		{"/publish/maria%2Fx", 404},
		{"/publish/%3Cscript%3E", 404},
	} {
		r := fetch(http.MethodGet, c.path)
		if body := r.Body.Bytes(); r.Code != c.code || (c.code == 200) != bytes.Contains(body, []byte(`type="password"`)) {
			t.Errorf("%s: got %d %.80s, want %d", c.path, r.Code, body, c.code)
		}
	}
	r := fetch(http.MethodGet, "/publish/maria")
	if got := r.Header().Get(policyHeader); got != publishPolicy || strings.Contains(got, "unsafe") || strings.Contains(got, "https:") {
		t.Errorf("policy: got %q", got)
	}
	if got := r.Header().Get(devicesHeader); got != "camera=(self), microphone=(self), display-capture=(self)" {
		t.Errorf("devices: got %q", got)
	}
	if inline := regexp.MustCompile(`<style|style=|<script[^>]*>[^<]|\son\w+=`).Find(r.Body.Bytes()); inline != nil {
		t.Errorf("the page has %q in it, which its policy forbids", inline)
	}
	for _, path := range []string{"/", "/watch/maria", "/docs", "/v1/streams", "/no"} {
		if got := fetch(http.MethodGet, path).Header().Get(devicesHeader); got != "camera=(), microphone=(), display-capture=()" {
			t.Errorf("%s: got the devices %q, want none", path, got)
		}
	}
	if r := fetch(http.MethodPost, "/publish/maria"); r.Code != 405 || r.Header().Get("Allow") != allowRead {
		t.Errorf("POST: got %d, Allow %q", r.Code, r.Header().Get("Allow"))
	}
}

// What the pages load is there, for ever, in both codings.
func TestAssets(t *testing.T) {
	html := append(fetch(http.MethodGet, "/watch/maria").Body.Bytes(), fetch(http.MethodGet, "/publish/maria").Body.Bytes()...)
	found := regexp.MustCompile(`(?:src|href)="\.\.(/assets/[^"]+)"`).FindAllSubmatch(html, -1)
	kinds := map[string]int{}
	for _, f := range found {
		name := string(f[1])
		plain, zip := fetch(http.MethodGet, name), fetch(http.MethodGet, name, "Accept-Encoding", "br;q=1.0, gzip;q=0.8")
		want := plain.Body.Bytes()
		for _, r := range []*httptest.ResponseRecorder{plain, zip} {
			if r.Code != http.StatusOK || r.Header().Get("Cache-Control") != immutable || r.Header().Get("Vary") != "Accept-Encoding" || r.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: got %d with %v", name, r.Code, r.Header())
			}
			kinds[r.Header().Get(contentType)]++
		}
		if got := plain.Header().Get("Content-Encoding"); got != "" {
			t.Errorf("%s: got the coding %q without asking", name, got)
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(zip.Body.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: got %d bytes from gzip (%v), want the %d of the plain file", name, len(got), err, len(want))
		}
	}
	if kinds["text/javascript; charset=utf-8"] == 0 || kinds["text/css; charset=utf-8"] == 0 || len(kinds) != 2 {
		t.Errorf("got the types %v, want scripts and styles", kinds)
	}
	for _, path := range []string{"/assets/", "/assets/no.js", "/assets/..%2Fwatch.html", "/assets/watch.html"} {
		if r := fetch(http.MethodGet, path); r.Code != 404 || r.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %d, Cache-Control %q", path, r.Code, r.Header().Get("Cache-Control"))
		}
	}
}

func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "deflate, gzip;q=1.0, *;q=0.5": true, "gzip ; q=0.001": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "identity": false, "xgzip": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := takesGzip(r); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}
