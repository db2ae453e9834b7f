//go:build linux

package accept_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// TestHLSRules follows playlists of many kinds of stream by the rules of the draft: rates at which no number of pictures fills a part, key
// frames that are far apart or come early, a publisher that is killed and comes back, the sound alone, and an end.
func TestHLSRules(t *testing.T) {
	realPeers(t)
	clips := map[string]mediatest.Counted{
		"29.97_fps": {Rate: 30000, Per: 1001},
		"24_fps":    {Rate: 24, BFrames: true},
		"25_fps":    {Rate: 25, BFrames: true},
		"60_fps":    {Rate: 60},
		"12_fps":    {Rate: 12},
	}
	seconds := pick(t, 12, 40)
	for name, clip := range clips {
		if !full(t) && name != "29.97_fps" {
			continue
		}
		clip.Pictures = (seconds + 4) * clip.Second()
		t.Run(name, func(t *testing.T) { rules(t, "hls_"+name, clip.File(t), seconds) })
	}
	if !full(t) {
		return
	}
	for name, clip := range map[string]mediatest.Clip{
		"key_frames_8_s_apart":   {Seconds: 60, KeyInterval: 25.0 / 3, BFrames: 3},
		"key_frames_0.5_s_apart": {Seconds: seconds, KeyInterval: 0.5},
		"6_Mbit":                 {Seconds: seconds, BFrames: 3, KBits: 6000},
	} {
		t.Run(name, func(t *testing.T) { rules(t, "hls_"+name, mediatest.Media(t, clip), clip.Seconds-5) })
	}
}

// rules publishes a file while followers record both playlists, and judges what they were given, to the end of the session.
func rules(t *testing.T, name, file string, seconds int) {
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: "hls: {segment: 2s, part: 200ms, window: 12s, audio_only: true}\n"}
	g.start(t, s)
	g.stock(t, s)
	p := mediatest.Publish(t, file, g.publishURL(s))
	g.awaitState(t, s, "live")
	stop := follower(t, g.hlsURL(s, ""), 0)
	sound := follower(t, g.hlsURL(s, ""), 1)
	shop := g.changes(t, s, 700*time.Millisecond)
	probe(t, g.hlsURL(s, ""), "", false)
	time.Sleep(time.Duration(seconds-4) * time.Second)
	shop()
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	time.Sleep(2 * time.Second)
	judgeEnd(t, name, stop())
	judgeEnd(t, name+"_sound", sound())
}

// judgeEnd judges a recording that must come to its end.
func judgeEnd(t *testing.T, name string, r *hls.Recording) {
	t.Helper()
	judge(t, name, r)
	all := r.Whole()
	if len(all) == 0 {
		return
	}
	last := all[len(all)-1]
	if !last.Ended {
		t.Errorf("%s: no end in the last version, which ends with %v", name, last.End())
	}
	figure(t, name+"_part_target", last.PartTarget.Seconds()*1000, fmt.Sprintf("ms, target duration %v, %d segments", last.Target, last.Next()))
}

// TestHLSReconnect kills the publisher and lets it come back, with other pictures: the playlist goes on by the rules, behind a
// discontinuity, and players go on too.
func TestHLSReconnect(t *testing.T) {
	realPeers(t)
	s := stream{id: "maria", public: true}
	g := &gateway{tokens: true, partners: "hls: {segment: 2s, part: 200ms, window: 12s}\n"}
	g.start(t, s)
	g.stock(t, s)
	first := mediatest.Counted{Pictures: 40 * 30, Rate: 30, BFrames: true}
	p := mediatest.Publish(t, first.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	stop := follower(t, g.hlsURL(s, ""), 0)
	viewer := mediatest.View(t, mediatest.GStreamerPulls, g.hlsURL(s, ""), first)
	shop := g.changes(t, s, time.Second)
	time.Sleep(pick(t, 9*time.Second, 15*time.Second))
	before := len(viewer.Seen())
	p.Kill()
	g.awaitState(t, s, "holding")
	time.Sleep(pick(t, time.Second, 6*time.Second))
	other := mediatest.Media(t, mediatest.Clip{Seconds: pick(t, 8, 20), BFrames: 3}) // of another size
	p = mediatest.Publish(t, other, g.publishURL(s))
	g.awaitState(t, s, "live")
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	shop()
	time.Sleep(2 * time.Second)
	r := stop()
	r.Slack = 30 * time.Second // nothing comes without a publisher
	r.Index = nil              // which was about the first pictures
	judgeEnd(t, "hls_reconnect", r)
	breaks := 0
	for _, s := range r.Segments() {
		if s.Breaks {
			breaks++
		}
	}
	if breaks != 1 {
		t.Errorf("%d discontinuities, want 1", breaks)
	}
	if before < 30 {
		t.Errorf("the viewer had %d pictures", before)
	}
}
