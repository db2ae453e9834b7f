package whep_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
)

// A viewer gets again what her network loses.
func TestLossIsRepaired(t *testing.T) {
	const pictures = 100
	for name, o := range map[string]peer.Options{"with RTX": {Token: ticket}, "on the same stream": {Token: ticket, NoRepair: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			network := mediatest.NewNetwork(t, r.udp, mediatest.Bad(1), mediatest.Bad(2))
			r.begin(video, sound)
			r.write(video, 0, true, r.picture(true, 6000))
			o.Via = network.Addr
			v := peer.Play(t, r.url, true, o)
			began := time.Now()
			for i := range int64(pictures) {
				time.Sleep(time.Until(began.Add(time.Duration(i) * 20 * time.Millisecond)))
				r.write(video, 20*i+20, i == 0, r.picture(i == 0, 6000))
				r.write(sound, 20*i+30, false, mediatest.Opus(byte(i)))
			}
			last := r.last
			for i := range int64(5) { // so that nothing is lost at the very end
				r.write(video, 20*(pictures+i)+20, false, r.picture(false, 100))
			}
			r.until("the last picture", func() bool {
				frames := v.Frames("video")
				return slices.ContainsFunc(frames, func(f peer.Got) bool { return bytes.Equal(f.Data, last) })
			})
			r.until("a share of losses", func() bool { st, _ := r.server.Status("maria"); return st.Loss.Count > 0 })
			got := v.Frames("video")
			gaps := 0
			for i, f := range got {
				if f.Gap {
					gaps++
				}
				if i > 0 && int32(f.Timestamp-got[i-1].Timestamp) <= 0 {
					t.Errorf("picture %d goes back", i)
				}
			}
			st, _ := r.server.Status("maria")
			t.Logf("%s; %d pictures, %d gaps; sent again %d, too late %d; %d ms there and back, loss %.2f", network, len(got), gaps, st.Asked, st.Late,
				int(1000*st.RTT.Most), st.Loss.Most)
			if len(got) < pictures-5 || gaps > network.Down.Lost()/10 || network.Down.Lost() < 20 || st.Asked < 20 {
				t.Errorf("%d of %d pictures, %d gaps; %s; %d sent again", len(got), pictures+1, gaps, network, st.Asked)
			}
			if rtt := st.RTT.Most; rtt < 0.05 || rtt > 5 || st.Loss.Count == 0 || st.Jitter.Most < 0.005 {
				t.Errorf("measured %+v", st)
			}
		})
	}
}

// A viewer who cannot follow asks for a key frame, and gets what the publisher can give.
func TestLostPicture(t *testing.T) {
	r := live(t)
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
	v.LosePicture()
	r.until("the complaint", func() bool { st, _ := r.server.Status("maria"); return st.Pictures == 1 })
	if st, _ := r.server.Status("maria"); st.KeyFrames != 0 {
		t.Error("a publisher that listens to nobody was asked")
	}
	wanted := r.pub.KeyWanted()
	<-wanted // the wish of before
	v.LosePicture()
	select {
	case <-wanted:
	case <-time.After(10 * time.Second):
		t.Error("no key frame was asked for")
	}
}
