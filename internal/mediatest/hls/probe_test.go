package hls

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// probe asks the model, 3 s after its begin.
func probe(t *testing.T, o *origin) []Fault {
	t.Helper()
	o.begin = time.Now().Add(-3 * time.Second)
	p := Prober{
		Index: "http://model/x/index.m3u8", Media: "http://model/x/main.m3u8", Client: &http.Client{Transport: o},
		Origin: "https://shop.example.com", Foreign: "https://other.example.com", Private: true,
	}
	found, err := p.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, f := range probe(t, &origin{}) {
			t.Error(f)
		}
	})
}

func TestProbeFindsEachBreach(t *testing.T) {
	ask := func(key, part string) func(*http.Request) bool { // a request whose query or header has a part
		return func(r *http.Request) bool {
			return strings.Contains(r.URL.Query().Get(key)+r.Header.Get(key), part) && (r.URL.Query().Has(key) || r.Header.Get(key) != "")
		}
	}
	path := func(part string) func(*http.Request) bool {
		return func(r *http.Request) bool { return strings.Contains(r.URL.Path, part) }
	}
	drop := func(key string) func(http.ResponseWriter, *http.Request) bool {
		return func(_ http.ResponseWriter, r *http.Request) bool {
			r.Header.Del(key)
			q := r.URL.Query()
			q.Del(key)
			r.URL.RawQuery = q.Encode()
			return false
		}
	}
	status := func(code int, control string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Cache-Control", control)
			w.WriteHeader(code)
			return true
		}
	}
	set := func(key, value string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header()[key] = []string{value}
			return false
		}
	}
	wait := func(_ http.ResponseWriter, _ *http.Request) bool {
		time.Sleep(2 * time.Second)
		return false
	}
	for name, tt := range map[string]struct {
		rule Rule
		when func(*http.Request) bool
		do   func(http.ResponseWriter, *http.Request) bool
	}{
		"far ahead":               {TooFar, ask("_HLS_msn", "9223"), status(503, "")},
		"far ahead, late":         {TooFar, ask("_HLS_msn", "9223"), wait},
		"no number":               {TooFar, ask("_HLS_msn", "next"), drop("_HLS_msn")},
		"negative":                {TooFar, ask("_HLS_msn", "-1"), drop("_HLS_msn")},
		"part alone":              {TooFar, ask("_HLS_part", "0"), drop("_HLS_part")},
		"unknown directive":       {TooFar, ask("_HLS_report", ""), status(400, "")},
		"old segment waits":       {Blocking, ask("_HLS_msn", "0"), wait},
		"bad request is kept":     {Caching, ask("_HLS_msn", "9223"), status(400, "max-age=600")},
		"not found is kept":       {Caching, path("nothing"), status(404, "max-age=600")},
		"not found after a while": {Unavailable, path("nothing"), wait},
		"anything is found":       {Unavailable, path("nothing"), status(200, "")},
		"no gzip":                 {Compression, ask("Accept-Encoding", "gzip"), drop("Accept-Encoding")},
		"no vary":                 {Compression, path("main"), set("Vary", "Origin")},
		"gzip always":             {Compression, path("main"), set("Content-Encoding", "gzip")},
		"no ranges":               {ByteRange, ask("Range", "0-99"), drop("Range")},
		"no end of ranges":        {ByteRange, ask("Range", "bytes=-"), status(416, "")},
		"ranges without end":      {ByteRange, ask("Range", "bytes="), drop("Range")},
		"own page may not":        {Origins, path("main"), set("Access-Control-Allow-Origin", "")},
		"all pages may":           {Origins, path("main"), set("Access-Control-Allow-Origin", "*")},
		"no vary by origin":       {Origins, path("main"), set("Vary", "Accept-Encoding")},
		"no options":              {Origins, func(r *http.Request) bool { return r.Method == http.MethodOptions }, status(405, "")},
		"type of the index":       {ContentType, path("index"), status(200, "private")},
		"index is kept":           {Caching, path("index"), status(200, "private, max-age=600")},
		"index is kept for all":   {Caching, path("index"), status(200, "max-age=1")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				found := probe(t, &origin{spoil: func(w http.ResponseWriter, r *http.Request) bool { return tt.when(r) && tt.do(w, r) }})
				if !slices.ContainsFunc(found, func(f Fault) bool { return f.Rule == tt.rule }) {
					t.Errorf("want a breach of %q, got %v", tt.rule, found)
				}
			})
		})
	}
}
