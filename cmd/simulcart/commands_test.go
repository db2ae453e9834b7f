package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

// addresses hands out those on which scripts may listen, each once.
type addresses struct {
	mu    sync.Mutex
	given map[string]bool
}

// next gives an address on which nobody listens now. It is asked for when a script begins, since other programs look for theirs too.
func (a *addresses) next(t *testing.T) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if address := mediatest.FreeAddrs(t, 1)[0]; !a.given[address] {
			a.given[address] = true
			return address
		}
	}
}

// setUp gives a script its secrets, the addresses that it may listen on, and one on which nobody does. ca issued what the
// command certificate writes.
func setUp(t *testing.T, env *testscript.Env, free *addresses, ca *mediatest.Authority) error {
	env.Setenv("MARIA_KEY", "maria-canary-key-0123456789")
	env.Setenv("ANA_KEY", "ana-canary-key-01234567890")
	env.Setenv("TIKTOK_KEY", "tiktok-canary-key")
	env.Setenv("ADMIN_TOKEN", "admin-canary-token-0123456789")
	env.Setenv("READER_TOKEN", "reader-canary-token-012345678")
	env.Setenv("CREATOR_TOKEN", "creator-canary-token-01234567")
	for _, name := range []string{"METRICS", "HTTP", "HTTPS", "RTMP", "RTMPS", "NOBODY"} {
		env.Setenv(name, free.next(t))
	}
	env.Setenv("CA", ca.CAFile)
	env.Setenv("GORACE", "atexit_sleep_ms=0") // by default each command takes a second longer under the race detector
	return nil
}

// scriptCommands are what a script can do beside what testscript brings.
func scriptCommands(t *testing.T, ca *mediatest.Authority) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"ready": awaitReady,
		"exits": exits,
		"until": until,
		"keep":  keep,
		"json":  oneJSON,
		"certificate": func(ts *testscript.TestScript, _ bool, args []string) { // CERT KEY
			ca.Issue(t, ts.MkAbs(args[0]), ts.MkAbs(args[1]))
		},
	}
}

// exits is the script command "exits CODE COMMAND...": the command leaves with that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var left *exec.ExitError
		if !errors.As(err, &left) {
			ts.Fatalf("%v", err)
		}
		got = left.ExitCode()
	}
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

// until is the script command "until PATTERN COMMAND...": it runs the command until it succeeds and prints what fits.
func until(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ts.Exec(args[1], args[2:]...) == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%q was not printed within %v", args[0], patience)
}

// keep is the script command "keep NAME PATTERN": what the pattern's group finds in standard output becomes a variable.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%q finds nothing", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// oneJSON is the script command "json": each line of standard output is one JSON value, and there is one.
func oneJSON(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stdout")
	for line := range strings.Lines(text) {
		d := json.NewDecoder(strings.NewReader(line))
		var v any
		if err := d.Decode(&v); err != nil {
			ts.Fatalf("%q is no JSON: %v", line, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			ts.Fatalf("%q holds more than one value", line)
		}
	}
	if text == "" {
		ts.Fatalf("nothing was printed")
	}
}
