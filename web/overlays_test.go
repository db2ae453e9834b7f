package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// Tokens of the tests.
const (
	adminToken   = "admin-token-0123456789"
	creatorToken = "maria-token-0123456789"
	readerToken  = "reader-token-012345678"
)

const dress = `{"id":"dress","title":[{"lang":"en","text":"Linen dress"}],"price":[{"amount":2499,"currency":"EUR"}],"link":"https://shop.example.com/dress"}`

// shop is the API over a real control plane, with one stream that may be published.
type shop struct {
	*testing.T
	h       http.Handler
	server  *Server
	gate    *ingest.Gate
	now     media.Time
	picture *media.Track
}

func newShop(t *testing.T) *shop {
	hub, registry := &relay.Hub{}, &access.Registry{}
	log := slog.New(slog.DiscardHandler)
	gate := &ingest.Gate{Hub: hub, Log: log}
	c := &control.Controller{Hub: hub, Gate: gate, Registry: registry, Log: log, Outputs: map[string]control.Constructor{
		"rtmp": func(control.Assignment) (outputs.Output, error) { return nothing{}, nil },
	}}
	err := c.Apply(t.Context(), control.Desired{
		Streams: map[string]control.Stream{"maria": {
			Key: access.DigestOf("key"), Destinations: map[string]control.Destination{"tiktok": {Platform: "tiktok", URL: "rtmp://h/a", Paused: true}},
		}, "ana": {Key: access.DigestOf("other")}},
		Tokens: []access.Token{
			{Name: "ops", Digest: access.DigestOf(adminToken), Role: access.Admin},
			{Name: "maria", Digest: access.DigestOf(creatorToken), Role: access.Creator, Stream: "maria"},
			{Name: "wall", Digest: access.DigestOf(readerToken), Role: access.Reader},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Source: c, Overlays: c, Access: registry}
	return &shop{T: t, h: HTTPServer(s.Handler(), nil).Handler, server: s, gate: gate, picture: &media.Track{Codec: media.VP8}}
}

// nothing is an output that does nothing.
type nothing struct{}

func (nothing) Run(ctx context.Context, _ *relay.Stream) error { <-ctx.Done(); return nil }

// publish begins a session, and gives what writes the next picture.
func (s *shop) publish() (next func()) {
	s.Helper()
	p, err := s.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp"})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { p.Close(true) })
	p.SetTracks([]*media.Track{s.picture})
	next = func() {
		s.now += media.Time(40 * time.Millisecond)
		if err := p.WriteFrame(&media.Frame{Track: s.picture, PTS: s.now, DTS: s.now, Key: true, Data: []byte{1}}); err != nil {
			s.Error(err)
		}
	}
	next()
	return next
}

// ask sends a request with the creator's token, and gives status and body.
func (s *shop) ask(method, target, body string, headers ...string) (int, string) {
	s.Helper()
	w := s.request(method, target, body, headers...)
	return w.Code, w.Body.String()
}

func (s *shop) request(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	s.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	r.Header.Set("Authorization", "Bearer "+creatorToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// must asks for something that must go well.
func (s *shop) must(method, target, body string, headers ...string) string {
	s.Helper()
	code, got := s.ask(method, target, body, headers...)
	if code/100 != 2 {
		s.Fatalf("%s %s: %d %s", method, target, code, got)
	}
	return got
}

const overlaysOf = "/v1/streams/maria/overlays"

func TestChangeIsCarriedByAPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.must("PUT", "/v1/streams/maria/products/dress", dress)
		next := s.publish()
		go func() {
			time.Sleep(30 * time.Millisecond)
			next()
		}()
		code, body := s.ask("POST", overlaysOf, `{"action":"show","product":"dress","pos":[100,200,300,400],"ttl":"30s"}`)
		var got ChangeAnswer
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
		if got.Progress != "written" || got.Seq == nil || *got.Seq != 1 || got.At == nil || *got.At != 3600 || got.Frame == nil || *got.Frame != 2 || got.Wall == nil {
			t.Errorf("got %s", body)
		}
		if len(got.Outputs) != 1 || got.Outputs[0] != (OutputAnswer{"tiktok", "off", "paused"}) {
			t.Errorf("outputs: %+v", got.Outputs)
		}
		var state OverlaysBody
		if err := json.Unmarshal([]byte(s.must("GET", overlaysOf, "")), &state); err != nil {
			t.Fatal(err)
		}
		if !state.Live || state.Now != 3600 || !strings.Contains(string(state.State), `"until":2703600,"pos":[100,200,300,400]`) || len(state.Schedule) != 0 {
			t.Errorf("state: %+v: %s", state, state.State)
		}
		if n := s.server.shown.streams["maria"].number; n != 1 {
			t.Errorf("%d delays were measured, want 1", n)
		}
		cue := s.must("GET", overlaysOf+"/"+got.Cue, "")
		if !strings.Contains(cue, `"ttl":"30s"`) || !strings.Contains(cue, `"action":"show"`) {
			t.Errorf("cue: %s", cue)
		}
		go func() {
			time.Sleep(30 * time.Millisecond)
			next()
		}()
		if code, body := s.ask("DELETE", overlaysOf+"/"+got.Cue, ""); code != http.StatusOK || !strings.Contains(body, `"seq":2`) {
			t.Errorf("delete: %d %s", code, body)
		}
	})
}

func TestChangeThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.must("PUT", "/v1/streams/maria/products/dress", dress)
		if code, body := s.ask("POST", overlaysOf, `{"action":"show","product":"dress"}`); code != http.StatusAccepted || !strings.Contains(body, `"seq":null,"at":null,"wall":null,"frame":null`) {
			t.Errorf("nobody publishes: %d %s", code, body)
		}
		next := s.publish()
		begin := time.Now()
		code, body := s.ask("POST", overlaysOf, `{"action":"hide","product":"dress","at":{"media":900000}}`)
		if code != http.StatusAccepted || !strings.Contains(body, `"at":900000`) || time.Since(begin) != 0 {
			t.Errorf("scheduled, after %v: %d %s", time.Since(begin), code, body)
		}
		var answer ChangeAnswer
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		code, body = s.ask("POST", overlaysOf, `{"action":"clear","at":"seen"}`)
		if code != http.StatusAccepted || time.Since(begin) != changeTime {
			t.Errorf("no picture came for %v: %d %s", time.Since(begin), code, body)
		}
		if code, body = s.ask("DELETE", overlaysOf+"/"+answer.Cue, ""); code != http.StatusOK || !strings.Contains(body, "cancelled") {
			t.Errorf("taken back: %d %s", code, body)
		}
		next()
		for _, at := range []string{`{"wall":"2200-01-01T00:00:00Z"}`, `{"media":9000000}`} {
			if code, body = s.ask("POST", overlaysOf, `{"action":"clear","at":`+at+`}`); code != http.StatusAccepted {
				t.Errorf("%s: %d %s", at, code, body)
			}
		}
		if code, body = s.ask("POST", overlaysOf, `{"action":"clear","at":{"media":0},"strict":true}`); code != http.StatusConflict || !strings.Contains(body, `"past"`) {
			t.Errorf("strict and late: %d %s", code, body)
		}
	})
}

func TestRepeatedRequestIsCarriedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.must("PUT", "/v1/streams/maria/products/dress", dress)
		const show = `{"action":"show","product":"dress","at":{"media":9000000}}`
		first := s.request("POST", overlaysOf, show, "Idempotency-Key", "k1")
		again := s.request("POST", overlaysOf, show, "Idempotency-Key", "k1")
		if first.Code != http.StatusAccepted || again.Body.String() != first.Body.String() || first.Header().Get("Idempotent-Replayed") != "" || again.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("first %d %s, again %d %s %v", first.Code, first.Body, again.Code, again.Body, again.Header())
		}
		if code, body := s.ask("POST", overlaysOf, `{"action":"clear"}`, "Idempotency-Key", "k1"); code != http.StatusConflict || !strings.Contains(body, "key_reused") {
			t.Errorf("another body: %d %s", code, body)
		}
		other := s.request("POST", overlaysOf, show, "Idempotency-Key", "k1", "Authorization", "Bearer "+adminToken)
		if other.Body.String() == first.Body.String() {
			t.Error("another one's key is taken for the same")
		}
		waiting := func() int {
			var state OverlaysBody
			if err := json.Unmarshal([]byte(s.must("GET", overlaysOf, "")), &state); err != nil {
				t.Fatal(err)
			}
			return len(state.Schedule)
		}
		if n := waiting(); n != 2 {
			t.Errorf("%d changes wait, want 2", n)
		}
		done := make(chan string)
		for range 8 { // at once
			go func() {
				_, body := s.ask("POST", overlaysOf, show, "Idempotency-Key", "k2")
				done <- body
			}()
		}
		bodies := map[string]bool{}
		for range 8 {
			bodies[<-done] = true
		}
		if n := waiting(); n != 3 || len(bodies) != 1 {
			t.Errorf("%d changes wait, want 3; %d answers, want 1", n, len(bodies))
		}
		time.Sleep(replayTime)
		if code, body := s.ask("POST", overlaysOf, show, "Idempotency-Key", "k9"); code != http.StatusAccepted || len(s.server.replays.known) != 1 {
			t.Errorf("a day later %d are remembered: %d %s", len(s.server.replays.known), code, body)
		}
	})
}

