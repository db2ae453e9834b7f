package whep_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/overlay"
)

// A viewer of an encoder that cannot be asked starts at the newest key frame, and gets what came behind it, but no sound of then.
func TestJoinAtTheNewestKeyFrame(t *testing.T) {
	r := newRig(t)
	r.begin(video, sound)
	var wrote [][]byte
	for i := range int64(50) {
		r.write(video, 40*i, i%20 == 0, r.picture(i%20 == 0, 3000))
		r.write(sound, 40*i, false, mediatest.Opus(byte(i)))
		wrote = append(wrote, r.last)
	}
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("all behind the newest key frame", func() bool { return len(v.Frames("video")) == 10 })
	for i, f := range v.Frames("video") {
		if !bytes.HasSuffix(f.Data, wrote[40+i]) || f.Gap {
			t.Errorf("picture %d is another one", i)
		}
	}
	r.write(video, 2000, false, r.picture(false, 100))
	r.write(sound, 2000, false, mediatest.Opus(99))
	r.until("the newest", func() bool {
		sounds := v.Frames("audio")
		return len(v.Frames("video")) == 11 && len(sounds) > 0 && sounds[len(sounds)-1].Data[1] == 99
	})
	if sounds := v.Frames("audio"); len(sounds) > 2 || sounds[len(sounds)-1].Data[1] != 99 {
		t.Errorf("%d sounds came", len(sounds))
	}
}

// Where the newest group is larger than what a viewer can catch up with, she waits for the next key frame.
func TestJoinAtTheNextKeyFrame(t *testing.T) {
	r := newRig(t)
	r.begin(video)
	for i := range int64(15) {
		r.write(video, 100*i, i == 0, r.picture(i == 0, 100_000))
	}
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the viewer", func() bool { return r.stream.Snapshot().Readers == 1 })
	r.write(video, 1500, false, r.picture(false, 100))
	r.write(video, 1600, true, r.picture(true, 200))
	r.write(video, 1700, false, r.picture(false, 300))
	r.until("two pictures", func() bool { return len(v.Frames("video")) == 2 })
	if got := v.Frames("video"); len(got[1].Data) != 304 || got[0].Gap {
		t.Errorf("they have %d and %d bytes", len(got[0].Data), len(got[1].Data))
	}
}

// A viewer of a publisher who can be asked starts at a key frame that is asked for.
func TestJoinAtAKeyFrameForTheAsking(t *testing.T) {
	r := newRig(t)
	r.begin(video)
	wishes := r.pub.KeyWanted()
	for i := range int64(20) {
		r.write(video, 40*i, i == 0, r.picture(i == 0, 500))
	}
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	select {
	case <-wishes:
	case <-time.After(10 * time.Second):
		t.Fatal("no key frame was asked for")
	}
	r.write(video, 800, false, r.picture(false, 100))
	r.write(video, 840, true, r.picture(true, 200))
	r.until("a picture", func() bool { return len(v.Frames("video")) == 1 })
	if got := v.Frames("video"); !bytes.HasSuffix(got[0].Data, r.last) {
		t.Errorf("it has %d bytes", len(got[0].Data))
	}
	// A second viewer, soon behind it, needs none of her own.
	two := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("a picture", func() bool { return len(two.Frames("video")) == 1 })
	if len(wishes) > 0 {
		t.Error("another key frame was asked for")
	}
	if one, other := v.Frames("video")[0].Timestamp, two.Frames("video")[0].Timestamp; one != other {
		t.Errorf("the viewers have other timestamps: %d and %d", one, other)
	}
}

// Who joins gets the state that holds, each new one once, and who asks for none gets none beside the pictures.
func TestStates(t *testing.T) {
	r := live(t)
	r.write(cards, 40, true, r.state(1, 40))
	r.write(video, 40, true, r.picture(true, 500))
	v, without := peer.Play(t, r.url, true, peer.Options{Token: ticket}), peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the state that holds", func() bool { return len(v.Messages()) == 1 && len(without.Frames("video")) > 0 })
	for i := range int64(8) {
		at := 80 + 40*i
		r.write(cards, at, true, r.state(1+i/2, 40+80*(i/2)))
		r.write(video, at, true, r.picture(true, 500))
	}
	r.until("all states", func() bool { return len(v.Messages()) == 4 && len(v.Frames("video")) >= 9 })
	base := v.Frames("video")[0].Timestamp - 3600 // of media time 0: it began with the picture at 40 ms
	for i, text := range v.Messages() {
		m, err := overlay.ParseMessage([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var own struct{ RTP *uint32 }
		if err := json.Unmarshal([]byte(text), &own); err != nil || own.RTP == nil {
			t.Fatalf("%v: %s", err, text)
		}
		if m.Seq != int64(i+1) || *own.RTP-base != uint32(m.At) || m.Show[0].Product.Price.Currency != "USD" {
			t.Errorf("state %d: %s; timestamp of media time 0 is %d", i, text, base)
		}
	}
	if n := len(without.Messages()); n != 0 {
		t.Errorf("%d states came to who asked for none", n)
	}
	got := r.carried.Status()
	if got.Channel.States != 4 || got.Channel.Repeats != 0 || got.SEI.States < 4 || got.SEI.Repeats == 0 || got.Seq != 4 {
		t.Errorf("counted %+v", got)
	}
}

// A viewer who opens channel upon channel is sent away.
func TestChannelsAreBounded(t *testing.T) {
	r := live(t)
	v := peer.Play(t, r.url, true, peer.Options{Token: ticket})
	r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
	for range 8 {
		if _, err := v.PC.CreateDataChannel("more", nil); err != nil {
			break
		}
	}
	r.until("the viewer to be gone", func() bool { return r.stream.Snapshot().Readers == 0 })
}

// Viewers come and go, and leave nothing behind; the rig counts goroutines.
func TestManyComeAndGo(t *testing.T) {
	r := live(t)
	r.contract.MaxConnections = 0
	r.setContract()
	for range 15 {
		one, two := peer.Play(t, r.url, true, peer.Options{Token: ticket}), peer.NewPlayer(t, false, peer.Options{Token: ticket})
		two.Begin(r.url)
		one.Delete()
		two.Delete()
		one.Close()
		two.Close()
	}
	r.until("all to be gone", func() bool { return r.stream.Snapshot().Readers == 0 && r.registry.Connections("tsl") == 0 })
	if st, _ := r.server.Status("maria"); st.Opening+st.Connected != 0 || st.Joined < 15 {
		t.Errorf("got %+v", st)
	}
}
