//go:build linux

package mediatest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// obsPatience is how long OBS may take to start or to leave on a slow machine without a graphics card.
const obsPatience = 60 * time.Second

// OBSOptions says where a creator's OBS publishes to.
type OBSOptions struct {
	Server     string        // rtmp://host:port/live
	Key        string        //
	Media      string        // file that it plays as its only source
	RetryDelay time.Duration // before the first reconnect; 0: 1 s
}

// OBS is an OBS Studio under Xvfb: 640x360 at 30 fps, x264 with its defaults (B-frames, a key frame each 250
// frames), AAC. It is started without streaming. Use it inside [Isolated] only.
type OBS struct {
	*Process

	socket *obsSocket
}

// StartOBS starts OBS and waits until it can be talked to.
func StartOBS(t testing.TB, o OBSOptions) *OBS {
	t.Helper()
	if os.Getenv(insideNamespace) == "" {
		t.Fatal("OBS must run in a network namespace of its own: see Isolated")
	}
	Need(t, "obs", "Xvfb")
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	home := t.TempDir()
	port, password := 4455, "test-password"
	writeOBSConfig(t, home, o, port, password)
	run := filepath.Join(home, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatalf("folder for OBS: %v", err)
	}
	p := Start(t, Command{
		Path: "obs",
		Args: []string{
			"--multi", "--disable-updater", "--disable-missing-files-check", "--minimize-to-tray",
			"--collection", "Test", "--profile", "Test", "--scene", "Scene", "--verbose", "--unfiltered_log",
		},
		Env: []string{
			"DISPLAY=" + display(t), "HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_RUNTIME_DIR=" + run,
			"LIBGL_ALWAYS_SOFTWARE=1", "QT_QPA_PLATFORM=xcb", "NO_AT_BRIDGE=1",
		},
	})
	Within(t, obsPatience, "OBS's WebSocket", func() bool { return p.Exited() || strings.Contains(p.Log(), "[obs-websocket]") && dialable(port) })
	if p.Exited() {
		t.Fatalf("OBS ended: %s", lastLines(p.Log(), 20))
	}
	return &OBS{Process: p, socket: dialOBS(t, fmt.Sprintf("127.0.0.1:%d", port), password)}
}

// Stream starts or stops streaming, as the button in the window does.
func (o *OBS) Stream(t testing.TB, on bool) {
	t.Helper()
	request := "StopStream"
	if on {
		request = "StartStream"
	}
	// Right after its start OBS answers that it is not ready.
	Within(t, obsPatience, request, func() bool { return o.socket.request(t, request).ok })
}

// OutputStatus is what OBS says of its own stream.
type OutputStatus struct {
	Active       bool    `json:"outputActive"`
	Reconnecting bool    `json:"outputReconnecting"`
	Skipped      int     `json:"outputSkippedFrames"`
	Frames       int     `json:"outputTotalFrames"`
	Congestion   float64 `json:"outputCongestion"`
}

// Output asks OBS about its stream.
func (o *OBS) Output(t testing.TB) OutputStatus {
	t.Helper()
	var s OutputStatus
	if err := json.Unmarshal(o.socket.request(t, "GetStreamStatus").data, &s); err != nil {
		t.Fatalf("OBS's stream status: %v", err)
	}
	return s
}

// Crash ends OBS as a crash does: the connection drops without a word.
func (o *OBS) Crash(t testing.TB) {
	t.Helper()
	o.Signal(syscall.SIGTERM)
	o.Wait(t, obsPatience)
}

// display starts an X server without a screen and gives its name.
func display(t testing.TB) string {
	t.Helper()
	number := filepath.Join(t.TempDir(), "display")
	Start(t, Command{Name: "Xvfb", Path: "bash", Args: []string{
		"-c", `exec Xvfb -displayfd 3 -screen 0 1280x800x24 +extension GLX -nolisten tcp 3>"$0"`, number,
	}})
	var name string
	Within(t, startPatience, "an X display", func() bool {
		b, err := os.ReadFile(number)
		name = strings.TrimSpace(string(b))
		return err == nil && strings.HasSuffix(string(b), "\n")
	})
	return ":" + name
}
