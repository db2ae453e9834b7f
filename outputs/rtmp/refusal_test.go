package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/outputs"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

func TestPushFails(t *testing.T) {
	answer := func(do func(nc net.Conn, r *wire.Request) error) func(*peer) {
		return func(p *peer) { p.answers(nil, do) }
	}
	for name, tt := range map[string]struct {
		peer  func(*peer)
		at    string // an address that is no RTMP peer, in place of the peer's
		cause outputs.Cause
		words string
	}{
		"refused": {
			peer: answer(func(_ net.Conn, r *wire.Request) error {
				_ = r.Reject(wire.CodePublishBadName, "no stream "+secretKey+" here")
				return io.EOF
			}),
			cause: outputs.PeerRejected, words: "NetStream.Publish.BadName: no stream [key] here: check URL and stream key",
		},
		"closed in answer to publish": {
			peer:  answer(func(net.Conn, *wire.Request) error { return io.EOF }),
			cause: outputs.PeerRejected, words: "platforms close the connection when they do not know the stream key",
		},
		"reset in answer to publish": {
			peer:  answer(func(nc net.Conn, _ *wire.Request) error { reset(nc); return io.EOF }),
			cause: outputs.PeerRejected, words: "stream key",
		},
		"no such application": {
			peer:  func(p *peer) { p.url.App = "elsewhere" },
			cause: outputs.PeerRejected, words: "InvalidApp",
		},
		"garbage":   {at: mediatest.Garbage(t), cause: outputs.Handshake, words: "RTMP handshake"},
		"closed":    {at: closing(t), cause: outputs.Handshake, words: "RTMP handshake: the peer closed the connection"},
		"not there": {at: "127.0.0.1:1", cause: outputs.TCP, words: "nothing listens"},
		"not TLS":   {peer: func(p *peer) { p.url.TLS = true }, cause: outputs.TLS, words: "rtmp://"},
	} {
		t.Run(name, func(t *testing.T) {
			peer := newPeer(t)
			if tt.peer != nil {
				tt.peer(peer)
			} else {
				peer.url.Host, peer.url.Port, _ = net.SplitHostPort(tt.at)
			}
			push := peer.push()
			show := newShow(t, video)
			show.write(video, 0, 0, true, 10)
			ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
			err := outcome(t, ended)
			if err == nil || outputs.CauseOf(err) != tt.cause || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("Run = %v (%s), want %s with %q", err, outputs.CauseOf(err), tt.cause, tt.words)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}

// closing gives the address of a server that closes each connection once it was greeted.
func closing(t *testing.T) string {
	p := newPeer(t)
	p.answers(&tls.Config{}, nil) // which RTMP's greeting is not
	return p.url.Address()
}

// reset ends a connection so that the peer gets a reset.
func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}

func TestPushIsKicked(t *testing.T) {
	for name, tt := range map[string]struct {
		kick  func(v *visit)
		cause outputs.Cause
		words string
	}{
		"closed": {func(v *visit) { _ = v.nc.Close() }, outputs.Kicked, "while live: the peer closed the connection"},
		"reset":  {func(v *visit) { reset(v.nc) }, outputs.Kicked, "the peer closed the connection"},
		"told": {func(v *visit) {
			_ = v.req.WriteStatus("error", "NetStream.Publish.Denied", "bitrate too high for "+secretKey)
		}, outputs.Kicked, "bitrate too high for [key]"},
		"told, then closed": {func(v *visit) {
			_ = v.req.WriteStatus("error", "NetStream.Publish.Denied", "not you")
			reset(v.nc)
		}, outputs.Kicked, ""},
		"garbage":  {func(v *visit) { _, _ = v.nc.Write([]byte{0xC9, 1, 2, 3, 4, 5, 6, 7, 8, 9}) }, outputs.Handshake, "chunk stream"},
		"AMF3":     {func(v *visit) { _ = v.conn.WriteMessage(wire.Message{Type: wire.TypeCommandAMF3, Payload: []byte{0}}) }, outputs.Handshake, "AMF0"},
		"nonsense": {func(v *visit) { _ = v.conn.WriteMessage(wire.Message{Type: wire.TypeCommand, Payload: []byte{5}}) }, outputs.Handshake, "command"},
	} {
		t.Run(name, func(t *testing.T) {
			peer := newPeer(t)
			push := peer.push()
			show := newShow(t, video)
			show.write(video, 0, 0, true, 10)
			ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
			visit := peer.next()
			visit.await(t, "media", func(m []wire.Message) bool { return len(m) == 3 })
			// What is no reason to end:
			_ = visit.req.WriteStatus("status", wire.CodeUnpublishSuccess, "bye")
			_ = visit.conn.WriteMessage(wire.Message{Type: wire.TypeData, Payload: []byte{5}})
			_ = visit.conn.WriteCommand(wire.Command{Name: "onBWDone"})
			tt.kick(visit)
			err := outcome(t, ended)
			if err == nil || outputs.CauseOf(err) != tt.cause || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("Run = %v (%s), want %s with %q", err, outputs.CauseOf(err), tt.cause, tt.words)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}

// A write that finds the connection broken gives way to what the peer said before.
func TestPushGivesThePeersLastWords(t *testing.T) {
	p := &Push{}
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	conn := wire.NewConn(client)
	for name, tt := range map[string]struct{ said, want error }{
		"words":    {outputs.Fail(outputs.Kicked, errors.New("too late")), errors.New("too late")},
		"no words": {outputs.Fail(outputs.TCP, os.ErrDeadlineExceeded), io.ErrUnexpectedEOF},
		"asked":    {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(tt.said)
			got := p.broken(ctx, conn, io.ErrUnexpectedEOF)
			if (got == nil) != (tt.want == nil) || got != nil && got.Error() != tt.want.Error() {
				t.Errorf("broken = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPushReconnects(t *testing.T) {
	here, there := newPeer(t), newPeer(t)
	show := newShow(t, video)
	show.write(video, 0, 0, true, 10)
	push := here.push()
	attempt := func() (<-chan error, func() error) {
		return run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
	}
	ask := func(v *visit, tcURL string) {
		t.Helper()
		if sent, err := v.req.AskReconnect(tcURL, "maintenance of "+secretKey); !sent || err != nil {
			t.Fatalf("AskReconnect: %t %v", sent, err)
		}
	}
	wantAsked := func(ended <-chan error) {
		t.Helper()
		err := outcome(t, ended)
		if !errors.Is(err, outputs.ErrReconnect) || outputs.CauseOf(err) != outputs.Kicked || strings.Contains(err.Error(), "canary") {
			t.Errorf("Run = %v, want ErrReconnect", err)
		}
	}
	ended, _ := attempt()
	ask(here.next(), there.url.String())
	wantAsked(ended)
	ended, _ = attempt() // to another port
	at := there.next()
	if at.req.Peer.TCURL != there.url.String() || at.req.Name != secretKey {
		t.Errorf("connected to %s as %s", at.req.Peer.TCURL, at.req.Name)
	}
	ask(at, "/live") // relative to where we are
	wantAsked(ended)
	ended, _ = attempt()
	ask(there.next(), "") // the same place, which is the configured one again
	wantAsked(ended)
	ended, _ = attempt()
	ask(here.next(), "http://127.0.0.1/") // not where we can
	wantAsked(ended)
	ended, _ = attempt()
	ask(here.next(), there.url.String())
	wantAsked(ended)
	// The policy of addresses holds there too, and does not keep us from our own URL.
	push.Dialer = &outputs.Dialer{}
	ended, _ = attempt()
	if err := outcome(t, ended); outputs.CauseOf(err) != outputs.PolicyDenied || outputs.IsPermanent(err) {
		t.Errorf("Run = %v, want a refusal by policy that is not permanent", err)
	}
	push.Dialer = &outputs.Dialer{AllowPrivate: true}
	_, stop := attempt()
	here.next()
	if err := stop(); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestPushDoesNotLeaveTLS(t *testing.T) {
	p := &Push{}
	err := p.reconnect(wire.URL{TLS: true, Host: "a", Port: "443", App: "live"}, "rtmp://a/live", "move")
	if !errors.Is(err, outputs.ErrReconnect) || p.moved != nil {
		t.Errorf("%v, goes to %v", err, p.moved)
	}
}

func TestSilentPeer(t *testing.T) {
	for name, tt := range map[string]struct {
		speak func(nc net.Conn)
		words string
	}{
		"takes nothing":       {func(net.Conn) {}, "RTMP handshake: the peer did not answer in time"},
		"never shakes hands":  {func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, "RTMP handshake: the peer did not answer in time"},
		"never takes connect": {func(nc net.Conn) { shake(nc); _, _ = io.Copy(io.Discard, nc) }, "connect: the peer did not answer in time"},
		"only pings": {func(nc net.Conn) {
			shake(nc)
			go func() { _, _ = io.Copy(io.Discard, nc) }()
			for conn := wire.NewConn(nc); conn.Ping() == nil; time.Sleep(time.Second) {
			}
		}, "connect: the peer did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				var peer sync.WaitGroup
				defer peer.Wait()
				peer.Go(func() { tt.speak(theirs) })
				begun := time.Now()
				_ = ours.SetDeadline(begun.Add(openTimeout))
				err := (&Push{Progress: &outputs.Progress{}}).dialogue(ours, &link{url: wire.URL{Host: "a", App: "live"}})
				_ = theirs.Close()
				_ = ours.Close()
				if outputs.CauseOf(err) != outputs.Handshake || !strings.Contains(err.Error(), tt.words) || time.Since(begun) != openTimeout {
					t.Errorf("after %s: %v (%s), want %q", time.Since(begun), err, outputs.CauseOf(err), tt.words)
				}
			})
		})
	}
}

// shake plays the server's part of the handshake.
func shake(nc net.Conn) {
	if hello, err := wire.ReadHello(nc); err == nil {
		_ = hello.Answer(nc)
	}
}

// A destination that stalls delays nobody: the others get every frame while its write blocks.
func TestStalledPushDelaysNobody(t *testing.T) {
	show := newShow(t, video)
	stuck := newPeer(t)
	push := stuck.push()
	push.Name = "stuck"
	run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
	blocked := stuck.next()
	blocked.stop()
	defer blocked.resume()
	healthy := newPeer(t)
	for range 3 {
		run(t, func(ctx context.Context) error { return healthy.push().Run(ctx, show.stream) })
	}
	visits := []*visit{healthy.next(), healthy.next(), healthy.next()}
	mediatest.Within(t, 10*time.Second, "four readers", func() bool { return show.stream.Snapshot().Readers == 4 })
	for n := range int64(300) {
		show.write(video, ms(33*n), ms(33*n), n%30 == 0, 50_000)
		if n%30 == 29 {
			for _, v := range visits {
				v.await(t, "every frame", func(m []wire.Message) bool { return frames(t, m) == int(n)+1 })
			}
		}
	}
	if got := push.Progress.Status(show.stream.Snapshot().Newest, show.stream.Counters("stuck").Lag).Lag; got < time.Second {
		t.Errorf("the stuck destination lags %s: the test tests nothing", got)
	}
	if c := show.stream.Counters("out"); c.Skipped != 0 {
		t.Errorf("%d frames skipped by healthy destinations", c.Skipped)
	}
}
