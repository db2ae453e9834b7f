package relay

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Stream is the durable thing that a creator publishes to and outputs read from. It outlives its sessions, and a session
// outlives its publishers:
//
//	           Publish                    End, EndSession
//	idle ───────────────▶ in session ───────────────────▶ idle
//	                        │    ▲
//	             Leave or   └────┘ Publish, Take: the epoch rises,
//	        connection lost        the publisher before is fenced
//
// A [Hub] makes it. All methods may be called from any goroutine.
type Stream struct {
	name     string
	maxAge   media.Time
	maxBytes int

	mu         sync.Mutex
	session    *session // in being when live, else to come: readers already wait for it
	live       bool
	removed    bool
	last       facts         // of the session before, shown while there is none
	sessions   uint64        // how many there were
	epoch      uint64        // how many publishers there were
	publisher  *Publisher    // nil: nobody publishes
	lastWrite  time.Time     // with the monotonic clock; zero before the first frame
	begun      chan struct{} // closed when live or removed turns true; nil: nobody waits for that
	waiters    waiters
	gatherings []*gathering      // of readers that collect
	readers    int               // that are open
	tallies    map[string]*tally // by output
	derived    map[any]any       // *Derived[T] by key
	demand     *demand           // nil: others publish it. The pointer never changes
}

func newStream(name string, maxAge time.Duration, maxBytes int) *Stream {
	return &Stream{
		name: name, maxAge: media.Time(maxAge), maxBytes: maxBytes,
		session: newSession(0, media.Time(maxAge), maxBytes),
		tallies: make(map[string]*tally),
		derived: make(map[any]any),
	}
}

// Name is the stream's name in its hub.
func (s *Stream) Name() string { return s.name }

// Publish makes the caller the stream's publisher, of the tracks as they are now. It begins a session where there is none;
// else it continues the session, and a publisher that is still there gets [ErrFenced] from now on. Whether the caller may
// do that is decided before. The only error is [ErrRemoved].
func (s *Stream) Publish(tracks []*media.Track) (*Publisher, error) {
	p := s.Candidate()
	if err := p.Take(tracks); err != nil {
		return nil, err
	}
	return p, nil
}

// Candidate gives a publisher that may not write before it calls [Publisher.Take]. Nobody else notices it.
func (s *Stream) Candidate() *Publisher {
	return &Publisher{stream: s, keyWanted: make(chan struct{}, 1), gone: ErrFenced}
}

// takeLocked makes p the publisher.
func (s *Stream) takeLocked(p *Publisher, tracks []*media.Track) error {
	if s.removed {
		return ErrRemoved
	}
	if !s.live {
		s.live = true
		s.sessions++
		s.session.number = s.sessions
		s.announceLocked()
	}
	if s.publisher != nil {
		s.fenceLocked(s.publisher, ErrFenced)
	}
	s.epoch++
	s.session.tracks = slices.Clone(tracks)
	p.epoch, p.gone = s.epoch, nil
	s.publisher = p
	return nil
}

// EndSession ends the session whoever publishes it, and has no effect where there is none: readers read what is in the
// window, then get [ErrEnded].
func (s *Stream) EndSession() {
	s.mu.Lock()
	woken := s.endLocked()
	s.mu.Unlock()
	wakeAll(woken)
}

// Await waits until there is a session. It returns nil then, [ErrRemoved] when the stream is removed, and ctx's error when
// ctx ends before. A stream on demand is fed while somebody waits so.
func (s *Stream) Await(ctx context.Context) error {
	s.mu.Lock()
	s.wantLocked()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.unwantLocked()
		s.mu.Unlock()
	}()
	for {
		s.mu.Lock()
		live, removed := s.live, s.removed
		if s.begun == nil && !live && !removed {
			s.begun = make(chan struct{})
		}
		begun := s.begun
		s.mu.Unlock()
		switch {
		case live:
			return nil
		case removed:
			return ErrRemoved
		}
		select {
		case <-begun:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Tracks returns the tracks as they are now in the session in being, else those of the last one. The caller must not write
// to the slice.
func (s *Stream) Tracks() []*media.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.factsLocked().tracks
}

// Wall returns the wall time of media time t in the session in being, else in the last one; zero where the publisher did
// not tell.
func (s *Stream) Wall(t media.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.factsLocked().wallAt(t)
}

// Origin returns the decode time of the first frame of the session in being, else of the last one; 0 before the first
// frame. A wire clock that knows no times below 0 counts from here.
func (s *Stream) Origin() media.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.factsLocked().origin
}

// Snapshot is what a stream is like at one moment. Without a session, Session and Newest are of the last one, and the
// window is empty.
type Snapshot struct {
	Session   uint64     // number of the session, from 1; 0 before the first
	Live      bool       // a session is in being
	Epoch     uint64     // how many publishers there were, over all sessions
	Publisher bool       // one is there
	Newest    media.Time // decode time of the last frame of the session; 0 before the first
	LastWrite time.Time  // when that was written, by the monotonic clock; zero before the first
	Frames    int        // in the window
	Bytes     int        // of frame data in the window
	Groups    int        // in the window, of those that a reader can start at; 0 while readers must wait for a key frame
	Cuts      uint64     // how often in this session the byte bound cut the newest group, so that none was left to start at
	Readers   int        // that are open
}

// Snapshot returns what the stream is like now.
func (s *Stream) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	about, w := s.factsLocked(), &s.session.window
	return Snapshot{
		Session: about.number, Live: s.live, Epoch: s.epoch, Publisher: s.publisher != nil,
		Newest: about.newest, LastWrite: s.lastWrite,
		Frames: w.entries.len(), Bytes: w.bytes, Groups: w.starts.len(), Cuts: w.cuts,
		Readers: s.readers,
	}
}

// remove ends the session and lets none begin any more.
func (s *Stream) remove() {
	s.mu.Lock()
	woken := append(s.endLocked(), s.waitingLocked()...)
	s.removed = true
	s.session.ended = true
	s.announceLocked()
	s.mu.Unlock()
	wakeAll(woken)
	s.unfeed()
}

// fenceLocked takes from p the right to write, if it has it.
func (s *Stream) fenceLocked(p *Publisher, why error) {
	if p.gone == nil {
		p.gone = why
		s.publisher = nil
	}
}

// endLocked ends the session, if there is one, and returns the readers to wake.
func (s *Stream) endLocked() []*Reader {
	if !s.live {
		return nil
	}
	if s.publisher != nil {
		s.fenceLocked(s.publisher, ErrEnded)
	}
	s.live = false
	s.session.ended = true
	s.last = s.session.facts
	s.session = newSession(s.session.entries.tail, s.maxAge, s.maxBytes)
	return s.waitingLocked()
}

// waitingLocked takes all readers that wait.
func (s *Stream) waitingLocked() []*Reader {
	waiting := s.waiters.take(nil)
	for _, g := range s.gatherings {
		waiting = append(waiting, g.take(nil)...)
	}
	return waiting
}

// announceLocked lets those go on that wait for a session.
func (s *Stream) announceLocked() {
	if s.begun != nil {
		close(s.begun)
		s.begun = nil
	}
}

func (s *Stream) factsLocked() *facts {
	if s.live {
		return &s.session.facts
	}
	return &s.last
}
