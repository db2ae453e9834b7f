package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/simulcart/simulcart/wire/m3u8"
)

// follower reads an HLS stream as a player does (draft-pantos-hls-rfc8216bis §6.3):
//
//  1. a multivariant playlist leads to the first media playlist in it (open);
//  2. what that lists is fetched in its order: whole segments, and of the one that is being made its parts (piece, read);
//  3. when all of it is read, the playlist is asked for again: with a request that waits for the next part where the server
//     understands that, else once in a target duration (reload);
//  4. its date ranges are told with the segments in which they begin (dateRanges), events and pictures with their fragments (samples).
type follower struct {
	fetch   *fetcher
	list    *url.URL // of the media playlist
	now     m3u8.Media
	changed bool   // between the newest two versions of the playlist
	number  uint64 // of the segment that is read
	part    int    // of it, that is read next
	samples samples
	ranges  dateRanges
}

// Bounds of a playlist's pace.
const (
	leastPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second
)

// follow plays an HLS address.
func (c *tailCommand) follow(ctx context.Context, stderr io.Writer) (next func(*tail) error, err error) {
	at, err := url.Parse(c.Source)
	if err != nil || at.Host == "" || !strings.HasSuffix(at.Path, ".m3u8") {
		return nil, errors.New("the address is no playlist: write http://HOST:8080/hls/STREAM/index.m3u8?token=TOKEN")
	}
	fetch, err := newFetcher(ctx, at, c.Token, c.CA, stderr)
	if err != nil {
		return nil, err
	}
	f := &follower{fetch: fetch, list: at}
	if err := f.open(ctx); err != nil {
		return nil, err
	}
	return func(t *tail) error { return f.next(ctx, t) }, nil
}

// open loads the playlists for the first time, and finds where to begin.
func (f *follower) open(ctx context.Context) error {
	text, at, err := f.fetch.get(ctx, f.list, m3u8.ByteRange{}, m3u8.MaxSize)
	if err != nil {
		return fmt.Errorf("load the playlist: %w", err)
	}
	f.list = at
	if m3u8.IsMultivariant(text) {
		m, err := m3u8.ParseMultivariant(text)
		switch {
		case err != nil:
			return fmt.Errorf("read the playlist: %w", err)
		case len(m.Variants) == 0:
			return errors.New("read the playlist: it names no variant")
		}
		if at, err = at.Parse(m.Variants[0].URI); err != nil {
			return errors.New("read the playlist: the address of its first variant is none")
		}
		if text, f.list, err = f.fetch.get(ctx, at, m3u8.ByteRange{}, m3u8.MaxSize); err != nil {
			return fmt.Errorf("load the media playlist: %w", err)
		}
	}
	if err := f.take(text); err != nil {
		return err
	}
	f.number = f.start()
	return nil
}

// take reads a version of the media playlist.
func (f *follower) take(text []byte) error {
	m, err := m3u8.ParseMedia(text)
	switch {
	case err != nil:
		return fmt.Errorf("read the media playlist: %w", err)
	case m.Skip != nil:
		return errors.New("read the media playlist: it leaves out segments, which nobody asked for")
	case m.MediaSequence < f.now.MediaSequence:
		return fmt.Errorf("read the media playlist: it went back from segment %d to %d", f.now.MediaSequence, m.MediaSequence)
	}
	last, parts := m.Last()
	before, partsBefore := f.now.Last()
	f.changed = last != before || parts != partsBefore || len(m.Segments) != len(f.now.Segments) || m.Ended != f.now.Ended
	f.now = m
	f.ranges.take(&f.now)
	return nil
}

// start gives the segment to begin with: of what has ended the first one; of what is live the one that is as far from the end as the
// server wants (§6.3.3).
func (f *follower) start() uint64 {
	if f.now.Ended {
		return f.now.MediaSequence
	}
	c := f.now.ServerControl
	back := c.HoldBack
	if back == 0 {
		back = 3 * time.Duration(f.now.TargetDuration) * time.Second
	}
	if f.now.PartTarget > 0 && c.PartHoldBack > 0 {
		back = c.PartHoldBack
	}
	i := len(f.now.Segments)
	for i > 0 && back > 0 {
		i--
		back -= lengthOf(&f.now.Segments[i])
	}
	return f.now.MediaSequence + uint64(i)
}

// lengthOf gives the duration of a segment, or of its parts so far.
func lengthOf(s *m3u8.Segment) (d time.Duration) {
	if s.URI != "" {
		return s.Duration
	}
	for i := range s.Parts {
		d += s.Parts[i].Duration
	}
	return d
}

// next reads the next piece, or the playlist where there is none.
func (f *follower) next(ctx context.Context, t *tail) error {
	if p, ok := f.piece(); ok {
		return f.read(ctx, t, p)
	}
	if f.now.Ended {
		f.ranges.rest(t, 0)
		return io.EOF
	}
	if err := f.reload(ctx); err != nil {
		return err
	}
	f.ranges.tell(t, f.number)
	return nil
}

