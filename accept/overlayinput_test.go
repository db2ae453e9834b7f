//go:build linux

package accept_test

import (
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/sei"
)

// TestOverlayInput sends what must not be taken, while a show goes on: each is refused with a clear error, and nothing has changed.
func TestOverlayInput(t *testing.T) {
	realPeers(t)
	n := mediatest.Nginx(t)
	s := stream{id: "maria", destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "maria", more: "overlays: sei"}}}
	g := serveShop(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: 8 * 30, Rate: 30, BFrames: true}
	p := mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitLive(t, s)
	g.show(t, s, `{"action":"show","product":"red","style":"good"}`)
	catalog := g.page(t, g.http, "/v1/streams/maria/products")
	product := func(old, now string) string { return strings.Replace(products[0], old, now, 1) }
	for _, c := range []struct {
		name, method, path, body string
		code                     int
		says                     string
	}{
		{"unknown member", "PUT", "/products/red", product(`"stock"`, `"shelf"`), 422, "shelf"},
		{"control character", "PUT", "/products/red", product("Linen", `Li\u0007nen`), 422, "title"},
		{"script for a link", "PUT", "/products/red", product("https://shop.example.com/p/red?v=m#size", "javascript:alert(1)"), 422, "link"},
		{"link over http", "PUT", "/products/red", product("https://shop", "http://shop"), 422, "link"},
		{"negative price", "PUT", "/products/red", product("2499", "-1"), 422, "price"},
		{"price in a float", "PUT", "/products/red", product("2499", "24.99"), 422, "price"},
		{"another id", "PUT", "/products/blue", products[0], 422, "id"},
		{"10 MB", "PUT", "/products/red", `{"id":"` + strings.Repeat("a", 10<<20) + `"}`, 413, "body_too_large"},
		{"feed with a broken row", "POST", "/products:import", "id,title,price,currency,link\na,A,1.00,EUR,https://a.b/c\nb,B,free,EUR,https://a.b/c\n", 422, "line 3"},
		{"unknown action", "POST", "/overlays", `{"action":"pin","product":"red"}`, 422, "action"},
		{"unknown member of a change", "POST", "/overlays", `{"action":"show","product":"red","colour":"red"}`, 422, "colour"},
		{"unknown product", "POST", "/overlays", `{"action":"show","product":"none"}`, 404, "product_not_found"},
		{"strict and past", "POST", "/overlays", `{"action":"show","product":"red","at":{"media":0},"strict":true}`, 409, "past"},
		{"no JSON", "POST", "/overlays", `{"action"`, 400, "bad_request"},
		{"text too long", "POST", "/metadata", `{"metadata":"` + strings.Repeat("a", 1025) + `"}`, 422, "metadata"},
	} {
		code, answer, err := g.ask(c.method, g.api(s, c.path), c.body)
		if err != nil || code != c.code || !strings.Contains(answer, c.says) {
			t.Errorf("%s: got %d %.300s, %v; want %d with %q", c.name, code, answer, err, c.code, c.says)
		}
	}
	if got := g.page(t, g.http, "/v1/streams/maria/products"); got != catalog {
		t.Error("the catalog has changed")
	}
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	r := readRecording(t, "nginx", n.Recording(t, "maria")) // ffmpeg decodes it without a warning
	if states, _, faults := r.carried("sei"); len(states) != 1 || len(faults) > 0 {
		t.Errorf("%d states were carried, want 1; %v", len(states), faults)
	}
}

// TestSpoofedOverlays publishes pictures that carry overlay messages under our name: no output gets them, and a stream that trusts its
// encoder makes its own states of them.
func TestSpoofedOverlays(t *testing.T) {
	realPeers(t)
	r := mediatest.NewReceiver(t)
	to := func(name string) []destination {
		return []destination{{name: name, url: "rtmp://" + r.Addr + "/live", more: "overlays: sei+amf, pass_data: true"}}
	}
	closed := stream{id: "closed", destinations: to("closed")}
	open := stream{id: "open", more: "trust_overlays: true", destinations: to("open")}
	g := serve(t, closed, open)
	clip := mediatest.Counted{Pictures: 6 * 30, Rate: 30}
	const spoofed = 60 // the picture that carries a message
	tags := spoof(t, mediatest.Tags(t, clip.File(t)), spoofed)
	for _, s := range []stream{closed, open} {
		c, _ := mediatest.Publisher(t, g.rtmp, s.key())
		feed(t, c, tags)
	}
	for _, s := range []stream{closed, open} {
		g.awaitLive(t, s)
		mediatest.Within(t, patience, "the end of "+s.id, func() bool {
			sessions := r.Sessions(s.id)
			tags := mediatest.CodedTags(sessions[0].Tags())
			return len(tags) > 0 && tags[len(tags)-1].Time > 5500
		})
	}
	got := readSession(t, "closed", r.Sessions("closed")[0])
	if len(got.seen) > 0 {
		t.Errorf("a stream that does not trust its encoder carries %v", got.seen)
	}
	if dropped := g.page(t, g.metrics, "/metrics"); !strings.Contains(dropped, `reason="overlay"`) {
		t.Error("what was taken out is not counted")
	}
	trusted := readSession(t, "open", r.Sessions("open")[0])
	for _, carriage := range []string{"sei", "amf"} {
		states, _, faults := trusted.carried(carriage)
		if len(states) != 1 || len(faults) > 0 {
			t.Errorf("%s: %d states, want 1; %v", carriage, len(states), faults)
			continue
		}
		s := states[1]
		number, err := trusted.at(s.from)
		if err != nil || number != spoofed || s.style() != "spoofed" || s.Stream == "up" {
			t.Errorf("%s: got state %+v at picture %d, %v, want picture %d", carriage, s, number, err, spoofed)
		}
	}
}

// spoof puts an overlay message into a picture, and as onTextData in front of it.
func spoof(t *testing.T, tags []mediatest.Tag, number int) []mediatest.Tag {
	t.Helper()
	const text = `{"v":1,"stream":"up","seq":5,"at":0,"now":0,"show":[{"slot":"main","pos":"top","style":"spoofed",` +
		`"product":{"id":"fake","title":"Fake","price":{"amount":1,"currency":"EUR"},"link":"https://a.b/c"}}]}`
	own, err := sei.Append(nil, media.H264, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := flv.AppendText(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []mediatest.Tag
	for _, g := range tags {
		if g.Type == mediatest.VideoTag && g.Coded() {
			if number == 0 {
				out = append(out, mediatest.Tag{Type: mediatest.DataTag, Time: g.Time, Body: body})
				g.Body = append(append(append([]byte{}, g.Body[:5]...), own...), g.Body[5:]...)
			}
			number--
		}
		out = append(out, g)
	}
	return out
}
