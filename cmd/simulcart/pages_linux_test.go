package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// onPage is what was seen on a page; web/pages/browser/live.mjs writes it.
type onPage struct {
	Statuses, Messages []string
	Violations         []string // of the Content Security Policy
	Pictures           []picture
	States             []struct { // as they came by the data channel
		Order, Seq      int
		RTP             uint32
		Show            []any
		Label, Protocol string
	}
	Cards []struct {
		At     float64
		Titles string
	}
}

// picture is one that was put on screen.
type picture struct {
	Order         int     // among the states and pictures, as they came
	At            float64 // time of the rendering, ms
	RTP           int64   // timestamp; -1: none
	Width, Height int
}

// live is a step of the browser, or what it saw at the end.
type live struct {
	Step              string
	Cards             int
	Studio, Seat      onPage
	Transport         string
	Latency           float64
	Errors, Addresses []string
	Kept              string // in the storage of the tab
}

// A creator publishes from the page, and a viewer with a link watches her over WebRTC: each card is drawn with the first picture that is
// put on screen from its own on. The show ends when she says so and when she closes the page; the viewer's page comes back by itself. A page from which another one takes
// the stream over does not fight for it.
func TestPagesOverWebRTC(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds: not with -short")
	}
	modules, err := filepath.Abs("../../web/pages/node_modules/playwright-core/package.json")
	if err != nil {
		t.Fatal(err)
	}
	mediatest.Need(t, "node", "chromium", modules)
	g := newGatewayWith(t, gatewayConfig+"webrtc: {udp: \"127.0.0.1:0\", tcp: \"127.0.0.1:0\"}\n")
	link, err := url.Parse(g.link("maria", "whep"))
	if err != nil {
		t.Fatal(err)
	}
	const key = "maria-canary-key-0123456789"
	token := link.Query().Get("token")

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "../../web/pages/browser/live.mjs", g.address, "maria", key, token)
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	next := func(step string, cards int) (l live) {
		t.Helper()
		for lines.Scan() {
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				t.Fatal(err)
			}
			if l.Step == step && l.Cards == cards {
				return l
			}
		}
		_ = cmd.Wait()
		t.Fatalf("waited in vain for %q %d: %s", step, cards, said.String())
		return live{}
	}
	next("watching", 0)
	for i, args := range [][]string{{"overlay", "show", "dress"}, {"overlay", "hide"}, {"overlay", "show", "dress", "--slot", "side"}} {
		if code, _, errs := typed(args...); code != 0 {
			t.Fatal(errs)
		}
		next("drawn", i+1)
	}
	_ = in.Close()
	seen := next("end", 0)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the browser ended with %v: %s", err, said.String())
	}
	t.Logf("%d pictures, the last %+v; %.3f s behind live", len(seen.Seat.Pictures), seen.Seat.Pictures[len(seen.Seat.Pictures)-1], seen.Latency)
	checkLive(t, seen, key, token)
	checkSkew(t, seen.Seat)
}

// checkSkew compares each change of the cards with the pictures that were put on screen: it comes with the first one of those that it
// belongs to, or, where the state came behind that on a busy machine, with the next one.
func checkSkew(t *testing.T, seat onPage) {
	t.Helper()
	if len(seat.Cards) < 3 || len(seat.States) < 3 {
		t.Fatalf("got %d changes by %d states, want 3", len(seat.Cards), len(seat.States))
	}
	states := seat.States[len(seat.States)-3:] // there may be one of nothing from the beginning
	for i, want := range []string{"Dress", "", "Dress"} {
		change, state := seat.Cards[i], states[i]
		if change.Titles != want || state.Label != "simulcart.overlay" || state.Protocol != "simulcart.overlay.1" {
			t.Errorf("change %d: got %q by %q %q, want %q", i, change.Titles, state.Label, state.Protocol, want)
		}
		with := slices.IndexFunc(seat.Pictures, func(p picture) bool {
			return p.RTP >= 0 && p.Order > state.Order && int32(uint32(p.RTP)-state.RTP) >= 0
		})
		if with < 0 {
			t.Errorf("change %d: no picture came behind its state", i)
		} else if p := seat.Pictures[with]; p.At != change.At {
			t.Errorf("change %d: drawn %.0f ms behind the picture that it belongs to", i, change.At-p.At)
		}
	}
}

// checkLive looks at what else the pages say and ask for.
func checkLive(t *testing.T, seen live, key, token string) {
	t.Helper()
	if want := []string{"loading", "idle", "connecting", "refused", "connecting", "live", "ended", "connecting", "live", "taken"}; !slices.Equal(seen.Studio.Statuses, want) {
		t.Errorf("publishing: got %q, want %q", seen.Studio.Statuses, want)
	}
	if got := seen.Seat.Messages; len(got) < 2 || !slices.Contains(got, "") || got[len(got)-1] != "The show has ended." {
		t.Errorf("watching: got %q", got)
	}
	if seen.Transport != "whep" || seen.Latency <= 0 { // how late it may be is a matter of the machine
		t.Errorf("got %s, %v s behind live, want whep", seen.Transport, seen.Latency)
	}
	for _, p := range seen.Seat.Pictures {
		if p.Height != 480 {
			t.Errorf("a picture of %d x %d, want 480 lines from the first on", p.Width, p.Height)
			break
		}
	}
	if seen.Kept != "" {
		t.Errorf("the tab keeps %q, which nobody ticked", seen.Kept)
	}
	expected := []string{"status of 401", "status of 409"}
	if slices.ContainsFunc(seen.Addresses, func(a string) bool { return strings.HasPrefix(a, "404 DELETE /whep/maria/") }) {
		expected = append(expected, "status of 404") // the word of the end was lost, and the page found out by itself
	}
	for _, e := range slices.Concat(seen.Errors, seen.Studio.Violations, seen.Seat.Violations) {
		if !slices.ContainsFunc(expected, func(status string) bool { return strings.Contains(e, status) }) || strings.Contains(e, key) || strings.Contains(e, token) {
			t.Errorf("the browser says: %s; asked for %q", e, seen.Addresses)
		}
	}
	for _, a := range seen.Addresses {
		if strings.Contains(a, key) || strings.Contains(a, token) && !strings.HasPrefix(a, "GET /watch/") && !strings.HasPrefix(a, "GET /hls/") {
			t.Errorf("asked for %s", a)
		}
	}
}
