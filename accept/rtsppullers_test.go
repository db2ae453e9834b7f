//go:build linux

package accept_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// puller is a real client that pulls counted pictures over RTSP, until the stream ends.
type puller struct {
	*mediatest.Process
	name string
	file string // where it puts them
	gray bool   // decoded, by itself; else as they came
}

// startPullers starts all real clients that there are on this machine, over each transport that they have.
func startPullers(t *testing.T, addr, token string) []*puller {
	t.Helper()
	var all []*puller
	dir := t.TempDir()
	add := func(name string, gray bool, start func(file string) *mediatest.Process) {
		file := filepath.Join(dir, name)
		all = append(all, &puller{start(file), name, file, gray})
	}
	login := "rtsp://tsl:" + token + "@" + addr + "/maria"
	for _, transport := range []string{"tcp", "udp"} {
		add("ffmpeg_"+transport, true, func(file string) *mediatest.Process {
			return mediatest.FFmpeg(t, "-rtsp_transport", transport, "-i", login, "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", file)
		})
		add("gstreamer_"+transport, false, func(file string) *mediatest.Process {
			return mediatest.GStreamer(t, "rtspsrc", "location=rtsp://"+addr+"/maria", "user-id=tsl", "user-pw="+token, "protocols="+transport, "latency=500", "!", "rtph264depay",
				"!", "video/x-h264,stream-format=byte-stream", "!", "filesink", "location="+file, "buffer-mode=unbuffered")
		})
	}
	add("mpv_tcp", true, func(file string) *mediatest.Process {
		return mediatest.Start(t, mediatest.Command{Path: "mpv", Args: []string{
			"--no-config", "--msg-level=all=warn", "--rtsp-transport=tcp", "--no-audio", "--vf=format=gray", "--of=rawvideo", "--ovc=rawvideo", "--o=" + file, login,
		}})
	})
	return all
}

// harmless is what mpv 0.35 says of the first picture of any RTSP source: FFmpeg gives it no time, and mpv makes one up.
var harmless = []string{"No video PTS! Making something up", "Invalid video timestamp"}

// check checks that a client has all pictures of a clip from a key frame on, and had nothing to complain of.
func (p *puller) check(t *testing.T, clip mediatest.Counted) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Errorf("%s does not end with the stream", p.name)
		p.Stop()
	}
	for line := range strings.Lines(p.Log()) {
		if !slices.ContainsFunc(harmless, func(words string) bool { return strings.Contains(line, words) }) {
			t.Errorf("%s says: %s", p.name, line)
		}
	}
	read := mediatest.Numbers
	if p.gray {
		read = mediatest.GrayNumbers
	}
	numbers := read(t, p.file)
	if len(numbers) < 3*30 || numbers[0]%30 != 0 || numbers[len(numbers)-1] != clip.Pictures-1 {
		t.Fatalf("%s: %d pictures, want all from a key frame to %d: %v", p.name, len(numbers), clip.Pictures-1, numbers)
	}
	for i, n := range numbers {
		if n != numbers[0]+i {
			t.Errorf("%s: picture %d has the number %d, want %d", p.name, i, n, numbers[0]+i)
			break
		}
	}
	figure(t, "rtsp_"+p.name+"_pictures", float64(len(numbers)), "none missing")
}
