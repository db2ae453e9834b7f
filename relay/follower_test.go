package relay

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Tests of followers have an output that takes everything but Opus and VP8. A rendition has AAC and H.264 in their place: made is the
// stream that the tests write themselves, as a stage would.
var (
	opus     = &media.Track{ID: 2, Codec: media.Opus, ClockRate: 48000}
	vp8      = &media.Track{ID: 1, Codec: media.VP8, ClockRate: 90000}
	fromOpus = &media.Track{ID: 2, Codec: media.AAC, ClockRate: 48000}
	fromVP8  = &media.Track{ID: 1, Codec: media.H264, ClockRate: 90000}
	later    = &media.Track{ID: 2, Codec: media.AAC, ClockRate: 44100}
)

func takesNoOpus(h *Hub) Choose {
	return func(base *Stream, tracks []*media.Track) *Stream {
		if slices.ContainsFunc(tracks, func(t *media.Track) bool { return t.Codec == media.Opus || t.Codec == media.VP8 }) {
			return h.Stream(base.Name() + " made")
		}
		return base
	}
}

// at makes a frame of a track.
func at(t *media.Track, dts media.Time, key bool) *media.Frame {
	return &media.Frame{Track: t, PTS: dts * pace, DTS: dts * pace, Key: key, Data: []byte{0}}
}

// trial is a stream with a follower.
type trial struct {
	t    *testing.T
	hub  *Hub
	base *Stream
	made *Stream
	in   *Publisher // of base
	f    *Follower
}

func newTrial(t *testing.T, tracks ...*media.Track) *trial {
	t.Helper()
	tr := &trial{t: t, hub: &Hub{}}
	tr.base, tr.made = tr.hub.Stream("s"), tr.hub.Stream("s made")
	var err error
	if tr.in, err = tr.base.Publish(tracks); err != nil {
		t.Fatal(err)
	}
	tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
	t.Cleanup(tr.f.Close)
	return tr
}

// write writes frames.
func (tr *trial) write(p *Publisher, fs ...*media.Frame) {
	tr.t.Helper()
	for _, f := range fs {
		if err := p.WriteFrame(f); err != nil {
			tr.t.Fatal(err)
		}
	}
}

// rendition begins a session of the rendition.
func (tr *trial) rendition(tracks ...*media.Track) *Publisher {
	tr.t.Helper()
	p, err := tr.made.Publish(tracks)
	if err != nil {
		tr.t.Fatal(err)
	}
	r := tr.base.Subscribe("rendition", 0)
	defer r.Close()
	p.MadeOf(r)
	return p
}

// want reads batches until there is nothing more, and compares.
func (tr *trial) want(from *Stream, want ...*media.Frame) {
	tr.t.Helper()
	var got []*media.Frame
	for {
		fs, _, err := tr.f.Next(passing(tr.t), nil, 1<<20)
		if err != nil {
			break
		}
		if tr.f.Stream() != from {
			tr.t.Errorf("frames of %s, want those of %s", tr.f.Stream().Name(), from.Name())
		}
		for i, f := range fs {
			if held := tr.f.Stream().session.frame(tr.f.First() + uint64(i)); held != f {
				tr.t.Errorf("frame %d has another number in %s", i, from.Name())
			}
		}
		got = append(got, fs...)
	}
	if !slices.Equal(got, want) {
		tr.t.Errorf("got %s, want %s", namesOf(got), namesOf(want))
	}
}

func namesOf(fs []*media.Frame) (names []string) {
	for _, f := range fs {
		name := f.Track.Codec.String() + "@" + f.DTS.String()
		if f.Key {
			name += "!"
		}
		names = append(names, name)
	}
	return names
}

