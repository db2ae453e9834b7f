//go:build linux

package accept_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/overlay"
)

// The goals: how soon behind its first picture a browser is at the live edge, though it began with an older key frame, and how old a
// picture is when a browser has decoded it.
const (
	edgeWithin    = 500 * time.Millisecond
	whepDelayGoal = 250 * time.Millisecond
)

// withWebRTC gives the section of WebRTC on free ports.
func withWebRTC(t testing.TB) string {
	t.Helper()
	_, port, err := net.SplitHostPort(mediatest.FreeAddrs(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("webrtc: {udp: \":%s\", tcp: \":%s\"}\n", port, port)
}

// awaitMedia waits until a stream can be watched by WHEP, which is soon behind its being live.
func (g *gateway) awaitMedia(t testing.TB, s stream) {
	t.Helper()
	at := "http://" + g.http + "/whep/" + s.id
	offer := peer.NewPlayer(t, true, peer.Options{}).Offer()
	mediatest.Within(t, patience, "a stream with media", func() bool {
		a := peer.Ask(t, http.MethodPost, at, "application/sdp", offer)
		if a.Status == http.StatusCreated {
			peer.Ask(t, http.MethodDelete, "http://"+g.http+a.Header.Get("Location"), "", "")
		}
		return a.Status == http.StatusCreated
	})
}

// joined checks that a browser was let in, and that nothing went wrong in it.
func joined(t *testing.T, r *browser.PeerReport) {
	t.Helper()
	if len(r.Wrong) > 0 || r.Status != 201 || r.Connected < 0 || r.Deleted != 200 {
		t.Fatalf("POST %d, connected %.0f, DELETE %d: %v %v\n%s", r.Status, r.Connected, r.Deleted, r.Wrong, r.Console, r.Answer)
	}
}

// watched checks what a browser saw, and prints its figures. Pictures that could not be read are those that were cut short at the end.
func watched(t *testing.T, name string, r *browser.PeerReport) {
	t.Helper()
	joined(t, r)
	figure(t, name+"_first_picture", r.First, fmt.Sprintf("ms, connected at %.0f ms", r.Connected))
	figure(t, name+"_decoded", r.Count("video", "framesDecoded"), fmt.Sprintf("pictures: %.0f PLI, %.0f NACK, %.0f lost, %.0f freezes", r.Count("video", "pliCount"),
		r.Count("video", "nackCount"), r.Count("video", "packetsLost"), r.Count("video", "freezeCount")))
	if r.Count("video", "packetsLost") > 0 || r.Count("video", "pliCount") > 0 {
		t.Errorf("the browser lost something on this machine: %v", r.Stats["video"])
	}
	back, unread := 0, 0
	for i, p := range r.Pictures {
		if p.Number < 0 {
			unread++
		} else if i > 0 && (int32(p.RTP-r.Pictures[i-1].RTP) <= 0 || p.Number <= r.Pictures[i-1].Number) {
			back++
		}
	}
	if len(r.Pictures) < 30 || back > 0 || unread > 0 {
		t.Errorf("%d pictures, %d go back, %d cannot be read", len(r.Pictures), back, unread)
	}
}

// TestWHEP lets Chromium watch what ffmpeg publishes over RTMP, with overlay states: AAC becomes Opus on the way, and pictures lose their
// reordering.
func TestWHEP(t *testing.T) {
	realPeers(t)
	t.Run("in order", func(t *testing.T) { watchRTMP(t, "whep", false) })
	t.Run("reordered", func(t *testing.T) { watchRTMP(t, "whep_reordered", true) })
	t.Run("delay", watchStamped)
}

// watchStamped measures how long pictures take from the publisher's write over RTMP to a browser that has decoded them, by the clock of
// this machine.
func watchStamped(t *testing.T) {
	seconds := pick(t, 4, 60)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	c, _ := mediatest.Publisher(t, g.rtmp, s.key())
	tags := mediatest.Published(t, mediatest.Counted{Pictures: (seconds + 20) * 30, Rate: 30}.File(t))
	watched := make(chan struct{})
	sent := make(chan map[int]time.Time, 1)
	go func() { sent <- sendStamped(t, c, tags, watched) }()
	defer c.Close()
	g.awaitState(t, s, "live")
	r := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whep/maria", Seconds: seconds}).Report(t)
	close(watched)
	wall := <-sent
	joined(t, r)
	var delays []time.Duration
	for _, p := range r.Pictures {
		if at, known := wall[p.Number]; known && p.At > r.First+float64(edgeWithin/time.Millisecond) {
			delays = append(delays, time.Duration((p.Wall-float64(at.UnixMicro())/1000)*float64(time.Millisecond)))
		}
	}
	if len(delays) < seconds*15 {
		t.Fatalf("%d pictures of %d s", len(delays), seconds)
	}
	timeFigure(t, "whep_delay_p50", quantile(delays, 0.5), whepDelayGoal)
	figure(t, "whep_delay_p95", quantile(delays, 0.95).Seconds()*1000, fmt.Sprintf("ms, of %d pictures", len(delays)))
}

// sendStamped sends tags at their time until stop is closed, and gives when each picture was written, by its place.
func sendStamped(t *testing.T, c *mediatest.Client, tags []mediatest.Tag, stop <-chan struct{}) map[int]time.Time {
	wall := make(map[int]time.Time)
	begin := time.Now()
	for _, g := range tags {
		select {
		case <-stop:
			return wall
		case <-time.After(time.Until(begin.Add(time.Duration(g.Time) * time.Millisecond))):
		}
		if g.Type == mediatest.VideoTag && g.Coded() {
			wall[len(wall)] = time.Now()
		}
		if err := c.Send(1, g); err != nil {
			t.Errorf("send a tag: %v", err)
			return wall
		}
	}
	return wall
}

func watchRTMP(t *testing.T, name string, reordered bool) {
	seconds := pick(t, 4, 60)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: withWebRTC(t)}
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: (seconds + 10) * 30, Rate: 30, BFrames: reordered, Group: 120}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	g.show(t, s, `{"action":"show","product":"red","style":"e0"}`)
	watch := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whep/maria", Seconds: seconds, Channel: true})
	mediatest.Within(t, patience, "a viewer", func() bool {
		return strings.Contains(g.page(t, g.metrics, "/metrics"), `simulcart_webrtc_peers{side="whep",state="connected",stream="maria"} 1`)
	})
	bridged(t, g, reordered)
	time.Sleep(2 * time.Second)
	g.show(t, s, `{"action":"show","product":"red","style":"e1"}`)
	r := watch.Report(t)
	watched(t, name, r)
	if n := r.Count("audio", "packetsReceived"); n < float64(seconds)*40 {
		t.Errorf("%.0f packets of sound in %d s, want 50 a second", n, seconds)
	}
	if !reordered {
		edge(t, clip, r)
	}
	var seqs []int64
	for _, state := range r.States {
		m, err := overlay.ParseMessage([]byte(state.Text))
		if err != nil {
			t.Fatalf("%v: %s", err, state.Text)
		}
		seqs = append(seqs, m.Seq)
	}
	if !slices.Equal(seqs, []int64{1, 2}) {
		t.Errorf("states %v came by the data channel", seqs)
	}
}

