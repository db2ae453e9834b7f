package web

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/control"
)

// fakeSource shows what it is given and knows what it was asked.
type fakeSource struct {
	node    control.NodeStatus
	streams []control.StreamStatus
	fault   error
	retried []string
}

func (f *fakeSource) Node() control.NodeStatus { return f.node }

func (f *fakeSource) Streams() []control.StreamStatus { return f.streams }

func (f *fakeSource) Stream(id string) (control.StreamStatus, bool) {
	for _, s := range f.streams {
		if s.ID == id {
			return s, true
		}
	}
	return control.StreamStatus{}, false
}

func (f *fakeSource) Retry(stream, destination string) error {
	f.retried = append(f.retried, stream+"/"+destination)
	return f.fault
}

func (f *fakeSource) Partners() []control.PartnerStatus { return nil }

// maria is a stream in which everything has a value.
func maria() control.StreamStatus {
	since := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	return control.StreamStatus{
		ID: "maria", State: "live",
		Session: &control.SessionStatus{ID: "s1", Since: since, Publisher: &control.Publisher{Protocol: "rtmp", Software: "OBS"}},
		Tracks: []control.TrackStatus{
			{Kind: "video", Codec: "h264", FrameRate: 30, KeyInterval: 2, Bitrate: 4e6},
			{Kind: "video", Codec: "h264", FrameRate: 15, KeyInterval: 4, Bitrate: 1e6},
			{Kind: "audio", Codec: "aac", Bitrate: 160e3},
		},
		Ingest: control.IngestCounters{
			Bytes: 1000, Frames: map[string]uint64{"video": 30, "audio": 47}, Dropped: map[string]uint64{"track": 2},
			Takeovers: 1, Failed: 4, TimeJumps: 2, Sessions: 3, AVSkew: -0.25,
		},
		Overlays: control.OverlayStatus{
			Seq: 12, Cards: 2, Waiting: 3, Changes: 15, States: 12, Repeats: 40, Late: 1, Refused: 2, Bytes: 5000,
		},
		Feeds: []control.FeedStatus{{
			Protocol: "rtmp", Partner: "talkshoplive", Readers: 2, Bytes: 700, Frames: 60, Skipped: map[string]uint64{"late": 1}, LagSeconds: 0.5,
			Overlays: carried("sei+amf"),
		}},
		HLS: &control.PackagedStatus{
			Active: true, Segments: 5, Parts: 52, SegmentSeconds: 10, PartSeconds: 10.4, TargetSeconds: 2, PartTargetSeconds: 0.207,
			AgeSeconds: 0.125, WindowSeconds: 30, MemoryBytes: 6000, DiskBytes: 7000, Held: 3,
			Requests: []control.PackagedRequests{{Resource: "part", Status: 200, Count: 40}, {Resource: "playlist", Status: 503, Count: 2}},
			Dropped:  map[string]uint64{"backwards": 6}, DroppedRanges: 7, Unwritten: 8,
		},
		WebRTC: &control.PeersStatus{
			Publishers: &control.PublishersStatus{Connected: 1, Joined: 3, Failed: 1, Packets: 5000, Lost: 4, Asked: 9, Repaired: 5, KeyFrames: 6, TripSeconds: 0.05, DelaySeconds: 0.06, JitterSeconds: 0.004, ApartSeconds: -0.02},
			Viewers: &control.ViewersStatus{
				Opening: 1, Connected: 2, Joined: 7, Failed: 2, Asked: 8, Late: 1, Pictures: 9, KeyFrames: 3, Trip: control.Spread{Mean: 0.02, Most: 0.03},
				Loss: control.Spread{Mean: 0.01, Most: 0.2}, Jitter: control.Spread{Mean: 0.003, Most: 0.005}, Estimate: control.Spread{Mean: 8e6, Most: 9e6},
			},
		},
		Bridges: []control.BridgeStatus{
			{Conversion: "in_order", Starts: 2, Restarts: 1, CPUSeconds: 90.5, DelaySeconds: 0.07, Late: 3},
			{Conversion: "opus", Running: true, Starts: 4, Restarts: 2, CPUSeconds: 12.25, DelaySeconds: 0.021, Late: 5},
		},
		Destinations: []control.DestinationStatus{{
			Name: "tiktok", Platform: "tiktok", URL: "rtmp://example.com/live/…", State: "backoff", Since: since, Cause: "tcp",
			LastLive: &since, Preflight: control.Preflight{Verdict: "ok"}, Bytes: 900, Frames: 70, Skipped: map[string]uint64{"lag": 5},
			Attempts: 4, Failures: map[string]uint64{"tcp": 3}, LagSeconds: 1.5, UnsentBytes: 64, Overlays: carried("sei"),
		}},
	}
}

