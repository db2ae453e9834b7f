package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// playServer is an RTMP server for one player: answer conducts what follows the handshake, and the connection ends with it. It gives
// the address of an application.
func playServer(t *testing.T, answer func(nc net.Conn, conn *rtmp.Conn) error) (address string) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		nc, err := l.Accept()
		if err != nil {
			return // the test ended without a player
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(patience))
		hello, err := rtmp.ReadHello(nc)
		if err == nil {
			err = hello.Answer(nc)
		}
		if err == nil {
			err = answer(nc, rtmp.NewConn(nc))
		}
		if err != nil {
			t.Errorf("serve a player: %v", err)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
		goleak.VerifyNone(t, before)
	})
	return "rtmp://" + l.Addr().String() + "/live"
}

// plays accepts the player and sends a recording. Its clock starts at an hour, as that of a stream may.
func plays(conn *rtmp.Conn, r *recording) (*rtmp.Request, error) {
	request, err := rtmp.ReadRequest(conn, "live")
	if err != nil {
		return nil, err
	}
	if request.Action != rtmp.Play || request.Name != "maria" {
		return nil, errors.New(request.Action.String() + " " + request.Name + ", want play maria")
	}
	if err := request.Accept(); err != nil {
		return nil, err
	}
	for next := flv.NewReader(bytes.NewReader(r.Bytes())).Next; ; {
		tag, err := next()
		if err != nil {
			return request, nil
		}
		m := rtmp.Message{Type: rtmp.MessageType(tag.Type), StreamID: request.StreamID, Timestamp: tag.Timestamp + 3600_000, Payload: tag.Body}
		if err := conn.WriteMessage(m); err != nil {
			return nil, err
		}
	}
}

// awaitEnd reads until the player has gone; an error is that it has not.
func awaitEnd(conn *rtmp.Conn) error {
	for {
		_, err := conn.ReadMessage()
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			return fmt.Errorf("the player stays: %w", err)
		case err != nil:
			return nil
		}
	}
}

// shortShow is a picture with a card in both carriages.
func shortShow(t *testing.T) *recording {
	t.Helper()
	r := recordH264(t)
	r.message(40, said(1, 0, 0, "dress"))
	r.picture(40, 40, true, said(1, 0, 0, "dress"))
	return r
}

const shortSum = "1 pictures, 2 states, 0 repeats, 0 faults\n"

// A stream ends where the server says so, or where it closes the connection between two messages.
func TestTailEndsWithTheStream(t *testing.T) {
	for name, end := range map[string]func(*rtmp.Request, *rtmp.Conn) error{
		"told": func(r *rtmp.Request, c *rtmp.Conn) error {
			if err := r.EndPlay(); err != nil {
				return err
			}
			return awaitEnd(c)
		},
		"closed": func(*rtmp.Request, *rtmp.Conn) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			show := shortShow(t)
			address := playServer(t, func(_ net.Conn, conn *rtmp.Conn) error {
				request, err := plays(conn, show)
				if err != nil {
					return err
				}
				return end(request, conn)
			})
			code, out, errs := typed("overlay", "tail", address+"/maria")
			if code != 0 || errs != "" {
				t.Errorf("got exit code %d and %q, want success", code, errs)
			}
			if !strings.HasPrefix(out, "1h0m0.04s  frame 1      sei  state  1 of s1, ") || !strings.HasSuffix(out, shortSum) {
				t.Errorf("got %q", out)
			}
		})
	}
}

// After --for, and on a signal, the sum is printed, and that is a success.
func TestTailEndsBeforeTheStream(t *testing.T) {
	for name, c := range map[string]struct {
		span   time.Duration
		cancel bool
	}{
		"by --for":    {span: 200 * time.Millisecond},
		"by a signal": {cancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			show := shortShow(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			address := playServer(t, func(_ net.Conn, conn *rtmp.Conn) error {
				if _, err := plays(conn, show); err != nil {
					return err
				}
				return awaitEnd(conn)
			})
			out := &watched{want: []byte("amf  state"), seen: func() {
				if c.cancel {
					cancel()
				}
			}}
			err := (&tailCommand{Source: address + "/maria", For: c.span}).Run(ctx, out, stderrWriter{io.Discard})
			if err != nil || !strings.HasSuffix(out.String(), shortSum) {
				t.Errorf("got %v and %q, want the sum", err, out)
			}
		})
	}
}

