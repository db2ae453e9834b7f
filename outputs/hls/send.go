package hls

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
)

// sendText sends a playlist, gzipped to those who take that.
func (s *Server) sendText(to exchange, a *answer, cache string) {
	head := to.w.Header()
	head.Set("Content-Type", listType)
	head.Set("Cache-Control", cache)
	head.Add("Vary", "Accept-Encoding")
	text := a.plain
	if acceptsGzip(to.r.Header.Values("Accept-Encoding")) {
		head.Set("Content-Encoding", "gzip")
		text = a.zipped()
	}
	head.Set("Content-Length", strconv.Itoa(len(text)))
	to.request.allow(answerTime)
	if to.r.Method == http.MethodHead {
		s.count(to, http.StatusOK, 0, 0)
		return
	}
	n, _ := to.w.Write(text) // a client that has gone
	s.count(to, http.StatusOK, int64(n), 0)
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): what is said of gzip holds before what is said of all others.
func acceptsGzip(header []string) bool {
	accepted := false
	for one := range strings.SplitSeq(strings.Join(header, ","), ",") {
		coding, quality, _ := strings.Cut(one, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		value, told := strings.CutPrefix(strings.ToLower(strings.TrimSpace(quality)), "q=")
		q, err := strconv.ParseFloat(value, 64)
		if accepted = !told || err == nil && q > 0; coding != "*" {
			return accepted
		}
	}
	return accepted
}

// sendMedia sends what never changes.
func (s *Server) sendMedia(to exchange, m *muxer, found *resource, of rendition, view *overlay.View) {
	head := to.w.Header()
	head.Set("Content-Type", mediaType)
	if of == alone {
		head.Set("Content-Type", soundType)
	}
	head.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, immutable", int(m.options.Window.Seconds())+60))
	to.request.allow(answerTime)
	counted := &counter{ResponseWriter: to.w, status: http.StatusOK}
	switch {
	case to.r.Header.Get("Range") != "":
		http.ServeContent(counted, to.r, "", time.Time{}, &found.bodies)
	default:
		head.Set("Accept-Ranges", "bytes")
		head.Set("Content-Length", strconv.FormatInt(found.length(), 10))
		if to.r.Method != http.MethodHead {
			_, _ = found.WriteTo(counted) // a client that has gone
		}
	}
	if counted.bytes < found.length() { // a look, a piece, or what was broken off
		s.count(to, counted.status, counted.bytes, 0)
		return
	}
	s.count(to, counted.status, counted.bytes, found.frames)
	found.countStates(of, view, to)
}

// counter counts what is written.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// countStates counts the copies of states that a viewer gets with the media.
func (found *resource) countStates(of rendition, v *overlay.View, to exchange) {
	carried := to.viewer.feed.Carried
	for _, c := range found.copies {
		sight := c.By(v)
		if sight == nil {
			carried.Lose()
			continue
		}
		carried.Copy(outputs.CarriesID3, c.State().Stream, sight.Seq, len(sight.Text))
		if of.variant(v) == marked && found.pictured {
			carried.Copy(outputs.CarriesSEI, c.State().Stream, sight.Seq, len(sight.Text))
		}
	}
}

// countRanges counts the newest state when a playlist first shows it.
func (p *playlist) countRanges(v *overlay.View, carried *outputs.Carried) {
	p.mu.Lock()
	n := len(p.states)
	var newest showing
	if n > 0 {
		newest = p.states[n-1]
	}
	p.mu.Unlock()
	if n > 0 {
		carried.Once(outputs.CarriesRange, newest.state.Stream, newest.state.Seq, base64.RawURLEncoding.DecodedLen(len(newest.text(v))))
	}
}