func TestReplaysAreBounded(t *testing.T) {
	s := newShop(t)
	for i := range maxReplays + 5 {
		key := digest{byte(i), byte(i >> 8), byte(i >> 16)}
		if _, _, err := s.server.replays.do(key, digest{}, time.Now(), func() (*overlay.Ticket, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.server.replays.known); n != maxReplays {
		t.Errorf("%d are remembered, want %d", n, maxReplays)
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	s := newShop(t)
	s.must("PUT", "/v1/streams/maria/products/dress", dress)
	before := s.must("GET", "/v1/streams/maria/products", "") + s.must("GET", overlaysOf, "")
	product := func(old, now string) string { return strings.Replace(dress, old, now, 1) }
	const products = "/v1/streams/maria/products"
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		code, says                 string
	}{
		{"not JSON", "POST", overlaysOf, `{`, 400, "bad_request", ""},
		{"no body", "POST", overlaysOf, "", 400, "bad_request", ""},
		{"unknown member", "POST", overlaysOf, `{"action":"show","product":"dress","color":"red"}`, 422, "invalid", "color"},
		{"unknown action", "POST", overlaysOf, `{"action":"pin","product":"dress"}`, 422, "invalid", "action"},
		{"no action", "POST", overlaysOf, `{"product":"dress"}`, 422, "invalid", "action"},
		{"slot with capitals", "POST", overlaysOf, `{"action":"show","product":"dress","slot":"Main"}`, 422, "invalid", "slot"},
		{"control character", "POST", overlaysOf, `{"action":"show","product":"dress","style":"a\u0007"}`, 422, "invalid", "style"},
		{"place outside", "POST", overlaysOf, `{"action":"show","product":"dress","pos":[900,0,200,100]}`, 422, "", "pos"},
		{"place of three", "POST", overlaysOf, `{"action":"show","product":"dress","pos":[1,2,3]}`, 422, "invalid", "pos"},
		{"place of no name", "POST", overlaysOf, `{"action":"show","product":"dress","pos":"middle"}`, 422, "invalid", "pos"},
		{"ttl without unit", "POST", overlaysOf, `{"action":"show","product":"dress","ttl":"30"}`, 422, "invalid", "ttl"},
		{"ttl too short", "POST", overlaysOf, `{"action":"show","product":"dress","ttl":"1ms"}`, 422, "invalid", "ttl"},
		{"at both", "POST", overlaysOf, `{"action":"clear","at":{"media":1,"wall":"2026-01-01T00:00:00Z"}}`, 422, "", "at"},
		{"at of no kind", "POST", overlaysOf, `{"action":"clear","at":"soon"}`, 422, "", "at"},
		{"at as a fraction", "POST", overlaysOf, `{"action":"clear","at":{"media":1.5}}`, 422, "", "at"},
		{"no such product", "POST", overlaysOf, `{"action":"show","product":"hat"}`, 404, "product_not_found", ""},
		{"no such stream", "POST", "/v1/streams/eve/overlays", `{"action":"clear"}`, 403, "forbidden", ""},
		{"no such cue", "DELETE", overlaysOf + "/none", "", 404, "cue_not_found", ""},
		{"a body of 10 MB", "POST", overlaysOf, `{"action":"` + strings.Repeat("x", 10<<20) + `"}`, 413, "body_too_large", ""},
		{"a body of 100 KB", "POST", overlaysOf, `{"action":"` + strings.Repeat("x", 100<<10) + `"}`, 413, "body_too_large", ""},
		{"price in a float", "PUT", products + "/dress", product("2499", "24.99"), 422, "invalid", "price[0].amount"},
		{"negative price", "PUT", products + "/dress", product("2499", "-1"), 422, "invalid", "price[0].amount"},
		{"javascript link", "PUT", products + "/dress", product("https://shop.example.com/dress", "javascript:alert(1)"), 422, "invalid", "link"},
		{"http link", "PUT", products + "/dress", product("https", "http"), 422, "invalid", "link"},
		{"control character in the title", "PUT", products + "/dress", product("Linen dress", `Linen\u0000dress`), 422, "invalid", "title"},
		{"unknown member of a product", "PUT", products + "/dress", product(`"id"`, `"colour":"red","id"`), 422, "invalid", "colour"},
		{"another id", "PUT", products + "/hat", dress, 422, "invalid", "id"},
		{"too large a product", "PUT", products + "/dress", product("https://shop.example.com/dress", "https://s.example.com/"+strings.Repeat("x", 20<<10)), 413, "too_large", ""},
		{"import of a broken row", "POST", products + ":import?format=csv", "id,title,price,currency,link\nhat,Hat,12.00,EUR,https://s.example.com/h\nmug,Mug,abc,EUR,https://s.example.com/m\n", 422, "invalid", "line 3"},
		{"import of no known format", "POST", products + ":import?format=xlsx", "x", 422, "invalid", "format"},
		{"import of a shop by http", "POST", products + ":import?format=shopify&shop=http://x", "x", 422, "invalid", ""},
		{"import of 9 MB", "POST", products + ":import", strings.Repeat("x", 9<<20), 413, "body_too_large", ""},
		{"a shared product by a creator", "PUT", "/v1/products/dress", dress, 403, "forbidden", ""},
		{"a product that is not there", "DELETE", products + "/hat", "", 404, "product_not_found", ""},
		{"show a product that is not there", "GET", products + "/hat", "", 404, "product_not_found", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, body := s.ask(c.method, c.target, c.body)
			var p Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || code != c.status || p.Status != c.status || p.Detail == "" {
				t.Fatalf("got %d %.300s (%v), want %d", code, body, err, c.status)
			}
			if c.code != "" && p.Code != c.code || !strings.Contains(body, c.says) {
				t.Errorf("got %s, want code %q that says %q", body, c.code, c.says)
			}
		})
	}
	if after := s.must("GET", "/v1/streams/maria/products", "") + s.must("GET", overlaysOf, ""); after != before {
		t.Errorf("something changed: got %s, want %s", after, before)
	}
	if n := s.server.shown.streams["maria"].refused["invalid"]; n == 0 {
		t.Error("refused requests were not counted")
	}
}

// A text of the caller's own is carried by the state of one picture, as a change is.
func TestMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		const path = "/v1/streams/maria/metadata"
		next := s.publish()
		go func() {
			time.Sleep(30 * time.Millisecond)
			next()
		}()
		body := s.must("POST", path, `{"metadata":"{\"goal\":1}"}`, "Idempotency-Key", "k")
		var got ChangeAnswer
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Progress != "written" || *got.Seq != 1 || *got.Frame != 2 {
			t.Errorf("got %s", body)
		}
		if w := s.request("POST", path, `{"metadata":"{\"goal\":1}"}`, "Idempotency-Key", "k"); w.Code != 200 || w.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("repeated: got %d %s", w.Code, w.Body)
		}
		if state := s.must("GET", overlaysOf, ""); !strings.Contains(state, `"meta":"{\"goal\":1}"`) {
			t.Errorf("got %s, want the text in the state", state)
		}
		for _, c := range []struct {
			name, body string
			code       int
			want       string
		}{
			{"empty", `{"metadata":""}`, 422, "invalid"},
			{"none", `{}`, 422, "invalid"},
			{"1025 bytes", `{"metadata":"` + strings.Repeat("a", 1025) + `"}`, 422, "invalid"},
			{"1026 bytes of Greek", `{"metadata":"` + strings.Repeat("λ", 513) + `"}`, 422, "invalid"},
			{"too large as JSON", `{"metadata":"` + strings.Repeat(`\u0001`, 1000) + `"}`, 413, "too_large"},
			{"key of another", `{"metadata":"b"}`, 409, "key_reused"},
		} {
			code, body := s.ask("POST", path, c.body, "Idempotency-Key", map[bool]string{true: "k"}[c.code == 409])
			if code != c.code || !strings.Contains(body, c.want) {
				t.Errorf("%s: got %d %s, want %d %s", c.name, code, body, c.code, c.want)
			}
		}
		if code, _ := s.ask("POST", path, `{"metadata":"a"}`, "Authorization", "Bearer "+readerToken); code != 403 {
			t.Errorf("a reader: got %d", code)
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		for i := range 60 {
			w := s.request("POST", overlaysOf, `{"action":"clear"}`)
			if w.Code == http.StatusTooManyRequests {
				if w.Header().Get("Retry-After") != "1" || i < 50 || !strings.Contains(w.Body.String(), "too_fast") {
					t.Errorf("request %d: Retry-After %q, %s", i, w.Header().Get("Retry-After"), w.Body)
				}
				return
			}
		}
		t.Error("60 changes at once were taken")
	})
}

