package hls

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// origin serves the model live, with a part each 0.2 s.
type origin struct {
	begin time.Time
	keep  time.Duration // how long a segment stays after it was published; 0: for ever

	spoil func(w http.ResponseWriter, r *http.Request) (answered bool) // nil: nothing
}

// RoundTrip answers a request of a client without a network.
func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Origin, Accept-Encoding")
	if r.Header.Get("Origin") == "https://shop.example.com" {
		w.Header().Set("Access-Control-Allow-Origin", "https://shop.example.com")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Range")
	}
	if o.spoil != nil && o.spoil(w, r) {
		return
	}
	switch name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case name == "index.m3u8":
		w.Header().Set("Cache-Control", "private, max-age=5")
		o.text(w, r, modelIndex)
	case name == "main.m3u8":
		o.playlist(w, r)
	default:
		o.media(w, r, name)
	}
}

// published gives how many parts there are now.
func (o *origin) published() int {
	return min(5*modelParts+int(time.Since(o.begin)/(200*time.Millisecond)), modelSegments*modelParts)
}

// await waits until there are so many parts.
func (o *origin) await(r *http.Request, parts int) {
	select {
	case <-r.Context().Done():
	case <-time.After(time.Until(o.begin.Add(time.Duration(parts-5*modelParts) * 200 * time.Millisecond))):
	}
}

func (o *origin) playlist(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(key string) int {
		n, err := strconv.ParseUint(q.Get(key), 10, 32)
		switch {
		case !q.Has(key):
			return -1
		case err != nil:
			return 1 << 20
		}
		return int(n)
	}
	msn, part, last := number("_HLS_msn"), number("_HLS_part"), o.published()/modelParts-1
	if msn > last+2 || part > 15+modelParts || part >= 0 && msn < 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch {
	case part >= 0:
		o.await(r, msn*modelParts+min(part, modelParts)+1)
	case msn >= 0:
		o.await(r, (msn+1)*modelParts)
	}
	w.Header().Set("Cache-Control", "max-age=1")
	ended := o.published() == modelSegments*modelParts
	o.text(w, r, modelPlaylist(o.published(), q.Get("_HLS_skip") == "YES", ended))
}

func (o *origin) text(w http.ResponseWriter, r *http.Request, text string) {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	if r.Header.Get("Accept-Encoding") == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return
	}
	_, _ = w.Write([]byte(text))
}

// media serves an initialisation, a segment or a part; one that is hinted is waited for.
func (o *origin) media(w http.ResponseWriter, r *http.Request, name string) {
	b := modelBodies()[name]
	var n, part int
	first, count := 0, 1
	switch _, err := fmt.Sscanf(name, "%d.%d.m4s", &n, &part); {
	case name == "init0.mp4":
		count = 0
	case err == nil:
		first = n*modelParts + part
	case b != nil:
		_, _ = fmt.Sscanf(name, "%d.m4s", &n)
		first, count = n*modelParts, modelParts
	}
	gone := o.keep > 0 && time.Since(o.begin) > o.keep+time.Duration(first+count-5*modelParts)*200*time.Millisecond
	if b == nil || first > o.published()+1 || gone && count > 0 {
		http.NotFound(w, r)
		return
	}
	o.await(r, first+count)
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Cache-Control", "max-age=600, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}
