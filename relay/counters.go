package relay

import "time"

// Counters are what the readers of one output did, over all sessions and connections of a stream. Outputs count nothing
// themselves; one that may lose what it sends tells its reader ([Reader.Unsent], [Reader.Withheld]).
type Counters struct {
	Frames      uint64        // handed over
	Bytes       uint64        // of frame data, handed over
	Skips       uint64        // jumps forward
	Skipped     uint64        // frames jumped over
	SkippedLate uint64        // of Skipped, those of jumps of a reader over its bound of lag
	SkippedGone uint64        // of Skipped, those of jumps of a reader whose position had left the window
	Unsent      uint64        // of Frames, those that the output could not send whole
	Withheld    uint64        // of Frames, those that the output left out, since the way to its peer loses too much
	Readers     int           // that are open now
	Lag         time.Duration // of the one among them that is latest; 0 where there is none
}

// Add takes in those of the same output elsewhere, such as in a rendition.
func (c *Counters) Add(other Counters) {
	c.Frames += other.Frames
	c.Bytes += other.Bytes
	c.Skips += other.Skips
	c.Skipped += other.Skipped
	c.SkippedLate += other.SkippedLate
	c.SkippedGone += other.SkippedGone
	c.Unsent += other.Unsent
	c.Withheld += other.Withheld
	c.Readers += other.Readers
	c.Lag = max(c.Lag, other.Lag)
}

// tally is the counters of one output with the readers that count there. Its Readers and Lag are not used.
type tally struct {
	Counters
	readers map[*Reader]struct{} // that are open
}

// Counters returns the counters of the output of that name; zero where it never had a reader.
func (s *Stream) Counters(output string) Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tallies[output]
	if t == nil {
		return Counters{}
	}
	c := t.Counters
	c.Readers = len(t.readers)
	for r := range t.readers {
		c.Lag = max(c.Lag, r.lagLocked())
	}
	return c
}

// Forget drops the counters of an output that will not come back. Readers of it that are still open count for nobody.
func (s *Stream) Forget(output string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tallies, output)
}

func (s *Stream) tallyLocked(output string) *tally {
	t := s.tallies[output]
	if t == nil {
		t = &tally{readers: make(map[*Reader]struct{})}
		s.tallies[output] = t
	}
	return t
}
