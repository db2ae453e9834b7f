package relay

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

// maxFrames bounds the frames of a window beside their bytes, since a frame costs memory even when it has no data. At 200
// frames a second it is more than five minutes.
const maxFrames = 1 << 16

// fresh is how long what was derived from a frame is kept: most outputs have asked by then. Each value is some objects for the garbage
// collector to look at, and some hold the frame once more.
const fresh = media.Time(2 * time.Second)

// window is the log of one session as far as it is kept: frames by sequence number, and where groups start among them.
//
//	starts    │                   │            │
//	entries   K · · · · · · · · · K · · · · · ·K · · · ·
//	          head                             newest   tail
//
// The oldest group may have lost its start to the byte bound; then no reader starts at what is left of it.
type window struct {
	maxAge   media.Time
	maxBytes int

	entries ring[entry]  // numbered on over all sessions of a stream; at least one once a frame was written
	starts  ring[uint64] // the sequence numbers at which groups start, of those that are in entries
	stale   uint64       // the oldest frame from which what was derived is kept
	bytes   int          // of frame data in entries
	cuts    uint64       // how often the newest group lost its start
	keyed   bool         // there was a key frame in this session
	prelude bool         // the newest frame is a key frame of an overlay: a key frame right behind it is in its group
}

// entry is one frame with what was derived from it.
type entry struct {
	frame *media.Frame
	made  []any // *cell[T] by Derived.index; short or nil where nobody asked, or the frame is not fresh
}

// append adds f to the window and drops what the bounds do not hold any more.
func (w *window) append(f *media.Frame) {
	if w.startsGroup(f) {
		*w.starts.push() = w.entries.tail
	}
	w.entries.push().frame = f
	w.bytes += len(f.Data)
	w.keyed = w.keyed || f.Key
	w.prelude = f.Key && f.Track.Codec == media.Overlay
	w.trim(f.DTS - w.maxAge)
	w.forget(f.DTS - fresh)
}

// forget lets go of what was derived from frames before the horizon. Who asks later has it made, and it stays as long as its frame.
func (w *window) forget(horizon media.Time) {
	for w.stale = max(w.stale, w.entries.head); w.stale < w.entries.tail && w.frame(w.stale).DTS < horizon; w.stale++ {
		clear(w.entries.at(w.stale).made)
	}
}

// startsGroup says whether f, which comes next, starts a group.
func (w *window) startsGroup(f *media.Frame) bool {
	switch {
	case w.entries.len() == 0: // the session's first frame
		return true
	case !f.Key || w.prelude:
		return false
	default: // the first key frame is in the first group, unless that one is cut
		return w.keyed || w.starts.len() == 0
	}
}

// trim drops the oldest groups whole: while the group that follows reaches back to the horizon, and while the window holds
// too much. Where the newest group alone is too much it loses its oldest frames, but never its newest.
func (w *window) trim(horizon media.Time) {
	for {
		next, ok := w.secondGroup()
		if !ok || w.frame(next).DTS > horizon && !w.over() {
			break
		}
		w.dropTo(next)
	}
	joinable := w.starts.len() > 0
	for w.over() && w.entries.len() > 1 {
		w.dropTo(w.entries.head + 1)
	}
	if joinable && w.starts.len() == 0 {
		w.cuts++
	}
}

// over says whether the window holds more than it may.
func (w *window) over() bool { return w.bytes > w.maxBytes || w.entries.len() > maxFrames }

// secondGroup returns where the group behind the oldest starts, which may have lost its own start.
func (w *window) secondGroup() (seq uint64, ok bool) {
	for n := w.starts.head; n != w.starts.tail; n++ {
		if seq := *w.starts.at(n); seq > w.entries.head {
			return seq, true
		}
	}
	return 0, false
}

// dropTo drops all that is older than seq, and lets go of the memory.
func (w *window) dropTo(seq uint64) {
	for ; w.entries.head < seq; w.entries.pop() {
		e := w.entries.at(w.entries.head)
		w.bytes -= len(e.frame.Data)
		e.frame = nil
		clear(e.made)
	}
	for w.starts.len() > 0 && *w.starts.at(w.starts.head) < seq {
		w.starts.pop()
	}
}

// frame returns the frame with that sequence number, which must be in the window.
func (w *window) frame(seq uint64) *media.Frame { return w.entries.at(seq).frame }

// holds says whether the frame with that sequence number is in the window.
func (w *window) holds(seq uint64) bool { return w.entries.head <= seq && seq < w.entries.tail }

// oldestStart returns the oldest point at which a reader may start.
func (w *window) oldestStart() (seq uint64, ok bool) {
	if w.starts.len() == 0 {
		return 0, false
	}
	return *w.starts.at(w.starts.head), true
}

// newestStart returns the newest point at which a reader may start.
func (w *window) newestStart() (seq uint64, ok bool) {
	if w.starts.len() == 0 {
		return 0, false
	}
	return *w.starts.at(w.starts.tail - 1), true
}