// watched calls seen with what it is waiting for.
type watched struct {
	bytes.Buffer
	want []byte
	seen func()
}

// Write is io.Writer's.
func (w *watched) Write(b []byte) (int, error) {
	if bytes.Contains(b, w.want) {
		w.seen()
	}
	return w.Buffer.Write(b)
}

// What cannot be played is exit code 1, and the message says which step it was.
func TestTailCannotPlay(t *testing.T) {
	accepted := func(answer func(conn *rtmp.Conn, r *rtmp.Request) error) func(net.Conn, *rtmp.Conn) error {
		return func(_ net.Conn, conn *rtmp.Conn) error {
			r, err := rtmp.ReadRequest(conn, "live")
			if err != nil {
				return err
			}
			return answer(conn, r)
		}
	}
	for _, c := range []struct {
		name   string
		answer func(nc net.Conn, conn *rtmp.Conn) error
		want   string // the beginning of the message
		end    string
	}{
		{"hangs up behind the handshake", func(net.Conn, *rtmp.Conn) error { return nil }, "simulcart: connect: ", "\n"},
		{"refuses the stream", accepted(func(_ *rtmp.Conn, r *rtmp.Request) error {
			return r.Reject(rtmp.CodePlayNotFound, "the stream is not live")
		}), "simulcart: play: the peer refused play: " + rtmp.CodePlayNotFound, ": is the stream live, and may you play it?\n"},
		{"hangs up before it plays", accepted(func(*rtmp.Conn, *rtmp.Request) error { return nil }), "simulcart: play: ", ": is the stream live, and may you play it?\n"},
		{"hangs up in a message", accepted(func(conn *rtmp.Conn, r *rtmp.Request) error {
			if err := r.Accept(); err != nil {
				return err
			}
			_, err := conn.NetConn().Write([]byte{0x06, 0, 0, 0, 0, 1, 0, 9}) // a header that announces a video message
			return err
		}), "simulcart: ", "unexpected EOF\n"},
		{"sends junk", accepted(func(conn *rtmp.Conn, r *rtmp.Request) error {
			if err := r.Accept(); err != nil {
				return err
			}
			if _, err := conn.NetConn().Write(bytes.Repeat([]byte{0xff}, 4096)); err != nil {
				return err
			}
			return awaitEnd(conn)
		}), "simulcart: ", "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, errs := typed("overlay", "tail", playServer(t, c.answer)+"/maria")
			if code != 1 || !strings.HasPrefix(errs, c.want) || !strings.HasSuffix(errs, c.end) || strings.Count(errs, "\n") != 1 {
				t.Errorf("got exit code %d and %q, want 1 and %q…%q", code, errs, c.want, c.end)
			}
		})
	}
}

// An address that is none is told as such, without a connection.
func TestTailOfNoAddress(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"srt://127.0.0.1/live/maria", "it must start with rtmp:// or rtmps://"},
		{"rtmp://127.0.0.1", "no host"},
		{"rtmp://", "no host"},
		{"rtmp://127.0.0.1:port/live/maria", "not a valid URL"},
	} {
		t.Run(c.source, func(t *testing.T) {
			code, out, errs := typed("overlay", "tail", c.source)
			if code != 1 || out != "" || !strings.HasPrefix(errs, "simulcart: the address: ") || !strings.HasSuffix(errs, c.want+": write rtmp://HOST/live/STREAM\n") {
				t.Errorf("got exit code %d, %q and %q, want %q", code, out, errs, c.want)
			}
		})
	}
}
