package hls

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/simulcart/simulcart/overlay"
)

// serveList answers with a media playlist, when it has what is asked for (RFC 8216bis §6.2.5.2).
func (s *Server) serveList(ctx context.Context, to exchange, m *muxer, of rendition, v *overlay.View) error {
	wanted, err := parseDirectives(to.r.URL.Query())
	if err != nil {
		return err
	}
	cache := fmt.Sprintf("max-age=%d", max(1, m.list.shape.target/2))
	if wanted.blocks {
		if err := s.await(ctx, to, m, func() (bool, error) { return m.list.hasLocked(wanted.segment, wanted.part) }); err != nil {
			return err
		}
		cache = fmt.Sprintf("max-age=%d", 6*m.list.shape.target)
	}
	var reports []rendition
	if s.Options.AudioOnly && m.list.hasSound() {
		reports = []rendition{whole, alone}
	}
	a, err := m.list.media(of, v, wanted.skip, reports)
	if err != nil {
		return err
	}
	m.list.countRanges(v, to.viewer.feed.Carried)
	s.sendText(to, a, cache)
	return nil
}

// directives are what a player asks of a playlist.
type directives struct {
	blocks  bool
	segment uint64
	part    uint64 // the number of parts that are there at least is one more; MaxUint64: the whole segment
	skip    bool
}

func parseDirectives(q url.Values) (d directives, err error) {
	d.skip = q.Get("_HLS_skip") == "YES" || q.Get("_HLS_skip") == "v2"
	number, part := q.Get("_HLS_msn"), q.Get("_HLS_part")
	d.part = math.MaxUint64
	if number == "" {
		if part != "" {
			return d, errQuery
		}
		return d, nil
	}
	d.blocks = true
	if d.segment, err = strconv.ParseUint(number, 10, 63); err != nil {
		return d, errQuery
	}
	if part != "" {
		if d.part, err = strconv.ParseUint(part, 10, 31); err != nil {
			return d, errQuery
		}
	}
	return d, nil
}

// await holds a request until ready says that there is an answer, for up to 3 target durations.
func (s *Server) await(ctx context.Context, to exchange, m *muxer, ready func() (bool, error)) error {
	m.list.mu.Lock()
	known, err := ready()
	m.list.mu.Unlock()
	if known || err != nil {
		return err
	}
	ctx, free, err := s.hold(ctx, to.stream, to.viewer)
	if err != nil {
		return err
	}
	defer free()
	limited, cancel := context.WithTimeout(ctx, min(3*time.Duration(m.list.shape.target)*time.Second, answerTime-5*time.Second))
	defer cancel()
	var fault error
	err = m.list.await(limited, func() bool {
		ok, err := ready()
		fault = err
		return ok || err != nil
	})
	if fault != nil {
		return fault
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return errStill
}

// serveMedia answers with an initialization, a segment or a part. A part that comes next is waited for: playlists hint at it.
func (s *Server) serveMedia(ctx context.Context, to exchange, m *muxer, file string, v *overlay.View) error {
	name := fileName.FindStringSubmatch(file)
	if name == nil || name[1] != "" && !s.Options.AudioOnly {
		return errGone
	}
	of := whole
	if name[1] != "" {
		of = alone
	}
	number := func(text string) uint64 {
		n, _ := strconv.ParseUint(text, 10, 63) // digits, by the form of names
		return n
	}
	if name[2] != "" {
		data := m.list.initialization(of, number(name[2]))
		if data == nil {
			return errGone
		}
		s.sendMedia(to, m, &resource{bodies: bodies{list: []body{{data: data}}}}, of, v)
		return nil
	}
	segment, part := number(name[3]), -1
	if name[4] != "" {
		part = int(number(name[4]))
		if err := s.await(ctx, to, m, func() (bool, error) { return m.list.settledLocked(segment, part), nil }); err != nil {
			return err
		}
	}
	found, err := m.list.fetch(of, segment, part, v)
	if err != nil {
		return err
	}
	defer found.leave()
	s.sendMedia(to, m, found, of, v)
	return nil
}
