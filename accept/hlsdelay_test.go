//go:build linux

package accept_test

import (
	"fmt"
	"hash/maphash"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/wire/rtp"
	"github.com/simulcart/simulcart/wire/rtsp"
)

// The goals: what a frame may take through simulcart to one of 50 players, and how far behind the live edge hls.js may be with parts
// of 200 ms.
const (
	feedDelayGoal = 20 * time.Millisecond
	liveEdgeGoal  = 3*200*time.Millisecond + 200*time.Millisecond
)

// TestHLSDelay measures how far behind the live edge hls.js plays with low latency, and how soon a viewer who joins sees a picture.
func TestHLSDelay(t *testing.T) {
	realPeers(t)
	span := pick(t, 9, 40)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{partners: fmt.Sprintf("hls: {segment: 2s, part: 200ms, origins: [%q]}\n", page.Origin)}
	g.start(t, s)
	clip := mediatest.Counted{Pictures: (3*span + 40) * 30, Rate: 30, BFrames: true}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	variants(t, g.hlsURL(s, "")) // so that there are segments
	gop := time.Duration(clip.Second()) * time.Second / 30
	for _, name := range []string{"first", "second"}[:pick(t, 1, 2)] {
		r := page.Play(t, browser.Wish{Address: g.hlsURL(s, ""), Seconds: span, LowLatency: true, Chases: true}).Report(t)
		var behind []time.Duration
		for _, l := range r.Latency {
			if l.At > r.First+2500 { // hls.js has found its rhythm
				behind = append(behind, time.Duration(l.Latency*float64(time.Second)))
			}
		}
		if len(behind) < 10 {
			t.Fatalf("%s viewer: %d samples, errors %+v", name, len(behind), r.Errors)
		}
		timeFigure(t, "hls_live_edge_"+name+"_p50", quantile(behind, 0.5), liveEdgeGoal)
		if late := quantile(behind, 0.95); full(t) {
			timeFigure(t, "hls_live_edge_"+name+"_p95", late, liveEdgeGoal)
		} else { // of so few samples: one stop of a busy machine is all of them
			figure(t, "hls_live_edge_"+name+"_p95", late.Seconds()*1000, "ms")
		}
		timeFigure(t, "hls_join_"+name, time.Duration(r.First*float64(time.Millisecond)), gop)
		t.Logf("%s viewer: target latency %.3f s, %d stalls, jumps %.2f", name, r.Latency[len(r.Latency)-1].Target, len(r.Stalls), r.Jumps)
	}
	joins := make([]time.Duration, 0, 20)
	for range cap(joins) {
		joins = append(joins, firstPart(t, g.hlsURL(s, "")))
		time.Sleep(130 * time.Millisecond)
	}
	timeFigure(t, "hls_join_bytes_p95", quantile(joins, 0.95), gop)
}

// firstPart gives how long a player without a decoder takes from nothing to a part that begins with a key frame.
func firstPart(t *testing.T, index string) time.Duration {
	t.Helper()
	begin := time.Now()
	p := newSipper(t, index)
	list := p.list(t)
	for _, s := range slices.Backward(append(slices.Clip(list.Segments), list.Open)) {
		for _, part := range slices.Backward(s.Parts) {
			if part.Independent {
				p.get(t, s.Map)
				p.get(t, part.URI)
				return time.Since(begin)
			}
		}
	}
	t.Fatal("no part begins with a key frame")
	return 0
}

