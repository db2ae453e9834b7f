package whep_test

import (
	"bytes"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// What the stream has reaches a viewer as it is, at its times.
func TestViewerGetsTheFrames(t *testing.T) {
	for name, o := range map[string]peer.Options{
		"udp": {Token: ticket}, "tcp": {Token: ticket, TCP: true}, "without repairs": {Token: ticket, NoRepair: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.begin(video, sound)
			r.write(video, 0, true, r.picture(true, 3000))
			v := peer.Play(t, r.url, true, o)
			r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
			var pictures, sounds [][]byte
			for i := range int64(30) {
				if i == 10 {
					r.write(cards, 40*i+40, false, r.state(1, 40*i+40))
				}
				pictures = append(pictures, r.picture(i == 15, 2500))
				r.write(video, 40*i+40, i == 15, pictures[i])
				sounds = append(sounds, mediatest.Opus(byte(i)))
				r.write(sound, 40*i+50, false, sounds[i])
			}
			r.until("frames", func() bool { return len(v.Frames("video")) == 31 && len(v.Frames("audio")) == 30 })
			got := v.Frames("video")
			for i, f := range got[1:] {
				if want := got[0].Timestamp + uint32(3600*(i+1)); f.Timestamp != want || f.Gap {
					t.Errorf("picture %d: timestamp %d, want %d; gap %t", i, f.Timestamp, want, f.Gap)
				}
				if i != 10 && i != 15 && !bytes.Equal(f.Data, pictures[i]) {
					t.Errorf("picture %d differs", i)
				}
				if !bytes.HasSuffix(f.Data, pictures[i]) {
					t.Errorf("picture %d is not at the end", i)
				}
			}
			for i, f := range v.Frames("audio") {
				if want := got[0].Timestamp + uint32(1920*i+2400); !bytes.Equal(f.Data, sounds[i]) || f.Timestamp-v.Frames("audio")[0].Timestamp != uint32(1920*i) {
					t.Errorf("sound %d: %x at %d, want %x at %d", i, f.Data, f.Timestamp, sounds[i], want)
				}
			}
			r.until("the state", func() bool { return len(v.Messages()) == 1 })
			m, err := overlay.ParseMessage([]byte(v.Messages()[0]))
			if err != nil || m.Seq != 1 || m.At != 440*90 {
				t.Errorf("got %+v, %v", m, err)
			}
			if faults := v.Faults(); len(faults) > 0 {
				t.Error(faults)
			}
			v.Delete()
			r.until("the viewer to be gone", func() bool { return r.stream.Snapshot().Readers == 0 })
		})
	}
}

// A viewer who gets pictures as they are is sent away when they turn out to be shown in another order than they are decoded in: no
// timestamp goes back, and asked anew there is a rendition for her.
func TestReorderedPictures(t *testing.T) {
	r := newRig(t)
	r.begin(video)
	r.write(video, 0, true, r.picture(true, 500))
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
	for _, at := range []struct{ dts, pts int64 }{{40, 120}, {80, 80}} {
		if err := r.pub.WriteFrame(&media.Frame{Track: video, DTS: ms(at.dts), PTS: ms(at.pts), Data: r.picture(false, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	v.Await(webrtc.PeerConnectionStateClosed)
	rises(t, v.Frames("video"))
}
