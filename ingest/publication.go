package ingest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

const (
	audioGroup   = media.Time(2 * time.Second) // distance of group starts in a stream without video
	sayJumpsEach = time.Second                 // jumps are said once in this time, with their number
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
	DropData                    // a data message before the media, or one of too many
	DropOverlay                 // an overlay message under our name that is not trusted, faulty, or one of too many
	DropLoss                    // a picture behind a lost one, before the next key frame
	drops
)

var dropNames = [drops]string{"fenced", "before_key", "jump", "extra_track", "unsupported", "data", "overlay", "loss"}

// String gives the label used in metrics.
func (d Drop) String() string { return dropNames[d] }

// Publication is one publisher's hold of a stream. One goroutine writes; the others may be called from any.
type Publication struct {
	entry     *entry
	applicant Applicant
	out       *relay.Publisher
	since     time.Time
	done      chan struct{} // closed when the stream is lost or given back
	reason    error         // why it was lost, once done is closed
	left      atomic.Bool

	// guarded by entry.mu
	lastMedia time.Time
	claim     claim
	opening   opening
	aligned   bool       // the line has begun
	soundOnly bool       // it began without video, and no video key frame has come since
	grouped   bool       // lastGroup is set
	lastGroup media.Time // of a stream without video
	notices   []notice   // that wait for a frame
	data      dataLimit
	jumps     jumps // not said yet
	jumpsSaid time.Time
}

// jumps are changes of the publisher's clock, to be logged.
type jumps struct {
	count int
	codec media.Codec // of the last one's track
	own   media.Time  // DTS of its first frame, by the publisher's clock
	pts   media.Time  // of that frame, media time
}

func newPublication(e *entry, a Applicant, out *relay.Publisher, now time.Time) *Publication {
	return &Publication{entry: e, applicant: a, out: out, since: now, done: make(chan struct{}), data: newDataLimit()}
}

// Done is closed when the stream is lost to another publisher, removed, or drained, as [Publication.Reason] says, and by
// [Publication.Close].
func (p *Publication) Done() <-chan struct{} { return p.done }

// Waits says that it is to take the stream over, and has not yet: the publisher before is relayed.
func (p *Publication) Waits() bool {
	p.entry.mu.Lock()
	defer p.entry.mu.Unlock()
	return p.entry.waiting == p
}

// KeyWanted receives when somebody needs a key frame; see [relay.Publisher.KeyWanted].
func (p *Publication) KeyWanted() <-chan struct{} { return p.out.KeyWanted() }

// Reason is why the stream was lost; nil while it is not, and where the publisher gave it back itself.
func (p *Publication) Reason() error {
	select {
	case <-p.done:
		return p.reason
	default:
		return nil
	}
}

// Close gives the stream back. clean says that the encoder ended its stream itself, rather than being lost. It is idempotent:
// the first call counts.
func (p *Publication) Close(clean bool) {
	if p.left.CompareAndSwap(false, true) {
		p.entry.leave(p, clean, nil)
	}
}

// leaveLocked tells the publisher's goroutine that the stream is not its own any more.
func (p *Publication) leaveLocked(reason error) {
	p.claim.settle()
	p.opening = opening{}
	p.reason = reason
	close(p.done)
}

// SetTracks announces the tracks as the publisher now has them. It is called before the first frame of a new track, and
// whenever a configuration changes.
func (p *Publication) SetTracks(tracks []*media.Track) {
	e := p.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	tracks = slices.Clone(tracks)
	switch p {
	case e.waiting:
		p.claim.tracks = tracks
	case e.current:
		e.session.tracks = tracks
		p.out.SetTracks(tracks)
	default:
		return
	}
	p.opening.announce(tracks)
}

// WriteFrame relays f, whose times are the publisher's own; it owns f from now on. It returns [ErrFenced] and its like once
// the stream is lost; what is dropped otherwise is counted and is no error.
func (p *Publication) WriteFrame(f *media.Frame) error {
	said, err := p.write(f, time.Now())
	if said.taken.p != nil {
		p.entry.gate.say(said.taken)
	}
	if said.jumps.count > 0 {
		p.entry.gate.Log.Warn("publisher's time jumped, the stream goes on", "stream", p.entry.name, "remote", p.applicant.Remote,
			"jumps", said.jumps.count, "track", said.jumps.codec.String(), "publisher_time", said.jumps.own.String(), "pts", said.jumps.pts.String())
	}
	return err
}

