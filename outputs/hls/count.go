package hls

// requests counts answers.
type requests map[answerKind]uint64

// answerKind is what an answer was.
type answerKind struct {
	resource string
	status   int
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