// TestFeedDelay measures how long frames take from the publisher's write to the reads of 50 players, over RTMP and over RTSP.
func TestFeedDelay(t *testing.T) {
	realPeers(t)
	const players = 50
	tags := mediatest.Published(t, mediatest.Media(t, mediatest.Clip{Seconds: pick(t, 6, 20), KBits: 1000, BFrames: 3}))
	for name, pull := range map[string]func(*testing.T, *gateway, stream, *arrivals){"rtmp": arriveRTMP, "rtsp": arriveRTSP} {
		t.Run(name, func(t *testing.T) {
			s := stream{id: "maria", public: true}
			addr := mediatest.FreeAddrs(t, 1)[0]
			g := &gateway{partners: fmt.Sprintf("rtsp: {listen: %q}\n", addr), rtsp: addr}
			g.start(t, s)
			c, _ := mediatest.Publisher(t, g.rtmp, s.key())
			a := &arrivals{sent: make(map[uint64]time.Time), seed: maphash.MakeSeed()}
			done := make(chan struct{})
			go func() {
				defer close(done)
				a.feed(t, c, tags)
			}()
			g.awaitState(t, s, "live")
			for range players {
				pull(t, g, s, a)
			}
			<-done
			time.Sleep(500 * time.Millisecond)
			a.mu.Lock()
			defer a.mu.Unlock()
			if len(a.took) < players*30 {
				t.Fatalf("%d arrivals at %d players", len(a.took), players)
			}
			figure(t, name+"_delay_50_players_p50", quantile(a.took, 0.5).Seconds()*1000, fmt.Sprintf("ms, of %d frames at %d players", len(a.took), players))
			timeFigure(t, name+"_delay_50_players_p99", quantile(a.took, 0.99), feedDelayGoal)
		})
	}
}

// arrivals matches what players got with when it was sent. Pictures are known by their bytes, or by their media time in ms.
type arrivals struct {
	seed maphash.Seed

	mu   sync.Mutex
	sent map[uint64]time.Time
	took []time.Duration
}

func (a *arrivals) hash(b []byte) uint64 { return maphash.Bytes(a.seed, b) | 1<<63 }

// feed sends tags at their time, and notes when each picture was written.
func (a *arrivals) feed(t *testing.T, c *mediatest.Client, tags []mediatest.Tag) {
	begin, first := time.Now(), int64(-1)
	for _, g := range tags {
		time.Sleep(time.Until(begin.Add(time.Duration(g.Time) * time.Millisecond)))
		if g.Type == mediatest.VideoTag && g.Coded() {
			if first < 0 {
				first = g.PTS()
			}
			a.mu.Lock()
			a.sent[a.hash(g.Body)] = time.Now()
			a.sent[uint64(g.PTS()-first)] = time.Now()
			a.mu.Unlock()
		}
		if err := c.Send(1, g); err != nil {
			t.Errorf("publish: %v", err)
			return
		}
	}
}

// arrived takes a picture. What waited for the player, since it joined in the middle of a group, is left out.
func (a *arrivals) arrived(key uint64, at, joined time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if sent, known := a.sent[key]; known && sent.After(joined) {
		a.took = append(a.took, at.Sub(sent))
	}
}

func arriveRTMP(t *testing.T, g *gateway, s stream, a *arrivals) {
	joined := time.Now().Add(time.Second)
	mediatest.StartPlay(t, g.rtmp, s.id, func(tag mediatest.Tag, at time.Time) {
		if tag.Type == mediatest.VideoTag && tag.Coded() {
			a.arrived(a.hash(tag.Body), at, joined)
		}
	})
}

// arriveRTSP takes a picture when its last packet is there.
func arriveRTSP(t *testing.T, g *gateway, s stream, a *arrivals) {
	joined := time.Now().Add(time.Second)
	c, _, info := play(t, g.rtsp, "rtsp://"+g.rtsp+"/"+s.id)
	clock := rtp.Timeline{Rate: 90_000, Base: info[0].Timestamp}
	go func() {
		for {
			f, err := c.Read()
			if err != nil {
				return
			}
			at := time.Now()
			if f.Channel != 0 {
				continue
			}
			if p, err := rtp.ParsePacket(f.Data); err == nil && p.Marker {
				a.arrived(uint64(clock.Time(p.Timestamp).Ticks(1000)), at, joined)
			}
		}
	}()
}

// play sets all tracks of a stream up over RTSP and plays.
func play(t testing.TB, addr, address string) (*rtsp.Client, []rtsp.Media, []rtsp.TrackInfo) {
	t.Helper()
	u, err := rtsp.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	c := rtsp.NewClient(nc, u)
	d, err := c.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range d.Medias {
		if _, err := c.Setup(i, m); err != nil {
			t.Fatal(err)
		}
	}
	info, err := c.Play()
	if err != nil || len(info) != len(d.Medias) {
		t.Fatalf("play: %v, %v", info, err)
	}
	return c, d.Medias, info
}
