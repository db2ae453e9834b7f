//go:build linux

package accept_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// sipper is a player of HLS without a decoder.
type sipper struct {
	media  *url.URL // of the media playlist
	client *http.Client
	bytes  atomic.Int64
}

// newSipper loads a multivariant playlist, over connections of its own.
func newSipper(t testing.TB, index string) *sipper {
	t.Helper()
	p := &sipper{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	t.Cleanup(p.client.CloseIdleConnections)
	base, err := url.Parse(index)
	if err != nil {
		t.Fatal(err)
	}
	p.media = base
	x := hls.ParseIndex(string(p.get(t, index)))
	if len(x.Variants) == 0 {
		t.Fatalf("no variant: %s", x.Text)
	}
	if p.media, err = base.Parse(x.Variants[0].URI); err != nil {
		t.Fatal(err)
	}
	return p
}

// get loads what must be there.
func (p *sipper) get(t testing.TB, uri string) []byte {
	t.Helper()
	status, body, err := p.ask(context.Background(), uri)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: status %d, %v", uri, status, err)
	}
	return body
}

// ask loads anything; a URI is one of the media playlist.
func (p *sipper) ask(ctx context.Context, uri string) (status int, body []byte, err error) {
	to, err := p.media.Parse(uri)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	p.bytes.Add(int64(len(body)))
	return resp.StatusCode, body, err
}

// list loads the media playlist.
func (p *sipper) list(t testing.TB) *hls.Playlist {
	t.Helper()
	return hls.Parse(string(p.get(t, p.media.String())))
}

// run plays with low latency until ctx ends: it asks for each part as soon as it is hinted at, and for the playlist that has it. It gives
// how many parts it got, and why it ended before.
func (p *sipper) run(ctx context.Context) (parts int, err error) {
	status, body, err := p.ask(ctx, p.media.String())
	for err == nil && status == http.StatusOK {
		now := hls.Parse(string(body))
		if now.Ended || len(now.Hints) == 0 {
			return parts, nil
		}
		if status, _, err = p.ask(ctx, now.Hints[0].URI); err == nil && status != http.StatusOK {
			return parts, fmt.Errorf("part %s: status %d", now.Hints[0].URI, status)
		}
		parts++
		end := now.End()
		status, body, err = p.ask(ctx, fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d&_HLS_skip=YES", p.media, end.Sequence, end.Part))
	}
	if ctx.Err() != nil {
		return parts, nil
	}
	return parts, fmt.Errorf("playlist: status %d, %w", status, err)
}

// sips starts n players, and gives how many bytes they had so far, and what ends them: it gives the parts that each of them got.
func sips(t testing.TB, index string, n int) (bytes func() int64, stop func() []int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	all := make([]*sipper, n)
	results := make(chan int, n)
	for i := range all {
		p := newSipper(t, index)
		all[i] = p
		go func() {
			parts, err := p.run(ctx)
			if err != nil {
				t.Errorf("player of HLS: %v", err)
			}
			results <- parts
		}()
		time.Sleep(200 * time.Millisecond / time.Duration(n)) // not all in one moment
	}
	stop = func() (parts []int) {
		cancel()
		for range n {
			parts = append(parts, <-results)
		}
		return parts
	}
	t.Cleanup(cancel)
	return func() (sum int64) {
		for _, p := range all {
			sum += p.bytes.Load()
		}
		return sum
	}, stop
}