// The sound is another one after a takeover: the rendition's follows what was handed over, and later the stream's own again.
func TestFollowSound(t *testing.T) {
	tr := newTrial(t, video, audio)
	k0, a0, v1, a1 := at(video, 0, true), at(audio, 0, false), at(video, 1, false), at(audio, 1, false)
	tr.write(tr.in, k0, a0, v1, a1)
	tr.want(tr.base, k0, a0, v1, a1)

	k2, v3 := at(video, 2, true), at(video, 3, false)
	in, _ := tr.base.Publish([]*media.Track{video, opus})
	tr.write(in, k2, at(opus, 2, false), v3)
	tr.want(tr.base, k2)
	tr.want(nil)
	if tr.f.Tracks() != nil || tr.f.Session() != 1 || tr.f.Name() != "s" {
		t.Error("not those of the rendition to come, and of the base's session")
	}
	out := tr.rendition(video, fromOpus)
	m2, m3 := at(fromOpus, 2, false), at(fromOpus, 3, false)
	tr.write(out, k2, m2, v3, m3) // from the newest group on, as stages begin
	tr.want(tr.made, m2, v3, m3)

	k4, a4 := at(video, 4, true), at(later, 4, false)
	in, _ = tr.base.Publish([]*media.Track{video, later})
	v5, a5, k6 := at(video, 5, false), at(later, 5, false), at(video, 6, true)
	tr.write(in, k4, a4, v5, a5, k6)
	m4 := at(fromOpus, 35, false)
	m4.DTS, m4.PTS = 35*pace/10, 35*pace/10
	tr.write(out, m4, k4)
	tr.want(tr.made, m4, k4)
	tr.write(out, a4)
	out.SetTracks([]*media.Track{video, later})
	fs, _, err := tr.f.Next(t.Context(), nil, 1<<20)
	if err != nil || !slices.Equal(fs, []*media.Frame{a4}) || tr.f.Stream() != tr.made {
		t.Errorf("got %s, %v", namesOf(fs), err)
	}
	tr.want(tr.base, v5, a5, k6) // at the very picture, though the base has it in the middle of a group
	tr.in = in
	in.End()
	if _, _, err := tr.f.Next(t.Context(), nil, 1<<20); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v, want the end", err)
	}
	if n := tr.base.Counters("out"); n.Frames != 8 || n.Bytes != 8 || n.Skipped != 0 {
		t.Errorf("counted %+v, want the 8 frames that were handed over", n)
	}
	if n := tr.made.Counters("out"); n.Frames != 6 || n.Bytes != 6 {
		t.Errorf("counted %+v in the rendition, want 6 frames", n)
	}
}

// Pictures of a rendition begin with a key frame, and the overlay in front of it.
func TestFollowPictures(t *testing.T) {
	tr := newTrial(t, video, audio, overlay)
	k0, a0 := at(video, 0, true), at(audio, 0, false)
	tr.write(tr.in, k0, a0)
	in, _ := tr.base.Publish([]*media.Track{vp8, audio, overlay})
	tr.write(in, at(overlay, 1, true), at(vp8, 1, true))
	tr.want(tr.base, k0, a0)
	out := tr.rendition(fromVP8, audio, overlay)
	a1, o1, o2, m2 := at(audio, 1, false), at(overlay, 1, false), at(overlay, 2, true), at(fromVP8, 2, true)
	o0, o3, m3 := at(overlay, 0, true), at(overlay, 3, false), at(fromVP8, 3, false)
	tr.write(out, o0, k0, a0, a1, o1, at(fromVP8, 1, false), o2, m2, o3, m3)
	tr.want(tr.made, a1, o1, o2, m2, o3, m3)
	if tr.f.Origin() != 0 || tr.made.Origin() != 0 {
		t.Errorf("origin %v, of the rendition %v", tr.f.Origin(), tr.made.Origin())
	}
}

// Tracks that do not suit for a moment only, and suit again before they are read, are read from the rendition all the same.
func TestFollowForAMoment(t *testing.T) {
	tr := newTrial(t, video, audio)
	k0, a0, k2, a2 := at(video, 0, true), at(audio, 0, false), at(video, 2, true), at(audio, 2, false)
	tr.write(tr.in, k0, a0, at(vp8, 1, true), k2, a2)
	tr.want(tr.base, k0, a0)
	tr.want(nil)
	out := tr.rendition(video, audio)
	m1, v3 := at(fromVP8, 1, true), at(video, 3, false)
	tr.write(out, k0, a0, m1, k2, a2)
	tr.want(tr.made, m1, k2, a2)
	tr.write(tr.in, v3)
	tr.want(tr.base, v3)
}

