//go:build linux

package transcode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

func TestNames(t *testing.T) {
	for k := range kinds {
		name := Name("maria", k)
		if stream, got, ok := parse(name); !ok || got != k || stream != "maria" {
			t.Errorf("%s is taken for %s, %v, %v", name, stream, got, ok)
		}
	}
	for _, name := range []string{"", "maria", "~web", "maria~", "maria~other"} {
		if new(Bench).Source(name) != nil {
			t.Errorf("%q is taken for a rendition", name)
		}
	}
}

func TestSuits(t *testing.T) {
	track := func(c media.Codec, reorder int) *media.Track {
		return &media.Track{Codec: c, Format: media.Format{Reorder: reorder}}
	}
	for _, tc := range []struct {
		video, audio       *media.Track
		web, sound, legacy bool
	}{
		{track(media.H264, 0), track(media.AAC, 0), false, true, true},
		{track(media.H264, 0), track(media.Opus, 0), true, false, false},
		{track(media.H264, 2), track(media.Opus, 0), false, false, false},
		{track(media.H264, -1), track(media.Opus, 0), false, false, false},
		{track(media.H264, 2), track(media.AAC, 0), false, true, true},
		{track(media.VP8, 0), track(media.Opus, 0), true, false, false},
		{track(media.AV1, 0), track(media.AAC, 0), false, true, false},
		{track(media.Metadata, 0), track(media.Overlay, 0), true, true, true},
	} {
		tracks := []*media.Track{tc.video, tc.audio}
		if web, sound, legacy := Suits(Web, tracks), Suits(Sound, tracks), Suits(Legacy, tracks); web != tc.web || sound != tc.sound || legacy != tc.legacy {
			t.Errorf("%s and %s: %v, %v, %v, want %v, %v, %v", tc.video.Codec, tc.audio.Codec, web, sound, legacy, tc.web, tc.sound, tc.legacy)
		}
	}
}

// Two readers of a rendition share its child; when both are gone, so is the child. A rendition of what needs no change has none.
func TestChildrenAreShared(t *testing.T) {
	g := newRig(t)
	stop := make(chan struct{})
	done := g.loop(t, readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4})), stop)
	defer func() { close(stop); <-done }()
	count := func() int { pids, _ := children(t, os.Getpid()); return len(pids) }
	r := []*relay.Reader{g.Stream("maria", Web).Subscribe("a", 0), g.Stream("maria", Web).Subscribe("b", 0)}
	await(t, "a child", guard*goal, func() bool { return count() == 1 })
	other := g.Stream("maria", Sound).Subscribe("c", 0)
	fs, _, err := other.Next(t.Context(), nil, 1<<10)
	if err != nil || len(fs) == 0 {
		t.Errorf("the rendition that needs no change: %v", err)
	}
	if st := g.Status("maria"); len(st) != 1 || count() != 1 {
		t.Errorf("%d children, status %+v, want one", count(), st)
	}
	other.Close()
	r[0].Close()
	time.Sleep(2 * g.hub.Linger)
	if count() != 1 {
		t.Errorf("%d children for a reader, want one", count())
	}
	r[1].Close()
	await(t, "no child", guard*goal, func() bool { return count() == 0 })
}

// A rendition follows its stream from session to session, with the wall clock, and is removed with it.
func TestSessions(t *testing.T) {
	g := newRig(t)
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4}))
	to := g.Stream("maria", Web)
	for n := uint64(1); n <= 2; n++ {
		s := g.watch(t, Web)
		p := g.publish(t, c.tracks)
		p.SetWall(0, time.Unix(int64(n), 0))
		g.play(t, p, c, 8)
		await(t, "the child's first frames", guard*goal, func() bool { return s.count(media.Codec.IsAudio) >= 150 })
		if !to.Wall(0).Equal(time.Unix(int64(n), 0)) || to.Snapshot().Session != n {
			t.Errorf("session %d: wall %v, session %d", n, to.Wall(0), to.Snapshot().Session)
		}
		p.End()
		got := s.all(t)
		if v, a := len(got.of(media.Codec.IsVideo)), len(got.of(media.Codec.IsAudio)); v != 120 || a < 195 {
			t.Errorf("session %d: %d pictures, %d frames of sound", n, v, a)
		}
	}
	wait := make(chan error, 1)
	go func() { wait <- to.Await(context.Background()) }()
	await(t, "somebody who waits", time.Second, func() bool { return g.hub.Stream("maria").Counters("rendition web").Readers == 0 })
	g.hub.Remove("maria")
	select {
	case err := <-wait:
		if !errors.Is(err, relay.ErrRemoved) {
			t.Errorf("Await = %v, want ErrRemoved", err)
		}
	case <-time.After(guard * goal):
		t.Error("the rendition of a stream that was removed is there")
		g.hub.Remove(Name("maria", Web))
	}
	g.Forget("maria")
	if st := g.Status("maria"); len(st) != 0 {
		t.Errorf("status %+v", st)
	}
}

