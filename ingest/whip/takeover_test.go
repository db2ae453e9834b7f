package whip_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

// onAir lets an encoder over RTMP publish maria until the test ends: a picture each 20 ms.
func (r *rig) onAir() *ingest.Publication {
	r.Helper()
	pub, err := r.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp"})
	if err != nil {
		r.Fatal(err)
	}
	pub.SetTracks([]*media.Track{video})
	began := time.Now()
	write := func(isKey bool) error {
		at := media.Time(time.Since(began))
		return pub.WriteFrame(&media.Frame{Track: video, PTS: at, DTS: at, Key: isKey, Data: []byte{0, 0, 0, 1, 0x41}})
	}
	if err := write(true); err != nil {
		r.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			_ = write(n%50 == 0) // the stream may be lost
		}
	})
	r.Cleanup(func() {
		close(stop)
		all.Wait()
		pub.Close(true)
	})
	return pub
}

// awaitWaiting waits until a publisher over WHIP was let in, and waits for the stream.
func (r *rig) awaitWaiting(p *peer.Publisher) {
	r.Helper()
	p.Await(webrtc.PeerConnectionStateConnected)
	r.until("the publisher to be let in", func() bool {
		st, _ := r.server.Status("maria")
		return st.Connected == 1
	})
}

func (r *rig) wantPublishing(protocol string) {
	r.Helper()
	if st, _ := r.gate.Status("maria"); st.Publisher.Protocol != protocol || st.State != ingest.Live {
		r.Errorf("%s is publishing, %v; want %s, live", st.Publisher.Protocol, st.State, protocol)
	}
}

// A browser that takes long for its first key frame leaves no hole: it is asked for one, and the encoder before is relayed meanwhile.
func TestTakeoverAtTheKeyFrame(t *testing.T) {
	r := newRig(t)
	before := r.onAir()
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key}, video)
	r.awaitWaiting(p)
	at := int64(0)
	send := func(isKey bool) {
		p.Write(&media.Frame{Track: video, PTS: ms(at), Key: isKey, Data: r.picture(isKey, 1000)})
		at += 40
	}
	send(false)
	for range 3 { // again and again
		select {
		case <-p.Wishes(0):
		case <-time.After(10 * time.Second):
			t.Fatal("no key frame was asked for")
		}
		send(false)
	}
	r.wantPublishing("rtmp")
	if err := before.Reason(); err != nil {
		t.Errorf("the encoder before was told %v", err)
	}
	if st, _ := r.server.Status("maria"); st.Jitter != 0 || st.Trip != 0 || st.Delay != 0 || st.Apart != 0 {
		t.Errorf("who does not have the stream is measured: %+v", st)
	}
	send(true)
	<-before.Done()
	if err := before.Reason(); !errors.Is(err, ingest.ErrFenced) {
		t.Errorf("the encoder before was told %v", err)
	}
	r.wantPublishing("whip")
	var last *media.Frame
	for last == nil || last.Track.ID != video.ID || len(last.Data) < 1000 {
		got, _ := r.frames(reader, 1)
		for _, f := range got {
			if last != nil && (f.DTS <= last.DTS || f.DTS-last.DTS > ms(1000)) {
				t.Fatalf("from %v to %v", last.DTS, f.DTS)
			}
			last = f
		}
	}
	if !last.Key {
		t.Error("the new one does not begin with its key frame")
	}
	if st, _ := r.gate.Status("maria"); st.Counters.Takeovers != 1 || st.Counters.FailedTakeovers != 0 || st.Counters.Sessions != 1 {
		t.Errorf("got %+v", st.Counters)
	}
}

// One that leaves, or is displaced by a third, before its key frame takes nothing from the encoder that is there.
func TestTakeoverThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(r *rig, p *peer.Publisher)
		gone bool // closed by the server
	}{
		"DELETE": {func(_ *rig, p *peer.Publisher) { p.Delete() }, true},
		"lost":   {func(_ *rig, p *peer.Publisher) { p.Close() }, false},
		"another one": {func(r *rig, p *peer.Publisher) {
			third, err := r.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmps"})
			if err != nil {
				r.Fatal(err)
			}
			r.Cleanup(func() { third.Close(true) })
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			before := r.onAir()
			p := peer.Publish(t, r.url, peer.Options{Token: key}, video)
			r.awaitWaiting(p)
			tt.end(r, p)
			if tt.gone {
				p.Await(webrtc.PeerConnectionStateClosed)
			}
			r.until("the takeover to fail", func() bool {
				st, _ := r.gate.Status("maria")
				return st.Counters.FailedTakeovers == 1 && st.Counters.Takeovers == 0
			})
			if err := before.Reason(); err != nil {
				t.Errorf("the encoder before was told %v", err)
			}
			r.wantPublishing("rtmp")
		})
	}
}

// Where the encoder before ends, who waited has the stream.
func TestTakeoverFromOneThatEnds(t *testing.T) {
	r := newRig(t)
	before := r.onAir()
	p := peer.Publish(t, r.url, peer.Options{Token: key}, video)
	r.awaitWaiting(p)
	before.Close(true)
	r.wantPublishing("whip")
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	frames := r.stream.Snapshot().Newest
	p.Write(&media.Frame{Track: video, Key: true, Data: r.picture(true, 1000)})
	r.until("its key frame", func() bool { return r.stream.Snapshot().Newest > frames })
	if st, _ := r.gate.Status("maria"); st.Counters.Sessions != 1 || st.Counters.Takeovers != 0 || st.Counters.FailedTakeovers != 0 {
		t.Errorf("got %+v", st.Counters)
	}
}

// An encoder over RTMP takes over from a browser at its first key frame too, and the browser is told by the end of its connection.
func TestTakeoverFromWHIP(t *testing.T) {
	r := newRig(t)
	p, reader := r.publishing()
	pub, err := r.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close(true)
	if !pub.Waits() {
		t.Error("it has the stream before its key frame")
	}
	p.Write(&media.Frame{Track: video, PTS: ms(40), Data: r.picture(false, 1000)})
	r.frames(reader, 1)
	r.wantPublishing("whip")
	if err := pub.WriteFrame(&media.Frame{Track: video, Key: true, Data: []byte{0, 0, 0, 1, 0x65}}); err != nil {
		t.Fatal(err)
	}
	r.wantPublishing("rtmp")
	p.Await(webrtc.PeerConnectionStateClosed)
}
