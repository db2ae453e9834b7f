//go:build linux

package browser

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// Seat is a Chromium that has simulcart's own page open, /watch/{stream}.
type Seat struct {
	*mediatest.Process

	mu   sync.Mutex
	rest []byte // of a line
	last Look
}

// Look is how the page stands.
type Look struct {
	Status      string  `json:"status"`    // such as playing
	Transport   string  `json:"transport"` // whep, hls.js, native
	Connections int     `json:"connections"`
	Pictures    int     `json:"pictures"` // of the newest connection
	Latency     float64 `json:"latency"`  // seconds; 0: not known
	Cards       int     `json:"cards"`
	Message     string  `json:"message"`
	Faults      []string
}

// Sit opens the page at an address.
func Sit(t testing.TB, address string) *Seat {
	t.Helper()
	mediatest.Need(t, "node", "/usr/bin/chromium")
	_, file, _, _ := runtime.Caller(0)
	folder := filepath.Dir(file)
	s := &Seat{}
	s.Process = mediatest.Start(t, mediatest.Command{Name: "seat", Path: "node", Args: []string{filepath.Join(folder, "seat.mjs"), address}, Dir: folder, Stdout: s})
	return s
}

// Write takes what the page says.
func (s *Seat) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		s.rest = rest
		var l Look
		if err := json.Unmarshal(line, &l); err != nil {
			return 0, err
		}
		s.last = l
	}
}

// Look says how the page stands now.
func (s *Seat) Look() Look {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Await waits until the page stands as wanted, and gives how long that took.
func (s *Seat) Await(t testing.TB, what string, atMost time.Duration, as func(Look) bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !as(s.Look()) {
		if time.Since(begin) > atMost || s.Exited() {
			t.Fatalf("%s: the page says %+v after %v", what, s.Look(), time.Since(begin).Round(time.Millisecond))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if l := s.Look(); len(l.Faults) > 0 {
		t.Errorf("%s: the page says %q", what, l.Faults)
	}
	return time.Since(begin)
}
