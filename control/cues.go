package control

import (
	"context"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// Cues is what is shown over one stream, and what is to be shown. Now it is kept in memory and lost at a restart; a store that
// keeps it stands behind the same methods, which may then wait for it as long as ctx lasts. Several goroutines may use it.
type Cues interface {
	// Apply takes a change; see [overlay.Timeline.Apply] for its errors.
	Apply(ctx context.Context, c overlay.Change) (*overlay.Ticket, error)
	// Delete takes back a change that is pending, or hides what it shows; see [overlay.Timeline.DeleteCue].
	Delete(ctx context.Context, cue string) (*overlay.Ticket, error)
	// Cue gives a change as it stands, or overlay.ErrNoCue.
	Cue(id string) (overlay.Cue, error)
	// Look gives what is shown and what waits.
	Look() Showing
	// Changed gives a channel that is closed when a state was written, or the schedule, the catalog or the session changed. Ask
	// for it before looking.
	Changed() <-chan struct{}
}

// Showing is what a stream shows at one moment, and what waits.
type Showing struct {
	Live     bool          // there is a session
	State    overlay.State // the newest that was written; Seq 0 where none was
	Schedule []overlay.Cue // changes that wait, in the order in which they come
	Newest   media.Time    // the highest media time that has passed; 0 where no frame has
}

// Cues gives the cues of a stream, or [ErrNoStream].
func (c *Controller) Cues(stream string) (Cues, error) {
	s := c.shop.of(stream)
	if s == nil {
		return nil, ErrNoStream
	}
	return cues{s.timeline}, nil
}

// Wall gives the time of day at which a media time of a stream's session is shown; the zero time for a stream that is not known.
func (c *Controller) Wall(stream string, at media.Time) time.Time {
	if c.shop.of(stream) == nil {
		return time.Time{}
	}
	return c.Hub.Stream(stream).Wall(at)
}

// cues are those of a timeline, in memory.
type cues struct{ timeline *overlay.Timeline }

func (c cues) Apply(_ context.Context, change overlay.Change) (*overlay.Ticket, error) {
	return c.timeline.Apply(change, time.Now())
}

func (c cues) Delete(_ context.Context, cue string) (*overlay.Ticket, error) {
	return c.timeline.DeleteCue(cue, time.Now())
}

func (c cues) Cue(id string) (overlay.Cue, error) { return c.timeline.Cue(id) }

func (c cues) Look() Showing {
	state, live := c.timeline.Current()
	newest, _ := c.timeline.Newest()
	return Showing{Live: live, State: state, Schedule: c.timeline.Schedule(), Newest: newest}
}

func (c cues) Changed() <-chan struct{} { return c.timeline.Changed() }
