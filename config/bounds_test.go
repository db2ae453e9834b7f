package config

import (
	"fmt"
	"strings"
	"testing"
)

// Hostile files end soon, with one clear fault. Without the bounds these would overflow the stack or take hours.
func TestBounds(t *testing.T) {
	const m = 20_000
	for _, c := range []struct{ name, text, want string }{
		{"size", strings.Repeat("#", maxFile+1), "1:1: the file is larger than 4 MiB"},
		{"marks", strings.Repeat("[", maxIndicators+1), "1:1: the file has more than 1048576 lines, brackets, colons and other marks of YAML"},
		{"brackets", strings.Repeat("[", m), "1:32: nested more than 32 deep"},
		{"braces", strings.Repeat("{a: ", m), "1:125: nested more than 32 deep"},
		{"brackets over lines", strings.Repeat("[\n", m), "32:1: nested more than 32 deep"},
		{"dashes", strings.Repeat("- ", m), "1:65: nested more than 32 deep"},
		{"indentation", staircase(40), "33:33: nested more than 32 deep"},
		{"siblings", strings.Repeat("a:\n", m), "2049:1: more than 2048 entries in one block"},
		{"list", "a:\n" + strings.Repeat("- 1\n", m), "2049:1: more than 2048 entries in one block"},
		{"alias bomb", "a: &a [x, x]\nb: &b [*a, *a]\n", "1:4: " + msgAnchor + "\n2:4: " + msgAnchor + "\n2:8: " + msgAnchor + "\n2:12: " + msgAnchor},
		{"not UTF-8", "drain: 10s\n# \u00fc\n# \u00fc\xff\n", "3:4: not UTF-8 text; save the file as UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := faultText(t, t.TempDir(), c.text); got != c.want {
				t.Errorf("got %.200s\nwant %s", got, c.want)
			}
		})
	}
}

func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

// The largest file that the limits allow is read.
func TestLargestFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("log:\n  level: |-\n    info\nstreams:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  s%d:\n    key: %s%d\n    destinations:\n", i, anyKey, i)
		for j := range 64 {
			fmt.Fprintf(&b, "      d%d: {url: rtmp://h/app, key: k-%d-%d}\n", j, i, j)
		}
	}
	c, err := Parse("x.yaml", []byte(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Streams) != 200 || len(c.Streams["s7"].Destinations) != 64 || len(c.Warnings) > 0 {
		t.Errorf("%d streams, warnings %v", len(c.Streams), c.Warnings)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, "x%d: 1\n", i)
	}
	lines := strings.Split(faultText(t, t.TempDir(), b.String()), "\n")
	if got, want := lines[len(lines)-1], "101:1: more faults than are shown"; len(lines) != 101 || got != want {
		t.Errorf("%d faults, the last %q, want 101 and %q", len(lines), got, want)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"ca", "key", "listen", "chunk_size", "allow_private_destinations"}
	for seen, want := range map[string]string{
		"lsten": "listen", "Listen": "listen", "chunksize": "chunk_size", "kye": "", "keys": "key", "c": "ca",
		"x": "", "": "", "allow_private": "", "key_file": "", "allow-private-destinations": "allow_private_destinations",
	} {
		if got, _ := nearest(seen, words); got != want {
			t.Errorf("%q: got %q, want %q", seen, got, want)
		}
	}
	if got := list([]string{"a"}) + list(nil); got != "a" {
		t.Errorf("got %q", got)
	}
}