// piece is what is fetched at once: a segment, or a part of one.
type piece struct {
	name     string // for errors
	uri      string
	bytes    m3u8.ByteRange
	init     *m3u8.Map // nil: the playlist has none
	segment  uint64
	begins   bool // the segment
	again    bool // some of it was read
	restarts bool // times, tracks or coding change in front of it
}

// piece gives the next one that the playlist lists.
func (f *follower) piece() (piece, bool) {
	for {
		if f.number < f.now.MediaSequence { // the server dropped what was to be read
			f.number, f.part = f.now.MediaSequence, 0
		}
		i := f.number - f.now.MediaSequence
		if i >= uint64(len(f.now.Segments)) {
			return piece{}, false
		}
		s := &f.now.Segments[i]
		p := piece{segment: f.number, init: f.mapOf(int(i)), begins: f.part == 0, restarts: f.part == 0 && s.Discontinuity}
		switch whole := s.URI != ""; {
		case whole && (s.Gap || f.part > 0 && f.part == len(s.Parts)):
			f.number, f.part = f.number+1, 0
		case whole && (f.part == 0 || len(s.Parts) == 0):
			p.name, p.uri, p.bytes, p.again = fmt.Sprintf("segment %d", f.number), s.URI, s.Range, f.part > 0
			f.number, f.part = f.number+1, 0
			return p, true
		case f.part < len(s.Parts):
			one := &s.Parts[f.part]
			p.name, p.uri, p.bytes = fmt.Sprintf("part %d of segment %d", f.part, f.number), one.URI, one.Range
			f.part++
			if !one.Gap {
				return p, true
			}
		default:
			return piece{}, false
		}
	}
}

// mapOf gives the initialization that holds for a segment.
func (f *follower) mapOf(i int) *m3u8.Map {
	for ; i >= 0; i-- {
		if one := f.now.Segments[i].Map; one != nil {
			return one
		}
	}
	return f.now.Map
}

// read fetches a piece and tells of what is in it.
func (f *follower) read(ctx context.Context, t *tail, p piece) error {
	if p.init == nil {
		return fmt.Errorf("read %s: the playlist has no EXT-X-MAP: only fragmented MP4 is read, and no MPEG-TS", p.name)
	}
	if !f.samples.isFor(p.init) {
		b, err := f.load(ctx, "the initialization", p.init.URI, p.init.Range, mostInit)
		if err == nil {
			err = f.samples.begin(p.init, b)
		}
		if err != nil {
			return fmt.Errorf("read the initialization: %w", err)
		}
	}
	b, err := f.load(ctx, p.name, p.uri, p.bytes, mostMedia)
	if err != nil {
		return err
	}
	if err := f.samples.take(p, b); err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	if p.begins {
		f.ranges.anchor(t, p.segment, f.samples.start())
	}
	t.blind = f.samples.video == nil
	f.ranges.tell(t, f.number)
	f.samples.tell(t, p.again)
	return nil
}

// load fetches something that the playlist names.
func (f *follower) load(ctx context.Context, name, uri string, part m3u8.ByteRange, most int64) ([]byte, error) {
	at, err := f.list.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("load %s: its address is none", name)
	}
	b, _, err := f.fetch.get(ctx, at, part, most)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	return b, nil
}

// reload loads the playlist again, when it can have changed.
func (f *follower) reload(ctx context.Context) error {
	at, blocks := *f.list, f.now.ServerControl.CanBlockReload
	if blocks {
		at.RawQuery = strings.TrimPrefix(at.RawQuery+"&"+f.wanted(), "&")
	}
	if !blocks || !f.changed { // a server that answers at once although nothing has changed is not asked faster than others
		pause := time.Duration(max(f.now.TargetDuration, 1)) * time.Second
		if !f.changed {
			pause /= 2 // §6.3.4
		}
		if err := sleep(ctx, min(max(pause, leastPause), mostPause)); err != nil {
			return err
		}
	}
	text, _, err := f.fetch.get(ctx, &at, m3u8.ByteRange{}, m3u8.MaxSize)
	if err != nil {
		return fmt.Errorf("load the media playlist again: %w", err)
	}
	return f.take(text)
}

// wanted is the part of a query that asks for the next part, or the next segment where there are no parts (§6.2.5.2).
func (f *follower) wanted() string {
	number, part := f.now.MediaSequence, 0
	if n := len(f.now.Segments); n > 0 {
		number += uint64(n)
		if last := &f.now.Segments[n-1]; last.URI == "" {
			number, part = number-1, len(last.Parts)
		}
	}
	query := "_HLS_msn=" + strconv.FormatUint(number, 10)
	if f.now.PartTarget > 0 {
		query += "&_HLS_part=" + strconv.Itoa(part)
	}
	return query
}

// sleep waits, or gives ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
