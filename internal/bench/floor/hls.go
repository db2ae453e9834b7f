//go:build linux

package floor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/wire/m3u8"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// HLS reads one RTMP publisher and has readers over HTTP, from memory: segments and parts are the bodies of messages behind each other,
// in no container, and each version of the playlist is written once.
type HLS struct {
	Part time.Duration // 0: segments only

	segment, part []byte // under way
	begun, cut    time.Duration
	last          time.Duration // of the newest message

	mu       sync.Mutex
	media    m3u8.Media
	playlist []byte
	held     map[string][]byte // segments and parts by name
	changed  chan struct{}     // closed with each version
}

// Lengths of what is served.
const (
	segmentTime  = 2 * time.Second
	keptSegments = 8
)

// Run serves publisher and readers until ctx ends.
func (f *HLS) Run(ctx context.Context, publishers, readers net.Listener) error {
	f.held, f.changed = make(map[string][]byte), make(chan struct{})
	f.media = m3u8.Media{TargetDuration: int(segmentTime.Seconds()), IndependentSegments: true}
	if f.Part > 0 {
		f.media.PartTarget = f.Part + 50*time.Millisecond // pictures are not cut
		f.media.ServerControl = m3u8.ServerControl{CanBlockReload: true, PartHoldBack: 3 * f.media.PartTarget}
	}
	server := &http.Server{Handler: f}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	var serving sync.WaitGroup
	defer serving.Wait()
	defer server.Close()
	serving.Go(func() { _ = server.Serve(readers) }) // which ends with the server
	return accept(ctx, publishers, f.publisher)
}

// publisher makes segments of what one publisher sends.
func (f *HLS) publisher(nc net.Conn) {
	defer nc.Close()
	s, err := peer.Accept(nc)
	if err != nil {
		return
	}
	for {
		raw, err := s.Raw()
		if err != nil {
			return
		}
		body := unchunk(raw)
		if rtmp.MessageType(raw[7]) == rtmp.TypeData || len(body) < 2 || body[1] == 0 {
			continue // metadata and configurations
		}
		f.last = time.Duration(uint32(raw[1])<<16|uint32(raw[2])<<8|uint32(raw[3])) * time.Millisecond
		if rtmp.MessageType(raw[7]) == rtmp.TypeVideo {
			f.picture(body[0]>>4 == 1)
		}
		f.segment = append(f.segment, body...)
		f.part = append(f.part, body...)
	}
}

// picture ends what a picture should not go into.
func (f *HLS) picture(key bool) {
	ends := key && f.last-f.begun >= segmentTime
	if !ends && (f.Part == 0 || f.last-f.cut < f.Part) || len(f.segment) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	number, parts := f.media.Last()
	if len(f.media.Segments) == 0 || f.media.Segments[len(f.media.Segments)-1].URI != "" {
		number, parts = number+min(1, uint64(len(f.media.Segments))), 0
		f.media.Segments = append(f.media.Segments, m3u8.Segment{})
	}
	open := &f.media.Segments[len(f.media.Segments)-1]
	if f.Part > 0 {
		name := fmt.Sprintf("%d.%d", number, parts)
		f.held[name] = f.part
		open.Parts = append(open.Parts, m3u8.Part{URI: name, Duration: f.last - f.cut, Independent: parts == 0})
	}
	f.part, f.cut = nil, f.last
	if ends {
		open.URI, open.Duration = strconv.FormatUint(number, 10), f.last-f.begun
		f.held[open.URI] = f.segment
		f.segment, f.begun = nil, f.last
	}
	f.slideLocked()
	close(f.changed)
	f.changed = make(chan struct{})
}

// slideLocked forgets what is old, and writes the playlist.
func (f *HLS) slideLocked() {
	if len(f.media.Segments) > keptSegments {
		old := f.media.Segments[0]
		for _, p := range old.Parts {
			delete(f.held, p.URI)
		}
		delete(f.held, old.URI)
		f.media.Slide(1)
	}
	text, err := f.media.Append(nil)
	if err != nil {
		panic("floor: a playlist that cannot be written: " + err.Error())
	}
	f.playlist = text
}

// ServeHTTP serves playlist, segments and parts.
func (f *HLS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[1:]
	body := f.find(r.Context(), name, r.URL.Query().Get("_HLS_msn"), r.URL.Query().Get("_HLS_part"))
	if body == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Type", "video/mp4")
	if name == Index {
		h.Set("Content-Type", "application/vnd.apple.mpegurl")
	}
	_, _ = w.Write(body) // a reader that left needs none
}

// Index is the name of the playlist.
const Index = "index.m3u8"

// find gives what is asked for; the playlist once it has a part.
func (f *HLS) find(ctx context.Context, name, msn, part string) []byte {
	if name != Index {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.held[name]
	}
	segment, err := strconv.ParseUint(msn, 10, 64)
	waits := err == nil
	parts, _ := strconv.ParseUint(part, 10, 64) // none is the first
	for {
		f.mu.Lock()
		text, changed := f.playlist, f.changed
		last, has := f.media.Last()
		there := !waits || last > segment || last == segment && (has > parts || f.endedLocked())
		f.mu.Unlock()
		if there {
			return text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// endedLocked says whether the last segment is whole.
func (f *HLS) endedLocked() bool {
	n := len(f.media.Segments)
	return n > 0 && f.media.Segments[n-1].URI != ""
}
