package whep_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
)

// encoder writes pictures of a size and sound at their time, with a key frame each keyEach pictures, until the test is over.
type encoder struct {
	*rig
	size, keyEach int64
	began         time.Time
	n             int64 // pictures so far
}

// until encodes until cond is true.
func (e *encoder) until(what string, cond func() bool) {
	e.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); {
		if time.Now().After(end) {
			st, _ := e.server.Status("maria")
			e.Fatalf("waited in vain for: %s; %+v; %+v", what, st, e.stream.Counters("feed:whep:tsl"))
		}
		if e.n == 0 {
			e.began = time.Now()
		}
		time.Sleep(time.Until(e.began.Add(time.Duration(e.n) * 40 * time.Millisecond)))
		key := e.n%e.keyEach == 0
		e.write(video, 40*e.n, key, e.picture(key, int(e.size)))
		e.write(sound, 40*e.n, false, mediatest.Opus(byte(e.n)))
		e.n++
	}
}

// isKey says whether a picture is one of [rig.picture] that begins a group.
func isKey(f peer.Got) bool {
	return bytes.Contains(f.Data, []byte{0, 0, 0, 1, 0x65}) || f.Data[4] == 0x67
}

// rises checks that no timestamp goes back.
func rises(t *testing.T, got []peer.Got) {
	t.Helper()
	for i := range got[1:] {
		if int32(got[i+1].Timestamp-got[i].Timestamp) <= 0 {
			t.Errorf("%s %d goes back", got[i].Kind, i+1)
		}
	}
}

// The pictures of a viewer whose network does not carry them rest, and go on at a key frame; the sound goes on all the time.
func TestPicturesRest(t *testing.T) {
	for name, heeds := range map[string]bool{"of an encoder": false, "of a publisher who gives key frames": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.begin(video, sound)
			var wishes <-chan struct{}
			if heeds {
				wishes = r.pub.KeyWanted()
			}
			e := &encoder{rig: r, size: 3000, keyEach: 20}
			r.write(video, 0, true, r.picture(true, 3000))
			e.n, e.began = 1, time.Now()
			v := peer.Play(t, r.url, true, peer.Options{Token: ticket, NoReports: true})
			e.until("the first pictures", func() bool { return len(v.Frames("video")) > 5 })
			for len(wishes) > 0 {
				<-wishes
			}
			asked := time.Now()
			v.Report(0, 0)
			e.until("a report of half", func() bool { return time.Since(asked) > 1100*time.Millisecond })
			v.Report(100, 50)
			e.until("another one", func() bool { return time.Since(asked) > 2200*time.Millisecond })
			before, _ := r.server.Status("maria")
			v.Report(200, 110)
			complained := time.Now() // the rest begins behind it
			v.LosePicture()
			skips := func() uint64 { st, _ := r.server.Status("maria"); return st.Skips }
			e.until("the rest", func() bool { return skips() == 1 })
			v.LosePicture() // again: of no use now
			at := len(v.Frames("video"))
			e.until("most of the rest", func() bool { return time.Since(complained) > 700*time.Millisecond })
			st, _ := r.server.Status("maria")
			if n, asked := len(v.Frames("video")), st.KeyFrames != before.KeyFrames; time.Since(complained) < time.Second && (n > at+5 || asked) {
				t.Errorf("in the rest %d pictures came; a key frame was asked for: %t", n-at, asked)
			}
			e.until("more pictures", func() bool { return len(v.Frames("video")) > at+10 })
			got := v.Frames("video")
			rises(t, got)
			jumps := 0
			for i, f := range got[1:] {
				if f.Gap {
					t.Errorf("picture %d: a packet is missing", i+1)
				}
				if f.Timestamp-got[i].Timestamp > 90*500 {
					if jumps++; !isKey(f) {
						t.Errorf("the pictures go on with %x", f.Data[:8])
					}
				} else if f.Timestamp-got[i].Timestamp != 3600 {
					t.Errorf("picture %d comes %d ticks behind the one before", i+1, f.Timestamp-got[i].Timestamp)
				}
			}
			if n := r.stream.Counters("feed:whep:tsl").Withheld; jumps != 1 || skips() != 1 || n < 20 || n > 60 {
				t.Errorf("%d jumps, %d skips, %d pictures withheld; want 1, 1, and those of 1 s to 2 s", jumps, skips(), n)
			}
			if st, _ := r.server.Status("maria"); heeds != (st.KeyFrames > before.KeyFrames) {
				t.Errorf("%d key frames were asked for behind the rest", st.KeyFrames-before.KeyFrames)
			}
			sounds := v.Frames("audio")
			rises(t, sounds)
			if all := int(sounds[len(sounds)-1].Timestamp-sounds[0].Timestamp)/1920 + 1; all-len(sounds) > 10 { // a rest has 25 and more; a busy machine loses some
				t.Errorf("%d sounds of %d came", len(sounds), all)
			}
		})
	}
}

