//go:build linux

package accept_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// patience is how long something that should happen at once may take on a slow machine.
const patience = 15 * time.Second

// stream is one stream of the configuration.
type stream struct {
	id           string
	hold         string // empty: 120s
	public       bool
	more         string // further settings, in YAML
	destinations []destination
}

// destination is one destination of the configuration.
type destination struct {
	name     string
	platform string // empty: custom
	url      string // without the key
	key      string // empty: the name
	ca       string // file; empty: the system's
	coalesce string // empty: the platform's
	more     string // further settings, as members of a YAML flow mapping
}

// key gives the stream key of a stream.
func (s stream) key() string { return key(s.id) }

// gateway is a running simulcart.
type gateway struct {
	*mediatest.Process
	rtmp, rtmps, http, metrics string // addresses
	rtsp                       string // where partners says that there is one
	ca                         *mediatest.Authority

	tokens   bool   // changes by the API are let in, with adminToken
	partners string // the section, in YAML
	dir      string
}

// adminToken lets a proof change what is shown.
const adminToken = "admin-0123456789-0123456789"

// binary gives the program under test: $SIMULCART, or one that is built now.
func binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("SIMULCART"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "simulcart")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/simulcart").CombinedOutput()
	if err != nil {
		t.Fatalf("build simulcart: %v\n%s", err, out)
	}
	return path
}

// serve starts a simulcart with these streams, and waits until it is ready.
func serve(t testing.TB, streams ...stream) *gateway {
	t.Helper()
	return (&gateway{}).start(t, streams...)
}

// serveShop is serve, with tokens for the API.
func serveShop(t testing.TB, streams ...stream) *gateway {
	t.Helper()
	return (&gateway{tokens: true}).start(t, streams...)
}

func (g *gateway) start(t testing.TB, streams ...stream) *gateway {
	t.Helper()
	addrs := mediatest.FreeAddrs(t, 4)
	g.rtmp, g.rtmps, g.http, g.metrics = addrs[0], addrs[1], addrs[2], addrs[3]
	g.ca, g.dir = mediatest.NewAuthority(t), t.TempDir()
	g.ca.Issue(t, filepath.Join(g.dir, "server.crt"), filepath.Join(g.dir, "server.key"))
	g.configure(t, g.yaml(streams...))
	return g.again(t)
}

