//go:build linux

package accept_test

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestPublishers lets GStreamer's two RTMP sinks and ffmpeg over TLS publish.
func TestPublishers(t *testing.T) {
	realPeers(t)
	n := mediatest.Nginx(t)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: pick(t, 6, 30)})
	var streams []stream
	for _, id := range []string{"rtmp2sink", "rtmpsink", "rtmps"} {
		streams = append(streams, stream{id: id, destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: id}}})
	}
	g := serve(t, streams...)
	peers := []*mediatest.Process{
		mediatest.GStreamerPublish(t, mediatest.RTMP2Sink, clip, g.publishURL(streams[0])),
		mediatest.GStreamerPublish(t, mediatest.RTMPSink, clip, g.publishURL(streams[1])),
		mediatest.Publish(t, clip, "rtmps://"+g.rtmps+"/live/"+streams[2].key()),
	}
	for _, s := range streams {
		g.awaitLive(t, s)
		p := g.status(t, s).Session.Publisher
		if p == nil || p.Software == "" && s.id != "rtmpsink" { // which says nothing of itself
			t.Fatalf("%s: the status does not say what publishes: %+v", s.id, p)
		}
		t.Logf("%s publishes by %s as %q", s.id, p.Protocol, p.Software)
	}
	published := mediatest.Published(t, clip)
	for i, s := range streams {
		if code := peers[i].Wait(t, time.Minute); code != 0 {
			t.Errorf("publish %s: exit %d", s.id, code)
		}
		rec := n.Recording(t, s.id)
		same(t, s.id, published, mediatest.Tags(t, rec))
		mediatest.Decode(t, rec)
	}
}

// TestPlayers lets ffmpeg, librtmp and GStreamer play a public stream at the same time, from its middle.
func TestPlayers(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 4, 12)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 40, BFrames: 3})
	s, private := stream{id: "shown", public: true}, stream{id: "private"}
	g := serve(t, s, private)
	mediatest.Publish(t, clip, g.publishURL(s))
	mediatest.Publish(t, clip, g.publishURL(private))
	g.awaitState(t, s, "live")
	g.awaitState(t, private, "live")
	time.Sleep(3 * time.Second) // into the second group
	published := mediatest.Published(t, clip)
	t.Run("play", func(t *testing.T) { // ends when all of them have
		for _, p := range []mediatest.Player{mediatest.FFmpegPlayer, mediatest.RTMPDump, mediatest.GStreamerPlayer} {
			t.Run(string(p), func(t *testing.T) {
				t.Parallel()
				m, err := mediatest.Part(published, mediatest.Tags(t, mediatest.Play(t, p, g.playURL(s), seconds)))
				if err != nil {
					t.Errorf("%s: %v", p, err)
				}
				if m.Video < seconds*30/2 {
					t.Errorf("%s: %d pictures in %d s", p, m.Video, seconds)
				}
				t.Logf("%s: %d pictures from number %d on and %d sound frames are the same", p, m.Video, m.First, m.Audio)
			})
		}
	})
	for name, url := range map[string]string{"private": g.playURL(private), "unknown": g.playURL(stream{id: "nobody"})} {
		p := mediatest.FFmpeg(t, "-i", url, "-t", "1", "-f", "null", "-")
		if code := p.Wait(t, patience); code == 0 {
			t.Errorf("a player may play the %s stream", name)
		}
	}
	if got := g.status(t, s).State; got != "live" {
		t.Errorf("after the players: state %s, want live", got)
	}
}
