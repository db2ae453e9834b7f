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

// An encoder that waits to take the stream over is told beside the one that is there.
func TestPageTellsWhoWaits(t *testing.T) {
	s := maria()
	if got := about(factsOn(t, s), "Next encoder"); got != nil {
		t.Errorf("got %q where nobody waits", got)
	}
	s.Session.Waiting = &control.Publisher{Protocol: "whip", Remote: "192.0.2.2:6", Software: "Chromium", Since: s.Session.Since}
	got := about(factsOn(t, s), "Next encoder")
	if len(got) != 1 || !strings.HasPrefix(got[0], "Next encoder | Chromium | whip from 192.0.2.2:6, for ") {
		t.Errorf("got %q", got)
	}
}

// Who publishes and watches over WebRTC, and what is converted for it, as long as it is there.
func TestPageTellsOfWebRTC(t *testing.T) {
	s := maria()
	want := []string{
		"WHIP | 50 ms there and back | picture 60 ms old, jitter 4 ms, 5 packets sent again, 4 packets lost, sound 20 ms ahead",
		"WHEP | 2 watch | 1 connecting, 20 ms there and back, at most 30 ms, loss 1.0 %, at most 20.0 %, jitter 3 ms, room for 8.00 Mbit/s",
		"Conversions | sound to Opus | opus: 21 ms later, 12 s of CPU, restarted 2 times, 5 frames too late",
	}
	if diff := cmp.Diff(want, about(factsOn(t, s), "WHIP", "WHEP", "Conversions")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.WebRTC = &control.PeersStatus{Publishers: &control.PublishersStatus{Connected: 1, JitterSeconds: 0.001}, Viewers: &control.ViewersStatus{Connected: 1}}
	s.Bridges = []control.BridgeStatus{
		{Conversion: "in_order", Running: true, Starts: 1, CPUSeconds: 75, DelaySeconds: 0.0712},
		{Conversion: "opus", Running: true, Starts: 2, Restarts: 1, DelaySeconds: 0.02, Late: 1},
	}
	want = []string{
		"WHIP | connected | jitter 1 ms", "WHEP | 1 watches | jitter 0 ms",
		"Conversions | B-frames taken out, sound to Opus | in_order: 71 ms later, 1:15 of CPU; opus: 20 ms later, 0 s of CPU, restarted 1 time, 1 frame too late",
	}
	if diff := cmp.Diff(want, about(factsOn(t, s), "WHIP", "WHEP", "Conversions")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.WebRTC = &control.PeersStatus{Publishers: &control.PublishersStatus{Joined: 5}, Viewers: &control.ViewersStatus{Joined: 9}}
	s.Bridges = []control.BridgeStatus{{Conversion: "aac", Starts: 9, Restarts: 9}}
	if got := about(factsOn(t, s), "WHIP", "WHEP", "Conversions"); got != nil {
		t.Errorf("got %q of those who have left", got)
	}
}