func TestProducts(t *testing.T) {
	s := newShop(t)
	admin := []string{"Authorization", "Bearer " + adminToken}
	s.must("PUT", "/v1/products/dress", dress, admin...)
	if body := s.must("GET", "/v1/streams/maria/products/dress", ""); !strings.Contains(body, "Linen dress") {
		t.Errorf("a shared product: %s", body)
	}
	s.must("PUT", "/v1/streams/maria/products/dress", strings.Replace(dress, "Linen", "Red", 1))
	if body := s.must("GET", "/v1/streams/maria/products", ""); !strings.Contains(body, "Red dress") || strings.Contains(body, "Linen") {
		t.Errorf("her own in front of the shared: %s", body)
	}
	if body := s.must("GET", "/v1/products", "", admin...); !strings.Contains(body, "Linen dress") {
		t.Errorf("the shared: %s", body)
	}
	s.must("DELETE", "/v1/streams/maria/products/dress", "")
	s.must("DELETE", "/v1/products/dress", "", admin...)
	if body := s.must("GET", "/v1/streams/maria/products", ""); strings.TrimSpace(body) != `{"products":[]}` {
		t.Errorf("nothing is left: %s", body)
	}
	body := s.must("POST", "/v1/streams/maria/products:import", "id,title,price,currency,link\nhat,Hat,12.00,EUR,https://s.example.com/h\nmug,Mug,13.00,EUR,https://s.example.com/m\n", "Content-Type", "text/csv")
	if !strings.Contains(body, `"products":2`) {
		t.Errorf("import: %s", body)
	}
	if _, err := s.server.Overlays.Catalog("eve"); err == nil {
		t.Error("a catalog of no stream")
	}
	for _, target := range []string{"/v1/streams/eve/products", "/v1/streams/eve/overlays", "/v1/streams/eve/overlays/x", "/v1/streams/eve/overlays/events", "/v1/streams/eve/products/x"} {
		if code, body := s.ask("GET", target, "", admin...); code != http.StatusNotFound || !strings.Contains(body, "stream_not_found") {
			t.Errorf("%s: %d %s", target, code, body)
		}
	}
}

