package hls

import (
	"context"
	"maps"
	"slices"

	"github.com/simulcart/simulcart/relay"
)

// session is one publish of a stream.
type session struct {
	stream string
	number uint64
}

// muxer gives the muxer of a stream's session, which is used now, and starts it where there is none.
func (s *Server) muxer(stream *relay.Stream) (*muxer, error) {
	key := session{stream.Name(), stream.Snapshot().Session}
	if m := s.known(key.stream, key.number); m != nil {
		return m, nil
	}
	m := newMuxer(stream, s.Fit, s.Options.withDefaults(), s.Log)
	if m.reader.Session() != key.number { // another one began just now, or none will
		m.reader.Close()
		return nil, errNotLive
	}
	first, fault := s.start(key, m)
	if first != m {
		m.reader.Close()
	}
	s.forget(func(old *muxer) bool { return old.key.stream == key.stream && old.key.number+1 < key.number })
	return first, fault
}

// start lets a new muxer run, and gives it, or that which another request has begun for the session.
func (s *Server) start(key session, m *muxer) (*muxer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch first := s.muxers[key]; {
	case first != nil:
		return first, nil
	case s.spawn == nil:
		return nil, errStopping
	}
	if s.muxers == nil {
		s.muxers = make(map[session]*muxer)
	}
	s.muxers[key] = m
	s.spawn(func(ctx context.Context) {
		if err := m.Run(ctx); err != nil {
			m.log.Warn("no segments are made", "err", err)
		}
	})
	return m, nil
}

// known gives the muxer of a session that somebody was told of, which is used now; nil where there is none.
func (s *Server) known(stream string, number uint64) *muxer {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.muxers[session{stream, number}]
	if m != nil {
		m.touch()
	}
	return m
}

// forget lets go of muxers that nobody needs, and keeps what they counted.
func (s *Server) forget(over func(*muxer) bool) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.muxers))
	s.mu.Unlock()
	for _, m := range all {
		if !over(m) {
			continue
		}
		m.reader.Close()
		counts := m.list.forget()
		s.mu.Lock()
		if s.muxers[m.key] == m {
			delete(s.muxers, m.key)
			if s.totals == nil {
				s.totals = make(map[string]packaged)
			}
			total := s.totals[m.key.stream]
			total.add(counts)
			s.totals[m.key.stream] = total
		}
		s.mu.Unlock()
	}
}