// news is what a frame brought that is to be logged.
type news struct {
	taken admission // it took the stream over, where there is a publication
	jumps jumps
}

// write is WriteFrame without the log: it gives what is to be said.
func (p *Publication) write(f *media.Frame, now time.Time) (said news, err error) {
	e := p.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == p {
		said.taken, err = p.awaitLocked(f, now)
		return said, err
	}
	if e.current != p {
		e.counters.Dropped[DropFenced]++
		return said, p.reason
	}
	if f.Track.Codec == media.Data {
		return said, p.relayDataLocked(f, now)
	}
	p.lastMedia = now
	if p.aligned {
		err = p.relayLocked(f, now)
	} else {
		err = p.alignLocked(f, now)
	}
	if p.jumps.count > 0 && now.Sub(p.jumpsSaid) >= sayJumpsEach {
		said.jumps, p.jumps, p.jumpsSaid = p.jumps, jumps{}, now
	}
	return said, err
}

// TellDelay tells how long pictures take from the publisher's eyes to the stream, as that is measured.
func (p *Publication) TellDelay(d time.Duration) {
	e := p.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	switch p {
	case e.waiting:
		p.claim.delay = d
	case e.current:
		e.options.Timeline.MeasureDelay(d)
	}
}

// Drop counts a frame or message that the protocol could not relay.
func (p *Publication) Drop(why Drop) {
	p.entry.mu.Lock()
	defer p.entry.mu.Unlock()
	p.entry.counters.Dropped[why]++
}

// alignLocked holds frames until the line can begin, then lets them all go, in decode order.
func (p *Publication) alignLocked(f *media.Frame, now time.Time) error {
	if !p.opening.hold(f, now) {
		p.entry.counters.Dropped[DropBeforeKey]++
		return nil
	}
	return p.beginLocked()
}

// beginLocked begins the line, if that can be, with the frames that were held.
func (p *Publication) beginLocked() error {
	first := p.opening.start()
	if first == nil {
		return nil
	}
	e := p.entry
	line := &e.session.line
	for i := range p.notices { // of pictures that are not shown
		p.notices[i].own = max(p.notices[i].own, first.frame.PTS)
	}
	line.align(first.frame, first.arrival)
	p.aligned, p.soundOnly = true, first.frame.Track.Codec.IsAudio()
	var follow []heldFrame
	for _, h := range p.opening.take() {
		if !line.follows(h.frame) {
			e.counters.Dropped[DropBeforeKey]++
			continue
		}
		line.expect(h.frame, h.arrival)
		follow = append(follow, h)
	}
	for _, h := range follow {
		if err := p.relayLocked(h.frame, h.arrival); err != nil {
			return err
		}
	}
	p.setWallLocked()
	return nil
}

// setWallLocked tells all who ask for the time of day where the line stands, when it has begun or was moved.
func (p *Publication) setWallLocked() {
	line := &p.entry.session.line
	p.out.SetWall(line.newest, line.at)
	p.entry.options.Timeline.SetWall(line.newest, line.at)
}

// relayLocked puts f on the timeline and hands it on.
func (p *Publication) relayLocked(f *media.Frame, arrival time.Time) error {
	e := p.entry
	audio := f.Track.Codec.IsAudio()
	if p.soundOnly && !audio {
		if !f.Key {
			e.counters.Dropped[DropBeforeKey]++
			return nil
		}
		p.soundOnly = false
	}
	clock := !audio || p.soundOnly
	f.Key = f.Key || clock && audio // sound can be joined anywhere
	line, own, ownPTS := &e.session.line, f.DTS, f.PTS
	switch line.place(f, clock, arrival) {
	case jumped:
		e.counters.Dropped[DropJump]++
		return nil
	case clamped:
		e.counters.Clamped++
	case rebased:
		e.counters.TimeJumps++
		p.jumps = jumps{count: p.jumps.count + 1, codec: f.Track.Codec, own: own, pts: f.PTS}
		if clock {
			p.setWallLocked()
		}
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
	if clock && len(p.notices) > 0 {
		p.adoptLocked(f.PTS-ownPTS, arrival)
	}
	in := overlay.Injector{Next: p.out, Timeline: e.options.Timeline}
	return in.WriteFrame(f)
}

// startsGroupLocked says whether a frame of the only, audio, track starts a group: one each 2 s.
func (p *Publication) startsGroupLocked(f *media.Frame) bool {
	if p.grouped && f.DTS-p.lastGroup < audioGroup {
		return false
	}
	p.grouped, p.lastGroup = true, f.DTS
	return true
}
