package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// What the browser saw; browser/watch.mjs writes it.
type sight struct {
	Pictures []picture
	Cards    []struct {
		At    float64
		Cards []seenCard
	}
	Messages   []string
	Violations []string // of the Content Security Policy
	Errors     []string // on the console
	Report     struct {
		Status, Transport            string
		Stalls, Dropped, Connections int
		Changes                      []struct {
			Seq, Cards     int
			Due, MediaTime float64
		}
	}
	Message, Sound, Figure, Address string
	Latency                         float64
}

// picture is one that the browser told the page of.
type picture struct {
	At     float64 // time of the rendering, ms
	Time   float64 // on the clock of the video, s
	Number int     // painted into what is on screen
}

// seenCard is a card as it is in the page.
type seenCard struct {
	Element           int // tells a new card from an update
	Moves             int // animations that run
	Elements          int // below the card
	Slot, Pos         string
	Box               [4]int // left, top, width, height in the window
	Link, Rel, Target string
	Title, Variant    string
	Price, Was, Avail string
	Image             string
}

// look opens a page in Chromium until it says that the show has ended or that the viewer is refused.
func look(t *testing.T, address string) (seen sight) {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds: not with -short")
	}
	modules, err := filepath.Abs("pages/node_modules/playwright-core/package.json")
	if err != nil {
		t.Fatal(err)
	}
	mediatest.Need(t, "node", "chromium", modules)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "pages/browser/watch.mjs", address, "30")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &seen)
	}
	if err != nil {
		t.Fatalf("look at the page: %v: %s", err, said.String())
	}
	return seen
}

// drawn is what is expected of a change: the picture with which it comes, and the cards in order of their slots.
type drawn struct {
	picture int
	cards   []string
}

// brief says of a card what is compared.
func brief(c seenCard) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s | %s %s | %s %s %s", c.Slot, c.Pos, c.Title, c.Variant, c.Price, c.Was, c.Avail)), " ")
}

// Where there is no WebRTC, the page plays low latency HLS, and draws each state with its own picture: those from emsg, those from date ranges, the one
// that is on when a viewer comes, and the end that a card has by itself.
func TestWatchInChromium(t *testing.T) {
	card := func(slot, pos, more string) string {
		return `{"slot":"` + slot + `","pos":` + pos + `,"style":"card"` + more + `}`
	}
	product := func(id, title, more string) string {
		return `,"product":{"id":"` + id + `","title":"` + title + `","link":"https://shop.example.com/` + id + `"` + more + `}`
	}
	const euros = `,"price":{"amount":2499,"currency":"EUR"}`
	o := newOrigin(t, []originState{
		{1, -100, byEmsg, `[` + card("main", `"lower-third"`, product("dress", "Linen dress", euros)) + `]`},
		{2, 160, byEmsg, `[` + card("main", `"lower-third"`, product("dress", "Linen dress", `,"price":{"amount":1999,"currency":"EUR"},"was":{"amount":2499,"currency":"EUR"},"avail":"limited","stock":3`)) + `]`},
		{3, 190, byDateRange, `[` + card("main", `"lower-third"`, product("hat", "<img src=x onerror=alert(1)>", `,"variant":"Red / M","avail":"out_of_stock","image":"http://shop.example.com/x.png"`)) + `]`},
		{4, 220, byBoth, `[` + card("main", `[500,250,400,200]`, product("hat", "Hat", "")) + `,` + card("side", `"top-right"`, product("bag", "Bag", euros)) +
			`,{"slot":"bad","pos":"top","style":"card","product":{"id":"x","title":"Bad","link":"javascript:alert(1)"}},7]`},
		{5, 250, byEmsg, `[` + card("main", `"center"`, `,"until":%d`+product("hat", "Hat", "")) + `]`},
		{6, 310, byDateRange, `[` + card("main", `"bottom"`, product("dress", "Linen dress", `,"price":{"amount":1200,"currency":"JPY"}`)) + `]`},
		{7, 340, byEmsg, `[]`},
	})
	const until = 280 // the picture with which the fifth state's card ends by itself
	o.states[4].show = fmt.Sprintf(o.states[4].show, o.at(until))
	want := []drawn{
		{-100, []string{"main lower-third | Linen dress | Price €24.99"}},
		{160, []string{"main lower-third | Linen dress | Price €19.99 was €24.99 3 left"}},
		{190, []string{"main lower-third | <img src=x onerror=alert(1)> Red / M | Sold out"}},
		{220, []string{"main box | Hat |", "side top-right | Bag | Price €24.99"}},
		{250, []string{"main center | Hat |"}},
		{until, nil},
		{310, []string{"main bottom | Linen dress | Price ¥1,200"}},
		{340, nil},
	}
	o.misses = 1
	server := httptest.NewServer(o.beside((&Server{Source: &fakeSource{}}).Handler()))
	defer server.Close()
	seen := look(t, server.URL+"/watch/maria?token=good")

	t.Logf("%d pictures seen, %d dropped, %d stalls, %.2f s behind live", len(seen.Pictures), seen.Report.Dropped, seen.Report.Stalls, seen.Latency)
	var got []drawn
	for i, change := range seen.Cards {
		d := drawn{picture: want[min(i, len(want)-1)].picture}
		for _, c := range change.Cards {
			d.cards = append(d.cards, brief(c))
			if c.Rel != "noopener noreferrer" || c.Target != "_blank" || !strings.HasPrefix(c.Link, "https://shop.example.com/") || c.Image != "" {
				t.Errorf("a card got the link %s with rel %q, target %q, and the image %q", c.Link, c.Rel, c.Target, c.Image)
			}
		}
		slices.Sort(d.cards)
		got = append(got, d)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(drawn{})); diff != "" {
		t.Fatalf("the cards differ (-want +got):\n%s", diff)
	}
	checkSkew(t, seen, want)
	checkElements(t, seen)
	checkPage(t, seen, o, server.URL)
}

