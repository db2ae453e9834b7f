package whep

import (
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// A key frame that comes while a viewer is joining is one that she may start at: where the group before it is too large, she waits for what
// is newer than that, not for the key frame behind.
func TestKeyFrameWhileJoining(t *testing.T) {
	track := &media.Track{Codec: media.H264, ClockRate: 90000, Config: mediatest.SmallAVC}
	stream := (&relay.Hub{}).Stream("maria")
	pub, err := stream.Publish([]*media.Track{track})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.EndSession()
	write := func(at media.Time, key bool, size int) {
		t.Helper()
		if err := pub.WriteFrame(&media.Frame{Track: track, PTS: at, DTS: at, Key: key, Data: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range media.Time(15) {
		write(i*100*media.Millisecond, i == 0, 100_000)
	}
	sn := newSender(&session{server: &Server{}, name: "maria", stream: stream, feed: Feed{Output: "viewer", View: &overlay.View{}}, lanes: []*lane{{codec: media.H264}}})
	defer sn.reader.Close()
	write(1500*media.Millisecond, false, 100)
	write(1600*media.Millisecond, true, 100)
	write(1700*media.Millisecond, false, 100)
	frames, _, err := sn.reader.Next(t.Context(), nil, burstBytes)
	if err != nil {
		t.Fatal(err)
	}
	if sn.join(frames); !sn.waiting || sn.after >= 1600*media.Millisecond {
		t.Errorf("she waits (%v) for what is newer than %v, want 1.4s", sn.waiting, sn.after.Duration())
	}
}