func TestRoles(t *testing.T) {
	s := newShop(t)
	for _, c := range []struct {
		method, target, body     string
		admin, creator, read, no int
	}{
		{"GET", "/v1/streams", "", 200, 403, 200, 401},
		{"GET", "/v1/streams/maria", "", 200, 200, 200, 401},
		{"GET", "/v1/streams/ana", "", 200, 403, 200, 401},
		{"GET", overlaysOf, "", 200, 200, 200, 401},
		{"POST", overlaysOf, `{"action":"clear"}`, 202, 202, 403, 401},
		{"POST", "/v1/streams/ana/overlays", `{"action":"clear"}`, 202, 403, 403, 401},
		{"PUT", "/v1/streams/maria/products/dress", dress, 200, 200, 403, 401},
		{"PUT", "/v1/products/dress", dress, 200, 403, 403, 401},
		{"GET", "/v1/products", "", 200, 403, 200, 401},
		{"POST", "/v1/streams/maria/destinations/tiktok:retry", "", 202, 403, 403, 401},
		{"GET", "/", "", 200, 200, 200, 200},
		{"GET", "/docs", "", 200, 200, 200, 200},
		{"GET", "/openapi.json", "", 200, 200, 200, 200},
	} {
		for token, want := range map[string]int{adminToken: c.admin, creatorToken: c.creator, readerToken: c.read, "guess-0123456789abcdef": c.no, "": c.no} {
			w := s.request(c.method, c.target, c.body, "Authorization", "Bearer "+token)
			if w.Code != want {
				t.Errorf("%s %s with %.6s: got %d, want %d: %.200s", c.method, c.target, token, w.Code, want, w.Body)
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", c.method, c.target)
			}
		}
	}
}

