package transcode

import (
	"cmp"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	patience      = time.Second     // how long a frame waits for a lane that works, and how long a child may be silent
	startPatience = 3 * time.Second // the same for the first frame of a child
	beginPatience = 6 * time.Second // the same where nothing was written yet: outputs ask once which tracks there are, as WHEP does
	overdue       = media.Time(time.Second)
	never         = media.Time(-1 << 62)
)

// merger writes frames of the source and of the lanes in the order of decode time, one timeline. What comes from each is in order
// already. A frame waits while an earlier one may still come:
//
//	source    ● ● ●   ● ●            │ has come up to here
//	lane        ◆   ◆                │ has come up to here, and is awaited: what follows in the source waits
//
// A lane is awaited from what it was told to begin with, or from its first frame, until a frame has waited too long for it. What comes
// later than what is written is dropped. A lane's frame waits for the source to come as far, which it does or ends. The merger is for one
// goroutine at a time; time is told to it.
type merger struct {
	out func(*media.Frame)

	source  []held
	seen    media.Time // decode time of the newest frame of the source
	lanes   [slots]inlet
	cursor  media.Time // decode time of the newest frame that is written
	floor   media.Time // what is before is not written
	clock   slot       // of the track that overlays stand in front of, where a lane codes it
	waiting []*media.Frame
	state   *media.Frame // the last overlay that was written, or would have been
}

// slot says which track a lane codes.
type slot uint8

const (
	soundSlot slot = iota
	pictureSlot
	slots
	noSlot = slots
)

// inlet is what came from a lane.
type inlet struct {
	frames   []held
	horizon  media.Time // nothing comes before, or at, this time
	awaited  bool
	patience time.Duration
}

// held is a frame with its arrival.
type held struct {
	*media.Frame
	at time.Time
}

func newMerger(out func(*media.Frame)) *merger {
	m := &merger{out: out, seen: never, cursor: never, floor: never, clock: noSlot}
	for i := range m.lanes {
		m.lanes[i].horizon = never
	}
	return m
}

// expect says that a lane will code what is at from and later, and how long a frame may wait for that.
func (m *merger) expect(s slot, from media.Time, wait time.Duration) {
	l := &m.lanes[s]
	l.awaited, l.patience = true, wait
	l.horizon = max(l.horizon, from-1)
}

// forsake says that nothing comes from a lane for now.
func (m *merger) forsake(s slot) { m.lanes[s].awaited = false }

// stand says in front of which lane's frames overlays stand; noSlot: of frames that are passed. Those that wait go where they belong now.
func (m *merger) stand(s slot, now time.Time) {
	m.clock = s
	if s != noSlot {
		return
	}
	for _, f := range m.waiting {
		m.source = append(m.source, held{f, now})
	}
	m.waiting = nil
	slices.SortStableFunc(m.source, func(a, b held) int { return cmp.Compare(a.DTS, b.DTS) })
}

// pass takes a frame of the source that needs no change, in decode order. Overlays in front of what a lane codes wait for that.
func (m *merger) pass(f *media.Frame, now time.Time) {
	m.seen = max(m.seen, f.DTS)
	if f.Track.Codec == media.Overlay && m.clock != noSlot {
		m.waiting = append(m.waiting, f)
		return
	}
	m.source = append(m.source, held{f, now})
}

// passed says that the source has come to a frame that a lane codes.
func (m *merger) passed(f *media.Frame) { m.seen = max(m.seen, f.DTS) }

// take takes a frame from a lane; false where it is too late. From now on the lane is awaited.
func (m *merger) take(s slot, f *media.Frame, now time.Time) bool {
	l := &m.lanes[s]
	if f.DTS <= l.horizon {
		return true // twice
	}
	wait := patience
	if l.awaited { // who began late catches up with what has waited for so long
		if _, oldest := m.first(); oldest.Frame != nil {
			wait = max(wait, min(l.patience, now.Sub(oldest.at)+patience))
		}
	}
	l.awaited, l.patience, l.horizon = true, wait, f.DTS
	if f.DTS <= m.cursor {
		return false
	}
	l.frames = append(l.frames, held{f, now})
	return true
}

// flush writes what need not wait any more.
func (m *merger) flush(now time.Time) {
	for {
		from, f := m.first()
		if f.Frame == nil {
			return
		}
		for i := range m.lanes {
			l := &m.lanes[i]
			if slot(i) == from || !l.awaited || len(l.frames) > 0 || l.horizon >= f.DTS {
				continue
			}
			if now.Sub(f.at) < l.patience {
				return
			}
			l.awaited = false
		}
		if from != noSlot && len(m.source) == 0 && m.seen < f.DTS {
			return // the source may still bring what is before it
		}
		m.remove(from)
		m.write(from, f.Frame)
	}
}

// first gives the earliest frame that is there, and the lane that it came from. Of two at a time that of a lane goes first, so that it
// never comes between an overlay and its picture.
func (m *merger) first() (from slot, f held) {
	from = noSlot
	if len(m.source) > 0 {
		f = m.source[0]
	}
	for i := range m.lanes {
		if frames := m.lanes[i].frames; len(frames) > 0 && (f.Frame == nil || frames[0].DTS <= f.DTS) {
			from, f = slot(i), frames[0]
		}
	}
	return from, f
}

// remove takes the first frame out of where it waits.
func (m *merger) remove(from slot) {
	q := &m.source
	if from != noSlot {
		q = &m.lanes[from].frames
	}
	(*q)[0] = held{}
	*q = (*q)[1:]
}

// end writes all that is left.
func (m *merger) end(now time.Time) {
	for i := range m.lanes {
		m.lanes[i].awaited = false
	}
	m.seen = -never
	m.flush(now)
}

// write writes a frame, behind the overlays that belong in front of it.
func (m *merger) write(from slot, f *media.Frame) {
	if f.Track.Codec == media.Overlay {
		m.state = f
	}
	if f.DTS < m.floor {
		return
	}
	m.cursor = max(m.cursor, f.DTS)
	if m.clock != noSlot {
		m.precede(from, f)
	}
	m.out(f)
}

// precede writes the overlays that belong in front of f: those that stood in front of what it was coded from, or of what is missing; the
// last one again where a group starts without one; and those that nothing came for in time.
func (m *merger) precede(from slot, f *media.Frame) {
	due := f.PTS + tolerance
	switch {
	case from == m.clock:
	case f.Track.Codec.IsAudio():
		due = f.PTS - overdue
	default:
		return
	}
	told := false
	for len(m.waiting) > 0 && m.waiting[0].PTS <= due {
		m.state, m.waiting = m.waiting[0], m.waiting[1:]
		if m.state.PTS >= m.floor-tolerance {
			m.outBefore(f)
			told = true
		}
	}
	if !told && f.Key && from == m.clock && m.state != nil {
		m.outBefore(f)
	}
}

// outBefore writes the state with the times of f.
func (m *merger) outBefore(f *media.Frame) {
	m.out(&media.Frame{Track: m.state.Track, PTS: f.PTS, DTS: f.DTS, Key: f.Key, Data: m.state.Data})
}
