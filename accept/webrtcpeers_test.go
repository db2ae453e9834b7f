//go:build linux

package accept_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/internal/mediatest/webrtcbin"
)

// TestWebRTCPeers lets GStreamer's webrtcbin publish and watch, in the ways that engineers set it up: every picture is relayed and decoded,
// and the sound is heard.
func TestWebRTCPeers(t *testing.T) {
	realPeers(t)
	cases := []struct {
		name     string
		pictures string // how they are published; empty: by ffmpeg over RTMP, with AAC
		publish  webrtcbin.Options
		ask      string
		watch    webrtcbin.Options
	}{
		{"gstreamer_sets_in_offer", webrtcbin.H264InSDP, webrtcbin.Options{SendOnly: true}, webrtcbin.AskAnyH264, webrtcbin.Options{}},
		{"gstreamer_vp8", webrtcbin.VP8, webrtcbin.Options{NACK: true}, webrtcbin.AskVP8, webrtcbin.Options{}},
		{"gstreamer_h264", webrtcbin.H264, webrtcbin.Options{}, webrtcbin.AskH264, webrtcbin.Options{}},
		{"gstreamer_h264_nack", webrtcbin.H264, webrtcbin.Options{SendOnly: true, NACK: true, Bundle: "max-compat"}, webrtcbin.AskH264, webrtcbin.Options{Bundle: "max-compat"}},
		{"rtmp_to_gstreamer", "", webrtcbin.Options{}, webrtcbin.AskH264, webrtcbin.Options{}},
	}
	for _, c := range pick(t, cases[:2], cases) {
		t.Run(c.name, func(t *testing.T) {
			x := startExchange(t, mediatest.Counted{Pictures: pick(t, 5, 30) * 30, Rate: 30})
			if c.pictures == "" {
				mediatest.Publish(t, x.clip.File(t), x.publishURL(x.stream))
			} else {
				c.publish.Token = x.key()
				x.publisher = webrtcbin.Publish(t, x.at("whip"), x.clip.File(t), c.pictures, c.publish)
			}
			x.awaitState(t, x.stream, "live")
			x.record(t)
			watch := webrtcbin.Watch(t, x.at("whep"), c.ask, c.watch)
			x.end(t)
			watch.Signal(syscall.SIGTERM)
			r := watch.Report(t, patience)
			if r.Status != 201 || len(r.Wrong) > 0 {
				t.Fatalf("the viewer: POST %d: %v\n%s\n%s", r.Status, r.Wrong, r.Offer, r.Answer)
			}
			x.check(t, "viewer", mediatest.GrayNumbers(t, watch.Pictures()))
			heard := tone(t, watch.Sound())
			figure(t, c.name+"_heard", heard.Seconds(), "s of the tone")
			if want := pick(t, time.Second, 20*time.Second); heard < want {
				t.Errorf("the tone was heard for %v, want %v", heard, want)
			}
		})
	}
	t.Run("unbundled", func(t *testing.T) {
		x := startExchange(t, mediatest.Counted{Pictures: 5 * 30, Rate: 30})
		r := webrtcbin.Publish(t, x.at("whip"), x.clip.File(t), webrtcbin.H264, webrtcbin.Options{Token: x.key(), Bundle: "none"}).Report(t, patience)
		if r.Status != 422 || !strings.Contains(r.Answer, "max-bundle") {
			t.Errorf("an offer without BUNDLE: %d: %s", r.Status, r.Answer)
		}
	})
}

// TestWebRTCPion lets a client on pion publish, and another one watch: each picture and each sound is what it was, byte by byte.
func TestWebRTCPion(t *testing.T) {
	realPeers(t)
	x := startExchange(t, mediatest.Counted{Pictures: pick(t, 4, 30) * 30, Rate: 30, Grain: 40})
	source := readClip(t, x.clip)
	p := peer.Publish(t, x.at("whip"), peer.Options{Token: x.key()}, source.tracks...)
	var v *peer.Player
	source.send(p, func(at time.Duration) {
		if v == nil && at > time.Second {
			v = peer.Play(t, x.at("whep"), false, peer.Options{})
		}
	})
	for _, kind := range []string{"video", "audio"} {
		var sent [][]byte
		for _, f := range source.frames {
			if f.Track.Codec.IsVideo() == (kind == "video") {
				sent = append(sent, f.Data)
			}
		}
		last := sent[len(sent)-1]
		mediatest.Within(t, patience, "the last of "+kind, func() bool {
			got := v.Frames(kind)
			return len(got) > 0 && bytes.HasSuffix(got[len(got)-1].Data, last)
		})
		got := v.Frames(kind)
		missing := 0
		for at, i := len(sent)-1, len(got)-1; i >= 0 && at >= 0; at-- {
			if bytes.HasSuffix(got[i].Data, sent[at]) { // parameter sets stand in front of key frames
				i--
			} else if missing++; kind == "video" || missing > len(sent)/50 { // sound that is lost is not asked for
				t.Fatalf("%s %d of %d: %d bytes, want those of %d", kind, i, len(got), len(got[i].Data), at)
			}
		}
		figure(t, "webrtcpion_"+kind, float64(len(got)), fmt.Sprintf("of %d frames, byte by byte, %d missing", len(sent), missing))
		if len(got) < len(sent)/2 {
			t.Errorf("%d of %d frames of %s came", len(got), len(sent), kind)
		}
	}
	p.Delete()
	x.awaitState(t, x.stream, "idle")
}

// tone gives for how long the tone of the counted clips is heard in samples of 16 bits, 48,000 in a second.
func tone(t *testing.T, path string) time.Duration {
	t.Helper()
	const rate, piece = 48000, 4800
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	heard := time.Duration(0)
	for ; len(data) >= 2*piece; data = data[2*piece:] {
		crossings, last, power := 0, int16(0), 0.0
		for i := range piece {
			s := int16(data[2*i]) | int16(data[2*i+1])<<8
			if (s < 0) != (last < 0) {
				crossings++
			}
			last = s
			power += float64(s) * float64(s)
		}
		hertz := float64(crossings) / 2 * rate / piece
		if math.Abs(hertz-440) < 20 && math.Sqrt(power/piece) > 500 {
			heard += time.Second * piece / rate
		}
	}
	return heard
}
