//go:build linux

package accept_test

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestOBS lets a real OBS Studio publish: a clean end, then a reconnect of its own and a crash within one session, both
// of which no destination may notice.
func TestOBS(t *testing.T) {
	realPeers(t)
	if !mediatest.Isolated(t) {
		return
	}
	first, second := mediatest.Nginx(t), mediatest.Nginx(t)
	s := stream{id: "obs", destinations: []destination{
		{name: "tiktok", platform: "tiktok", url: "rtmp://" + first.Addr + "/live", key: "obs"},
		{name: "talkshoplive", platform: "talkshoplive", url: "rtmps://" + second.TLSAddr + "/live", key: "obs", ca: second.CA.CAFile},
	}}
	g := serve(t, s)
	line := mediatest.NewProxy(t, g.rtmp) // the creator's line to the internet
	options := mediatest.OBSOptions{
		Server: "rtmp://" + line.Addr + "/live", Key: s.key(),
		Media: mediatest.Media(t, mediatest.Clip{Seconds: 30, KBits: 4000, Ending: "mp4"}),
	}
	o := mediatest.StartOBS(t, options)

	seconds := pick(t, 6, 20)
	o.Stream(t, true)
	g.awaitLive(t, s)
	checkOBSTracks(t, g.status(t, s))
	time.Sleep(time.Duration(seconds) * time.Second)
	o.Stream(t, false)
	g.awaitState(t, s, "idle")
	for name, n := range map[string]*mediatest.NginxRTMP{"plain": first, "TLS": second} {
		got := mediatest.Decode(t, n.Recording(t, "obs"))
		figure(t, "obs_pictures_"+name, float64(got)/float64(seconds), "pictures_per_second")
		if want := seconds * 30 * 8 / 10; got < want {
			t.Errorf("%s: %d pictures decoded, want at least %d", name, got, want)
		}
	}

	// One session from here: the line fails, OBS comes back; OBS crashes, and is started again.
	o.Stream(t, true)
	g.awaitLive(t, s)
	time.Sleep(2 * time.Second)
	line.Cut()
	g.awaitState(t, s, "holding")
	g.awaitState(t, s, "live")
	time.Sleep(2 * time.Second)
	o.Crash(t)
	g.awaitState(t, s, "holding")
	o = mediatest.StartOBS(t, options)
	o.Stream(t, true)
	g.awaitLive(t, s)
	time.Sleep(2 * time.Second)
	o.Stream(t, false)
	g.awaitState(t, s, "idle")
	for name, n := range map[string]*mediatest.NginxRTMP{"plain": first, "TLS": second} {
		mediatest.Within(t, patience, "the end of the second session", func() bool { return n.Ended(t, "obs") == 2 })
		recordings := n.Recordings(t, "obs")
		if len(recordings) != 2 {
			t.Fatalf("%s: %d recordings, want 2, one for each session", name, len(recordings))
		}
		if err := mediatest.Rising(mediatest.Tags(t, recordings[1])); err != nil {
			t.Errorf("%s: the session over two reconnects: %v", name, err)
		}
		if got := mediatest.Decode(t, recordings[1]); got < 6*30*7/10 {
			t.Errorf("%s: the session over two reconnects: %d pictures decoded, want at least %d", name, got, 6*30*7/10)
		}
	}
}

// checkOBSTracks checks that the status tells what OBS sends with its x264 defaults.
func checkOBSTracks(t *testing.T, got status) {
	t.Helper()
	if len(got.Tracks) != 2 {
		t.Fatalf("tracks: got %+v, want video and audio", got.Tracks)
	}
	for _, track := range got.Tracks {
		if track.Kind == "video" && (track.Codec != "h264" || track.Width != 640 || !track.BFrames) {
			t.Errorf("video: got %+v, want h264, 640 wide, with B-frames", track)
		}
		if track.Kind == "audio" && track.Codec != "aac" {
			t.Errorf("audio: got %+v, want aac", track)
		}
	}
}