// told gives the pictures that the page was told of. Where Chromium is late the next one is on screen already: then what was told of is known
// by its time alone.
func told(t *testing.T, pictures []picture) []picture {
	t.Helper()
	begins := func(p picture) float64 { return p.Time - float64(p.Number)/originRate } // the clip, on the clock of the video
	var all []float64
	for _, p := range pictures {
		all = append(all, begins(p))
	}
	slices.Sort(all)
	late, exact := 0, slices.Clone(pictures)
	for i, p := range pictures {
		if exact[i].Number = int(math.Round((p.Time - all[len(all)/2]) * originRate)); exact[i].Number != p.Number {
			late++
		}
	}
	if t.Logf("%d pictures told of when another was on screen", late); late > len(pictures)/10 {
		t.Errorf("%d of %d pictures were told of when another was on screen", late, len(pictures))
	}
	return exact
}

// checkSkew compares each change with the pictures that were put on screen: it came with the first of them that is not before its
// own. A picture that Chromium did not put on screen is no fault of the page.
func checkSkew(t *testing.T, seen sight, want []drawn) {
	t.Helper()
	pictures := told(t, seen.Pictures)
	for i, change := range seen.Cards {
		with, before := -1, -1
		for _, p := range pictures {
			switch {
			case p.At < change.At:
				before = p.Number
			case p.At == change.At:
				with = p.Number
			}
		}
		if n := want[i].picture; with < n || before >= n && before >= 0 {
			t.Errorf("change %d: drawn with picture %d after picture %d, want with the first from %d on", i, with, before, n)
		}
		if behind := with - want[i].picture; want[i].picture > 0 && behind > 0 {
			t.Logf("change %d: %d pictures after its own, which were not put on screen", i, behind)
		}
	}
}