// A rendition that others read already is read from the first group that is new; nothing older than what was handed over follows, of no
// track.
func TestFollowIntoWindow(t *testing.T) {
	tr := newTrial(t, video, audio)
	k0, a1, v2 := at(video, 0, true), at(audio, 1, false), at(video, 2, false)
	tr.write(tr.in, k0, a1, v2)
	tr.want(tr.base, k0, a1, v2)
	in, _ := tr.base.Publish([]*media.Track{vp8, opus})
	tr.write(in, at(vp8, 3, true))
	out := tr.rendition(fromVP8, fromOpus)
	m3, s3, m4 := at(fromVP8, 3, true), at(fromOpus, 3, false), at(fromVP8, 4, true)
	tr.write(out, at(fromVP8, 1, true), at(fromOpus, 2, false), m3, s3, m4)
	tr.want(tr.made, m3, s3, m4)

	tr = newTrial(t, video, audio)
	tr.write(tr.in, k0, v2)
	tr.want(tr.base, k0, v2)
	in, _ = tr.base.Publish([]*media.Track{video, opus})
	tr.write(in, at(opus, 2, false))
	tr.want(nil)
	out = tr.rendition(video, fromOpus)
	tr.write(out, k0, at(fromOpus, 1, false), v2, s3)
	tr.want(tr.made, s3)
}

// Back in the base, the rest of the session is read, though the next one has begun.
func TestFollowBackIntoEndedSession(t *testing.T) {
	tr := newTrial(t, video, opus)
	tr.write(tr.in, at(video, 0, true))
	out := tr.rendition(video, fromOpus)
	in, _ := tr.base.Publish([]*media.Track{video, audio})
	k1, a1, v2 := at(video, 1, true), at(audio, 1, false), at(video, 2, false)
	tr.write(in, k1, a1, v2)
	tr.write(out, k1, a1)
	in.End()
	in, _ = tr.base.Publish([]*media.Track{video, audio})
	tr.write(in, at(video, 9, true))
	fs, _, err := tr.f.Next(t.Context(), nil, 1<<20)
	if err != nil || !slices.Equal(fs, []*media.Frame{k1, a1}) {
		t.Errorf("got %s, %v", namesOf(fs), err)
	}
	fs, _, err = tr.f.Next(t.Context(), nil, 1<<20)
	if err != nil || !slices.Equal(fs, []*media.Frame{v2}) {
		t.Errorf("got %s, %v", namesOf(fs), err)
	}
	if _, _, err = tr.f.Next(t.Context(), nil, 1<<20); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v, want the end", err)
	}
}

// A follower that begins where nothing suits begins with the rendition, at its start.
func TestFollowFromTheStart(t *testing.T) {
	tr := newTrial(t, video, opus)
	tr.f.Close()
	tr.write(tr.in, at(video, 7, true), at(opus, 7, false))
	tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
	defer tr.f.Close()
	out := tr.rendition(video, fromOpus)
	m, k := at(fromOpus, 8, false), at(video, 9, true)
	tr.write(out, m, k)
	tr.want(tr.made, m, k)
	if got := tr.made.Origin(); got != 7*pace {
		t.Errorf("the origin is %v, want the base's", got)
	}
}

// Where nobody says otherwise a follower is a reader; what nothing makes fit is handed over too.
func TestFollowNothing(t *testing.T) {
	for name, choose := range map[string]Choose{"nobody chooses": nil, "nothing fits": func(*Stream, []*media.Track) *Stream { return nil }} {
		t.Run(name, func(t *testing.T) {
			tr := newTrial(t, video, opus)
			tr.f.Close()
			k, o := at(video, 0, true), at(opus, 0, false)
			tr.write(tr.in, k, o)
			tr.f = tr.base.Follow("out", 0, choose)
			defer tr.f.Close()
			tr.want(tr.base, k, o)
		})
	}
}

