package overlay

import (
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

	state *State // nil where it could not be read
	mu    sync.Mutex
	seen  map[string]*Sight // by the view's name
}

// Sight is one copy of a state as one view sees it.
type Sight struct {
	Seq    int64
	Counts Counts
	Text   []byte // the message of the convention
}

// CopyKey is the key under which all outputs keep the copies of a stream's states.
type CopyKey struct{}

// ReadCopy reads an overlay frame. What it cannot read is a copy that no view sees anything of.
func ReadCopy(f *media.Frame) *Copy {
	c := &Copy{At: f.PTS, seen: make(map[string]*Sight)}
	if state, err := ParseState(f.Data); err == nil {
		c.state = state
	}
	return c
}

// By gives what a view sees; nil where the state could not be read.
func (c *Copy) By(v *View) *Sight {
	if c.state == nil {
		return nil
	}
	name := v.Name()
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.seen[name]; known != nil {
		return known
	}
	shown := v.Apply(c.state)
	seen := &Sight{Seq: c.state.Seq, Counts: shown.Counts, Text: shown.AppendJSON(nil, c.At)}
	c.seen[name] = seen
	return seen
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
