package hls

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/simulcart/simulcart/media"
)

// memoryTime is how far back segments stay in memory; what the window has beyond lies on disk.
const memoryTime = time.Minute

// spool is a file with the media of one segment. It has no name, so that nothing is left behind where the system can do that, and is
// closed when the segment is forgotten and nobody reads it. The playlist's lock guards it.
type spool struct {
	file    *os.File
	readers int
	gone    bool
}

func (s *spool) enter() { s.readers++ }

func (s *spool) leave() {
	s.readers--
	s.closeUnused()
}

func (s *spool) closeUnused() {
	if s.gone && s.readers == 0 {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name()) // where it could not be removed while it was open
	}
}

// release forgets the segment's media.
func (g *segment) release() {
	if g.file != nil {
		g.file.gone = true
		g.file.closeUnused()
	}
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
func (p *playlist) move(g *segment, folder string) (err error) {
	f, err := os.CreateTemp(folder, "simulcart-hls-*")
	if err != nil {
		return fmt.Errorf("keep segment %d: %w", g.number, err)
	}
	_ = os.Remove(f.Name()) // the open file is enough; where it is not, closeUnused does it
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
				_ = f.Close()
				_ = os.Remove(f.Name())
				return fmt.Errorf("keep segment %d: %w", g.number, err)
			}
			moved[i][v] = body{file: f, offset: offset, size: int64(n)}
			offset += int64(n)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range g.parts {
		one.bodies = moved[i]
	}
	g.file, g.memory = &spool{file: f}, 0
	if p.findLocked(g.number) != g { // forgotten meanwhile
		g.release()
	}
	return nil
}
