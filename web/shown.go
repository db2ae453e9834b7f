package web

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// delays are the bounds of the histogram of how long a change takes from the call to the picture that carries it, in seconds:
// pictures come each 16 to 40 ms.
var delays = []float64{0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1}

// The metrics of requests.
var (
	overlayRefused = streamMetric("overlay_refused_total", "Requests of the overlay API that were refused.", "code")
	overlayDelay   = streamMetric("overlay_api_delay_seconds", "From the call of the API to the picture that carries the change, of changes for now.")
)

// shown counts what the overlay part of the API does, by stream. The zero value is ready.
type shown struct {
	mu      sync.Mutex
	streams map[string]*counts
}

// counts are those of one stream, or of the shared catalog.
type counts struct {
	refused   map[string]uint64  // by code
	buckets   map[float64]uint64 // of delays, cumulative
	number    uint64             // of delays
	sum       float64            // of delays, in seconds
	listeners int
}

// ofLocked finds a stream's counts. Only streams that are known are asked for, so that there are few.
func (s *shown) ofLocked(stream string) *counts {
	c := s.streams[stream]
	if c == nil {
		if s.streams == nil {
			s.streams = make(map[string]*counts)
		}
		c = &counts{refused: make(map[string]uint64), buckets: make(map[float64]uint64)}
		s.streams[stream] = c
	}
	return c
}

// refuse counts a request that was refused.
func (s *shown) refuse(stream, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(stream).refused[code]++
}

// delay counts how long a change took.
func (s *shown) delay(stream string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.ofLocked(stream)
	c.number++
	c.sum += d.Seconds()
	for _, bound := range delays {
		if d.Seconds() <= bound {
			c.buckets[bound]++
		}
	}
}

// listen takes a place among those who listen to a stream's events; false where there is none left.
func (s *shown) listen(stream string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.ofLocked(stream)
	if c.listeners >= maxListeners {
		return false
	}
	c.listeners++
	return true
}

// leave gives the place back.
func (s *shown) leave(stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(stream).listeners--
}

// Describe names the metrics.
func (s *shown) Describe(ch chan<- *prometheus.Desc) { ch <- overlayRefused; ch <- overlayDelay }

// Collect sends them.
func (s *shown) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream, c := range s.streams {
		m := series{ch, []string{stream}}
		m.counts(overlayRefused, nil, c.refused)
		buckets := make(map[float64]uint64, len(delays))
		for _, bound := range delays {
			buckets[bound] = c.buckets[bound]
		}
		ch <- prometheus.MustNewConstHistogram(overlayDelay, c.number, c.sum, buckets, stream)
	}
}
