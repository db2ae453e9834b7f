//go:build linux

// Package browser lets Debian's Chromium play HLS with hls.js, and tells what a viewer saw: the number in each picture (mediatest.Counted)
// with its time, the overlay states, how far behind the live edge, and each stall.
package browser

import (
	"bytes"
	"embed"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

//go:embed page.html page.js peer.html peer.js
var page embed.FS

// modules are what npm installs.
var modules = []string{"hls.js", "playwright-core"}

// Page is a web page on an origin of its own.
type Page struct {
	Origin string // such as http://127.0.0.1:20001

	folder string
}

// Wish says what to play.
type Wish struct {
	Address    string         `json:"address"`
	Seconds    int            `json:"seconds"` // at most; the end of the stream ends it too
	LowLatency bool           `json:"lowLatency"`
	Chases     bool           `json:"chases"` // it jumps to where hls.js wants to be, where it is 0.15 s or more behind that
	Config     map[string]any `json:"config"` // further settings of hls.js
}

// Play is a Chromium at work.
type Play struct {
	*mediatest.Process
	out  bytes.Buffer
	wish Wish
}

// Report is what was seen. Times of the clock are in milliseconds since the begin, times of media in seconds of the video element.
type Report struct {
	Pictures []Picture `json:"pictures"`
	Events   []State   `json:"events"` // by emsg, in the order of their loading
	Ranges   []State   `json:"ranges"` // by date range
	Latency  []Latency `json:"latency"`
	Stalls   []Stall   `json:"stalls"`
	Jumps    []Jump    `json:"jumps"`
	Errors   []Error   `json:"errors"`
	Console  []string  `json:"console"`
	First    float64   `json:"first"` // when the first picture was there; -1: never
	Ended    bool      `json:"ended"`
}

// Picture is one presented picture.
type Picture struct {
	Number int // -1: none could be read
	Time   float64
	At     float64
	Count  int     // pictures presented so far, by the browser's own count
	Due    float64 // time of the picture that the callback was about; the page may have come too late for it
}

// State is an overlay state as hls.js hands it over.
type State struct {
	ID   string  `json:"id"` // of a date range
	Time float64 `json:"time"`
	Text string  `json:"text"` // JSON; empty: none of ours
	At   float64 `json:"at"`
}

// Latency is one sample of how far behind the live edge the player is, in seconds.
type Latency struct {
	At      float64 `json:"at"`
	Latency float64 `json:"latency"`
	Target  float64 `json:"target"`
	Ahead   float64 `json:"ahead"` // media in the buffer
	Rate    float64 `json:"rate"`
}

// Stall is a stop of the media clock of more than 0.3 s.
type Stall struct {
	At   float64 `json:"at"`
	Took float64 `json:"took"`
	Time float64 `json:"time"`
}

// Jump is a leap towards the live edge, in seconds of media.
type Jump struct {
	At float64 `json:"at"`
	By float64 `json:"by"`
}

// Error is an error event of hls.js.
type Error struct {
	Type, Details, Text string
	Fatal               bool
	Status              int
	At                  float64
}

// UnmarshalJSON reads the numbers of a picture.
func (p *Picture) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.Number, &p.Time, &p.At, &p.Count, &p.Due})
}

// NewPage serves the page until the test ends.
func NewPage(t testing.TB) *Page {
	t.Helper()
	mediatest.Need(t, "node", "/usr/bin/chromium")
	_, file, _, _ := runtime.Caller(0)
	p := &Page{folder: filepath.Dir(file)}
	for _, m := range modules {
		if _, err := os.Stat(filepath.Join(p.folder, "node_modules", m)); err != nil {
			t.Fatalf("%s is not installed; run: npm --prefix %s ci", m, p.folder)
		}
	}
	addr := mediatest.FreeAddrs(t, 1)[0]
	p.Origin = "http://" + addr
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(page))
	mux.HandleFunc("GET /hls.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(p.folder, "node_modules/hls.js/dist/hls.js"))
	})
	server := &http.Server{Addr: addr, Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ListenAndServe() // until Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	mediatest.Within(t, 5*time.Second, "the page", func() bool {
		resp, err := http.Get(p.Origin + "/page.html")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// Play starts a Chromium that plays.
func (p *Page) Play(t testing.TB, w Wish) *Play {
	t.Helper()
	text, err := json.Marshal(struct {
		Page string `json:"page"`
		Wish
	}{p.Origin + "/page.html", w})
	if err != nil {
		t.Fatal(err)
	}
	play := &Play{wish: w}
	play.Process = mediatest.Start(t, mediatest.Command{
		Name: "chromium", Path: "node", Args: []string{filepath.Join(p.folder, "play.mjs"), string(text)}, Dir: p.folder, Stdout: &play.out,
	})
	return play
}

// startup is how much longer than the media a Chromium may take to start and to leave.
const startup = 60 * time.Second

// Report waits for the end, and gives what was seen.
func (p *Play) Report(t testing.TB) *Report {
	t.Helper()
	code := p.Wait(t, time.Duration(p.wish.Seconds)*time.Second+startup)
	var r Report
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil || code != 0 {
		t.Fatalf("chromium: exit %d, %v: %s%s", code, err, p.out.String(), p.Log())
	}
	return &r
}
