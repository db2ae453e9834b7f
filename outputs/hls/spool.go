package hls

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/media"
)

// memoryTime is how far back segments stay in memory; what the window has beyond lies on disk.
const memoryTime = time.Minute

// spool is a file with the media of one segment. It has no name, so that nothing is left behind where the system can do that, and is
// closed when the segment is forgotten and nobody reads it.
type spool struct {
	file  *os.File
	users atomic.Int64 // the playlist, and those who read
}

func newSpool(f *os.File) *spool {
	s := &spool{file: f}
	s.enter()
	return s
}

// enter is for the playlist, and for who holds its lock while the segment is there.
func (s *spool) enter() { s.users.Add(1) }

func (s *spool) leave() {
	if s.users.Add(-1) == 0 {
		discard(s.file)
	}
}

// discard closes a file, and removes it where it could not be removed while it was open.
func discard(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

// spool moves segments to disk as they grow old, until ctx ends. One that cannot be written stays in memory, up to the bound.
func (m *muxer) spool(ctx context.Context) {
	var said time.Time
	for {
		var g *segment
		if m.list.await(ctx, func() bool { g = m.list.agedLocked(); return g != nil }) != nil {
			return
		}
		if err := m.list.move(g, m.options.Folder); err != nil {
			m.list.failed()
			if time.Since(said) > time.Minute {
				said = time.Now()
				m.log.Warn("old segments stay in memory, and the list may become shorter than its window", "err", err)
			}
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
				return
			}
		}
	}
}

// failed counts a segment that could not be written.
func (p *playlist) failed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.unwritten++
}

// agedLocked gives the oldest segment that is to leave memory; nil where there is none.
func (p *playlist) agedLocked() *segment {
	if len(p.segments) == 0 {
		return nil
	}
	newest := p.newestLocked().end()
	for _, g := range p.segments {
		if g.file == nil && g.closed && newest-g.end() > media.Time(memoryTime) {
			return g
		}
	}
	return nil
}

// move writes a segment's media to a file, and lets go of the memory. Only this changes parts of closed segments.
func (p *playlist) move(g *segment, folder string) error {
	f, err := os.CreateTemp(folder, "simulcart-hls-*")
	if err != nil {
		return fmt.Errorf("keep segment %d: %w", g.number, err)
	}
	_ = os.Remove(f.Name()) // the open file is enough; where it is not, discard does it
	moved, err := g.write(f)
	if err != nil {
		discard(f)
		return fmt.Errorf("keep segment %d: %w", g.number, err)
	}
	file := newSpool(f)
	p.mu.Lock()
	is := p.findLocked(g.number) == g
	if is {
		for i, one := range g.parts {
			one.bodies = moved[i]
		}
		g.file, g.memory = file, 0
	}
	p.mu.Unlock()
	if !is { // it was forgotten meanwhile
		file.leave()
	}
	return nil
}

// write writes the media of all parts to a file, and gives them as they are there.
func (g *segment) write(f *os.File) ([][variants]body, error) {
	moved := make([][variants]body, len(g.parts))
	offset := int64(0)
	for i, one := range g.parts {
		for v := range variants {
			if v == marked && !one.isMarked() {
				moved[i][v] = moved[i][plain]
				continue
			}
			n, err := f.Write(one.bodies[v].data)
			if err != nil {
				return nil, err
			}
			moved[i][v] = body{file: f, offset: offset, size: int64(n)}
			offset += int64(n)
		}
	}
	return moved, nil
}
