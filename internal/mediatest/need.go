//go:build linux

package mediatest

import (
	"os"
	"os/exec"
	"testing"
)

// debianPackage names the Debian package of each program and file that a test may need.
func debianPackage(what string) string {
	switch what {
	case "ffmpeg", "ffprobe":
		return "ffmpeg"
	case "gst-launch-1.0":
		return "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
	case "/usr/bin/python3":
		return "python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice"
	case "promtool":
		return "prometheus"
	case "obs":
		return "obs-studio obs-plugins libgl1-mesa-dri libegl1"
	case "Xvfb":
		return "xvfb"
	case "/usr/bin/chromium":
		return "chromium"
	case "mpv":
		return "mpv"
	case "cvlc":
		return "vlc-bin vlc-plugin-base"
	case "node":
		return "nodejs"
	case "ip", "tc":
		return "iproute2"
	case "unshare":
		return "util-linux"
	case nginxRTMP:
		return "nginx libnginx-mod-rtmp"
	case nginxStream:
		return "nginx libnginx-mod-stream"
	}
	return what
}

// Need fails the test, with the command that mends it, where a program (by name) or a file (by absolute path) is not
// installed. A missing peer is never skipped.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, what := range programs {
		_, err := exec.LookPath(what)
		if what[0] == '/' {
			_, err = os.Stat(what)
		}
		if err != nil {
			t.Fatalf("%s is not installed; run: RUNLEVEL=1 apt-get install -y --no-install-recommends %s", what, debianPackage(what))
		}
	}
}
