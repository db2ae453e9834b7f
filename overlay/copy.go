package overlay

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/simulcart/simulcart/media"
)

// Copy is the state of one overlay frame, read once, with what each view sees of it, made once: outputs keep it beside the frame, for
// all their connections. Several goroutines may use it.
type Copy struct {
	At media.Time // PTS of the frame, and of the picture behind it

	of    *reading
	seen  map[string]*Sight // by the view's name; guarded by of.mu
	timed map[string][]byte // for data channels, likewise
}

// reading is what is known of a state for as long as its copies have the same data, which they have from the second on.
type reading struct {
	data  []byte
	state *State // nil where it could not be read

	mu    sync.Mutex
	shown map[string]*Shown // by the view's name
}

// Sight is one copy of a state as one view sees it.
type Sight struct {
	Seq    int64
	Counts Counts
	Text   []byte // the message of the convention
}

// CopyKey is the key under which all outputs keep the copies of a stream's states.
type CopyKey struct{}

// Reader reads the overlay frames of one stream. It keeps the newest state, so that repeats of it are not read again, nor seen
// through views again. The zero value is ready; several goroutines may use it.
type Reader struct {
	mu     sync.Mutex
	newest *reading
}

// Read reads an overlay frame. What it cannot read is a copy that no view sees anything of.
func (r *Reader) Read(f *media.Frame) *Copy {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest == nil || !bytes.Equal(r.newest.data, f.Data) {
		r.newest = &reading{data: f.Data, shown: make(map[string]*Shown)}
		if state, err := ParseState(f.Data); err == nil {
			r.newest.state = state
		}
	}
	return &Copy{At: f.PTS, of: r.newest, seen: make(map[string]*Sight)}
}

// By gives what a view sees; nil where the state could not be read.
func (c *Copy) By(v *View) *Sight {
	if c.of.state == nil {
		return nil
	}
	name := v.Name()
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if known := c.seen[name]; known != nil {
		return known
	}
	shown := c.of.seenLocked(v, name)
	seen := &Sight{Seq: c.of.state.Seq, Counts: shown.Counts, Text: shown.AppendJSON(nil, c.At)}
	c.seen[name] = seen
	return seen
}

// Timed gives the message for a data channel, which tells the RTP timestamp of the picture from which the state holds (OVERLAYS.md §2). It is made
// once for each view: clock, which gives the timestamps, is the same for all who ask. nil where the state could not be read.
func (c *Copy) Timed(v *View, clock func(media.Time) uint32) []byte {
	if c.of.state == nil {
		return nil
	}
	name := v.Name()
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if known := c.timed[name]; known != nil {
		return known
	}
	if c.timed == nil {
		c.timed = make(map[string][]byte)
	}
	c.timed[name] = c.of.seenLocked(v, name).AppendRTP(nil, c.At, clock(c.of.state.At))
	return c.timed[name]
}

// State gives the state itself; nil where it could not be read. The caller does not change it.
func (c *Copy) State() *State { return c.of.state }

// Begin gives the message of the state's first copy as a view sees it: its media time is that from which the state holds. nil where the
// state could not be read.
func (c *Copy) Begin(v *View) []byte {
	if c.of.state == nil {
		return nil
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	return c.of.seenLocked(v, v.Name()).AppendJSON(nil, c.of.state.At)
}

// seenLocked gives the state as the view of that name sees it.
func (r *reading) seenLocked(v *View, name string) *Shown {
	if r.shown[name] == nil {
		r.shown[name] = v.Apply(r.state)
	}
	return r.shown[name]
}

// Name tells views apart: equal ones have one name.
func (v *View) Name() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d", v.Currency, v.Locale, v.Hide)
	for _, name := range slices.Sorted(maps.Keys(v.Link)) {
		fmt.Fprintf(&b, " %q=%q", name, v.Link[name])
	}
	return b.String()
}
