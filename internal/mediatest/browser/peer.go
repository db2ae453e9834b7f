//go:build linux

package browser

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// PeerWish says what to watch over WHEP, or where to publish over WHIP.
type PeerWish struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	Seconds int    `json:"seconds"`
	Publish bool   `json:"publish"` // pictures of a canvas with their numbers, and a tone
	Channel bool   `json:"channel"` // a viewer asks for overlay states
	Renders bool   `json:"renders"` // a viewer notes what is put on screen, and not all that is decoded
	Rate    int    `json:"rate"`    // pictures a second that are published; 0: 30
	Codec   string `json:"codec"`   // of pictures, such as VP8; empty: as the browser likes
	Beeps   bool   `json:"beeps"`   // a beep of 50 ms with the first picture of each second, rather than a tone; a viewer listens for it
	Via     string `json:"via"`     // address that stands for the server's UDP port, see mediatest.Network; empty: straight
}

// Peer is a Chromium at work over WebRTC.
type Peer struct {
	*mediatest.Process
	out  bytes.Buffer
	wish PeerWish
}

// PeerReport is what was seen. Times are in milliseconds since the begin.
type PeerReport struct {
	Pictures  []PeerPicture     `json:"pictures"` // that were decoded, or put on screen
	States    []State           `json:"states"`   // by the data channel
	Sent      []SentPicture     `json:"sent"`
	Captured  Captured          `json:"captured"`
	Progress  [][2]int          `json:"progress"` // pictures that were painted, and that the browser had sent by then
	Status    int               `json:"status"`   // of POST
	Head      map[string]string `json:"head"`     // of its answer
	Answer    string            `json:"answer"`
	Connected float64           `json:"connected"` // -1: never
	First     float64           `json:"first"`     // when the first picture was there; -1: never
	Deleted   int               `json:"deleted"`   // status of DELETE
	Wrong     []string          `json:"wrong"`
	Console   []string          `json:"console"`

	// As the browser counts, by "video", "audio", "pair" and "codec-video/H264" (W3C webrtc-stats).
	Stats map[string]map[string]any `json:"stats"`
}

// Captured tells when beeps and their pictures were captured, or played to a viewer, each on a clock of its own.
type Captured struct {
	Beeps           []float64    `json:"beeps"`
	Flashes         [][2]float64 `json:"flashes"` // number of the picture, and when
	Sound, Pictures struct {     // the clocks
		Ahead float64 `json:"ahead"` // what is to be added
	}
}

// PeerPicture is one picture.
type PeerPicture struct {
	Number int    // -1: none could be read
	RTP    uint32 // of the picture that the callback was about, where it was put on screen; the page may have come too late for it
	At     float64
	Wall   float64 // milliseconds since 1970
}

// SentPicture is one picture that was given to the encoder.
type SentPicture struct {
	Number int
	At     float64
	Wall   float64
}

// UnmarshalJSON reads the numbers of a picture.
func (p *PeerPicture) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.Number, &p.RTP, &p.At, &p.Wall})
}

// UnmarshalJSON reads the numbers of a picture.
func (p *SentPicture) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&p.Number, &p.At, &p.Wall})
}

// Count gives a number that the browser counts of a kind; 0 where it has none.
func (r *PeerReport) Count(kind, name string) float64 {
	n, _ := r.Stats[kind][name].(float64)
	return n
}

// Peer starts a Chromium that watches or publishes.
func (p *Page) Peer(t testing.TB, w PeerWish) *Peer {
	t.Helper()
	if w.Rate == 0 {
		w.Rate = 30
	}
	text, err := json.Marshal(struct {
		Page string `json:"page"`
		PeerWish
	}{p.Origin + "/peer.html", w})
	if err != nil {
		t.Fatal(err)
	}
	peer := &Peer{wish: w}
	peer.Process = mediatest.Start(t, mediatest.Command{
		Name: "chromium", Path: "node", Args: []string{filepath.Join(p.folder, "play.mjs"), string(text)}, Dir: p.folder, Stdout: &peer.out,
	})
	return peer
}

// Report waits for the end, and gives what was seen.
func (p *Peer) Report(t testing.TB) *PeerReport {
	t.Helper()
	code := p.Wait(t, time.Duration(p.wish.Seconds)*time.Second+startup)
	var r PeerReport
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil || code != 0 {
		t.Fatalf("chromium: exit %d, %v: %s%s", code, err, p.out.String(), p.Log())
	}
	return &r
}
