//go:build linux

package transcode

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

// children gives the processes whose parent is ours, or that of pid, with their state by proc_pid_stat(5).
func children(t testing.TB, parent int) (pids []int, zombies int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		head, rest, _ := strings.Cut(string(b), " (")
		_, rest, _ = strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if fields[0] == "Z" {
			zombies++
			continue
		}
		pid, err := strconv.Atoi(head)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids, zombies
}

// loop publishes a clip again and again, one behind the other, until stop is closed.
func (g *rig) loop(t testing.TB, c clip, stop <-chan struct{}) (done chan struct{}) {
	p := g.publish(t, c.tracks)
	done = make(chan struct{})
	lasts := c.frames[len(c.frames)-1].DTS - c.frames[0].DTS + 34*media.Millisecond
	began, origin := time.Now(), c.frames[0].DTS
	go func() {
		defer close(done)
		defer p.End()
		for round := media.Time(0); ; round++ {
			for _, f := range c.shifted(round * lasts).frames {
				select {
				case <-stop:
					return
				case <-time.After(time.Until(began.Add(time.Duration(f.DTS - origin)))):
				}
				if err := p.WriteFrame(f); err != nil {
					t.Errorf("publish: %v", err)
					return
				}
			}
		}
	}()
	return done
}

// await waits until a condition holds.
func await(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// goal is how soon there is output again. Tests fail far beyond, since other people's machines are slow.
const goal, guard = 2 * time.Second, 3

// A child that is killed or stopped is replaced: what it made is there again within 2 s, what it did not make goes on, and nothing is left
// of it.
func TestChildIsReplaced(t *testing.T) {
	for _, tc := range []struct {
		name   string
		signal syscall.Signal
		kind   Kind
		lost   func(media.Codec) bool
		kept   func(media.Codec) bool
		clip   mediatest.Clip
	}{
		{"sound, killed", syscall.SIGKILL, Web, media.Codec.IsAudio, media.Codec.IsVideo, mediatest.Clip{Seconds: 4}},
		{"sound, stopped", syscall.SIGSTOP, Web, media.Codec.IsAudio, media.Codec.IsVideo, mediatest.Clip{Seconds: 4}},
		{"pictures and sound, killed", syscall.SIGKILL, Web, media.Codec.IsVideo, media.Codec.IsVideo, mediatest.Clip{Seconds: 9, BFrames: 2, KeyInterval: 9}},
		{"pictures and sound, stopped", syscall.SIGSTOP, Web, media.Codec.IsVideo, media.Codec.IsVideo, mediatest.Clip{Seconds: 9, BFrames: 2, KeyInterval: 9}},
		{"with a full pipe, stopped", syscall.SIGSTOP, Web, media.Codec.IsVideo, media.Codec.IsVideo, mediatest.Clip{Seconds: 4, BFrames: 2, KBits: 8000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t)
			c := readClip(t, mediatest.Media(t, tc.clip))
			stop := make(chan struct{})
			done := g.loop(t, c, stop)
			halt := sync.OnceFunc(func() { close(stop); <-done })
			defer halt()
			s := g.watch(t, tc.kind)
			await(t, "first output", 3*time.Second, func() bool { return s.count(tc.lost) > 0 })
			lanes := 1
			if tc.clip.BFrames > 0 {
				lanes = 2
			}
			for round := range 2 {
				time.Sleep(600 * time.Millisecond)
				pids, zombies := children(t, os.Getpid())
				if len(pids) != lanes || zombies != 0 {
					t.Fatalf("%d children, %d zombies, want %d, 0", len(pids), zombies, lanes)
				}
				for _, pid := range pids {
					if err := syscall.Kill(pid, tc.signal); err != nil {
						t.Fatal(err)
					}
				}
				hit := time.Now()
				gone := func() bool {
					now, _ := children(t, os.Getpid())
					for _, pid := range now {
						for _, old := range pids {
							if pid == old {
								return false
							}
						}
					}
					return true
				}
				await(t, "the child is gone", guard*goal, gone)
				before := s.count(tc.lost)
				await(t, "output again", guard*goal, func() bool { return s.count(tc.lost) > before })
				if took := time.Since(hit); took > goal {
					t.Logf("round %d: output again after %v, over the goal of %v", round, took, goal)
				}
			}
			halt()
			got := s.all(t)
			if tc.lost(media.AAC) {
				checkKept(t, got.of(tc.kept))
			}
			g.hub.Close()
			if pids, zombies := children(t, os.Getpid()); len(pids) != 0 || zombies != 0 {
				t.Errorf("%d children and %d zombies are left", len(pids), zombies)
			}
			t.Logf("%+v", g.Status("maria"))
		})
	}
}

