package whip_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

// bad is a network that loses one datagram in 20, and lets others overtake each other.
func bad(seed uint64) mediatest.Trouble {
	return mediatest.Trouble{Loss: 0.05, Delay: 25 * time.Millisecond, Jitter: 30 * time.Millisecond, Double: 0.01, Seed: seed}
}

// What the network loses is asked for again, and each picture is relayed.
func TestLossIsRepaired(t *testing.T) {
	const pictures = 100
	for name, o := range map[string]peer.Options{"with RTX": {Token: key}, "on the same stream": {Token: key, NoRepair: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			network := mediatest.NewNetwork(t, r.udp, bad(1), bad(2))
			o.Via = network.Addr
			reader := r.stream.Subscribe("test", 0)
			defer reader.Close()
			p := peer.Publish(t, r.url, o, video, sound)
			wrote := map[media.Time][]byte{}
			began := time.Now()
			for i := range int64(pictures) {
				time.Sleep(time.Until(began.Add(time.Duration(i) * 20 * time.Millisecond)))
				isKey := i == 0 || len(p.Wishes(0)) > 0
				for len(p.Wishes(0)) > 0 {
					<-p.Wishes(0)
				}
				f := &media.Frame{Track: video, PTS: ms(20 * i), Key: isKey, Data: r.picture(isKey, 6000)}
				p.Write(f)
				p.Write(&media.Frame{Track: sound, PTS: ms(20 * i), Data: opus(byte(i))})
				wrote[f.PTS] = f.Data
			}
			for i := range int64(5) { // so that nothing is lost at the very end
				p.Write(&media.Frame{Track: video, PTS: ms(20 * (pictures + i)), Data: r.picture(false, 100)})
			}
			var got []*media.Frame
			for end := -1; end < 0; {
				more, _ := r.frames(reader, 1)
				got = append(got, more...)
				if end = slices.IndexFunc(got, func(f *media.Frame) bool { return bytes.Equal(f.Data, wrote[ms(20*(pictures-1))]) }); end >= 0 {
					got = got[:end+1]
				}
			}
			begin := ms(20*(pictures-1)) - got[len(got)-1].PTS // the first key frame may have been lost
			for i, f := range got {
				if !bytes.Equal(f.Data, wrote[f.PTS+begin]) {
					t.Errorf("picture %d at %v is not as it was sent", i, f.PTS)
				}
			}
			st, _ := r.server.Status("maria")
			t.Logf("%s; %d pictures; %d packets repaired, %d lost; %v there and back, jitter %v", network, len(got), st.Repaired, st.Lost, st.Trip, st.Jitter)
			if len(got) < pictures-20 || got[len(got)-1].PTS != ms(20*int64(len(got)-1)) || network.Up.Lost() < 20 || st.Repaired < 20 || st.Asked < st.Repaired || st.Came < 5*pictures {
				t.Errorf("%d of %d pictures, the last at %v; %s; %d repaired", len(got), pictures, got[len(got)-1].PTS, network, st.Repaired)
			}
			if st.Trip < 50*time.Millisecond || st.Trip > 400*time.Millisecond || st.Jitter < 3*time.Millisecond {
				t.Errorf("measured %+v", st)
			}
		})
	}
}

// Behind a picture that is lost for good nothing is relayed before the next key frame, which is asked for.
func TestLostPicture(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key, NoNACK: true}, video)
	send := func(i int64, isKey bool) {
		p.Write(&media.Frame{Track: video, PTS: ms(40 * i), Key: isKey, Data: r.picture(isKey, 3000)})
	}
	send(0, true)
	send(1, false)
	if got, _ := r.frames(reader, 2); len(got) != 2 {
		t.Fatalf("got %d pictures", len(got))
	}
	for len(p.Wishes(0)) > 0 {
		<-p.Wishes(0)
	}
	p.Lose(0, 1)
	for i := range int64(3) {
		send(2+i, false)
	}
	select {
	case <-p.Wishes(0):
	case <-time.After(10 * time.Second):
		t.Fatal("no key frame was asked for")
	}
	send(5, false)
	send(6, true)
	send(7, false)
	got, _ := r.frames(reader, 2)
	if len(got) != 2 || got[0].PTS != ms(240) || !got[0].Key || got[1].PTS != ms(280) {
		t.Errorf("got %d pictures from %v on", len(got), got[0].PTS)
	}
	st, _ := r.gate.Status("maria")
	if n := st.Counters.Drops()["loss"]; n != 3 { // that with the hole is never put together
		t.Errorf("%d pictures were dropped", n)
	}
}