// checkElements looks at how the cards stand in the page: an update keeps its element and does not move, another product gets a
// new one that does, and a rectangle is one of the picture, not of the window.
func checkElements(t *testing.T, seen sight) {
	t.Helper()
	first := func(change int) seenCard { return seen.Cards[change].Cards[0] }
	for _, c := range []struct {
		name     string
		a, b     seenCard
		same     bool
		newMoves int
	}{
		{"another price", first(0), first(1), true, 0},
		{"another product", first(1), first(2), false, 1},
		{"another title and place", first(2), first(3), true, 0},
	} {
		if got := c.a.Element == c.b.Element; got != c.same || c.b.Moves != c.newMoves {
			t.Errorf("%s: got the same element: %v, with %d animations, want %v with %d", c.name, got, c.b.Moves, c.same, c.newMoves)
		}
	}
	if got := first(2).Elements; got != first(0).Elements {
		t.Errorf("markup in a title made elements: %d, want %d", got, first(0).Elements)
	}
	box := seen.Cards[3].Cards[slices.IndexFunc(seen.Cards[3].Cards, func(c seenCard) bool { return c.Pos == "box" })]
	// 256 × 128 in a window of 800 × 600: bars of 100 above and below.
	if want := [4]int{400, 200, 320, 80}; box.Box != want {
		t.Errorf("a rectangle got %v, want %v", box.Box, want)
	}
}

// checkPage looks at what else the page says and asks for.
func checkPage(t *testing.T, seen sight, o *origin, server string) {
	t.Helper()
	if want := []string{"maria is not live yet. This page begins by itself.", "Connecting…", "", "The show has ended."}; !slices.Equal(seen.Messages, want) {
		t.Errorf("messages: got %q, want %q", seen.Messages, want)
	}
	if want := server + "/watch/maria"; seen.Address != want {
		t.Errorf("address: got %s, want %s", seen.Address, want)
	}
	if r := seen.Report; r.Transport != "hls.js" || r.Connections != 1 || r.Status != "ended" {
		t.Errorf("report: got %+v", r)
	}
	if changes := seen.Report.Changes; len(changes) < 8 || changes[1].Seq != 2 || changes[1].MediaTime < changes[1].Due-0.004 {
		t.Errorf("changes: got %+v", changes)
	}
	if seen.Latency <= 0 || !strings.HasSuffix(seen.Figure, " s behind live") || seen.Sound != "Sound on" {
		t.Errorf("got a delay of %v s, said as %q, and the button %q", seen.Latency, seen.Figure, seen.Sound)
	}
	checkQuiet(t, seen, "503", "404") // not live yet; no WebRTC here
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, asked := range o.asked {
		if path, _, with := strings.Cut(asked, "?token=good"); with && path != "/watch/maria" && path != "/hls/maria/index.m3u8" {
			t.Errorf("the token was sent to %s", path)
		}
	}
	if !slices.ContainsFunc(o.asked, func(a string) bool { return strings.Contains(a, ".part.m4s") }) || !slices.ContainsFunc(o.asked, func(a string) bool { return strings.Contains(a, "_HLS_part=") }) {
		t.Error("it was not played with low latency")
	}
}

// checkQuiet looks for what the browser complains of; only answers with a code are expected.
func checkQuiet(t *testing.T, seen sight, codes ...string) {
	t.Helper()
	expected := func(e string) bool {
		return slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(e, "status of "+code) })
	}
	for _, e := range append(seen.Errors, seen.Violations...) {
		if !expected(e) || strings.Contains(e, "token") {
			t.Errorf("the browser says: %s", e)
		}
	}
}

// A viewer whose link is over is told so, and not kept waiting.
func TestWatchRefusedInChromium(t *testing.T) {
	o := newOrigin(t, nil)
	server := httptest.NewServer(o.beside((&Server{Source: &fakeSource{}}).Handler()))
	defer server.Close()
	seen := look(t, server.URL+"/watch/maria?token=over")
	if want := "This link has expired or is not valid. Ask for a new one."; seen.Message != want || seen.Address != server.URL+"/watch/maria" || seen.Report.Status != "refused" {
		t.Errorf("got %q at %s, %s, want %q", seen.Message, seen.Address, seen.Report.Status, want)
	}
	checkQuiet(t, seen, "403", "404")
}
