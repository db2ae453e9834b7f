package hls

// requests counts answers.
type requests map[answerKind]uint64

// answerKind is what an answer was.
type answerKind struct {
	resource string
	status   int
}

// Forget drops what was counted of a stream that is gone.
func (s *Server) Forget(stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.counts, stream)
	delete(s.totals, stream)
}

// count counts an answer.
func (s *Server) count(to exchange, status int, bytes int64, frames int) {
	if to.viewer != nil {
		to.viewer.feed.Served.Answer(bytes, frames)
	}
	if !s.Known(to.stream) { // names that somebody made up are not kept
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[string]requests)
	}
	if s.counts[to.stream] == nil {
		s.counts[to.stream] = make(requests)
	}
	s.counts[to.stream][answerKind{to.resource, status}]++
}

// packaged counts what was made.
type packaged struct {
	segments, parts             uint64
	segmentSeconds, partSeconds float64
	ranges                      uint64 // that left the list before their time
	unwritten                   uint64 // attempts to move a segment to disk that did not succeed
	dropped                     [drops]uint64
}

// add takes the counts of another playlist too.
func (c *packaged) add(other packaged) {
	c.segments += other.segments
	c.parts += other.parts
	c.segmentSeconds += other.segmentSeconds
	c.partSeconds += other.partSeconds
	c.ranges += other.ranges
	c.unwritten += other.unwritten
	for why, n := range other.dropped {
		c.dropped[why] += n
	}
}