// bridged checks what the operator and the creator see of the conversions for a viewer.
func bridged(t *testing.T, g *gateway, reordered bool) {
	t.Helper()
	metrics := g.page(t, g.metrics, "/metrics")
	promtool(t, metrics, "check", "metrics")
	for conversion, want := range map[string]bool{"opus": true, "in_order": reordered, "aac": false} {
		if got := strings.Contains(metrics, fmt.Sprintf("simulcart_bridge_processes{conversion=%q,stream=\"maria\"} 1", conversion)); got != want {
			t.Errorf("%s: a process runs: %t, want %t", conversion, got, want)
		}
	}
	if got := strings.Contains(g.page(t, g.http, "/v1/streams/maria"), "bframes=0"); got != reordered {
		t.Errorf("the creator is told of B-frames: %t, want %t", got, reordered)
	}
}

// edge checks how soon a browser was at the live edge: its pictures are as late as the least late ones then.
func edge(t *testing.T, clip mediatest.Counted, r *browser.PeerReport) {
	t.Helper()
	late := func(p browser.PeerPicture) float64 { return p.Wall - float64(clip.PTS(p.Number))/90 }
	least := late(slices.MinFunc(r.Pictures, func(a, b browser.PeerPicture) int { return int(late(a) - late(b)) }))
	figure(t, "whep_began_behind", late(r.Pictures[0])-least, "ms")
	i := slices.IndexFunc(r.Pictures, func(p browser.PeerPicture) bool { return late(p)-least < 100 })
	timeFigure(t, "whep_at_live_edge", time.Duration((r.Pictures[i].At-r.Pictures[0].At)*float64(time.Millisecond)), edgeWithin)
}

