package ingest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

const (
	audioGroup   = media.Time(2 * time.Second)        // distance of group starts in a stream without video
	waitForVideo = media.Time(time.Second)            // audio waits so long for a first picture before it is taken for all there is
	waitForAudio = 500 * media.Time(time.Millisecond) // the first picture waits so long for sound that was announced
	mostHeld     = 1024                               // frames held before the line begins
)

// Drop is why a frame was not relayed. The set is closed.
type Drop uint8

// The reasons.
const (
	DropFenced      Drop = iota // the publisher had lost the stream
	DropBeforeKey               // before the publisher's first key frame
	DropJump                    // its time jumped, and no key frame had come
	DropTrack                   // a further video or audio track; the first of each is relayed
	DropUnsupported             // a codec or message that is not relayed
	DropData                    // a data message that nobody asked for
	drops
)

var dropNames = [drops]string{"fenced", "before_key", "jump", "extra_track", "unsupported", "data"}

// String gives the label used in metrics.
func (d Drop) String() string { return dropNames[d] }

// Publication is one publisher's hold of a stream. One goroutine writes; the others may be called from any.
type Publication struct {
	entry     *entry
	applicant Applicant
	out       *relay.Publisher
	since     time.Time
	done      chan struct{} // closed when the stream is lost
	reason    error         // why, once done is closed
	left      atomic.Bool

	// guarded by entry.mu
	lastMedia time.Time
	aligned   bool // the line has begun
	held      []heldFrame
	hasVideo  bool // a video track was announced
	hasAudio  bool
	grouped   bool       // lastGroup is set
	lastGroup media.Time // of a stream without video
}

// heldFrame waits for the line to begin.
type heldFrame struct {
	frame   *media.Frame
	arrival time.Time
}

func newPublication(e *entry, a Applicant, out *relay.Publisher, now time.Time) *Publication {
	return &Publication{entry: e, applicant: a, out: out, since: now, done: make(chan struct{})}
}

// Done is closed when the stream is lost to another publisher, removed, or drained; [Publication.Reason] says which.
func (p *Publication) Done() <-chan struct{} { return p.done }

// Reason is why Done was closed.
func (p *Publication) Reason() error {
	select {
	case <-p.done:
		return p.reason
	default:
		return nil
	}
}

// Close gives the stream back. clean says that the encoder ended its stream itself, rather than being lost. It is idempotent.
func (p *Publication) Close(clean bool) {
	if p.left.CompareAndSwap(false, true) {
		p.entry.leave(p, clean)
	}
}

// leaveLocked tells the publisher's goroutine that the stream is not its own any more.
func (p *Publication) leaveLocked(reason error) {
	p.held = nil
	select {
	case <-p.done:
	default:
		p.reason = reason
		close(p.done)
	}
}

// SetTracks announces the tracks as the publisher now has them. It is called before the first frame of a new track, and
// whenever a configuration changes.
func (p *Publication) SetTracks(tracks []*media.Track) {
	e := p.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current != p {
		return
	}
	e.session.tracks = slices.Clone(tracks)
	for _, t := range tracks {
		p.hasVideo = p.hasVideo || t.Codec.IsVideo()
		p.hasAudio = p.hasAudio || t.Codec.IsAudio()
	}
	p.out.SetTracks(e.session.tracks)
}

// WriteFrame relays f, whose times are the publisher's own; it owns f from now on. It returns [ErrFenced] and its like once
// the stream is lost; what is dropped otherwise is counted and is no error.
func (p *Publication) WriteFrame(f *media.Frame) error {
	e := p.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.current != p {
		e.counters.Dropped[DropFenced]++
		return p.Reason()
	}
	p.lastMedia = now
	if p.aligned {
		return p.relayLocked(f, now)
	}
	return p.alignLocked(f, now)
}

// Drop counts a frame or message that the protocol could not relay.
func (p *Publication) Drop(why Drop) {
	p.entry.mu.Lock()
	defer p.entry.mu.Unlock()
	p.entry.counters.Dropped[why]++
}

// isClockLocked says whether f's track is the clock track.
func (p *Publication) isClockLocked(f *media.Frame) bool {
	return f.Track.Codec.IsVideo() || !p.hasVideo
}

// alignLocked holds frames until the line can begin: at the first video key frame, once the sound beside it is here too, or
// at the first sound, when no video comes. Then it lets them all go, in decode order.
func (p *Publication) alignLocked(f *media.Frame, now time.Time) error {
	line := &p.entry.session.line
	if f.Track.Codec.IsVideo() && !f.Key && !p.holdsLocked(media.Codec.IsVideo) || len(p.held) == mostHeld {
		p.entry.counters.Dropped[DropBeforeKey]++
		return nil
	}
	p.held = append(p.held, heldFrame{f, now})
	first := p.firstLocked(f)
	if first == nil {
		return nil
	}
	line.align(first.frame, first.arrival)
	p.aligned = true
	held := p.held
	p.held = nil
	slices.SortStableFunc(held, func(a, b heldFrame) int { return int(a.frame.DTS - b.frame.DTS) })
	for _, h := range held {
		if !line.follows(h.frame) {
			p.entry.counters.Dropped[DropBeforeKey]++
			continue
		}
		if err := p.relayLocked(h.frame, h.arrival); err != nil {
			return err
		}
	}
	p.out.SetWall(line.newest, now.Round(0))
	return nil
}

// firstLocked gives the frame at which the line begins, nil while it is too early to say.
func (p *Publication) firstLocked(newest *media.Frame) *heldFrame {
	for i, h := range p.held {
		if h.frame.Track.Codec.IsVideo() {
			complete := !p.hasAudio || p.holdsLocked(media.Codec.IsAudio) || newest.DTS-h.frame.DTS > waitForAudio
			if !complete {
				return nil
			}
			return &p.held[i]
		}
	}
	if !p.hasVideo && newest.DTS-p.held[0].frame.DTS > waitForVideo || len(p.held) == mostHeld {
		p.hasVideo = false
		return &p.held[0]
	}
	return nil
}

// holdsLocked says whether a frame of that kind is among those held.
func (p *Publication) holdsLocked(kind func(media.Codec) bool) bool {
	return slices.ContainsFunc(p.held, func(h heldFrame) bool { return kind(h.frame.Track.Codec) })
}

// relayLocked puts f on the timeline and hands it on.
func (p *Publication) relayLocked(f *media.Frame, arrival time.Time) error {
	e := p.entry
	clock, audio := p.isClockLocked(f), f.Track.Codec.IsAudio()
	f.Key = f.Key || clock && audio // sound can be joined anywhere
	switch e.session.line.place(f, clock, arrival) {
	case jumped:
		e.counters.Dropped[DropJump]++
		return nil
	case clamped:
		e.counters.Clamped++
	case rebased:
		e.counters.TimeJumps++
		p.out.SetWall(f.PTS, time.Now().Round(0))
	}
	if audio {
		f.Key = clock && p.startsGroupLocked(f)
		e.session.audio.add(f, arrival)
		e.counters.AudioFrames++
	} else {
		e.session.video.add(f, arrival)
		e.counters.VideoFrames++
	}
	e.counters.Bytes += uint64(len(f.Data))
	return p.out.WriteFrame(f)
}

// startsGroupLocked says whether a frame of the only, audio, track starts a group: one each 2 s.
func (p *Publication) startsGroupLocked(f *media.Frame) bool {
	if p.grouped && f.DTS-p.lastGroup < audioGroup {
		return false
	}
	p.grouped, p.lastGroup = true, f.DTS
	return true
}
