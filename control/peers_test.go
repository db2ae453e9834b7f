package control

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/outputs"
)

func TestPeersOf(t *testing.T) {
	var received ingest.Received
	received.Connect()
	received.Count(ingest.Packets{Came: 100, Lost: 2, Asked: 5, Repaired: 3})
	received.AskKey()
	received.Measure(4*time.Millisecond, 50*time.Millisecond)
	received.Apart(-time.Millisecond)
	received.Delay(40 * time.Millisecond)
	var one, two, three outputs.Viewed
	one.Connect()
	one.Return(100 * time.Millisecond)
	one.Shake(10 * time.Millisecond)
	one.Lose(0.25)
	one.Skip()
	one.Ask(true)
	one.Ask(false)
	two.Connect()
	two.Shake(30 * time.Millisecond) // the round trip is not known yet
	two.Lose(0.75)
	two.Estimate(8e6)
	two.LosePicture()
	two.WishKey()
	var left ingest.Reception
	left = left.Plus(received.Status().Past())
	publishing := func(stream string) (ingest.Reception, bool) {
		sum := left
		sum = sum.Plus(received.Status())
		return sum, stream == "maria"
	}
	watching := func(stream string) (outputs.Viewing, bool) {
		sum := one.Status()
		sum = sum.Plus(two.Status())
		sum = sum.Plus(three.Status())
		sum = sum.Plus(three.Status().Past()) // one that never came
		return sum, stream == "maria"
	}
	c := &Controller{Peers: Peers{Publishing: publishing, Watching: watching}}
	want := &PeersStatus{
		Publishers: &PublishersStatus{Connected: 1, Joined: 2, Packets: 200, Lost: 4, Asked: 10, Repaired: 6, KeyFrames: 2, TripSeconds: 0.05, DelaySeconds: 0.04, JitterSeconds: 0.004, ApartSeconds: -0.001},
		Viewers: &ViewersStatus{
			Opening: 1, Connected: 2, Joined: 2, Failed: 1, Asked: 1, Late: 1, Pictures: 1, KeyFrames: 1, Skips: 1,
			Trip: Spread{0.1, 0.1}, Loss: Spread{0.5, 0.75}, Jitter: Spread{0.02, 0.03}, Estimate: Spread{8e6, 8e6},
		},
	}
	if diff := cmp.Diff(want, c.peersOf("maria")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := c.peersOf("jo"); got != nil {
		t.Errorf("a stream without peers: %+v", got)
	}
	if got := (&Controller{}).peersOf("maria"); got != nil {
		t.Errorf("without WebRTC: %+v", got)
	}
}