// checkKept fails where pictures that need no child are missing.
func checkKept(t *testing.T, pictures []*media.Frame) {
	t.Helper()
	for i := 1; i < len(pictures); i++ {
		if step := pictures[i].DTS - pictures[i-1].DTS; step > 110*media.Millisecond {
			t.Errorf("a hole of %v in the pictures at %v", step, pictures[i].DTS)
		}
	}
}

// Frames that are no sound, and pictures that are none, do not end anything: what comes after them is there again.
func TestGarbageFromTheSource(t *testing.T) {
	g := newRig(t)
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2, KeyInterval: 1}))
	rng := rand.New(rand.NewPCG(1, 2))
	for i, f := range c.frames {
		if f.DTS < 1000*media.Millisecond || f.DTS > 1500*media.Millisecond || !f.Track.Codec.IsAudio() && !f.Track.Codec.IsVideo() {
			continue
		}
		spoilt := *f
		spoilt.Data = slices.Clone(f.Data)
		for n := 5; n < len(spoilt.Data); n++ { // behind the length and the type of a NAL unit
			spoilt.Data[n] = byte(rng.Uint32())
		}
		c.frames[i] = &spoilt
	}
	p := g.publish(t, c.tracks)
	s := g.watch(t, Web)
	g.play(t, p, c, 1)
	p.End()
	got := s.all(t)
	for _, is := range []func(media.Codec) bool{media.Codec.IsVideo, media.Codec.IsAudio} {
		all := got.of(is)
		after := 0
		for _, f := range all {
			if f.PTS > 2500*media.Millisecond {
				after++
			}
		}
		if after < 40 {
			t.Errorf("%d frames of %s after the garbage", after, all[0].Track.Codec)
		}
	}
	t.Logf("%+v", g.Status("maria"))
}

// A program that brings garbage, one that ends at once, and one that is not there: the other track goes on, at once, and no more children
// are started than the pauses allow.
func TestProgramIsNoHelp(t *testing.T) {
	for _, tc := range []struct{ name, script string }{
		{"garbage", "head -c 65536 /dev/urandom"},
		{"ends at once", "echo no more >&2; exit 1"},
		{"talks without end", "while :; do echo it is said again and again; done >&2"},
		{"missing", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t)
			g.FFmpeg = filepath.Join(t.TempDir(), "program")
			if tc.script != "" {
				if err := os.WriteFile(g.FFmpeg, []byte("#!/bin/sh\nPATH=/bin:/usr/bin\n"+tc.script+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 2}))
			p := g.publish(t, c.tracks)
			s := g.watch(t, Web)
			g.play(t, p, c, 1)
			p.End()
			got := s.all(t)
			checkUntouched(t, c, got, media.Codec.IsVideo)
			if n := len(got.of(media.Codec.IsAudio)); n != 0 {
				t.Errorf("%d frames of sound", n)
			}
			if st := g.Status("maria"); len(st) != 1 || st[0].Starts < 1 || st[0].Starts > 10 || st[0].Running {
				t.Errorf("status %+v", st)
			}
			g.hub.Close()
			if pids, zombies := children(t, os.Getpid()); len(pids) != 0 || zombies != 0 {
				t.Errorf("%d children and %d zombies are left", len(pids), zombies)
			}
		})
	}
}

// A child that is slow to begin, on a machine that has much to do, is waited for: who asks a rendition for its tracks is told of all.
func TestSlowBegin(t *testing.T) {
	g := newRig(t)
	g.FFmpeg = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(g.FFmpeg, []byte("#!/bin/sh\nPATH=/bin:/usr/bin\ncase \"$*\" in *libx264*) sleep 4;; esac\nexec ffmpeg \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 8, BFrames: 2}))
	p := g.publish(t, c.tracks)
	s := g.watch(t, Web)
	told := make(chan []*media.Track, 1)
	go func() {
		to := g.Stream("maria", Web)
		_ = to.Await(t.Context())
		told <- to.Tracks()
	}()
	g.play(t, p, c, 1)
	await(t, "pictures", 20*time.Second, func() bool { return s.count(media.Codec.IsVideo) >= 60 })
	p.End()
	kinds := make(map[media.Codec]bool)
	for _, one := range <-told {
		kinds[one.Codec] = true
	}
	if !kinds[media.H264] || !kinds[media.Opus] {
		t.Errorf("the rendition began with %v, want pictures and sound", kinds)
	}
	s.all(t)
}
