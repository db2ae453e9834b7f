//go:build linux

package accept_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
)

// resumeGoal is how soon pictures and sound go on behind a takeover.
const resumeGoal = 2 * time.Second

// TestWHIPTakeover lets a stream be taken over from ffmpeg over RTMP by Chromium over WHIP, and back: with H.264 and Opus, of which the sound
// has to be turned into AAC, and with VP8, where the pictures have to be made too. A platform that records and a player that knows H.264 and AAC
// only are connected all the time; what they get goes on, in time that rises, and decodes without a fault.
func TestWHIPTakeover(t *testing.T) {
	realPeers(t)
	for _, codec := range []string{"H264", "VP8"} {
		t.Run(codec, func(t *testing.T) { takeOver(t, codec) })
	}
}

func takeOver(t *testing.T, codec string) {
	span, rounds := pick(t, 3*time.Second, 20*time.Second), pick(t, 1, 3)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 30, BFrames: 2})
	n, page := mediatest.Nginx(t), browser.NewPage(t)
	s := stream{id: "maria", public: true, destinations: []destination{{name: "tiktok", platform: "tiktok", url: "rtmp://" + n.Addr + "/live"}}}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	overRTMP := func() *mediatest.Process { return mediatest.PublishLoop(t, clip, g.publishURL(s)) }
	overWHIP := func() *mediatest.Process {
		wish := browser.PeerWish{Address: "http://" + g.http + "/whip/maria", Token: s.key(), Seconds: 600, Publish: true, Codec: codec}
		return page.Peer(t, wish).Process
	}
	now := overRTMP()
	g.awaitLive(t, s)
	p := plainPlayer{t: t}
	player := mediatest.StartPlay(t, g.rtmp, s.id, p.take)
	time.Sleep(span)
	for range rounds {
		for _, next := range []struct {
			protocol string
			begin    func() *mediatest.Process
		}{{"whip", overWHIP}, {"rtmp", overRTMP}} {
			old, began := now, time.Now()
			now = next.begin()
			mediatest.Within(t, patience, "the takeover", func() bool {
				session := g.status(t, s).Session
				return session != nil && session.Publisher != nil && session.Publisher.Protocol == next.protocol
			})
			time.Sleep(span)
			old.Kill() // which has lost the stream
			for kind, what := range map[uint8]string{mediatest.VideoTag: "picture", mediatest.AudioTag: "sound"} {
				timeFigure(t, fmt.Sprintf("whiptakeover_%s_to_%s_%s_gap", codec, next.protocol, what), p.gap(kind, began), resumeGoal)
			}
		}
	}
	select {
	case <-player.Closed():
		t.Errorf("the player lost its connection: %v", player.Fault())
	default:
	}
	if d := g.destination(t, s, "tiktok"); d.State != "live" || d.Attempts != 1 || d.Cause != "" {
		t.Errorf("destination: %+v, want it live, at the first attempt", d)
	}
	if got := g.status(t, s).Ingest.Takeovers; got != 2*rounds {
		t.Errorf("%d takeovers, want %d", got, 2*rounds)
	}
	g.drain(t)
	asPlatform(t, "whiptakeover_"+codec+"_tiktok", n.Recording(t, "tiktok"), time.Duration(2*rounds)*span, mediatest.Unparsed...)
	played := t.TempDir() + "/player.flv"
	mediatest.WriteFLV(t, played, p.all())
	asPlatform(t, "whiptakeover_"+codec+"_player", played, time.Duration(2*rounds)*span, mediatest.Unparsed...)
}

// plainPlayer takes what a player gets.
type plainPlayer struct {
	t *testing.T

	mu   sync.Mutex
	tags []mediatest.Tag
	at   []time.Time
}

func (p *plainPlayer) take(g mediatest.Tag, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tags, p.at = append(p.tags, g), append(p.at, at)
}

func (p *plainPlayer) all() []mediatest.Tag {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tags)
}

// gap gives the longest time without media of a kind since then.
func (p *plainPlayer) gap(kind uint8, since time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	gap, last := time.Duration(0), since
	for i, g := range p.tags {
		if g.Type != kind || !g.Coded() || p.at[i].Before(since) {
			continue
		}
		gap, last = max(gap, p.at[i].Sub(last)), p.at[i]
	}
	return max(gap, time.Since(last))
}