// carried is what an output may have carried.
func carried(carriage string) control.CarriedStatus {
	return control.CarriedStatus{
		Carriage: carriage, Seq: 12, States: map[string]uint64{"sei": 12, "amf": 11}, Repeats: map[string]uint64{"sei": 40, "amf": 39},
		Bytes: map[string]uint64{"sei": 900, "amf": 800}, Reduced: map[string]uint64{"no_price": 1},
	}
}

// ask sends one request to h, from this machine, and gives the answer.
func ask(h http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "localhost:8080"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestErrorsAreProblemDocuments(t *testing.T) {
	const retry = "/v1/streams/maria/destinations/tiktok:retry"
	tests := map[string]struct {
		method, target string
		change         func(*http.Request)
		fault          error
		code           Code
		allow          string
	}{
		"unknown address":     {method: "GET", target: "/nothing", code: NotFound},
		"unknown stream":      {method: "GET", target: "/v1/streams/ana", code: StreamNotFound},
		"wrong method":        {method: "POST", target: "/v1/streams", code: MethodNotAllowed, allow: "GET, HEAD"},
		"wrong method, page":  {method: "PUT", target: "/", code: MethodNotAllowed, allow: "GET, HEAD"},
		"retry by GET":        {method: "GET", target: retry, code: MethodNotAllowed, allow: "POST"},
		"unknown action":      {method: "POST", target: "/v1/streams/maria/destinations/tiktok:stop", code: ActionNotFound},
		"no action":           {method: "POST", target: "/v1/streams/maria/destinations/tiktok", code: ActionNotFound},
		"retry, no stream":    {method: "POST", target: retry, fault: fmt.Errorf("retry: %w", control.ErrNoStream), code: StreamNotFound},
		"retry, no such name": {method: "POST", target: retry, fault: control.ErrNoDestination, code: DestinationNotFound},
		"retry, our fault":    {method: "POST", target: retry, fault: errors.New("secret words"), code: Internal},
		"other machine":       {method: "POST", target: retry, change: func(r *http.Request) { r.RemoteAddr = "192.0.2.1:5" }, code: LocalOnly},
		"proxy":               {method: "POST", target: retry, change: func(r *http.Request) { r.Header.Set("X-Forwarded-For", "::1") }, code: LocalOnly},
		"rebound name":        {method: "POST", target: retry, change: func(r *http.Request) { r.Host = "evil.example" }, code: LocalOnly},
		"unix socket":         {method: "POST", target: retry, change: func(r *http.Request) { r.RemoteAddr = "@" }, code: LocalOnly},
		"other site": {method: "POST", target: retry, code: CrossOrigin, change: func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}},
		"other origin": {method: "POST", target: retry, code: CrossOrigin, change: func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
		}},
		"body too large": {method: "POST", target: retry, code: BodyTooLarge, change: func(r *http.Request) {
			r.ContentLength = 256<<10 + 1
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			source := &fakeSource{streams: []control.StreamStatus{maria()}, fault: tt.fault}
			server := &Server{Source: source}
			answer := ask(HTTPServer(server.Handler(), nil).Handler, tt.method, tt.target, tt.change)
			body := answer.Body.Bytes()
			if got, want := answer.Header().Get("Content-Type"), "application/problem+json"; got != want {
				t.Errorf("content type: got %q, want %q", got, want)
			}
			if got := answer.Header().Get("Allow"); got != tt.allow {
				t.Errorf("allow: got %q, want %q", got, tt.allow)
			}
			var got Problem
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("body %q: %v", body, err)
			}
			if got.Detail == "" || strings.Contains(got.Detail, "secret") {
				t.Errorf("detail: got %q", got.Detail)
			}
			status := tt.code.Status()
			want := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: got.Detail, Code: tt.code.String()}
			if diff := cmp.Diff(want, got); diff != "" || answer.Code != status {
				t.Errorf("status %d, problem (-want +got):\n%s", answer.Code, diff)
			}
			if tt.fault == nil && source.retried != nil {
				t.Errorf("a refused request reached the source: %q", source.retried)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	field, _ := reflect.TypeFor[Problem]().FieldByName("Code")
	var names []string
	for c := range codes {
		names = append(names, Code(c).String())
	}
	if got, want := strings.Join(names, ","), field.Tag.Get("enum"); got != want {
		t.Errorf("documented set: got %s, want %s", want, got)
	}
	if got := Code(200).String(); got != "internal" {
		t.Errorf("a number outside the set: got %q", got)
	}
}

func TestRetry(t *testing.T) {
	tests := map[string]struct {
		target, want string
		open         bool
		change       func(*http.Request)
	}{
		"program":     {target: "/v1/streams/maria/destinations/tiktok:retry", want: "maria/tiktok"},
		"escaped":     {target: "/v1/streams/maria/destinations/a%2Fb%3Ac%3Aretry", want: "maria/a/b:c"},
		"empty name":  {target: "/v1/streams/maria/destinations/:retry", want: "maria/"},
		"IPv6":        {target: "/v1/streams/m/destinations/t:retry", want: "m/t", change: func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:9", "[::1]:8080" }},
		"mapped IPv4": {target: "/v1/streams/m/destinations/t:retry", want: "m/t", change: func(r *http.Request) { r.RemoteAddr, r.Host = "[::ffff:127.0.0.1]:9", "127.0.0.1" }},
		"own page":    {target: "/v1/streams/m/destinations/t:retry", want: "m/t", change: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }},
		"open": {target: "/v1/streams/m/destinations/t:retry", want: "m/t", open: true, change: func(r *http.Request) {
			r.RemoteAddr, r.Host = "192.0.2.1:9", "simulcart.example"
			r.Header.Set("X-Forwarded-For", "198.51.100.1")
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			source := &fakeSource{}
			answer := ask((&Server{Source: source, OpenRetry: tt.open}).Handler(), "POST", tt.target, tt.change)
			if answer.Code != http.StatusAccepted {
				t.Errorf("status: got %d, want 202", answer.Code)
			}
			if diff := cmp.Diff([]string{tt.want}, source.retried); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	source := &fakeSource{streams: []control.StreamStatus{maria(), {ID: "idle", State: "idle", Destinations: []control.DestinationStatus{{}}}}}
	h := (&Server{Source: source, Version: "v1"}).Handler()

	var list StreamList
	decode(t, ask(h, "GET", "/v1/streams", nil), &list)
	if list.Version != "v1" || !list.MayRetry || time.Since(list.Now) > time.Minute {
		t.Errorf("got version %q, may retry %t, now %v", list.Version, list.MayRetry, list.Now)
	}
	if diff := cmp.Diff(maria(), list.Streams[0]); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	if source.streams[1].Destinations[0].Skipped != nil {
		t.Error("the source's own snapshot was changed")
	}

	var one control.StreamStatus
	decode(t, ask(h, "GET", "/v1/streams/maria", nil), &one)
	if diff := cmp.Diff(maria(), one); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}

	if answer := ask(h, "GET", "/v1/streams", func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }); answer.Code != http.StatusForbidden {
		t.Errorf("another machine, without tokens: got status %d", answer.Code)
	}
}

func TestNothingIsNull(t *testing.T) {
	tests := map[string][]control.StreamStatus{
		"no stream":        nil,
		"empty stream":     {{ID: "a"}},
		"bare destination": {{ID: "a", Destinations: []control.DestinationStatus{{Name: "b"}}}},
		"bare feed":        {{ID: "a", Feeds: []control.FeedStatus{{Protocol: "hls"}}, HLS: &control.PackagedStatus{}}},
	}
	for name, streams := range tests {
		t.Run(name, func(t *testing.T) {
			answer := ask((&Server{Source: &fakeSource{streams: streams}}).Handler(), "GET", "/v1/streams", nil)
			if body := answer.Body.String(); strings.Contains(body, "null") {
				t.Errorf("got %s", body)
			}
		})
	}
}

func TestWhatJSONCannotSay(t *testing.T) {
	odd := maria()
	odd.Ingest.AVSkew = math.NaN()
	answer := ask((&Server{Source: &fakeSource{streams: []control.StreamStatus{odd}}}).Handler(), "GET", "/v1/streams/maria", nil)
	if answer.Code != http.StatusInternalServerError {
		t.Errorf("status: got %d, want 500", answer.Code)
	}
}

func TestHeaders(t *testing.T) {
	h := (&Server{Source: &fakeSource{}}).Handler()
	for _, target := range []string{"/", "/v1/streams", "/nothing"} {
		answer := ask(h, "GET", target, nil)
		for key, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		} {
			if got := answer.Header().Get(key); got != want {
				t.Errorf("%s: %s: got %q, want %q", target, key, got, want)
			}
		}
		if policy := answer.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy: got %q", target, policy)
		}
	}
}

