package outputs

import "sync"

// Served counts what a feed over HTTP gave to its viewers, who read no stream themselves. The zero value is ready; a nil one counts
// nothing. Several goroutines may use it.
type Served struct {
	mu  sync.Mutex
	now ServedStatus
}

// ServedStatus is what was served since the program began.
type ServedStatus struct {
	Viewers  int    // now
	Requests uint64 // that were answered
	Bytes    uint64 // of answers
	Frames   uint64 // in them
}

// Status gives the counts.
func (s *Served) Status() ServedStatus {
	if s == nil {
		return ServedStatus{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Enter counts a viewer who comes.
func (s *Served) Enter() { s.count(func(now *ServedStatus) { now.Viewers++ }) }

// Leave counts a viewer who goes.
func (s *Served) Leave() { s.count(func(now *ServedStatus) { now.Viewers-- }) }

// Answer counts an answer.
func (s *Served) Answer(bytes int64, frames int) {
	s.count(func(now *ServedStatus) {
		now.Requests++
		now.Bytes += uint64(bytes)
		now.Frames += uint64(frames)
	})
}

func (s *Served) count(how func(now *ServedStatus)) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	how(&s.now)
}