// TestWHIP lets Chromium publish, and another one watch.
func TestWHIP(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 3, 60)
	page := browser.NewPage(t)
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: withWebRTC(t)}
	g.start(t, s)
	publisher := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whip/maria", Token: s.key(), Seconds: seconds + 60, Publish: true})
	g.awaitState(t, s, "live")
	watch := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whep/maria", Seconds: seconds})
	r := watch.Report(t)
	publisher.Signal(syscall.SIGTERM) // it says what it saw, and sends DELETE
	p := publisher.Report(t)
	joined(t, p)
	watched(t, "whip", r)
	wall := make(map[int]float64, len(p.Sent))
	for _, sent := range p.Sent {
		wall[sent.Number] = sent.Wall
	}
	var delays []time.Duration
	for _, seen := range r.Pictures {
		delays = append(delays, time.Duration((seen.Wall-wall[seen.Number])*float64(time.Millisecond)))
	}
	slices.Sort(delays)
	timeFigure(t, "whip_to_whep_delay_p50", delays[len(delays)/2], whepDelayGoal)
	figure(t, "whip_sent", float64(len(p.Sent)), fmt.Sprintf("pictures, %.0f encoded, %.0f PLI", p.Count("video", "framesEncoded"), p.Count("video", "pliCount")))
	if got := r.Count("audio", "totalSamplesReceived"); got < 48000 {
		t.Errorf("%.0f samples of sound came", got)
	}
	g.awaitState(t, s, "idle") // DELETE ends the session
}

// crowd is what many viewers at once got, and what they cost.
type crowd struct {
	viewers  int
	used     time.Duration // CPU time of simulcart
	took     time.Duration
	least    int // pictures of a viewer
	lost     uint64
	pictures int // that a viewer should have got
}

// TestWHEPViewers lets many watch one stream of 2.5 Mbit/s, and tells what that costs. Where the machine, which the viewers are on too, is
// too slow for all, fewer are tried: the most that get what was published count.
func TestWHEPViewers(t *testing.T) {
	realPeers(t)
	viewers, span := pick(t, 20, 100), pick(t, 4*time.Second, 20*time.Second)
	s := stream{id: "maria", public: true}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	clip := mediatest.Clip{Seconds: 20, KBits: 2500}
	mediatest.PublishLoop(t, mediatest.Media(t, clip), g.publishURL(s))
	g.awaitMedia(t, s)
	before := g.holds(t)
	c := g.crowd(t, viewers, span)
	for fewest := viewers / 4; c.least < c.pictures && c.viewers > fewest; {
		t.Logf("%d viewers are too many: one of them got %d pictures of %d, all lost %d packets", c.viewers, c.least, c.pictures, c.lost)
		c = g.crowd(t, c.viewers*3/4, span)
	}
	encrypted, sent := srtpFloor(t)
	each := c.used.Seconds() / (float64(c.viewers) * 2.5e6 * c.took.Seconds() / 1e9)
	figure(t, "whep_viewers", float64(c.viewers), fmt.Sprintf("viewers, %.2f cores, %.2f CPU seconds for each Gbit, the least pictures %d in %v, %d packets lost",
		c.used.Seconds()/c.took.Seconds(), each, c.least, c.took.Round(time.Second), c.lost))
	figure(t, "whep_floor", sent.Seconds(), fmt.Sprintf("CPU seconds for each Gbit of AES-128-GCM and sendto, %.2f of AES-128-GCM alone: a viewer costs %.1f and %.1f times as much",
		encrypted.Seconds(), each/sent.Seconds(), each/encrypted.Seconds()))
	if c.least < c.pictures {
		t.Errorf("one of %d viewers got %d pictures, want %d", c.viewers, c.least, c.pictures)
	}
	g.awaitRelease(t, before)
}

// crowd lets so many watch for a while.
func (g *gateway) crowd(t *testing.T, viewers int, span time.Duration) crowd {
	t.Helper()
	all, seen := make([]*peer.Player, viewers), make([]int, viewers)
	for i := range all {
		all[i] = peer.Play(t, "http://"+g.http+"/whep/maria", false, peer.Options{Discard: true})
	}
	time.Sleep(time.Second)
	cpu, began := g.CPU(), time.Now()
	for i, v := range all {
		seen[i] = len(v.Frames("video"))
	}
	time.Sleep(span)
	c := crowd{viewers: viewers, used: g.CPU() - cpu, took: time.Since(began), least: int(1e9)}
	c.pictures = int(c.took.Seconds() * 30 * 0.9)
	for i, v := range all {
		c.least = min(c.least, len(v.Frames("video"))-seen[i])
		c.lost += v.Lost("video")
	}
	for _, v := range all {
		v.Delete()
		v.Close()
	}
	return c
}