// again starts a simulcart with the configuration that is there, and waits until it is ready.
func (g *gateway) again(t testing.TB) *gateway {
	t.Helper()
	g.Process = mediatest.Start(t, mediatest.Command{
		Name: "simulcart", Path: binary(t), Args: []string{"serve", "--config", g.file()}, Dir: g.dir,
	})
	mediatest.Within(t, patience, "simulcart to be ready", func() bool {
		if g.Exited() {
			t.Fatal("simulcart ended at its start")
		}
		resp, err := http.Get("http://" + g.metrics + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return g
}

func (g *gateway) file() string { return filepath.Join(g.dir, "simulcart.yaml") }

// yaml writes the configuration.
func (g *gateway) yaml(streams ...stream) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("rtmp:    {listen: %q}", g.rtmp)
	p("rtmps:   {listen: %q, cert: server.crt, key: server.key}", g.rtmps)
	p("http:    {listen: %q}", g.http)
	p("metrics: {listen: %q}", g.metrics)
	p("log:     {level: debug, format: text}")
	p("allow_private_destinations: true")
	if g.tokens {
		p("tokens:  [{name: ops, token: %q, role: admin}]", adminToken)
	}
	b.WriteString(g.partners)
	p("streams:")
	for _, s := range streams {
		hold := s.hold
		if hold == "" {
			hold = "120s"
		}
		p("  %s:\n    key: %s\n    hold: %s\n    on_end: end\n    public: %v", s.id, s.key(), hold, s.public)
		if s.more != "" {
			p("    %s", s.more)
		}
		if len(s.destinations) > 0 {
			p("    destinations:")
		}
		for _, d := range s.destinations {
			p("%s", d.yaml())
		}
	}
	return b.String()
}

func (d destination) yaml() string {
	if d.platform == "" {
		d.platform = "custom"
	}
	if d.key == "" {
		d.key = d.name
	}
	out := fmt.Sprintf("      %s: {platform: %s, url: %q, key: %q", d.name, d.platform, d.url, d.key)
	if d.coalesce != "" {
		out += ", coalesce: " + d.coalesce
	}
	if d.more != "" {
		out += ", " + d.more
	}
	if d.ca != "" {
		out += fmt.Sprintf(", tls: {ca: %q}", d.ca)
	}
	return out + "}"
}

// configure replaces the file in one step, as an editor does.
func (g *gateway) configure(t testing.TB, content string) {
	t.Helper()
	next := g.file() + ".new"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		t.Fatalf("write configuration: %v", err)
	}
	if err := os.Rename(next, g.file()); err != nil {
		t.Fatalf("write configuration: %v", err)
	}
}

// publishURL gives where an encoder publishes a stream to; playURL where a player finds a public one.
func (g *gateway) publishURL(s stream) string { return "rtmp://" + g.rtmp + "/live/" + s.key() }

func (g *gateway) playURL(s stream) string { return "rtmp://" + g.rtmp + "/live/" + s.id }

// status is what the API says of a stream, as far as the proofs look.
type status struct {
	State   string `json:"state"`
	Session *struct {
		Publisher *struct {
			Protocol string `json:"protocol"`
			Software string `json:"software"`
		} `json:"publisher"`
	} `json:"session"`
	Tracks []struct {
		Kind    string `json:"kind"`
		Codec   string `json:"codec"`
		Width   int    `json:"width"`
		BFrames bool   `json:"b_frames"`
	} `json:"tracks"`
	Ingest struct {
		Frames    map[string]int `json:"frames"`
		Takeovers int            `json:"takeovers"`
	} `json:"ingest"`
	Destinations []destinationStatus `json:"destinations"`
	Feeds        []struct {
		Partner string `json:"partner"`
	} `json:"feeds"`
}

type destinationStatus struct {
	Name     string         `json:"name"`
	URL      string         `json:"url"`
	State    string         `json:"state"`
	Cause    string         `json:"cause"`
	Detail   string         `json:"detail"`
	Frames   int            `json:"frames"`
	Skipped  map[string]int `json:"skipped"`
	Attempts int            `json:"attempts_total"`
	Failures map[string]int `json:"failures_total"`
}

// status asks the API.
func (g *gateway) status(t testing.TB, s stream) status {
	t.Helper()
	var got status
	if err := json.Unmarshal([]byte(g.page(t, g.http, "/v1/streams/"+s.id)), &got); err != nil {
		t.Fatalf("status of %s: %v", s.id, err)
	}
	return got
}

// destination gives the status of one destination; the zero value where there is none.
func (g *gateway) destination(t testing.TB, s stream, name string) destinationStatus {
	t.Helper()
	for _, d := range g.status(t, s).Destinations {
		if d.Name == name {
			return d
		}
	}
	return destinationStatus{}
}

// page gives the body of a page that must exist.
func (g *gateway) page(t testing.TB, addr, path string) string {
	t.Helper()
	code, body, err := g.ask(http.MethodGet, "http://"+addr+path, "")
	if err != nil || code != http.StatusOK {
		t.Fatalf("get %s: %d, %v: %s", path, code, err, body)
	}
	return body
}

// ask sends a request, with the token where there is one, and gives status and body.
func (g *gateway) ask(method, url, body string) (code int, answer string, err error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if g.tokens {
		r.Header.Set("Authorization", "Bearer "+adminToken)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

// awaitState waits until the stream is in a state.
func (g *gateway) awaitState(t testing.TB, s stream, state string) {
	t.Helper()
	mediatest.Within(t, patience, "stream "+s.id+" to be "+state, func() bool { return g.status(t, s).State == state })
}

// awaitLive waits until all the named destinations are live, all of the stream's where none is named.
func (g *gateway) awaitLive(t testing.TB, s stream, names ...string) {
	t.Helper()
	if len(names) == 0 {
		for _, d := range s.destinations {
			names = append(names, d.name)
		}
	}
	for _, name := range names {
		g.awaitDestination(t, s, name, func(d destinationStatus) bool { return d.State == "live" })
	}
}

// awaitDestination waits until a destination is as wanted, and tells how it is where it never comes to that.
func (g *gateway) awaitDestination(t testing.TB, s stream, name string, as func(destinationStatus) bool) destinationStatus {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		d := g.destination(t, s, name)
		if as(d) {
			return d
		}
		if time.Now().After(end) {
			t.Fatalf("destination %s is not as it should be after %v: %+v", name, patience, d)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// drain ends simulcart as an operator does, and gives how long it took; any exit code but 0 is an error.
func (g *gateway) drain(t testing.TB) time.Duration {
	t.Helper()
	begin := time.Now()
	g.Signal(syscall.SIGTERM)
	if code := g.Wait(t, 30*time.Second); code != 0 {
		t.Errorf("simulcart: exit %d after SIGTERM, want 0", code)
	}
	return time.Since(begin)
}