func TestWithoutTokens(t *testing.T) {
	s := newShop(t)
	s.server.Access = &access.Registry{}
	for _, c := range []struct {
		method, remote, want string
	}{
		{"GET", "127.0.0.1:1", "200"}, {"GET", "192.0.2.1:1", "local_only"}, {"POST", "127.0.0.1:1", "no_tokens"}, {"POST", "192.0.2.1:1", "no_tokens"},
	} {
		r := httptest.NewRequest(c.method, overlaysOf, strings.NewReader(`{"action":"clear"}`))
		r.RemoteAddr, r.Host = c.remote, "localhost"
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if got := fmt.Sprint(w.Code, w.Body.String()); !strings.Contains(got, c.want) {
			t.Errorf("%s from %s: got %s, want %s", c.method, c.remote, got, c.want)
		}
	}
}

// readAll hands over what comes, as it comes.
func readAll(from io.Reader, to chan<- string) {
	defer close(to)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		to <- string(buffer[:n])
		if err != nil {
			return
		}
	}
}

func TestEvents(t *testing.T) {
	s := newShop(t)
	s.must("PUT", "/v1/streams/maria/products/dress", dress)
	server := httptest.NewServer(s.h)
	defer server.Close()
	next := s.publish()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+overlaysOf+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+readerToken)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("got %q, want a stream of events", got)
	}
	lines := make(chan string, 100)
	go readAll(resp.Body, lines)
	var told string
	expect := func(what string) {
		t.Helper()
		for !strings.Contains(told, what) {
			select {
			case more, ok := <-lines:
				if told += more; !ok {
					t.Fatalf("the events ended with %q, without %q", told, what)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no %q in %q", what, told)
			}
		}
	}
	expect("event: state\nid: 0\ndata: null\n\n")
	s.must("POST", overlaysOf, `{"action":"show","product":"dress","at":{"media":36000}}`)
	expect("event: cue\ndata: {\"cue\":")
	expect(`"progress":"pending"`)
	for range 12 {
		next()
	}
	expect("event: state\nid: 1\ndata: {\"v\":1,")
	expect(`"progress":"written"`)
	cancel()
	for s.listeners() > 0 {
		time.Sleep(time.Millisecond)
	}
	for range maxListeners {
		s.server.shown.listen("maria")
	}
	if code, body := s.ask("GET", overlaysOf+"/events", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, "too_many_listeners") {
		t.Errorf("one too many: %d %s", code, body)
	}
}

func (s *shop) listeners() int {
	s.server.shown.mu.Lock()
	defer s.server.shown.mu.Unlock()
	return s.server.shown.ofLocked("maria").listeners
}

func TestOpenAPI(t *testing.T) {
	s := newShop(t)
	var api struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Security    []map[string][]string
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/openapi.json", "")), &api); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, methods := range api.Paths {
		for method, op := range methods {
			n++
			if op.OperationID == "" || op.Summary == "" || len(op.Security) == 0 || len(op.Responses) < 2 {
				t.Errorf("%s %s: %+v", method, path, op)
			}
			for _, part := range strings.Split(path, "/") {
				name, isParameter := strings.CutPrefix(part, "{")
				name = strings.TrimSuffix(name, "}")
				found := false
				for _, p := range op.Parameters {
					found = found || p.Name == name && p.In == "path"
				}
				if isParameter && !found {
					t.Errorf("%s %s does not describe %s", method, path, name)
				}
			}
		}
	}
	if !strings.HasPrefix(api.OpenAPI, "3.1") || n != 21 {
		t.Errorf("OpenAPI %s with %d operations", api.OpenAPI, n)
	}
	if strings.Contains(string(docsHTML), "://") {
		t.Error("the reference names another host")
	}
}
