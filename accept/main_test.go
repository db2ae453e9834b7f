//go:build linux

// Package accept_test proves simulcart against real peers: encoders, platforms and players that nobody here wrote. One test
// is one proof; `make accept PART=name` runs one of them in full length, `make test` and `make others` all of them in a short form.
package accept_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// full says whether the proofs run at full length (ACCEPT=full) or in the short form of every day (ACCEPT=smoke, the default).
func full(t testing.TB) bool {
	t.Helper()
	switch v := os.Getenv("ACCEPT"); v {
	case "", "smoke":
		return false
	case "full":
		return true
	default:
		t.Fatalf("ACCEPT is %q: want smoke or full", v)
		return false
	}
}

// pick gives the value for the short form or for the full length.
func pick[T any](t testing.TB, smoke, whole T) T {
	t.Helper()
	if full(t) {
		return whole
	}
	return smoke
}

// realPeers skips the test with -short.
func realPeers(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("real peers take seconds to minutes: not with -short")
	}
}

// figure prints one measured value, in a form that a script finds.
func figure(t testing.TB, name string, value float64, unit string) {
	t.Helper()
	fmt.Printf("figure: %s %.4g %s\n", name, value, unit)
}

// guardFactor is how much worse than its goal a time may be before a test fails: other people's machines are slow, and a
// real fault is far beyond.
const guardFactor = 5

// timeFigure prints a time, and fails the test where it is over guardFactor times the goal.
func timeFigure(t testing.TB, name string, got, goal time.Duration) {
	t.Helper()
	figure(t, name, got.Seconds()*1000, "ms")
	if got > goal {
		t.Logf("%s: %v, over the goal of %v", name, got, goal)
	}
	if got > guardFactor*goal {
		t.Errorf("%s: got %v, want at most %v, %d times the goal", name, got, guardFactor*goal, guardFactor)
	}
}

// quantile gives the value that a share q of the times does not exceed.
func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// key makes a stream key of the length that simulcart wants, with a name that one can find in a log.
func key(name string) string {
	return name + strings.Repeat("-0123456789", 3)
}
