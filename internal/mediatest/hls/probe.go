package hls

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Prober asks a server what no well-behaved client asks, and checks the answers.
type Prober struct {
	Index  string      // URL of the multivariant playlist
	Media  string      // URL of a media playlist that is live
	Header http.Header // of each request; nil: none

	Origin  string // a web page that may read; empty: not asked
	Foreign string // one that may not; empty: all may
	Private bool   // the index is for those with a token: no shared cache may keep it

	Client *http.Client // that asks for no compression by itself; nil: one of its own
	faults
}

// answer is one response, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

// Probe gives all breaches; an error where nothing can be asked.
func (p *Prober) Probe(ctx context.Context) ([]Fault, error) {
	if p.Client == nil {
		p.Client = &http.Client{Transport: &http.Transport{DisableCompression: true}}
		defer p.Client.CloseIdleConnections()
	}
	a, err := p.get(ctx, p.Media)
	if err != nil || a.status != http.StatusOK {
		return nil, fmt.Errorf("probe: %s: status %d, %w", p.Media, a.status, err)
	}
	now := Parse(string(a.body))
	if len(now.Segments) == 0 {
		return nil, fmt.Errorf("probe: no segment yet")
	}
	for _, step := range []func(context.Context, *Playlist) error{p.directives, p.compression, p.ranges, p.origins, p.missing, p.index} {
		if err := step(ctx, now); err != nil {
			return p.list, fmt.Errorf("probe: %w", err)
		}
	}
	return p.list, nil
}

// directives asks for versions that are far ahead, or no versions (the draft, 6.2.5.2).
func (p *Prober) directives(ctx context.Context, now *Playlist) error {
	next := now.Next() + 1 // one may begin meanwhile
	limit := int64(3)
	if now.PartTarget > 0 {
		limit = int64(max(3, 3*time.Second/now.PartTarget))
	}
	bad := map[string]string{
		"a sequence number far ahead":    fmt.Sprintf("_HLS_msn=%d", next+3),
		"one that is very far":           "_HLS_msn=9223372036854775807",
		"one that is no number":          "_HLS_msn=next",
		"a negative one":                 "_HLS_msn=-1",
		"a part without sequence number": "_HLS_part=0",
		"a part far ahead":               fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", next, 60+3*limit),
		"a part that is no number":       fmt.Sprintf("_HLS_msn=%d&_HLS_part=x", next),
	}
	for what, query := range bad {
		a, err := p.get(ctx, p.with(query))
		if err != nil {
			return err
		}
		if a.status != http.StatusBadRequest || a.took > time.Second {
			p.add(TooFar, "%s (%s): status %d after %v, want 400 at once", what, query, a.status, a.took)
		}
		p.shortLived(what, a)
	}
	a, err := p.get(ctx, p.with(fmt.Sprintf("_HLS_msn=%d", now.Sequence)))
	if err != nil {
		return err
	}
	if a.status != http.StatusOK || a.took > time.Second {
		p.add(Blocking, "a segment that is there already: status %d after %v", a.status, a.took)
	}
	if a, err = p.get(ctx, p.with("_HLS_report=x&other=1")); err == nil && a.status != http.StatusOK {
		p.add(TooFar, "directives that it does not know: status %d, want 200", a.status)
	}
	return err
}

func (p *Prober) with(query string) string {
	if strings.Contains(p.Media, "?") {
		return p.Media + "&" + query
	}
	return p.Media + "?" + query
}

// compression compares a playlist with its gzip form; both name the same old version, or are asked for again.
func (p *Prober) compression(ctx context.Context, _ *Playlist) error {
	for range 10 {
		plain, err := p.get(ctx, p.Media)
		if err != nil {
			return err
		}
		packed, err := p.get(ctx, p.Media, "Accept-Encoding", "gzip")
		if err != nil {
			return err
		}
		if packed.header.Get("Content-Encoding") != "gzip" || plain.header.Get("Content-Encoding") != "" {
			p.add(Compression, "Content-Encoding is %q with gzip, %q without", packed.header.Get("Content-Encoding"), plain.header.Get("Content-Encoding"))
			return nil
		}
		for _, a := range []answer{plain, packed} {
			if !strings.Contains(strings.ToLower(strings.Join(a.header.Values("Vary"), ",")), "accept-encoding") {
				p.add(Compression, "Vary is %q", a.header.Values("Vary"))
			}
		}
		z, err := gzip.NewReader(bytes.NewReader(packed.body))
		var text []byte
		if err == nil {
			text, err = io.ReadAll(z)
		}
		if err != nil {
			p.add(Compression, "the gzip form cannot be read: %v", err)
			return nil
		}
		if bytes.Equal(text, plain.body) {
			return nil
		}
	}
	p.add(Compression, "the gzip form is never the same text")
	return nil
}

