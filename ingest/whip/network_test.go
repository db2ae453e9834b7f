package whip_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// What the network loses is asked for again. What cannot be had in time, on a busy machine, leaves no picture behind that refers to it:
// then it takes longer until a quarter of the pictures has come.
func TestLossIsRepaired(t *testing.T) {
	const pictures = 100
	for name, o := range map[string]peer.Options{"with RTX": {Token: key}, "on the same stream": {Token: key, NoRepair: true}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			network := mediatest.NewNetwork(t, r.udp, mediatest.Bad(1), mediatest.Bad(2))
			o.Via = network.Addr
			reader := r.stream.Subscribe("test", 0)
			defer reader.Close()
			l := &lossy{rig: r, publisher: peer.Publish(t, r.url, o, video, sound)}
			var got []*media.Frame
			for began := time.Now(); len(got) < pictures/4 || l.number(got[len(got)-1]) < pictures-1; got = append(got, l.come(reader)...) {
				if time.Sleep(time.Until(began.Add(time.Duration(len(l.wrote)) * 20 * time.Millisecond))); time.Since(began) > 20*time.Second {
					t.Fatalf("%d pictures came of %d", len(got), len(l.wrote))
				}
				l.write()
			}
			l.check(got)
			last := l.number(got[len(got)-1])
			st, _ := r.server.Status("maria")
			t.Logf("%s; %d pictures of %d; %+v", network, len(got), last+1, st)
			if network.Up.Lost() < 20 || st.Repaired < 20 || st.Asked < st.Repaired || st.Came < 5*pictures {
				t.Errorf("%d of %d pictures; %s; %+v", len(got), last+1, network, st)
			}
			if st.Trip < 50*time.Millisecond || st.Jitter < 3*time.Millisecond {
				t.Errorf("measured %+v", st)
			}
		})
	}
}

// lossy is a publisher over a bad network. Each picture has a size of its own.
type lossy struct {
	*rig
	publisher *peer.Publisher
	wrote     [][]byte
}

const least = 6000 // bytes of a picture

// write sends the next picture, a key frame where one is asked for, and sound.
func (l *lossy) write() {
	l.Helper()
	n := len(l.wrote)
	isKey := n == 0
	for len(l.publisher.Wishes(0)) > 0 {
		<-l.publisher.Wishes(0)
		isKey = true
	}
	f := &media.Frame{Track: video, PTS: ms(20 * int64(n)), Key: isKey, Data: l.picture(isKey, least+n)}
	l.publisher.Write(f)
	l.publisher.Write(&media.Frame{Track: sound, PTS: f.PTS, Data: mediatest.Opus(byte(n))})
	l.wrote = append(l.wrote, f.Data)
}

// come gives the pictures that have come.
func (l *lossy) come(reader *relay.Reader) (pictures []*media.Frame) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	frames, _, _ := reader.Next(ctx, nil, 1<<20)
	return slices.DeleteFunc(frames, func(f *media.Frame) bool { return !f.Track.Codec.IsVideo() })
}

// number says which picture it is.
func (l *lossy) number(f *media.Frame) int { return len(f.Data) - 4 - least }

// check looks whether pictures are as they were sent, at their times, and none refers to one that is not there.
func (l *lossy) check(got []*media.Frame) {
	l.Helper()
	for i, f := range got {
		n := l.number(f)
		if !bytes.Equal(f.Data, l.wrote[n]) {
			l.Errorf("picture %d is not as it was sent", n)
		}
		if i == 0 {
			continue
		}
		before := l.number(got[i-1])
		if f.PTS-got[i-1].PTS != ms(20*int64(n-before)) {
			l.Errorf("picture %d is at %v, picture %d at %v", n, f.PTS, before, got[i-1].PTS)
		}
		if n != before+1 && !f.Key {
			l.Errorf("picture %d follows picture %d", n, before)
		}
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