// The track changes within a session, as when a browser takes over from OBS: the rendition goes on, with what is needed of each.
func TestTracksChange(t *testing.T) {
	g := newRig(t)
	aac := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2, KeyInterval: 1}))
	web := encode(t, "mkv", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "3",
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-c:a", "libopus").shifted(4500 * media.Millisecond)
	back := aac.shifted(8000 * media.Millisecond)
	p := g.publish(t, aac.tracks)
	s, legacy := g.watch(t, Web), g.watch(t, Legacy)
	for _, c := range []clip{aac, web, back} {
		p.SetTracks(c.tracks)
		g.play(t, p, c, 1)
		time.Sleep(300 * time.Millisecond)
	}
	p.End()
	for _, tc := range []struct {
		name  string
		got   clip
		codec []media.Codec // of the pictures, in order
		sound media.Codec
	}{
		{"web", s.all(t), []media.Codec{media.H264, media.VP8, media.H264}, media.Opus},
		{"legacy", legacy.all(t), []media.Codec{media.H264}, media.AAC},
	} {
		var codecs []media.Codec
		for _, f := range tc.got.frames {
			if f.Track.Codec.IsVideo() && (len(codecs) == 0 || codecs[len(codecs)-1] != f.Track.Codec) {
				codecs = append(codecs, f.Track.Codec)
			}
			if f.Track.Codec.IsAudio() && f.Track.Codec != tc.sound {
				t.Errorf("%s: sound as %s", tc.name, f.Track.Codec)
			}
		}
		if !slices.Equal(codecs, tc.codec) {
			t.Errorf("%s: pictures as %v, want %v", tc.name, codecs, tc.codec)
		}
		for _, c := range []clip{web, back} { // what is made has no hole where it begins
			for _, at := range presentation(c.of(media.Codec.IsVideo))[:60] {
				if !slices.ContainsFunc(tc.got.of(media.Codec.IsVideo), func(f *media.Frame) bool { return f.PTS == at }) {
					t.Errorf("%s: there is no picture at %v", tc.name, at)
				}
			}
			begin := c.of(media.Codec.IsAudio)[0].PTS
			sound := tc.got.of(media.Codec.IsAudio)
			i := slices.IndexFunc(sound, func(f *media.Frame) bool { return f.PTS >= begin-30*media.Millisecond })
			if i < 0 || sound[i].PTS > begin+30*media.Millisecond {
				t.Errorf("%s: the sound from %v on begins with frame %d of %d", tc.name, begin, i, len(sound))
			} else if fault := rising(sound[i:min(i+50, len(sound))]); fault != "" {
				t.Errorf("%s: the sound from %v on: %s", tc.name, begin, fault)
			}
		}
	}
	t.Logf("%+v", g.Status("maria"))
}

// Who reads a rendition may ask for key frames where who reads the stream itself may.
func TestWishes(t *testing.T) {
	g := newRig(t)
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4}))
	p := g.publish(t, c.tracks)
	defer p.End()
	r := g.Stream("maria", Web).Subscribe("test", 0)
	defer r.Close()
	all := make(chan struct{})
	go func() { defer close(all); g.play(t, p, c, 1) }()
	defer func() { <-all }()
	for asked := false; ; {
		fs, _, err := r.Next(t.Context(), nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		switch at := fs[len(fs)-1].DTS; {
		case at < media.Time(time.Second):
			if r.WantKey() {
				t.Fatal("a key frame is to come, of an encoder that gives none")
			}
		case at > 3*media.Time(time.Second):
			t.Fatal("no key frame is to come, of an encoder that gives some")
		case asked:
			if r.WantKey() {
				<-p.KeyWanted()
				return
			}
		default:
			for asked = true; len(p.KeyWanted()) > 0; {
				<-p.KeyWanted()
			}
		}
	}
}

// Each overlay state stands in front of the picture that it stood in front of, coded again or not, and each key frame has one.
func TestOverlaysStay(t *testing.T) {
	for _, tc := range []struct {
		name    string
		bframes int
	}{{"pictures passed", 0}, {"pictures coded again", 2}} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t)
			c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: tc.bframes, KeyInterval: 1}))
			track := &media.Track{ID: 250, Codec: media.Overlay}
			var frames []*media.Frame
			want := map[string]media.Time{} // where each state belongs
			n := 0
			for _, f := range c.frames {
				if f.Track.Codec.IsVideo() {
					if n++; f.Key || n%7 == 0 {
						state := fmt.Sprint("state ", n)
						want[state] = f.PTS
						frames = append(frames, &media.Frame{Track: track, PTS: f.PTS, DTS: f.DTS, Key: f.Key, Data: []byte(state)})
					}
				}
				frames = append(frames, f)
			}
			p := g.publish(t, append(slices.Clone(c.tracks), track))
			s := g.watch(t, Web)
			g.play(t, p, clip{frames: frames}, 1)
			p.End()
			got := s.all(t).frames
			for i, f := range got {
				if f.Track != track {
					continue
				}
				state := string(f.Data)
				if at, ok := want[state]; !ok || f.PTS != at {
					t.Errorf("%s is at %v, want %v", state, f.PTS, at)
				}
				delete(want, state)
				next := got[min(i+1, len(got)-1)]
				if !next.Track.Codec.IsVideo() && next.Track != track || next.PTS != f.PTS || next.Key != f.Key {
					t.Errorf("%s is in front of %s at %v, key %v, not of its picture", state, next.Track.Codec, next.PTS, next.Key)
				}
			}
			if len(want) > 0 {
				t.Errorf("missing: %v", want)
			}
		})
	}
}