// ranges asks for pieces of a segment (RFC 9110 §14).
func (p *Prober) ranges(ctx context.Context, now *Playlist) error {
	address := p.resolve(now.Segments[len(now.Segments)-1].URI)
	whole, err := p.get(ctx, address)
	if err != nil {
		return err
	}
	size := len(whole.body)
	for _, r := range []struct {
		asked    string
		from, to int // to is behind the last byte
	}{{"bytes=0-99", 0, 100}, {"bytes=100-", 100, size}, {"bytes=-50", size - 50, size}, {fmt.Sprintf("bytes=10-%d", size+1000), 10, size}} {
		a, err := p.get(ctx, address, "Range", r.asked)
		if err != nil {
			return err
		}
		said := fmt.Sprintf("bytes %d-%d/%d", r.from, r.to-1, size)
		if a.status != http.StatusPartialContent || a.header.Get("Content-Range") != said || !bytes.Equal(a.body, whole.body[r.from:r.to]) {
			p.add(ByteRange, "%s of %d: status %d, Content-Range %q, %d bytes", r.asked, size, a.status, a.header.Get("Content-Range"), len(a.body))
		}
	}
	a, err := p.get(ctx, address, "Range", fmt.Sprintf("bytes=%d-", size))
	if err == nil && a.status != http.StatusRequestedRangeNotSatisfiable {
		p.add(ByteRange, "behind the end: status %d, want 416", a.status)
	}
	return err
}

// origins asks as web pages do (Fetch, CORS protocol).
func (p *Prober) origins(ctx context.Context, now *Playlist) error {
	if p.Origin == "" {
		return nil
	}
	for _, address := range []string{p.Index, p.Media, p.resolve(now.Segments[0].URI)} {
		a, err := p.get(ctx, address, "Origin", p.Origin)
		if err != nil {
			return err
		}
		if to := a.header.Get("Access-Control-Allow-Origin"); to != p.Origin && to != "*" {
			p.add(Origins, "%s: a page of %s is told %q", path(address), p.Origin, to)
		}
		if p.Foreign == "" {
			continue
		}
		if a, err = p.get(ctx, address, "Origin", p.Foreign); err != nil {
			return err
		}
		if to := a.header.Get("Access-Control-Allow-Origin"); to == p.Foreign || to == "*" {
			p.add(Origins, "%s: a page of %s is told %q", path(address), p.Foreign, to)
		}
		if !strings.Contains(strings.ToLower(strings.Join(a.header.Values("Vary"), ",")), "origin") {
			p.add(Origins, "%s: Vary is %q", path(address), a.header.Values("Vary"))
		}
	}
	a, err := p.do(ctx, http.MethodOptions, p.Index, "Origin", p.Origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,range")
	if err == nil && (a.status/100 != 2 || !strings.Contains(strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), "authorization")) {
		p.add(Origins, "OPTIONS: status %d, headers %q", a.status, a.header.Get("Access-Control-Allow-Headers"))
	}
	return err
}

// missing asks for what is not there (the draft, 6.2.6).
func (p *Prober) missing(ctx context.Context, now *Playlist) error {
	last := now.Segments[len(now.Segments)-1].URI
	for _, uri := range []string{"nothing.m4s", fmt.Sprintf("%d.m4s", now.Next()+100), fmt.Sprintf("%d.0.m4s", now.Next()+100), last + "x", "../../../etc/passwd"} {
		a, err := p.get(ctx, p.resolve(uri))
		if err != nil {
			return err
		}
		if a.status/100 != 4 || a.took > time.Second {
			p.add(Unavailable, "%s, which is not there: status %d after %v", uri, a.status, a.took)
		}
		p.shortLived(uri, a)
	}
	return nil
}

// shortLived checks that no cache keeps an error.
func (p *Prober) shortLived(what string, a answer) {
	if a.status/100 != 2 && maxAge(a.header) > 2*time.Second {
		p.add(Caching, "%s: status %d with Cache-Control %q", what, a.status, a.header.Get("Cache-Control"))
	}
}

func (p *Prober) index(ctx context.Context, _ *Playlist) error {
	a, err := p.get(ctx, p.Index)
	if err != nil {
		return err
	}
	if kind := a.header.Get("Content-Type"); a.status != http.StatusOK || !strings.HasPrefix(kind, "application/vnd.apple.mpegurl") {
		p.add(ContentType, "multivariant playlist: status %d, %q", a.status, kind)
	}
	control := a.header.Get("Cache-Control")
	if age := maxAge(a.header); age < 0 || age > 10*time.Second {
		p.add(Caching, "multivariant playlist: Cache-Control %q", control)
	}
	if p.Private && !strings.Contains(control, "private") && !strings.Contains(control, "no-store") {
		p.add(Caching, "multivariant playlist for one reader: Cache-Control %q", control)
	}
	return nil
}

func (p *Prober) resolve(uri string) string { return (&Follower{URL: p.Media}).resolve(uri) }

func path(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Path
}

func (p *Prober) get(ctx context.Context, address string, header ...string) (answer, error) {
	return p.do(ctx, http.MethodGet, address, header...)
}

// do sends one request with further header fields, names and values in turn.
func (p *Prober) do(ctx context.Context, method, address string, header ...string) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return a, fmt.Errorf("ask for %s: %w", address, err)
	}
	for name, values := range p.Header {
		r.Header[name] = values
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	begin := time.Now()
	resp, err := p.Client.Do(r)
	if err != nil {
		return a, fmt.Errorf("ask for %s: %w", address, err)
	}
	defer func() { _ = resp.Body.Close() }()
	a = answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = io.ReadAll(resp.Body)
	a.took = time.Since(begin)
	if err != nil {
		return a, fmt.Errorf("read %s: %w", address, err)
	}
	return a, nil
}