// A network that carries a third of a stream for a while: there is sound, and now and then pictures; all are there behind it.
func TestNarrowNetwork(t *testing.T) {
	r := newRig(t)
	network := mediatest.NewNetwork(t, r.udp, mediatest.Trouble{}, mediatest.Trouble{})
	r.begin(video, sound)
	e := &encoder{rig: r, size: 8000, keyEach: 25} // 200 kB a second
	r.write(video, 0, true, r.picture(true, 3000))
	e.n, e.began = 1, time.Now()
	v := peer.Play(t, r.url, true, peer.Options{Token: ticket, Via: network.Addr})
	e.until("the first pictures", func() bool { return len(v.Frames("video")) > 5 })
	network.Down.Limit(70_000)
	complained := time.Now()
	e.until("a rest", func() bool {
		if time.Since(complained) > 500*time.Millisecond { // as a player would that has nothing to show
			complained = time.Now()
			v.LosePicture()
		}
		st, _ := r.server.Status("maria")
		return st.Skips > 0
	})
	rested := e.n
	e.until("a second", func() bool { return e.n > rested+25 })
	network.Down.Limit(0)
	at := len(v.Frames("video"))
	e.until("pictures", func() bool { return len(v.Frames("video")) > at+30 })
	got := v.Frames("video")
	rises(t, got)
	for _, f := range got[len(got)-20:] {
		if f.Gap {
			t.Error("a picture has a gap behind the trouble")
		}
	}
	sounds := v.Frames("audio")
	rises(t, sounds)
	in := 0
	for _, f := range sounds {
		if n := int64(sounds[0].Data[1]) + int64(f.Timestamp-sounds[0].Timestamp)/1920; n > rested+12 && n <= rested+25 {
			in++
		}
	}
	if in < 10 {
		t.Errorf("%d sounds of 13 came through in the rest", in)
	}
	st, _ := r.server.Status("maria")
	t.Logf("%s; %d pictures of %d, %+v", network, len(got), e.n, st)
}

// Over TCP, who does not take what is sent for a while gets the rest from a key frame on.
func TestStoppedViewerOverTCP(t *testing.T) {
	r := newRig(t)
	proxy := mediatest.NewProxy(t, r.tcp)
	r.begin(video, sound)
	e := &encoder{rig: r, size: 40_000, keyEach: 25} // 1 MB a second
	r.write(video, 0, true, r.picture(true, 3000))
	e.n, e.began = 1, time.Now()
	v := peer.Play(t, r.url, true, peer.Options{Token: ticket, TCP: true, Via: proxy.Addr})
	e.until("the first pictures", func() bool { return len(v.Frames("video")) > 5 })
	proxy.Hold(true)
	held := time.Now()
	e.until("the writes to wait", func() bool {
		return r.stream.Counters("feed:whep:tsl").Lag > 2500*time.Millisecond || time.Since(held) > 4*time.Second
	})
	proxy.Hold(false)
	e.until("the viewer to catch up", func() bool {
		n := r.stream.Counters("feed:whep:tsl")
		return n.SkippedLate > 0 && n.Lag < 100*time.Millisecond
	})
	at := len(v.Frames("video"))
	e.until("pictures", func() bool { return len(v.Frames("video")) > at+10 })
	got := v.Frames("video")
	rises(t, got)
	jumps := 0
	for i, f := range got[1:] {
		if f.Gap {
			t.Errorf("picture %d: a packet is missing", i+1)
		}
		if f.Timestamp-got[i].Timestamp > 3600 {
			if jumps++; !isKey(f) {
				t.Errorf("the pictures go on with %x", f.Data[:8])
			}
		}
	}
	if jumps == 0 {
		t.Error("nothing was skipped")
	}
	proxy.Hold(true)
	e.until("the writes to wait", func() bool { return r.stream.Counters("feed:whep:tsl").Lag > 500*time.Millisecond })
	r.registry.SetContracts(nil)
	r.until("the viewer to be gone", func() bool { return r.stream.Snapshot().Readers == 0 && r.registry.Connections("tsl") == 0 })
}