// A held session changes nothing, and a new publisher who has not told of tracks does not either.
func TestFollowHolding(t *testing.T) {
	tr := newTrial(t, video, opus)
	tr.write(tr.in, at(video, 0, true), at(opus, 0, false))
	tr.want(nil)
	out := tr.rendition(video, fromOpus)
	m0 := at(fromOpus, 0, false)
	tr.write(out, m0)
	tr.want(tr.made, m0)
	tr.in.Leave()
	tr.want(nil)
	if _, err := tr.base.Publish(nil); err != nil {
		t.Fatal(err)
	}
	tr.want(nil)
	m1 := at(fromOpus, 1, false)
	tr.write(out, m1)
	tr.want(tr.made, m1)
}

// A rendition that ends while its base goes on begins again: its next session follows what was handed over. The end is the end only where
// the base's session is over.
func TestFollowLostRendition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, video, opus)
		tr.f.Close()
		k0 := at(video, 0, true)
		tr.write(tr.in, k0, at(opus, 0, false))
		tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
		out := tr.rendition(video, fromOpus)
		tr.write(out, k0)
		tr.want(tr.made, k0)
		out.End()
		tr.want(nil)
		out = tr.rendition(video, fromOpus)
		k1 := at(video, 1, true)
		tr.write(out, at(video, 1, false), k1) // the first one follows a picture that is not there
		tr.want(tr.made, k1)
		tr.in.End()
		tr.want(nil)
		k2 := at(video, 2, true)
		tr.write(out, k2)
		tr.want(tr.made, k2)
		out.End()
		if _, _, err := tr.f.Next(t.Context(), nil, 1); !errors.Is(err, ErrEnded) {
			t.Errorf("got %v, want the end", err)
		}
	})
}

// A session whose rendition never begins, or is that of the next session, ends too.
func TestFollowEndWithoutRendition(t *testing.T) {
	for name, next := range map[string]bool{"there is none": false, "it is of the next session": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, video, opus)
				tr.f.Close()
				tr.write(tr.in, at(video, 0, true))
				tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
				tr.in.End()
				if next {
					in, _ := tr.base.Publish([]*media.Track{video, opus})
					tr.write(in, at(video, 0, true))
					tr.write(tr.rendition(video), at(video, 0, true))
				}
				if _, _, err := tr.f.Next(t.Context(), nil, 1); !errors.Is(err, ErrEnded) {
					t.Errorf("got %v, want the end", err)
				}
			})
		})
	}
}

// The rendition of the session before is not what is read.
func TestFollowRenditionBefore(t *testing.T) {
	tr := newTrial(t, video, opus)
	tr.f.Close()
	tr.write(tr.in, at(video, 0, true))
	out := tr.rendition(video)
	tr.write(out, at(video, 0, true))
	tr.in.End()
	in, _ := tr.base.Publish([]*media.Track{video, opus})
	tr.write(in, at(video, 0, true))
	tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
	defer tr.f.Close()
	tr.want(nil)
	out.End()
	out = tr.rendition(video)
	k := at(video, 0, true)
	tr.write(out, k)
	tr.want(tr.made, k)
}

// What does not come is told: a track that the rendition lacks, and a rendition that brings nothing, unless the base brings nothing either.
func TestFollowLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, video, opus)
		tr.f.Close()
		tr.write(tr.in, at(video, 0, true), at(opus, 0, false))
		tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // the base brings nothing
		defer cancel()
		if _, _, err := tr.f.Next(ctx, nil, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		out := tr.rendition(video)
		began := time.Now()
		stop := make(chan struct{})
		go func() { // the base brings something
			defer close(stop)
			for i := media.Time(1); i < 300; i++ {
				tr.write(tr.in, at(video, i, false), at(opus, i, false))
				if i < 100 {
					tr.write(out, at(video, i, i == 1))
				}
				time.Sleep(pace.Duration())
			}
		}()
		var err error
		lacked := time.Duration(0)
		for err == nil {
			_, _, err = tr.f.Next(t.Context(), nil, 1)
			if err == nil && lacked == 0 && slices.Equal(tr.f.Lacks(), []*media.Track{opus}) {
				lacked = time.Since(began)
			}
		}
		if took := time.Since(began); !errors.Is(err, ErrStarved) || took < 24*time.Second || took > 26*time.Second {
			t.Errorf("%v after %v, want it 15 s behind the last frame", err, took)
		}
		if lacked < 5*time.Second || lacked > 6*time.Second {
			t.Errorf("the lack was told after %v", lacked)
		}
		<-stop
	})
}

