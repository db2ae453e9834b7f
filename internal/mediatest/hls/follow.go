package hls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Follower plays a live media playlist as several clients at once, and records what they are given.
type Follower struct {
	URL    string      // of the media playlist
	Header http.Header // of each request; nil: none

	Client *http.Client // nil: one of its own
	Slack  time.Duration

	mu      sync.Mutex
	rec     Recording
	asked   map[string]bool      // by URI
	first   map[string]time.Time // when a segment was listed first, by URI
	listed  map[string]bool      // first parts of segments, in the newest version of ByPart
	longest time.Duration        // of the playlists so far
	target  time.Duration
	jobs    sync.WaitGroup // fetches
}

// Follow records until ctx ends or the playlist does, and gives the recording when all fetches are done. What the draft wants to stay
// available is fetched again at the end of that time, where it comes before ctx ends.
func (f *Follower) Follow(ctx context.Context) (*Recording, error) {
	f.rec = Recording{Bodies: make(map[string]*Body), Slack: f.Slack}
	f.asked, f.first = make(map[string]bool), make(map[string]time.Time)
	if f.Client == nil {
		f.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		defer f.Client.CloseIdleConnections()
	}
	start, err := f.ask(ctx, ByPart, Query{-1, -1, false})
	if err != nil || start.Playlist == nil {
		return &f.rec, fmt.Errorf("first request: status %d, %w", start.Status, err)
	}
	var chains sync.WaitGroup
	for _, chain := range []Chain{ByPart, ByDelta, Polling, BySegment} {
		chains.Go(func() { f.run(ctx, chain) })
	}
	chains.Wait()
	f.jobs.Wait()
	return &f.rec, nil
}

