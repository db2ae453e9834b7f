package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

// gateway is a node that runs, in whose catalog is a dress.
type gateway struct {
	*testing.T
	node    *node
	address string // of its API and of HLS: "http://127.0.0.1:1234"
}

const gatewayConfig = `
rtmp: {listen: off}
http: {listen: "127.0.0.1:0"}
metrics: {listen: off}
tokens: [{name: ops, token: admin-canary-token-0123456789, role: admin}]
hls: {segment: 1s}
streams:
  maria: {key: maria-canary-key-0123456789}
  ana: {key: ana-canary-key-01234567890, public: true}
partners:
  shopnet:
    token: shopnet-canary-token-0123456
    streams: [maria]
    protocols: [hls]
    view: {currency: USD, link: {utm_source: shopnet}}
`

const gatewayProducts = `[{"id":"dress","title":[{"lang":"en","text":"Dress"}],"link":"https://shop.example.com/dress","price":[{"amount":2499,"currency":"EUR"},{"amount":2799,"currency":"USD"}]}]`

func newGateway(t *testing.T) *gateway {
	t.Helper()
	return newGatewayWith(t, gatewayConfig)
}

func newGatewayWith(t *testing.T, text string) *gateway {
	t.Helper()
	before := goleak.IgnoreCurrent()
	c, err := config.Parse("gateway.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNode(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{T: t, node: n, address: "http://" + n.on.http.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with %v", err)
		}
		goleak.VerifyNone(t, before)
	})
	mediatest.Within(t, patience, "a node that runs", n.ready.Load)
	g.Setenv("SIMULCART_SERVER", g.address)
	g.Setenv("SIMULCART_TOKEN", "admin-canary-token-0123456789")
	g.Setenv("SIMULCART_STREAM", "maria")
	file := filepath.Join(t.TempDir(), "products.json")
	if err := os.WriteFile(file, []byte(gatewayProducts), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := typed("products", "import", file); code != 0 {
		t.Fatal(errs)
	}
	return g
}

// post asks the API for a change, and reads the answer.
func (g *gateway) post(path, body string, to any) {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), http.MethodPost, g.address+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer admin-canary-token-0123456789")
	r.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		g.Fatalf("POST %s: %s %s %v", path, answer.Status, text, err)
	}
	if to != nil {
		if err := json.Unmarshal(text, to); err != nil {
			g.Fatal(err)
		}
	}
}

// link makes a link for a protocol, and gives the address.
func (g *gateway) link(stream, protocol string) string {
	g.Helper()
	var answer struct{ Links map[string]string }
	g.post("/v1/streams/"+stream+"/links", fmt.Sprintf(`{"protocols":[%q],"ttl":"1h"}`, protocol), &answer)
	return answer.Links[protocol]
}

// publish is on the air with a stream until stop is called, or the test ends: 25 pictures a second of media, coded in another order than
// they are shown, at four times their pace.
func (g *gateway) publish(stream string) (stop func()) {
	g.Helper()
	p, err := g.node.gate.Admit(ingest.Applicant{Stream: stream, Protocol: "rtmp", Remote: "192.0.2.1:1", Software: "test"})
	if err != nil {
		g.Fatal(err)
	}
	track := videoTrack(g)
	p.SetTracks([]*media.Track{track})
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		picture := mediatest.Unhex(g, avcPicture)
		for n := media.Time(0); ; n++ {
			delay := [...]media.Time{1, 3}[n%25%2]
			if n%25 == 0 {
				delay = 2
			}
			if err := p.WriteFrame(&media.Frame{Track: track, DTS: n * pictureTime, PTS: (n + delay) * pictureTime, Key: n%25 == 0, Data: picture}); err != nil {
				g.Errorf("write: %v", err)
				return
			}
			select {
			case <-pace.C:
			case <-done:
				p.Close(true)
				return
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); writing.Wait() })
	g.Cleanup(stop)
	return stop
}

// answered says how often HLS has given what resource names.
func (g *gateway) answered(stream, resource string) (n uint64) {
	status, _ := g.node.hls.Status(stream)
	for _, r := range status.Requests {
		if r.Resource == resource && r.Status == http.StatusOK {
			n += r.Count
		}
	}
	return n
}

// tail reads an address until the stream has ended. Meanwhile the dress is shown, and hidden when it was seen.
func (g *gateway) tail(source string, flags ...string) []sighting {
	g.Helper()
	stop := g.publish("maria")
	seen := &telling{T: g.T, each: make(chan sighting, 1000)}
	before := g.answered("maria", "part")
	ended := make(chan error, 1)
	go func() {
		command := &tailCommand{Source: source, JSON: true}
		if len(flags) > 0 {
			command.Token = flags[0]
		}
		ended <- command.Run(g.Context(), seen, stderrWriter{g.Output()})
	}()
	mediatest.Within(g, patience, "parts that are read", func() bool { return g.answered("maria", "part") > before })
	for seq, change := range [][]string{{"show", "dress"}, {"hide"}} {
		if code, _, errs := typed(append([]string{"overlay"}, change...)...); code != 0 {
			g.Fatalf("%s: %s", change, errs)
		}
		seen.until(int64(seq + 1))
	}
	stop()
	if err := <-ended; err != nil {
		g.Errorf("tail: %v", err)
	}
	return seen.all
}

