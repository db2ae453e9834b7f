package relay

import (
	"fmt"
	"sync"

	"github.com/simulcart/simulcart/media"
)

// Derived is what several outputs need of each frame of a stream, such as its bytes on the wire, made once and shared. It
// stands beside the window: a value is made by the first reader that needs it, and leaves 2 s later, or with its frame if it was asked for
// only then. All methods may be called from any goroutine.
type Derived[T any] struct {
	stream *Stream
	index  int // its place among what is made of each frame
	build  func(f *media.Frame) T
}

// cell is one value, made or to be made.
type cell[T any] struct {
	once  sync.Once
	value T
}

// Derive returns the stream's Derived of that key, which says what is made: its kind and variant. The first call decides
// how, by build; later calls with an equal key get the same Derived. Readers that need a value which is being built wait for
// it, so build only computes; it may ask another Derived. Keys are kept as long as the stream, so they come from a small
// set. It panics where the key is in use with another T.
func Derive[T any](s *Stream, key any, build func(f *media.Frame) T) *Derived[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.derived[key]
	if !ok {
		d := &Derived[T]{stream: s, index: len(s.derived), build: build}
		s.derived[key] = d
		return d
	}
	d, ok := known.(*Derived[T])
	if !ok {
		panic(fmt.Sprintf("relay: %v is derived as %T, not as %T", key, known, d))
	}
	return d
}

// At returns the value for f, the frame with sequence number seq, see [Reader.First]. For a frame that is not in the
// window any more it is made and not kept; so it is for readers that drain a session that has ended. The value is shared:
// nobody changes it.
func (d *Derived[T]) At(seq uint64, f *media.Frame) T {
	c := d.cell(seq, f)
	if c == nil {
		return d.build(f)
	}
	c.once.Do(func() { c.value = d.build(f) })
	return c.value
}

// cell returns the cell for f beside the window; nil where the window does not hold f at seq.
func (d *Derived[T]) cell(seq uint64, f *media.Frame) *cell[T] {
	d.stream.mu.Lock()
	defer d.stream.mu.Unlock()
	w := &d.stream.session.window
	if !w.holds(seq) || w.frame(seq) != f {
		return nil
	}
	e := w.entries.at(seq)
	for len(e.made) <= d.index {
		e.made = append(e.made, nil)
	}
	c, ok := e.made[d.index].(*cell[T])
	if !ok {
		c = new(cell[T])
		e.made[d.index] = c
	}
	return c
}
