package web

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/control"
)

// factsOn gives what the status page says of a stream, each fact in a line, as node runs its script.
func factsOn(t *testing.T, s control.StreamStatus) (list []string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node (Debian: nodejs) is not on the PATH")
	}
	_, script, found := strings.Cut(string(pageHTML), "<script>")
	script, _, cut := strings.Cut(script, "\nsetInterval(draw")
	if !found || !cut {
		t.Fatal("the page has no script that ends by drawing again and again")
	}
	stream, err := json.Marshal(whole(s))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.js")
	if err := os.WriteFile(file, []byte(script+"\nconsole.log(JSON.stringify(facts("+string(stream)+", 'key')));\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), node, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var facts [][]any
	if err := json.Unmarshal(out, &facts); err != nil {
		t.Fatal(err)
	}
	for _, f := range facts {
		var words []string
		for _, w := range f {
			if text, ok := w.(string); ok {
				words = append(words, text)
			}
		}
		list = append(list, strings.Join(words, " | "))
	}
	return list
}

// about gives those of the facts that begin with one of the words.
func about(facts []string, words ...string) (list []string) {
	for _, f := range facts {
		for _, w := range words {
			if strings.HasPrefix(f, w+" |") {
				list = append(list, f)
			}
		}
	}
	return list
}

// Who watches over HLS, how old the playlist is, and what it takes, as long as segments are made.
func TestPageTellsOfHLS(t *testing.T) {
	s := maria()
	s.Feeds = append(s.Feeds, control.FeedStatus{Protocol: "hls", Readers: 12}, control.FeedStatus{Protocol: "hls", Partner: "shopnet", Readers: 30})
	want := []string{
		"Feeds | 44 pull | talkshoplive by rtmp: 2, without contract by hls: 12, shopnet by hls: 30",
		"HLS | playlist 0.1 s old | segments of 2 s, parts of 0.2 s, goes back 30 s, 6.0 kB in memory, 7.0 kB on disk, 3 requests waiting, 2 failed",
	}
	if diff := cmp.Diff(want, about(factsOn(t, s), "Feeds", "HLS")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.HLS = &control.PackagedStatus{
		Active: true, TargetSeconds: 2, PartTargetSeconds: 1, AgeSeconds: 12.34, WindowSeconds: 1800, MemoryBytes: 5e6,
		Requests: []control.PackagedRequests{{Resource: "part", Status: 404, Count: 7}},
	}
	want = []string{"HLS | playlist 12.3 s old | segments of 2 s, parts of 1.0 s, goes back 30:00, 5.0 MB in memory"}
	if diff := cmp.Diff(want, about(factsOn(t, s), "HLS")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, rests := range []*control.PackagedStatus{nil, {Segments: 100}} {
		s.HLS = rests
		if got := about(factsOn(t, s), "HLS"); got != nil {
			t.Errorf("got %q of segments that nobody makes", got)
		}
	}
}