// telling reads what tail prints as JSON.
type telling struct {
	*testing.T
	each chan sighting
	all  []sighting // that until has had
}

// Write is io.Writer's; a line comes in one piece.
func (w *telling) Write(b []byte) (int, error) {
	var s sighting
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&s); err != nil {
		w.Errorf("%s: %v", b, err)
	}
	w.each <- s
	return len(b), nil
}

// until waits for the ID3 tag of a state.
func (w *telling) until(seq int64) {
	w.Helper()
	late := time.After(patience)
	for {
		select {
		case s := <-w.each:
			w.all = append(w.all, s)
			if s.State != nil && s.State.Seq == seq && s.Carriage == "id3" {
				return
			}
		case <-late:
			w.Fatalf("state %d did not come within %v: %+v", seq, patience, w.all)
		}
	}
}

// carried gives for each state which carriages had its first copy, and checks that all of them sit on one picture.
func carried(t *testing.T, all []sighting) (by map[int64][]string) {
	t.Helper()
	type place struct {
		frame int
		from  int64
	}
	places, by := map[int64]place{}, map[int64][]string{}
	for _, s := range all {
		if len(s.Faults) > 0 || s.State == nil {
			t.Errorf("%s at %d ms: %v", s.Carriage, s.PTS, s.Faults)
			continue
		}
		if s.Repeat {
			continue
		}
		seq := s.State.Seq
		by[seq] = append(by[seq], s.Carriage)
		at := place{s.Frame, s.State.At}
		if first, ok := places[seq]; ok && first != at {
			t.Errorf("state %d: %s is at %+v, another at %+v", seq, s.Carriage, at, first)
		}
		places[seq] = at
	}
	return by
}

// A link plays: with all carriages, since it has the neutral view, each state at one picture.
func TestLinkPlaysHLS(t *testing.T) {
	g := newGateway(t)
	link := g.link("maria", "hls")
	if !strings.HasPrefix(link, g.address+"/hls/maria/index.m3u8?token=l1.maria.") {
		t.Fatalf("got %s", link)
	}
	all := g.tail(link)
	if diff := cmp.Diff(map[int64][]string{1: {"sei", "daterange", "id3"}, 2: {"sei", "daterange", "id3"}}, carried(t, all)); diff != "" {
		t.Errorf("carriages (-want +got):\n%s", diff)
	}
	if show := all[0].State.Show; len(show) != 1 || show[0].Product.Price.String() != "24.99 EUR" || show[0].Product.Link != "https://shop.example.com/dress" {
		t.Errorf("got %+v", show)
	}
}

// A partner's token plays, in the address or in a header: with her own view, and nothing in the pictures, which all views share.
func TestPartnerPlaysHLS(t *testing.T) {
	for name, c := range map[string]struct{ query, token string }{
		"in the address": {query: "?token=shopnet-canary-token-0123456"},
		"in a header":    {token: "shopnet-canary-token-0123456"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			all := g.tail(g.address+"/hls/maria/index.m3u8"+c.query, c.token)
			if diff := cmp.Diff(map[int64][]string{1: {"daterange", "id3"}, 2: {"daterange", "id3"}}, carried(t, all)); diff != "" {
				t.Errorf("carriages (-want +got):\n%s", diff)
			}
			if show := all[0].State.Show; len(show) != 1 || show[0].Product.Price.String() != "27.99 USD" || show[0].Product.Link != "https://shop.example.com/dress?utm_source=shopnet" {
				t.Errorf("got %+v", show)
			}
		})
	}
}

// What does not play says why.
func TestHLSDoesNotPlay(t *testing.T) {
	g := newGateway(t)
	g.publish("ana")
	for _, c := range []struct{ name, source, want string }{
		{"no token", g.address + "/hls/maria/index.m3u8", "load the playlist: HTTP 401 Unauthorized: The token or link is not good for this stream over HLS"},
		{"a wrong token", g.address + "/hls/maria/index.m3u8?token=canary", "load the playlist: HTTP 401 Unauthorized: "},
		{"a link for another stream", strings.Replace(g.link("ana", "hls"), "/ana/", "/maria/", 1), "load the playlist: HTTP 401 Unauthorized: "},
		{"a stream that is not live", g.link("maria", "hls"), "load the playlist: HTTP 404 Not Found: The stream is not live."},
		{"no such stream", g.address + "/hls/nobody/index.m3u8", "load the playlist: HTTP 401 Unauthorized: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := typed("overlay", "tail", c.source)
			if code != 1 || out != "" || !strings.HasPrefix(errs, "simulcart: "+c.want) || strings.Contains(errs, "canary") {
				t.Errorf("got exit code %d, %q and %q, want %q", code, out, errs, c.want)
			}
		})
	}
}
