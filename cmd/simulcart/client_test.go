package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// sent is a request as the API gets it.
type sent struct{ Line, Token, Key, Type, Body string }

// api is a server that answers as it is told, and keeps what it was asked.
type api struct {
	*httptest.Server
	mu   sync.Mutex
	sent []sent
}

// newAPI answers the request with the number n, from 1, by answer.
func newAPI(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		head := r.Header
		a.mu.Lock()
		a.sent = append(a.sent, sent{
			r.Method + " " + r.RequestURI, head.Get("Authorization"), head.Get("Idempotency-Key"), head.Get("Content-Type"), string(body),
		})
		n := len(a.sent)
		a.mu.Unlock()
		answer(w, r, n)
	}))
	t.Cleanup(a.Close)
	return a
}

// asked gives the requests so far.
func (a *api) asked() []sent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]sent(nil), a.sent...)
}

// saying gives an answer that is always the same.
func saying(status int, body string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const tooFast = `{"status":429,"detail":"Too many changes of this stream.","code":"too_fast"}`

// What cannot be cured by asking again is asked once, and told with what was asked.
func TestAnswersThatAreFinal(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string // the answer, or the error
		fails  bool
	}{
		{"an answer", http.StatusOK, `{"a":1}`, `{"a":1}`, false},
		{"nothing", http.StatusNoContent, "", "", false},
		{"accepted", http.StatusAccepted, `{}`, `{}`, false},
		{"a problem", http.StatusNotFound, `{"status":404,"detail":"There is no such stream.","code":"stream_not_found"}`, "There is no such stream (stream_not_found)", true},
		{
			"a problem with faults", http.StatusUnprocessableEntity,
			`{"detail":"Values break a rule.","code":"invalid","faults":[{"field":"slot","fault":"is missing","rule":"must be a word"},{"field":"file","fault":"is empty"}]}`,
			"Values break a rule (invalid)\n  slot is missing: must be a word\n  file is empty", true,
		},
		{"somebody else's fault", http.StatusBadGateway, "<html>502</html>", "POST /v1/x: HTTP 502 Bad Gateway, which is no answer of simulcart", true},
		{"somebody else's JSON", http.StatusForbidden, `{"message":"no"}`, "POST /v1/x: HTTP 403 Forbidden, which is no answer of simulcart", true},
		{"no words at all", http.StatusInternalServerError, "", "POST /v1/x: HTTP 500 Internal Server Error, which is no answer of simulcart", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, saying(c.status, c.body))
			s := &server{Server: a.URL + "/", Token: "the-token"}
			answer, err := s.do(t.Context(), http.MethodPost, "/v1/x", []byte("the body"))
			got := string(answer)
			if err != nil {
				got = err.Error()
			}
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			requests := a.asked()
			if len(requests) != 1 {
				t.Fatalf("asked %d times, want once", len(requests))
			}
			if requests[0].Key == "" {
				t.Error("no Idempotency-Key")
			}
			requests[0].Key = ""
			if diff := cmp.Diff(sent{"POST /v1/x", "Bearer the-token", "", "application/json", "the body"}, requests[0]); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// What may pass is tried again, with the key by which the server knows a change that it has taken.
func TestTriesAgain(t *testing.T) {
	lost := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"a":`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, n int)
		want   string // the answer, or a part of the error
		tries  int
	}{
		{"the network mends", func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				lost(w)
			}
			_, _ = io.WriteString(w, "good")
		}, "good", 2},
		{"the server has time again", func(w http.ResponseWriter, r *http.Request, n int) {
			if n < 3 {
				saying(http.StatusTooManyRequests, tooFast)(w, r, n)
				return
			}
			_, _ = io.WriteString(w, "good")
		}, "good", 3},
		{"the network stays broken", func(w http.ResponseWriter, _ *http.Request, _ int) { lost(w) }, "read the answer: unexpected EOF", 3},
		{"no answer comes", func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }, "does simulcart run there? --server or SIMULCART_SERVER says where", 3},
		{"the server stays busy", saying(http.StatusTooManyRequests, tooFast), "Too many changes of this stream (too_fast)", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // each waits between its attempts
			a := newAPI(t, c.answer)
			answer, err := (&server{Server: a.URL}).do(t.Context(), http.MethodDelete, "/v1/x", nil)
			got := string(answer)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || (err == nil) != (got == "good") {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			requests := a.asked()
			if len(requests) != c.tries {
				t.Fatalf("asked %d times, want %d", len(requests), c.tries)
			}
			for _, r := range requests {
				if want := (sent{Line: "DELETE /v1/x", Key: requests[0].Key}); r != want || r.Key == "" {
					t.Errorf("got %+v, want %+v with a key", r, want)
				}
			}
		})
	}
}

// Two requests have two keys.
func TestKeysDiffer(t *testing.T) {
	a := newAPI(t, saying(http.StatusOK, "{}"))
	s := &server{Server: a.URL}
	for range 2 {
		if _, err := s.do(t.Context(), http.MethodPost, "/v1/x", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.asked(); got[0].Key == got[1].Key {
		t.Errorf("both have the key %q", got[0].Key)
	}
}

// Who gives up while it waits for the next attempt waits no longer.
func TestGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request, n int) {
		saying(http.StatusTooManyRequests, tooFast)(w, r, n)
		_ = http.NewResponseController(w).Flush()
		cancel()
	})
	// Another attempt would have its own words around the cause.
	if _, err := (&server{Server: a.URL}).do(ctx, http.MethodGet, "/v1/x", nil); err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if got := len(a.asked()); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
}

// What is wrong on this side is told by its flag, and nothing is sent.
func TestFaultsBeforeTheRequest(t *testing.T) {
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := newAPI(t, saying(http.StatusOK, "{}"))
	for _, c := range []struct {
		name string
		server
		want string // the beginning of the error
	}{
		{"no URL", server{Server: "http://[::1"}, "--server: parse "},
		{"no scheme", server{Server: "127.0.0.1:8080"}, "--server: parse "},
		{"no file of certificates", server{Server: a.URL, CA: filepath.Join(folder, "missing")}, "read --ca: open "},
		{"no certificate in it", server{Server: a.URL, CA: file("ca", "text")}, "--ca: no certificate in the file"},
		{"no file of the token", server{Server: a.URL, TokenFile: filepath.Join(folder, "missing")}, "read --token-file: open "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.do(t.Context(), http.MethodGet, "/v1/x", nil)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if got := a.asked(); len(got) != 0 {
		t.Errorf("asked %v, want nothing", got)
	}
}

func TestToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("  from-the-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		server
		want string
	}{
		{"none", server{}, ""},
		{"the flag's", server{Token: "from-the-flag"}, "Bearer from-the-flag"},
		{"the file's, without its line end", server{TokenFile: path}, "Bearer from-the-file"},
		{"the file's, whatever the environment has", server{TokenFile: path, Token: "from-the-flag"}, "Bearer from-the-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, saying(http.StatusOK, "{}"))
			c.Server = a.URL
			if _, err := c.do(t.Context(), http.MethodGet, "/v1/x", nil); err != nil {
				t.Fatal(err)
			}
			if got := a.asked()[0]; got.Token != c.want || got.Type != "" {
				t.Errorf("got %+v, want the token %q and no content type", got, c.want)
			}
		})
	}
}

func TestStreamThatIsMeant(t *testing.T) {
	for _, c := range []struct {
		name, flag, answer string
		want               string // the path, or the error
		asks               int
	}{
		{"named", "maria", "", "/v1/streams/maria", 0},
		{"named, with what a path must not hold", "a/b?c", "", "/v1/streams/a%2Fb%3Fc", 0},
		{"the only one", "", `{"streams":[{"id":"maria"}]}`, "/v1/streams/maria", 1},
		{"one of two", "", `{"streams":[{"id":"ana"},{"id":"maria"}]}`, "the server has 2 streams (ana, maria): say which with --stream", 1},
		{"no list", "", `<html>`, "read the list of streams: invalid character '<' looking for beginning of value", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, saying(http.StatusOK, c.answer))
			got, err := (&server{Server: a.URL, Stream: c.flag}).stream(t.Context())
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := len(a.asked()); got != c.asks {
				t.Errorf("asked %d times, want %d", got, c.asks)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	const answer = "{\"a\": 1}\n"
	for _, c := range []struct {
		name    string
		json    bool
		answer  string
		out     string
		printed bool
		a       int
		fault   string
	}{
		{"read", false, answer, "", false, 1, ""},
		{"printed as it came", true, answer, "{\"a\": 1}\n", true, 0, ""},
		{"printed though nobody can read it", true, "text", "text\n", true, 0, ""},
		{"empty", false, "", "", false, 0, ""},
		{"of another kind", false, "text", "", false, 0, "read the answer: invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, saying(http.StatusOK, c.answer))
			var out bytes.Buffer
			var got struct{ A int }
			printed, err := (&server{Server: a.URL, JSON: c.json, Stream: "maria"}).ask(t.Context(), &out, http.MethodGet, "/x", nil, &got)
			if (err == nil) != (c.fault == "") || err != nil && !strings.HasPrefix(err.Error(), c.fault) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
			if printed != c.printed || out.String() != c.out || got.A != c.a {
				t.Errorf("got %v, %q, %+v, want %v, %q, %d", printed, &out, got, c.printed, c.out, c.a)
			}
			if got := a.asked()[0].Line; got != "GET /v1/streams/maria/x" {
				t.Errorf("asked %q", got)
			}
		})
	}
}

// full is a writer that takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// A command that cannot print its result fails.
func TestCommandsTellOfTheirOutput(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/products"):
			_, _ = io.WriteString(w, `{"products":[{"id":"a","title":[{"lang":"en","text":"A"}],"price":[{"amount":1,"currency":"EUR"}],"link":"https://a.example.com"}]}`)
		default:
			_, _ = io.WriteString(w, `{"cue":"c","progress":"pending","products":1}`)
		}
	})
	at := server{Server: a.URL, Stream: "maria"}
	asJSON := at
	asJSON.JSON = true
	file := filepath.Join(t.TempDir(), "products.csv")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	type command interface {
		Run(ctx context.Context, out io.Writer) error
	}
	for name, c := range map[string]command{
		"show":           &showCommand{changeFlags: changeFlags{server: at, At: "now"}, Product: "dress"},
		"cancel":         &cancelCommand{server: at, Cue: "c"},
		"state as JSON":  &stateCommand{server: asJSON},
		"list":           &listProductsCommand{catalogFlags{server: at}},
		"import":         &importCommand{catalogFlags: catalogFlags{server: at}, File: file},
		"import as JSON": &importCommand{catalogFlags: catalogFlags{server: asJSON}, File: file},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Run(t.Context(), full{}); !errors.Is(err, errFull) {
				t.Errorf("got %v, want %v", err, errFull)
			}
		})
	}
}

// The times of --at as the API has them.
func TestWhen(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if strings.HasSuffix(r.URL.Path, "/overlays") && r.Method == http.MethodGet {
			_, _ = fmt.Fprint(w, `{"live":true,"now":900000}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"cue":"c","progress":"pending"}`)
	})
	for _, c := range []struct{ at, want string }{
		{"now", `"now"`},
		{"seen", `"seen"`},
		{"+1.5s", `{"media":1035000}`},
		{"+0s", `{"media":900000}`},
		{"media:-90", `{"media":-90}`},
		{"2026-11-22T20:00:00.25+01:00", `{"wall":"2026-11-22T20:00:00.25+01:00"}`},
	} {
		t.Run(c.at, func(t *testing.T) {
			f := &changeFlags{server: server{Server: a.URL, Stream: "maria", JSON: true}, At: c.at, Strict: true, Slot: "side"}
			var out bytes.Buffer
			if err := f.send(t.Context(), &out, changeOf{Action: "clear"}); err != nil {
				t.Fatal(err)
			}
			all := a.asked()
			if got, want := all[len(all)-1].Body, `{"action":"clear","slot":"side","at":`+c.want+`,"strict":true}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got, want := out.String(), `{"cue":"c","progress":"pending"}`+"\n"; got != want {
				t.Errorf("printed %q, want %q: the newest time is nobody's business", got, want)
			}
		})
	}
}
