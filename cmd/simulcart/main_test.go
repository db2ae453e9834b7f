package main

import (
	"log/slog"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/internal/mediatest"
	rtspout "github.com/simulcart/simulcart/outputs/rtsp"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"simulcart": main})
}

func TestScripts(t *testing.T) {
	ca, free := mediatest.NewAuthority(t), &addresses{given: make(map[string]bool)}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: func(env *testscript.Env) error { return setUp(t, env, free, ca) },
		Cmds:  scriptCommands(t, ca),
	})
}

// awaitReady is the script command "ready ADDRESS": it waits until a server started in the background says so.
func awaitReady(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get("http://" + args[0] + "/readyz")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s was not ready within 20 s", args[0])
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Metrics.Listen = "127.0.0.1:0", l.Addr().String(), ""
	_, err = newNode(c, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "http.listen") || !strings.Contains(err.Error(), "another port") {
		t.Errorf("got %v, want an error that names the key and the way out", err)
	}
	ports, err := rtspout.OpenPorts("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Close()
	c.HTTP.Listen, c.RTSP = "", config.RTSPListener{Listen: "127.0.0.1:0", UDP: ports.String()}
	_, err = newNode(c, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "rtsp.udp") || !strings.Contains(err.Error(), "another port") {
		t.Errorf("got %v, want an error that names the key and the way out", err)
	}
}

// Over TLS there is no UDP, which would not be encrypted.
func TestUDPIsNotForTLS(t *testing.T) {
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Metrics.Listen, c.RTSP = "", "", "", config.RTSPListener{Listen: "127.0.0.1:0", UDP: "127.0.0.1:0"}
	n, err := newNode(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.closeListeners()
	if n.on.rtp == nil || n.rtsp(false).UDP != n.on.rtp || n.rtsp(true).UDP != nil {
		t.Error("UDP is missing, or offered over TLS")
	}
}

func TestSplitKey(t *testing.T) {
	for _, c := range []struct{ name, server, key, wantServer, wantKey string }{
		{"beside the URL", "rtmp://h/app", "k", "rtmp://h/app", "k"},
		{"at the end of the path", "rtmp://h/app/k", "", "rtmp://h/app", "k"},
		{"of two segments", "rtmps://h:443/app/instance/k", "", "rtmps://h:443/app/instance", "k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, key := splitKey(c.server, c.key)
			if server != c.wantServer || key != c.wantKey {
				t.Errorf("got %q and %q, want %q and %q", server, key, c.wantServer, c.wantKey)
			}
		})
	}
}

func TestMasked(t *testing.T) {
	for _, c := range []struct{ server, want string }{
		{"rtmp://h/app", "rtmp://h/app"},
		{"rtmps://h:444/app?token=canary", "rtmps://h:444/app"},
	} {
		if got := masked(c.server); got != c.want {
			t.Errorf("masked %q: got %q, want %q", c.server, got, c.want)
		}
	}
}

// The configuration in the README is one that a reader types off.
func TestReadmeConfiguration(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("the README has no YAML block")
	}
	// Without the files that only its reader has.
	var kept []string
	for line := range strings.Lines(block) {
		switch {
		case strings.HasPrefix(line, "rtmps:"), strings.HasPrefix(line, "catalog:"):
		case strings.Contains(line, "key_file:"):
			kept = append(kept, "        key: abc\n")
		default:
			kept = append(kept, line)
		}
	}
	env := func(name string) (string, bool) { return name + "-0123456789012345678901", true }
	c, err := config.Parse("README.yaml", []byte(strings.Join(kept, "")), env)
	if err != nil {
		t.Fatal(err)
	}
	d, err := desiredOf(c)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, dest := range d.Streams["maria"].Destinations {
		got[name] = dest.Platform + " " + dest.URL
	}
	want := map[string]string{
		"tiktok": "tiktok rtmp://push.example.com/live", "talkshoplive": "talkshoplive rtmps://ingest.example.net/live",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
}

func TestNeedRestart(t *testing.T) {
	old, now := config.Default(), config.Default()
	if got := needRestart(old, now); len(got) != 0 {
		t.Errorf("nothing changed: got %v", got)
	}
	now.RTMP.Listen, now.Debug = ":1999", true
	now.Streams = map[string]config.Stream{"a": {}}
	if diff := cmp.Diff([]string{"rtmp.listen", "debug"}, needRestart(old, now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Two equal configurations are one desired state: a reload without a change restarts nothing.
func TestDesiredIsComparable(t *testing.T) {
	parse := func() control.Desired {
		c, err := config.Parse("x.yaml", []byte(`
streams:
  a:
    key: "0123456789012345678901"
    destinations:
      d: {platform: twitch, url: "rtmps://h/app", key: k, coalesce: 50ms, chunk_size: 8192, enhanced: true}
`), nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := desiredOf(c)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if first, second := parse(), parse(); !reflect.DeepEqual(first, second) {
		t.Errorf("got %v and %v", first, second)
	}
}
