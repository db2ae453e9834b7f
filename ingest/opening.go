package ingest

import (
	"cmp"
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// How long a line waits to begin, in media time or in time of arrival, whichever is over first.
const (
	waitForVideo = time.Second            // sound waits so long for a picture before it is taken for all there is
	waitForKey   = 10 * time.Second       // and so long for a key frame, where a video track was announced
	waitForAudio = 500 * time.Millisecond // the first picture waits so long for sound that was announced
)

// Bounds of what is held before the line begins.
const (
	mostHeld      = 1024 // frames
	mostHeldBytes = relay.DefaultMaxBytes
)

// opening holds a publisher's first frames until its line can begin: at the first video key frame, once the sound beside it is
// here too, or at the first sound, when no video comes.
type opening struct {
	video, audio bool // announced
	frames       []heldFrame
	bytes        int
	past         time.Time // sound that came up to then does not begin the line: another publisher was relayed
	soundAlone   bool      // no picture is waited for
}

// heldFrame waits for the line to begin.
type heldFrame struct {
	frame   *media.Frame
	arrival time.Time
}

// announce learns of the publisher's tracks.
func (o *opening) announce(tracks []*media.Track) {
	for _, t := range tracks {
		o.video = o.video || t.Codec.IsVideo()
		o.audio = o.audio || t.Codec.IsAudio()
	}
}

// hold takes a frame in; false for pictures before the first key frame, which nobody can decode.
func (o *opening) hold(f *media.Frame, arrival time.Time) bool {
	if f.Track.Codec.IsVideo() && !f.Key && o.first(media.Codec.IsVideo) < 0 {
		return false
	}
	o.frames = append(o.frames, heldFrame{f, arrival})
	o.bytes += len(f.Data)
	return true
}

// start gives the frame at which the line begins; nil while it is too early to say.
func (o *opening) start() *heldFrame {
	if video := o.first(media.Codec.IsVideo); video >= 0 {
		if !o.audio || o.isFull() || o.first(media.Codec.IsAudio) >= 0 || o.waited(video) > waitForAudio {
			return &o.frames[video]
		}
		return nil
	}
	first := slices.IndexFunc(o.frames, func(h heldFrame) bool { return h.arrival.After(o.past) })
	if first >= 0 && (o.soundAlone || o.isFull() || o.waited(first) > o.patience()) {
		return &o.frames[first]
	}
	return nil
}

// isReady says whether a stream can be taken over with what is held, while another publisher is relayed: by a key frame, or by sound that is
// taken for all there is.
func (o *opening) isReady() bool {
	return o.first(media.Codec.IsVideo) >= 0 || !o.video && len(o.frames) > 0 && o.waited(0) > waitForVideo
}

// skipSound leaves the newest of sound that no picture came beside: the other publisher was relayed for as long as it waited.
func (o *opening) skipSound() (skipped int) {
	if o.first(media.Codec.IsVideo) >= 0 {
		return 0
	}
	skipped = len(o.frames) - 1
	o.frames, o.soundAlone = o.frames[skipped:], true
	return skipped
}

// dropOldest forgets the oldest frame.
func (o *opening) dropOldest() {
	o.bytes -= len(o.frames[0].frame.Data)
	o.frames = o.frames[1:]
}

// patience is how long sound waits for a picture.
func (o *opening) patience() time.Duration {
	if o.video {
		return waitForKey
	}
	return waitForVideo
}

// isFull says whether no more should be held.
func (o *opening) isFull() bool { return len(o.frames) >= mostHeld || o.bytes >= mostHeldBytes }

// first finds the first frame of a kind; -1 where there is none.
func (o *opening) first(kind func(media.Codec) bool) int {
	return slices.IndexFunc(o.frames, func(h heldFrame) bool { return kind(h.frame.Track.Codec) })
}

// waited is how long frame i has waited for others.
func (o *opening) waited(i int) time.Duration {
	h, newest := o.frames[i], o.frames[len(o.frames)-1]
	return max((newest.frame.DTS - h.frame.DTS).Duration(), newest.arrival.Sub(h.arrival))
}

// take gives the frames in decode order, the frames of one track in the order in which they came, and forgets them.
func (o *opening) take() []heldFrame {
	type placed struct {
		heldFrame
		dts media.Time // that of the frame, or of an earlier frame of its track that is higher
	}
	order := make([]placed, 0, len(o.frames))
	highest := make(map[uint8]media.Time)
	for _, h := range o.frames {
		dts := h.frame.DTS
		if before, known := highest[h.frame.Track.ID]; known {
			dts = max(dts, before)
		}
		highest[h.frame.Track.ID] = dts
		order = append(order, placed{h, dts})
	}
	slices.SortStableFunc(order, func(a, b placed) int { return cmp.Compare(a.dts, b.dts) })
	for i, p := range order {
		o.frames[i] = p.heldFrame
	}
	frames := o.frames
	o.frames, o.bytes = nil, 0
	return frames
}