// run asks for the playlist again and again, as one kind of client.
func (f *Follower) run(ctx context.Context, chain Chain) {
	v, err := f.ask(ctx, chain, Query{-1, -1, false})
	for failures := 0; err == nil && failures < 3; {
		p := v.Playlist
		if p == nil {
			failures++
			if !pause(ctx, 200*time.Millisecond) {
				return
			}
			v, err = f.ask(ctx, chain, Query{-1, -1, false})
			continue
		}
		if p.Ended {
			return
		}
		q := Query{-1, -1, chain == ByDelta}
		switch {
		case chain == Polling || !p.Control.Block:
			if !pause(ctx, p.Target/4) {
				return
			}
		case chain == BySegment || p.PartTarget == 0:
			q.Sequence = p.Next()
		default:
			q.Sequence, q.Part = p.Next(), int64(len(p.Open.Parts))
		}
		v, err = f.ask(ctx, chain, q)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// ask requests one version and keeps it.
func (f *Follower) ask(ctx context.Context, chain Chain, q Query) (Version, error) {
	v := Version{Chain: chain, Query: q, Asked: time.Now()}
	status, header, body, err := f.get(ctx, f.URL+q.string(f.URL))
	if err != nil {
		return v, err
	}
	v.Answered, v.Status, v.Header, v.Text = time.Now(), status, header, string(body)
	if status == http.StatusOK {
		v.Playlist = Parse(v.Text)
	}
	f.mu.Lock()
	f.rec.Versions = append(f.rec.Versions, v)
	f.mu.Unlock()
	if v.Playlist != nil {
		f.fetchAll(ctx, v.Playlist)
		if chain == ByPart {
			f.watchParts(ctx, v.Playlist)
		}
	}
	return v, nil
}

// string gives the directives, as they stand behind a URL.
func (q Query) string(behind string) string {
	v := url.Values{}
	if q.Sequence >= 0 {
		v.Set("_HLS_msn", fmt.Sprint(q.Sequence))
	}
	if q.Part >= 0 {
		v.Set("_HLS_part", fmt.Sprint(q.Part))
	}
	if q.Skip {
		v.Set("_HLS_skip", "YES")
	}
	switch {
	case len(v) == 0:
		return ""
	case strings.Contains(behind, "?"):
		return "&" + v.Encode()
	}
	return "?" + v.Encode()
}

// fetchAll gets what a version names and nobody asked for yet, hints included, and watches what leaves it.
func (f *Follower) fetchAll(ctx context.Context, p *Playlist) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = p.Target
	if p.Skipped == 0 {
		f.longest = max(f.longest, p.Length())
	}
	for _, s := range append(slices.Clip(p.Segments), p.Open) {
		for _, part := range s.Parts {
			f.fetchLocked(ctx, part.URI, false)
		}
		if s.Map != "" {
			f.fetchLocked(ctx, s.Map, false)
		}
		if s.URI != "" {
			f.fetchLocked(ctx, s.URI, false)
			f.watchLocked(ctx, s)
		}
	}
	for _, h := range p.Hints {
		f.fetchLocked(ctx, h.URI, true)
	}
}

func (f *Follower) fetchLocked(ctx context.Context, uri string, hinted bool) {
	if f.asked[uri] {
		return
	}
	f.asked[uri] = true
	f.jobs.Go(func() {
		b := Body{Asked: time.Now(), Hinted: hinted}
		var err error
		if b.Status, b.Header, b.Bytes, err = f.get(ctx, f.resolve(uri)); err != nil {
			return // the end of ctx
		}
		b.Answered = time.Now()
		f.mu.Lock()
		defer f.mu.Unlock()
		if hinted && b.Status == http.StatusServiceUnavailable && b.Answered.Sub(b.Asked) > 3*f.target-f.Slack {
			f.asked[uri] = false // nothing came for as long as the server holds requests: it is asked for again
			return
		}
		f.rec.Bodies[uri] = &b
	})
}

// early is how long before the end of its time something is fetched again.
const early = 300 * time.Millisecond

// watchLocked fetches a segment again at the end of its availability duration (the draft, 6.2.2).
func (f *Follower) watchLocked(ctx context.Context, s Segment) {
	if _, known := f.first[s.URI]; known {
		return
	}
	f.first[s.URI] = time.Now()
	f.jobs.Go(func() {
		for {
			f.mu.Lock()
			until := f.first[s.URI].Add(s.Duration + f.longest - early)
			f.mu.Unlock()
			left := time.Until(until)
			if left <= 0 {
				break
			}
			if !pause(ctx, left) {
				return
			}
		}
		f.again(ctx, s.URI, "for its availability duration")
	})
}

// watchParts fetches the first part of each segment again when it has been gone from the playlist for nearly three target durations
// (the draft, 6.2.2).
func (f *Follower) watchParts(ctx context.Context, p *Playlist) {
	now := make(map[string]bool)
	for _, s := range append(slices.Clip(p.Segments), p.Open) {
		if len(s.Parts) > 0 {
			now[s.Parts[0].URI] = true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for uri := range f.listed {
		if !now[uri] {
			f.jobs.Go(func() {
				if pause(ctx, 3*p.Target-early) {
					f.again(ctx, uri, "for three target durations after its tag")
				}
			})
		}
	}
	f.listed = now
}

// again fetches what was fetched before.
func (f *Follower) again(ctx context.Context, uri, reason string) {
	status, _, body, err := f.get(ctx, f.resolve(uri))
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := Later{URI: uri, Reason: reason, Status: status}
	if b := f.rec.Bodies[uri]; b != nil {
		l.Same = bytes.Equal(b.Bytes, body)
	}
	f.rec.Again = append(f.rec.Again, l)
}

// resolve gives the address of a URI in the playlist.
func (f *Follower) resolve(uri string) string {
	base, err := url.Parse(f.URL)
	if err != nil {
		return uri
	}
	to, err := base.Parse(uri)
	if err != nil {
		return uri
	}
	return to.String()
}

// get requests anything; an error is that of the connection, or the end of ctx.
func (f *Follower) get(ctx context.Context, address string) (status int, header http.Header, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("ask for %s: %w", address, err)
	}
	for name, values := range f.Header {
		r.Header[name] = values
	}
	resp, err := f.Client.Do(r)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("ask for %s: %w", address, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, nil, fmt.Errorf("read %s: %w", address, err)
	}
	return resp.StatusCode, resp.Header, body, nil
}
