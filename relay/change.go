package relay

import (
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

// How a follower goes from one stream to another:
//
//	base       K · · · · K · · │ K o o o o o K o o o o o K · · · · ·
//	                           └────▶ the first frame that does not suit
//	rendition                    K ■ ■ ■ ■ ■ K ■ ■ ■ ■ ■ K · · · · ·
//	                                                       └──▶ nothing is made any more: the same frames
//
//  1. Each frame whose track is new is judged. The batch ends in front of one that does not suit, and the rendition is read instead.
//  2. Of what is read next only what is newer than what was handed over counts, and of pictures what begins with a key frame, or follows
//     the very picture that was handed over last.
//  3. When the base's tracks suit again, the rendition comes to hand over the base's own frames: then the base is read again.

// class says which frames go on one behind the other.
type class uint8

const (
	pictures class = iota
	sounds
	others // overlays and data: they stand in front of the others
	classes
)

func classOf(t *media.Track) class {
	switch {
	case t.Codec.IsVideo():
		return pictures
	case t.Codec.IsAudio():
		return sounds
	}
	return others
}

// tracks gives those of the base's session.
func (f *Follower) tracks() []*media.Track {
	f.base.mu.Lock()
	defer f.base.mu.Unlock()
	return f.session.tracks
}

// want says which stream is to be read: by the base's tracks, with another one in place of the one of its class, if there is one.
func (f *Follower) want(other *media.Track) *Stream {
	tracks := f.tracks()
	if other != nil && !slices.Contains(tracks, other) {
		tracks = slices.DeleteFunc(slices.Clone(tracks), func(t *media.Track) bool { return classOf(t) == classOf(other) })
		tracks = append(tracks, other)
	}
	return f.ask(tracks)
}

func (f *Follower) ask(tracks []*media.Track) *Stream {
	if f.choose == nil || len(tracks) == 0 {
		return f.base
	}
	if to := f.choose(f.base, tracks); to != nil {
		return to
	}
	return f.base
}

// suits says whether the output takes a track: what nothing makes fit is handed over as it is.
func (f *Follower) suits(t *media.Track) bool {
	c := classOf(t)
	if c == others || f.judged[c] == t {
		return true
	}
	if to := f.ask([]*media.Track{t}); to != f.base && f.want(t) != f.now.stream {
		return false
	}
	f.judged[c] = t
	return true
}

// sift gives those frames of a batch that are to be handed over and follow each other, and changes where the next one does not suit.
func (f *Follower) sift(fs []*media.Frame) []*media.Frame {
	from := 0
	for from < len(fs) && f.stale(fs[from]) {
		from++
	}
	to := from
	for to < len(fs) && f.suits(fs[to].Track) && !f.stale(fs[to]) {
		f.note(fs[to])
		to++
	}
	var cut *media.Track
	if to < len(fs) && !f.suits(fs[to].Track) {
		cut = fs[to].Track
		for at := fs[to].DTS; to > from && fs[to-1].Track.Codec == media.Overlay && fs[to-1].DTS == at; { // it stands in front of what is cut off
			to--
		}
	}
	if from > 0 || to < len(fs) {
		f.now.restore(fs[:from], fs[to:])
	}
	if to == from && cut != nil {
		f.change(f.want(cut))
	}
	return fs[from:to]
}

// foreign says whether a rendition's session is not one of the session that is followed: of the one before, or the next.
func (f *Follower) foreign() bool {
	if f.now.stream == f.base {
		return false
	}
	f.now.stream.mu.Lock()
	root := f.now.session.root
	f.now.stream.mu.Unlock()
	return root != 0 && root != f.Session()
}

// stale says whether a frame is not to be handed over: it is not newer than what was, or a picture that hangs in the air.
func (f *Follower) stale(g *media.Frame) bool {
	if !f.moved {
		return false
	}
	c := classOf(g.Track)
	last := f.last[c]
	switch c {
	case pictures:
		if g == last {
			f.linked = true
		}
		if !g.Key && (!f.linked || last != nil && g.Track != last.Track) {
			return true
		}
	case others:
		if last = f.clock(); last == nil {
			return !g.Key
		}
		if !f.linked && !g.Key {
			return true
		}
	}
	return g.DTS < f.floor || last != nil && g.DTS <= last.DTS
}

// clock gives the last frame of what the others stand in front of.
func (f *Follower) clock() *media.Frame {
	if p := f.last[pictures]; p != nil {
		return p
	}
	return f.last[sounds]
}

// note notes what is handed over.
func (f *Follower) note(g *media.Frame) {
	f.fresh = false
	c := classOf(g.Track)
	f.last[c] = g
	if c == pictures {
		f.linked = true
	}
}

// goBack changes to what the base's tracks want now, once what was handed over is what is there.
func (f *Follower) goBack() {
	if f.now.stream == f.base || f.fresh {
		return
	}
	to := f.want(nil)
	if to == f.now.stream {
		return
	}
	some := false
	for _, t := range to.Tracks() {
		c := classOf(t)
		if c == others {
			continue
		}
		if f.last[c] == nil || f.last[c].Track != t {
			return
		}
		some = true
	}
	if some {
		f.change(to)
	}
}

// change reads another stream, or the next session of the same one, from behind what was handed over.
func (f *Follower) change(to *Stream) {
	f.moved, f.linked, f.fresh = true, false, true
	if f.now.stream == f.base {
		f.fed = time.Now()
	}
	for _, g := range f.last {
		if g != nil {
			f.floor = max(f.floor, g.DTS)
		}
	}
	var of *session
	if to == f.base {
		of = f.session
	}
	f.base.mu.Lock()
	f.began = f.session.newest
	f.base.mu.Unlock()
	r := to.subscribe(f.output, f.maxLag, of, f.start)
	r.gatherLike(f.now)
	f.mu.Lock()
	old := f.now
	f.now = r
	closed := f.closed
	f.mu.Unlock()
	old.Close()
	if closed {
		r.Close()
	}
}

// start gives where to begin in a window: at the very frame that was handed over last, else at the first group behind it, else at the
// newest one.
func (f *Follower) start(w *window) (seq uint64, ok bool) {
	last := f.clock()
	if last == nil {
		return f.first(w)
	}
	for seq = w.entries.tail; seq > w.entries.head; seq-- {
		if w.frame(seq-1) == last {
			return seq - 1, true
		}
	}
	for n := w.starts.head; n != w.starts.tail; n++ {
		if seq = *w.starts.at(n); w.frame(seq).DTS > last.DTS {
			return seq, true
		}
	}
	return w.newestStart()
}
