package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// A change that is sent to another address becomes a question there, whose answer looks like success.
func TestRedirectIsNoSuccess(t *testing.T) {
	elsewhere := newAPI(t, saying(http.StatusOK, `{"live":true,"now":1,"state":null,"schedule":[]}`))
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusMovedPermanently)
	})
	code, out, errs := typed("overlay", "show", "dress", "--stream", "maria", "--server", a.URL)
	if code != 1 || out != "" || !strings.Contains(errs, elsewhere.URL) || !strings.Contains(errs, "--server") {
		t.Errorf("got exit code %d, %q and %q, want 1 and where the server is", code, out, errs)
	}
	if got := elsewhere.asked(); len(got) != 0 {
		t.Errorf("asked elsewhere: %v", got)
	}
}

// silentInput is a standard input on which nothing comes, as long as the test runs.
func silentInput(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = r
	t.Cleanup(func() {
		os.Stdin = before
		_ = w.Close()
	})
}

// A command that waits for its standard input ends when it should.
func TestEndsWithoutInput(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context) error{
		"tail": func(ctx context.Context) error {
			return (&tailCommand{Source: "-"}).Run(ctx, io.Discard, stderrWriter{io.Discard})
		},
		"tail with --for": func(context.Context) error {
			return (&tailCommand{Source: "-", For: 50 * time.Millisecond}).Run(context.Background(), io.Discard, stderrWriter{io.Discard})
		},
		"import": func(ctx context.Context) error {
			if err := (&importCommand{File: "-"}).Run(ctx, io.Discard); err == nil {
				return fmt.Errorf("imported nothing")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			silentInput(t)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- run(ctx) }()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(5 * time.Second):
				t.Error("still waits for standard input")
			}
		})
	}
}

// An answer of nothing is printed as nothing: an empty line is no JSON.
func TestNothingIsPrintedAsNothing(t *testing.T) {
	a := newAPI(t, saying(http.StatusNoContent, ""))
	code, out, errs := typed("products", "delete", "dress", "--json", "--stream", "maria", "--server", a.URL)
	if code != 0 || out != "" || errs != "" {
		t.Errorf("got exit code %d, %q and %q, want nothing", code, out, errs)
	}
}

// What a product lacks is an error of the answer, and no panic.
func TestListOfHalfProducts(t *testing.T) {
	for _, products := range []string{`{"id":"a"}`, `{"id":"a","title":[],"price":[]}`} {
		a := newAPI(t, saying(http.StatusOK, `{"products":[`+products+`]}`))
		code, _, errs := typed("products", "list", "--stream", "maria", "--server", a.URL)
		if code != 1 || !strings.HasPrefix(errs, "simulcart: read the answer: ") {
			t.Errorf("%s: got exit code %d and %q", products, code, errs)
		}
	}
}

// An id is one part of the address, whatever it holds.
func TestCancelOfAnyID(t *testing.T) {
	a := newAPI(t, saying(http.StatusOK, `{"cue":"c","progress":"cancelled"}`))
	typed("overlay", "cancel", "a/b?c", "--stream", "maria", "--server", a.URL)
	if got, want := a.asked()[0].Line, "DELETE /v1/streams/maria/overlays/a%2Fb%3Fc"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Which stream, and which token: the flags that mend it.
func TestHints(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		answer string
		want   []string
	}{
		{"no token", http.StatusUnauthorized, `{"status":401,"detail":"This needs a token.","code":"unauthorized"}`, []string{"unauthorized", "SIMULCART_TOKEN"}},
		{"a creator's token", http.StatusForbidden, `{"status":403,"detail":"Not good for this.","code":"forbidden"}`, []string{"forbidden", "--stream"}},
		{"no stream", http.StatusOK, `{"streams":[]}`, []string{"no stream"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, saying(c.status, c.answer))
			code, _, errs := typed("overlay", "state", "--server", a.URL)
			for _, want := range c.want {
				if code != 1 || !strings.Contains(errs, want) {
					t.Errorf("got exit code %d and %q, want %q", code, errs, want)
				}
			}
		})
	}
}

// A certificate that is not trusted stays so: nothing is tried again, and the flag that mends it is named.
func TestDistrustIsFinal(t *testing.T) {
	var tried atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			tried.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	code, _, errs := typed("overlay", "state", "--server", server.URL)
	if code != 1 || !strings.Contains(errs, "--ca") || strings.Contains(errs, "does simulcart run there") {
		t.Errorf("got exit code %d and %q, want a word of --ca", code, errs)
	}
	if n := tried.Load(); n != 1 {
		t.Errorf("tried %d times, want once", n)
	}
}

// A file of certificates that has none is told by its flag.
func TestTailTellsOfCA(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := recordH264(t) // no certificate
	r.picture(0, 0, true)
	if _, _, errs := typed("overlay", "tail", "rtmps://"+l.Addr().String()+"/live/maria", "--ca", r.save()); errs != "simulcart: --ca: no certificate in the file\n" {
		t.Errorf("got %q", errs)
	}
}

// A connection that is lost is told as such.
func TestTailTellsOfALostStream(t *testing.T) {
	address := playServer(t, func(_ net.Conn, conn *rtmp.Conn) error {
		r, err := rtmp.ReadRequest(conn, "live")
		if err != nil {
			return err
		}
		if err := r.Accept(); err != nil {
			return err
		}
		_, err = conn.NetConn().Write([]byte{0x06, 0, 0, 0, 0, 1, 0, 9})
		return err
	})
	if _, _, errs := typed("overlay", "tail", address+"/maria"); errs != "simulcart: read the stream: unexpected EOF\n" {
		t.Errorf("got %q", errs)
	}
}

// Pictures and states that cannot be read are faults of the stream: the command is there to find them.
func TestTailTellsOfTheUnreadable(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 0, true, said(1, 0, 0, "dress"))
	if err := r.w.WriteTag(flv.TagVideo, 40, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := typed("overlay", "tail", r.save())
	if code != 1 || !strings.HasPrefix(errs, "simulcart: 1 video messages cannot be read, the first at 40ms: ") || !strings.HasSuffix(out, " faults\n") {
		t.Errorf("got exit code %d, %q and %q, want the sum and an error", code, out, errs)
	}

	cut := recordH264(t)
	cut.picture(0, 0, true, said(1, 0, 0, "dress"))
	b := cut.Bytes()
	uuid := mediatest.Unhex(t, "5b6d1f0e2c8a4c1b9e7a73696d756c63")
	b[bytes.Index(b, uuid)-1] = 0xfe // the size of the message, the last byte: more than there is
	code, out, errs = typed("overlay", "tail", cut.save())
	if code != 0 || !strings.Contains(out, "\n  FAULT: SEI: ") || !strings.HasSuffix(out, "1 faults\n") {
		t.Errorf("got exit code %d, %q and %q, want a fault", code, out, errs)
	}
}