// A rendition has its time from when it is begun with, however long the base was silent before.
func TestFollowGivesRenditionsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, video, audio)
		k0 := at(video, 0, true)
		tr.write(tr.in, k0)
		tr.want(tr.base, k0)
		done := make(chan struct{})
		made := at(fromVP8, 40000, true)
		go func() {
			defer close(done)
			time.Sleep(starveAfter - time.Second)
			in, err := tr.base.Publish([]*media.Track{vp8, audio})
			if err != nil {
				t.Error(err)
				return
			}
			for i := media.Time(0); i < 8; i++ {
				tr.write(in, at(vp8, 20000+i, i == 0))
				time.Sleep(time.Second)
			}
			tr.write(tr.rendition(fromVP8, audio), made)
		}()
		fs, _, err := tr.f.Next(t.Context(), nil, 1<<20)
		if err != nil || !slices.Equal(fs, []*media.Frame{made}) {
			t.Errorf("got %s, %v", namesOf(fs), err)
		}
		<-done
	})
}

// A rendition that brings nothing is left at once when the base suits.
func TestFollowLeavesWhatBringsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, vp8, audio)
		tr.f.Close()
		tr.write(tr.in, at(vp8, 0, true))
		tr.f = tr.base.Follow("out", 0, takesNoOpus(tr.hub))
		in, _ := tr.base.Publish(tracks)
		k, v := at(video, 1, true), at(video, 2, false)
		tr.write(in, k, v)
		fs, _, err := tr.f.Next(t.Context(), nil, 1<<20)
		if err != nil || !slices.Equal(fs, []*media.Frame{k, v}) || tr.f.Stream() != tr.base {
			t.Errorf("got %s, %v", namesOf(fs), err)
		}
	})
}

func TestFollowClose(t *testing.T) {
	tr := newTrial(t, video, audio)
	tr.write(tr.in, at(video, 0, true), at(video, 1, false))
	if tr.f.Lag() != pace.Duration() || tr.f.AwaitsKey() || tr.f.WantKey() || !tr.f.Wall(0).IsZero() {
		t.Error("not what the reader says")
	}
	tr.want(tr.base, tr.base.session.frame(0), tr.base.session.frame(1))
	tr.f.Unsent(1)
	if n := tr.base.Counters("out"); n.Unsent != 1 || n.Readers != 1 {
		t.Errorf("counted %+v", n)
	}
	tr.f.Close()
	tr.f.Close()
	if _, _, err := tr.f.Next(t.Context(), nil, 1); !errors.Is(err, ErrClosed) || tr.base.Snapshot().Readers != 0 {
		t.Errorf("got %v, %d readers", err, tr.base.Snapshot().Readers)
	}
}

// A follower costs no allocations while nothing changes.
func TestFollowAllocates(t *testing.T) {
	tr := newTrial(t, video, audio)
	room := make([]*media.Frame, 0, 8)
	next := groups()
	cycle := func() {
		if err := tr.in.WriteFrame(next()); err != nil {
			t.Fatal(err)
		}
		if fs, _, err := tr.f.Next(t.Context(), room, 1<<18); err != nil || len(fs) != 1 {
			t.Fatalf("Next = %d frames, %v", len(fs), err)
		}
	}
	for range 5000 { // until the window is full
		cycle()
	}
	if got := testing.AllocsPerRun(1000, cycle); got != 0 {
		t.Errorf("a frame written and read costs %v allocations, want 0", got)
	}
}
