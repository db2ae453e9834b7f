package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// hlsReader follows a stream over HLS as a player does, without playing: it loads the playlist, and what is new in it.
type hlsReader struct {
	receiver *Receiver
	client   *http.Client
	ctx      context.Context
	list     *url.URL // nil: not found yet
	low      bool     // low latency: by parts, each waited for

	segment, part uint64 // that come next
	skips         bool   // the server leaves out what is known
	buffer        []byte
}

// canceller is a connection that is a context.
type canceller context.CancelFunc

// Close ends all that runs in the context.
func (c canceller) Close() error {
	c()
	return nil
}

// retryTime is between two looks for a stream that is not there yet.
const retryTime = 100 * time.Millisecond

// PlayHLS adds a reader of a stream over HLS, with low latency or without.
func (l *Load) PlayHLS(address string, low bool) {
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{DisableCompression: true}
	h := &hlsReader{client: &http.Client{Transport: transport}, ctx: ctx, low: low, buffer: make([]byte, 64<<10)}
	h.receiver = l.add(canceller(cancel), l.now())
	go func() {
		defer transport.CloseIdleConnections()
		h.receiver.run(func() error { return h.step(address) })
	}()
}

// step loads the playlist once, and what is new in it.
func (h *hlsReader) step(address string) error {
	if h.list == nil {
		if err := h.find(address); err != nil {
			if h.ctx.Err() != nil {
				return err
			}
			return h.pause(retryTime)
		}
	}
	m, err := h.playlist()
	if err != nil {
		return err
	}
	fresh, err := h.follow(m)
	if err != nil || h.low {
		return err
	}
	target := time.Duration(m.TargetDuration) * time.Second
	if !fresh {
		target /= 2 // RFC 8216 §6.3.4
	}
	return h.pause(target)
}

// find goes from the page of all variants to the first one, or takes the page where it is a stream's. It begins at the newest whole
// segment; with low latency at the newest part.
func (h *hlsReader) find(address string) error {
	at, body, err := h.get(address)
	if err != nil {
		return err
	}
	if m3u8.IsMultivariant(body) {
		variants, err := m3u8.ParseMultivariant(body)
		if err != nil {
			return err
		}
		if len(variants.Variants) == 0 {
			return errors.New("a page without variants")
		}
		next, err := at.Parse(variants.Variants[0].URI)
		if err != nil {
			return err
		}
		if at, body, err = h.get(next.String()); err != nil {
			return err
		}
	}
	m, err := m3u8.ParseMedia(body)
	if err != nil {
		return err
	}
	if len(m.Segments) == 0 {
		return errors.New("no segment yet")
	}
	h.segment, h.part = m.Last()
	if !h.low || !m.ServerControl.CanBlockReload {
		h.part = 0
	}
	h.list, h.skips = at, m.ServerControl.CanSkipUntil > 0
	return nil
}

// playlist loads the playlist as it is; with low latency as it is once the next part is there.
func (h *hlsReader) playlist() (m3u8.Media, error) {
	address := *h.list
	if h.low {
		q := address.Query()
		q.Set("_HLS_msn", fmt.Sprint(h.segment))
		q.Set("_HLS_part", fmt.Sprint(h.part))
		if h.skips {
			q.Set("_HLS_skip", "YES")
		}
		address.RawQuery = q.Encode()
	}
	_, body, err := h.get(address.String())
	if err != nil {
		return m3u8.Media{}, err
	}
	return m3u8.ParseMedia(body)
}

// follow loads what is new.
func (h *hlsReader) follow(m m3u8.Media) (fresh bool, err error) {
	first := m.MediaSequence
	if m.Skip != nil {
		first += m.Skip.Segments
	}
	for i, s := range m.Segments {
		number := first + uint64(i)
		switch {
		case number < h.segment:
			continue
		case number > h.segment:
			h.segment, h.part = number, 0 // what lies between has left the playlist
		}
		if h.low && len(s.Parts) > 0 {
			for ; h.part < uint64(len(s.Parts)); h.part++ {
				if err := h.load(s.Parts[h.part].URI); err != nil {
					return fresh, err
				}
				fresh = true
			}
		} else if s.URI != "" {
			if err := h.load(s.URI); err != nil {
				return fresh, err
			}
			fresh = true
		}
		if s.URI != "" {
			h.segment, h.part = number+1, 0
		}
	}
	return fresh, nil
}

// open sends a request.
func (h *hlsReader) open(address string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(h.ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := h.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("%s: %s", request.URL.Path, answer.Status)
	}
	return answer, nil
}

// get loads a page, and gives where it was in the end.
func (h *hlsReader) get(address string) (*url.URL, []byte, error) {
	answer, err := h.open(address)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.Request.URL, body, err
}

// load loads media, which it counts, and the pictures in it. The delay is that of the newest picture.
func (h *hlsReader) load(uri string) error {
	address, err := h.list.Parse(uri)
	if err != nil {
		return err
	}
	answer, err := h.open(address.String())
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	sent, number, pictures := time.Duration(0), 0, 0
	for kept := 0; ; { // bytes of a stamp that may go on
		n, err := answer.Body.Read(h.buffer[kept:])
		h.receiver.bytes.Add(int64(n))
		rest := h.buffer[:kept+n]
		for {
			s, i, at, ok := clip.Find(rest)
			if !ok {
				break
			}
			if pictures > 0 {
				h.receiver.sequence(number)
			}
			sent, number, rest = s, i, rest[at+clip.StampSize:]
			pictures++
		}
		rest = rest[max(0, len(rest)-clip.StampSize+1):]
		kept = copy(h.buffer, rest)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if pictures > 0 {
		h.receiver.picture(sent, number)
	}
	return nil
}

// pause waits.
func (h *hlsReader) pause(d time.Duration) error {
	select {
	case <-h.ctx.Done():
		return h.ctx.Err()
	case <-time.After(d):
		return nil
	}
}
