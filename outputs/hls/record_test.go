package hls

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/overlay"
)

// recorder keeps each version of a playlist as a view gets it, and what it names, for the independent checker.
type recorder struct {
	*packer
	of      rendition
	view    *overlay.View
	reports []rendition
	now     time.Time // in place of the clock: media time
	rec     hls.Recording
	faults  []string
	gone    map[string]departed // segments that left the list
	seen    map[string]uint64   // those that are in it, by name
	longest time.Duration
}

// departed is a segment that has left the list.
type departed struct {
	number uint64
	until  time.Time // it must be there
}

func recorderOf(as shape, window time.Duration) *recorder {
	return &recorder{
		packer: &packer{list: listOf(as, window, 1<<30)}, view: seller,
		rec:  hls.Recording{Bodies: make(map[string]*hls.Body), Slack: time.Hour},
		gone: make(map[string]departed), seen: make(map[string]uint64),
	}
}

func (r *recorder) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// follow makes the parts of all pieces, and records each version.
func (r *recorder) follow(pieces []*piece) {
	for _, p := range pieces {
		r.now = zeroDate.Add(p.end.Duration())
		if err := r.take(p); err != nil {
			r.fault("%v", err)
			return
		}
		r.version()
	}
	r.list.end()
	r.version()
}

// version records what the playlist is now, whole and as a delta update.
func (r *recorder) version() {
	for _, skip := range []bool{false, true} {
		a, err := r.list.media(r.of, r.view, skip, r.reports)
		if err != nil {
			r.fault("%v", err)
			return
		}
		v := hls.Version{
			Chain: hls.ByPart, Query: hls.Query{Sequence: -1, Part: -1, Skip: skip}, Asked: r.now, Answered: r.now, Status: http.StatusOK,
			Header: http.Header{"Content-Type": {listType}, "Cache-Control": {"max-age=1"}}, Text: string(a.plain), Playlist: hls.Parse(string(a.plain)),
		}
		if skip {
			v.Chain = hls.ByDelta
		} else {
			r.fetchAll(v.Playlist)
			r.depart(v.Playlist)
		}
		r.rec.Versions = append(r.rec.Versions, v)
		if len(a.plain) > 4<<20 {
			r.fault("a playlist of %d bytes", len(a.plain))
		}
	}
}

// fetchAll fetches what a version names for the first time.
func (r *recorder) fetchAll(p *hls.Playlist) {
	for _, s := range append(p.Segments, p.Open) {
		for _, part := range s.Parts {
			if !part.Gap {
				r.fetch(part.URI)
			}
		}
		if s.Map != "" {
			r.fetch(s.Map)
		}
		if s.URI != "" && !s.Gap {
			r.fetch(s.URI)
		}
	}
}

func (r *recorder) fetch(uri string) {
	if r.rec.Bodies[uri] != nil {
		return
	}
	b := &hls.Body{Status: http.StatusOK, Header: http.Header{"Content-Type": {mediaType}, "Cache-Control": {"max-age=60, immutable"}}, Hinted: true}
	var err error
	if b.Bytes, err = r.bytes(uri); err != nil {
		r.fault("%s: %v", uri, err)
		b.Status = http.StatusNotFound
	}
	r.rec.Bodies[uri] = b
}

// bytes gives what a name stands for.
func (r *recorder) bytes(uri string) ([]byte, error) {
	name := fileName.FindStringSubmatch(uri)
	number := func(i int) uint64 {
		n, _ := strconv.ParseUint(name[i], 10, 64)
		return n
	}
	if name[2] != "" {
		if b := r.list.initialization(r.of, number(2)); b != nil {
			return b, nil
		}
		return nil, errGone
	}
	part := -1
	if name[4] != "" {
		part = int(number(4))
	}
	found, err := r.list.fetch(r.of, number(3), part, r.view)
	if err != nil {
		return nil, err
	}
	defer found.leave()
	var b bytes.Buffer
	_, err = found.WriteTo(&b)
	return b.Bytes(), err
}

// depart checks that segments which left the list can be fetched for their duration and that of the longest list (RFC 8216bis §6.2.2).
func (r *recorder) depart(p *hls.Playlist) {
	if p.Ended {
		return
	}
	listed := make(map[string]bool)
	length := p.Length() - length(p.Open.Parts)
	r.longest = max(r.longest, length)
	for _, s := range p.Segments {
		if s.Gap {
			continue
		}
		listed[s.URI] = true
		r.seen[s.URI] = uint64(s.Duration)
	}
	for uri, lasts := range r.seen {
		if !listed[uri] {
			number, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(uri, r.of.prefix()), ".m4s"), 10, 64)
			r.gone[uri] = departed{number, r.now.Add(time.Duration(lasts) + r.longest)}
			delete(r.seen, uri)
		}
	}
	for uri, g := range r.gone {
		b, err := r.bytes(uri)
		switch {
		case r.now.After(g.until):
			delete(r.gone, uri)
		case err != nil:
			r.fault("%s, to be kept until %v, has gone at %v", uri, g.until, r.now)
			delete(r.gone, uri)
		case !bytes.Equal(b, r.rec.Bodies[uri].Bytes):
			r.fault("%s has changed", uri)
		}
	}
}

func length(parts []hls.Part) (sum time.Duration) {
	for _, p := range parts {
		sum += p.Duration
	}
	return sum
}

// check gives the faults that the checker finds beside those that it is told to expect.
func (r *recorder) check(expected ...hls.Rule) []string {
	all := r.faults
	for _, f := range hls.Check(&r.rec) {
		known := false
		for _, rule := range expected {
			known = known || rule == f.Rule
		}
		if !known {
			all = append(all, f.String())
		}
	}
	return all
}
