//go:build linux

package accept_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// canary is part of every secret of this test: it must come up nowhere.
const canary = "canary7f3a"

// TestSecrets uses every way to give a key, good, bad and refused, and looks for the keys in all that simulcart says:
// log, metrics, API, status page, command line, complaints about the file.
func TestSecrets(t *testing.T) {
	realPeers(t)
	r := mediatest.NewReceiver(t)
	refuser := mediatest.NewRefuser(t, mediatest.Refusal{Code: "NetStream.Publish.BadName", Words: "unknown stream"})
	s := stream{id: "maria", destinations: []destination{
		{name: "good", url: "rtmp://" + r.Addr + "/live", key: canary + "-good"},
		{name: "refused", url: "rtmp://" + refuser.Addr + "/live", key: canary + "-refused?token=" + canary},
		{name: "gone", url: "rtmp://127.0.0.1:9/live", key: canary + "-gone"},
		{name: "nameless", url: "rtmp://no-such-platform.invalid/live", key: canary + "-nameless"},
		{name: "resets", url: "rtmp://" + mediatest.ResetLoop(t) + "/live", key: canary + "-resets"},
		{name: "garbage", url: "rtmp://" + mediatest.Garbage(t) + "/live", key: canary + "-garbage"},
	}}
	g := serve(t)
	yaml := strings.ReplaceAll(g.yaml(s), s.key(), key(canary))
	g.configure(t, yaml)
	publish := "rtmp://" + g.rtmp + "/live/" + key(canary)
	mediatest.Within(t, patience, "the stream to be there", func() bool { return strings.Contains(g.page(t, g.http, "/v1/streams"), `"maria"`) })
	p := mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 8}), publish)
	g.awaitLive(t, s, "good")
	wrongKeys(t, g)
	for _, d := range s.destinations[1:] {
		g.awaitDestination(t, s, d.name, func(d destinationStatus) bool { return d.Cause != "" })
	}
	time.Sleep(pick(t, 2*time.Second, 20*time.Second))

	said := map[string]string{
		"metrics": g.page(t, g.metrics, "/metrics"), "streams": g.page(t, g.http, "/v1/streams"),
		"stream": g.page(t, g.http, "/v1/streams/maria"), "status page": g.page(t, g.http, "/"),
		"command line": procFile(t, g.PID(), "cmdline"), "check": faulty(t, yaml),
	}
	if !strings.Contains(r.Sessions(canary + "-good")[0].Key, canary) {
		t.Error("the destination did not get its key: this test sees nothing")
	}
	p.Kill()
	g.awaitState(t, s, "holding")
	g.drain(t)
	said["log"] = g.Log()
	for where, text := range said {
		if text == "" {
			t.Errorf("%s: empty", where)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, canary) {
				t.Errorf("%s shows a key: %s", where, line)
			}
		}
	}
}

// wrongKeys publishes and plays with wrong keys, in the ways that encoders write them.
func wrongKeys(t *testing.T, g *gateway) {
	t.Helper()
	for _, path := range []string{"/live/", "/live?key=" + canary + "/", "/" + canary + "/"} {
		p := mediatest.Publish(t, mediatest.Media(t, mediatest.Clip{Seconds: 8}), "rtmp://"+g.rtmp+path+canary+"-wrong-0123456789")
		if code := p.Wait(t, patience); code == 0 {
			t.Errorf("publish to %s with a wrong key succeeds", path)
		}
	}
	player := mediatest.FFmpeg(t, "-i", "rtmp://"+g.rtmp+"/live/"+canary+"-play?token="+canary, "-t", "1", "-f", "null", "-")
	player.Wait(t, patience)
}

// faulty lets simulcart check a file with faults beside and in its keys, and gives what it says.
func faulty(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "faulty.yaml")
	bad := strings.Replace(yaml, "key: "+key(canary), "key: "+canary+"\n    keyy: "+canary, 1)
	bad = strings.Replace(bad, "platform: custom", "platform: nowhere", 1)
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary(t), "check", path).CombinedOutput()
	if err == nil {
		t.Errorf("check finds no fault in a faulty file: %s", out)
	}
	return string(out)
}

func procFile(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll(b, []byte{0}, []byte("\n")))
}
