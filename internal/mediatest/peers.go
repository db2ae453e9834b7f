//go:build linux

package mediatest

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// playSlack is how much longer than the media it plays a player may take: opening and probing.
const playSlack = 20 * time.Second

// GStreamerSink names an element of GStreamer that publishes RTMP.
type GStreamerSink string

// GStreamer's two implementations of RTMP publishing: its own, and the one on librtmp.
const (
	RTMP2Sink GStreamerSink = "rtmp2sink"
	RTMPSink  GStreamerSink = "rtmpsink"
)

// GStreamer starts a pipeline, written as for gst-launch-1.0.
func GStreamer(t testing.TB, pipeline ...string) *Process {
	t.Helper()
	return Start(t, Command{Path: "gst-launch-1.0", Args: append([]string{"-q"}, pipeline...)})
}

// GStreamerPublish starts a GStreamer that publishes an FLV clip as it is, in real time, and leaves at its end.
func GStreamerPublish(t testing.TB, sink GStreamerSink, file, url string) *Process {
	t.Helper()
	target := "location=" + url
	if sink == RTMPSink {
		target = "location=" + url + " live=1" // librtmp reads its options from the URL
	}
	return GStreamer(t, "filesrc", "location="+file, "!", "flvdemux", "name=d",
		"d.video", "!", "queue", "!", "h264parse", "!", "m.video",
		"d.audio", "!", "queue", "!", "aacparse", "!", "m.audio",
		"flvmux", "name=m", "streamable=true", "!", "identity", "sync=true", "!", string(sink), target)
}

// Player names a program that plays RTMP.
type Player string

// The players: ffmpeg's own RTMP, librtmp, and GStreamer's own.
const (
	FFmpegPlayer    Player = "ffmpeg"
	RTMPDump        Player = "rtmpdump"
	GStreamerPlayer Player = "rtmp2src"
)

// Play plays a live stream for some seconds of media with a real player, and gives the FLV file it wrote.
func Play(t testing.TB, player Player, url string, seconds int) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), string(player)+".flv")
	span := time.Duration(seconds) * time.Second
	if player == FFmpegPlayer {
		p := FFmpeg(t, append([]string{"-rtmp_live", "live", "-i", url, "-t", strconv.Itoa(seconds)}, intoFLV(out)...)...)
		p.succeed(t, span+playSlack)
		return out
	}
	playFor(t, span, Watch(t, player, url, out)) // rtmpdump's own --stop does not end a live stream
	return out
}

// Watch starts a real player that writes a live stream to an FLV file, until it is ended or the stream is over.
func Watch(t testing.TB, player Player, url, out string) *Process {
	t.Helper()
	switch player {
	case FFmpegPlayer:
		return FFmpeg(t, append([]string{"-rtmp_live", "live", "-i", url}, intoFLV(out)...)...)
	case RTMPDump:
		return Start(t, Command{Path: "rtmpdump", Args: []string{"--quiet", "--live", "-r", url, "-o", out}})
	case GStreamerPlayer:
		return GStreamer(t, "rtmp2src", "location="+url, "!", "filesink", "location="+out, "buffer-mode=unbuffered")
	}
	t.Fatalf("no player %q", player)
	return nil
}

// playFor ends a player that knows no end, after span.
func playFor(t testing.TB, span time.Duration, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
		t.Fatalf("%s ended by itself: %s", p.Name, lastLines(p.Log(), 5))
	case <-time.After(span):
		p.Stop()
	}
}
