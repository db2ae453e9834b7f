package whip_test

import (
	"bytes"
	"testing"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

// What a publisher sends is relayed as it is, at its times.
func TestPublisherIsRelayed(t *testing.T) {
	for name, o := range map[string]peer.Options{
		"udp": {Token: key}, "tcp": {Token: key, TCP: true}, "without repairs": {Token: key, NoRepair: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			reader := r.stream.Subscribe("test", 0)
			defer reader.Close()
			p := peer.Publish(t, r.url, o, video, sound)
			var wrote []*media.Frame
			for i := range int64(30) {
				f := &media.Frame{Track: video, PTS: ms(40 * i), Key: i%15 == 0, Data: r.picture(i%15 == 0, 2500)}
				s := &media.Frame{Track: sound, PTS: ms(40*i + 10), Data: mediatest.Opus(byte(i))}
				p.Write(f)
				p.Write(s)
				wrote = append(wrote, f, s)
			}
			pictures, sounds := r.frames(reader, len(wrote))
			if len(pictures) != 30 || len(sounds) != 30 {
				t.Fatalf("got %d pictures and %d sounds", len(pictures), len(sounds))
			}
			for i, f := range pictures {
				want := wrote[2*i]
				if !bytes.Equal(f.Data, want.Data) || f.PTS != want.PTS || f.DTS != f.PTS || f.Key != want.Key {
					t.Errorf("picture %d: %d bytes at %v, key %t; want %d at %v, key %t", i, len(f.Data), f.PTS, f.Key, len(want.Data), want.PTS, want.Key)
				}
				if f.Track != pictures[0].Track || !bytes.Equal(f.Track.Config, video.Config) || f.Track.Format.Width != 32 {
					t.Fatalf("picture %d: track %+v", i, f.Track)
				}
			}
			for i, f := range sounds {
				want := wrote[2*i+1]
				off := f.PTS - sounds[0].PTS - ms(int64(40*i)) // it is moved by how it arrives, while there are no reports
				if !bytes.Equal(f.Data, want.Data) || off > ms(20) || off < -ms(20) {
					t.Errorf("sound %d: %x at %v, want %x at %v", i, f.Data, f.PTS, want.Data, want.PTS)
				}
			}
			if st, _ := r.gate.Status("maria"); st.State != ingest.Live || st.Publisher.Protocol != "whip" {
				t.Errorf("the gate says %v %+v", st.State, st.Publisher)
			}
			p.Delete()
			if st, _ := r.gate.Status("maria"); st.State != ingest.Idle {
				t.Errorf("behind DELETE the gate says %v", st.State)
			}
		})
	}
}

// A browser that leaves the page closes its connection, and says so in no order: the DELETE behind that ends the session all the same.
func TestDeleteBehindTheConnection(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key}, video, sound)
	p.Write(&media.Frame{Track: video, Key: true, Data: r.picture(true, 500)})
	p.Write(&media.Frame{Track: sound, Data: mediatest.Opus(1)}) // the picture waits for the sound that was announced
	r.frames(reader, 2)
	p.Close()
	r.until("a connection that is gone", func() bool {
		return p.Ask("PATCH", p.Location, "application/trickle-ice-sdpfrag", "", "If-Match", p.ETag).Status == 404
	})
	p.Delete()
	if st, _ := r.gate.Status("maria"); st.State != ingest.Idle {
		t.Errorf("behind DELETE the gate says %v", st.State)
	}
	if a := p.Ask("DELETE", p.Location, "", ""); a.Status != 404 {
		t.Errorf("DELETE again: got %d, want 404", a.Status)
	}
}