func TestPageRunsUnderItsPolicy(t *testing.T) {
	answer := ask((&Server{Source: &fakeSource{}}).Handler(), "GET", "/", nil)
	policy := answer.Header().Get("Content-Security-Policy")
	page := answer.Body.String()
	for _, directive := range []string{"script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'", "default-src 'none'"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("policy lacks %q: %s", directive, policy)
		}
	}
	// One script and one style, no attribute that the policy would stop, nothing from elsewhere, no way for a peer's words to become markup.
	for text, want := range map[string]int{
		"<script": 1, "<style": 1, " style=": 0, "onclick=": 0, " src=": 0, "//cdn": 0, "innerHTML": 0, "outerHTML": 0, "insertAdjacent": 0, "document.write": 0, "eval(": 0,
	} {
		if got := strings.Count(page, text); got != want {
			t.Errorf("%q: got %d times, want %d", text, got, want)
		}
	}
	if got := inlineHash([]byte("<p>"), "script"); got != "'none'" {
		t.Errorf("page without a script: got %s", got)
	}
}

func TestLimitsOnTheWire(t *testing.T) {
	target := httptest.NewUnstartedServer(nil)
	target.Config = HTTPServer((&Server{Source: &fakeSource{}, OpenRetry: true}).Handler(), nil)
	target.Start()
	defer target.Close()

	head := func(size int) string { // a whole header of exactly size bytes
		start, end := "GET /v1/streams HTTP/1.1\r\nHost: localhost\r\nX-Long: ", "\r\n\r\n"
		return start + strings.Repeat("a", size-len(start)-len(end)) + end
	}
	tests := map[string]struct {
		request string
		want    int
	}{
		"header of 16 KiB":   {head(16 << 10), http.StatusOK},
		"header over 16 KiB": {head(16<<10 + 1), http.StatusRequestHeaderFieldsTooLarge},
		"body of 256 KiB": {
			"POST /v1/streams/a/destinations/b:retry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 262144\r\n\r\n" + strings.Repeat("a", 256<<10),
			http.StatusAccepted,
		},
		"body over 256 KiB": {
			"POST /v1/streams/a/destinations/b:retry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 262145\r\n\r\n",
			http.StatusRequestEntityTooLarge,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", target.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.request); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != tt.want {
				t.Errorf("status: got %d, want %d", answer.StatusCode, tt.want)
			}
		})
	}
}

func TestHTTPServerTimes(t *testing.T) {
	got := HTTPServer(http.NotFoundHandler(), nil)
	if got.ReadHeaderTimeout != 5*time.Second || got.IdleTimeout != time.Minute || got.ErrorLog == nil || got.ReadTimeout != 0 {
		t.Errorf("got header time %v, idle %v, read time %v", got.ReadHeaderTimeout, got.IdleTimeout, got.ReadTimeout)
	}
}

// decode reads a JSON answer with status 200 into v.
func decode(t *testing.T, answer *httptest.ResponseRecorder, v any) {
	t.Helper()
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got status %d, content type %q", answer.Code, answer.Header().Get("Content-Type"))
	}
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}
