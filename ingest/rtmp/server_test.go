package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

// loopback is a rig on a real port, with a leak check at its end.
func loopback(t *testing.T) (r *rig, dial func() net.Conn) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r = newRig(t)
	stop := r.serve(l)
	t.Cleanup(func() {
		stop()
		goleak.VerifyNone(t, before)
	})
	return r, func() net.Conn {
		t.Helper()
		nc, err := net.DialTimeout("tcp", l.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(2 * patience))
		t.Cleanup(func() { _ = nc.Close() })
		return nc
	}
}

func TestPublish(t *testing.T) {
	const before = 1<<32 - 21 // the clock wraps in the first group
	for name, at := range map[string]int64{"from 0": 0, "from an hour": 3600_000, "over 32 bits": before} {
		t.Run(name, func(t *testing.T) {
			r, dial := loopback(t)
			reader := r.hub.Stream("maria").Subscribe("test", 0)
			defer reader.Close()
			c := r.mustPublish(dial(), "maria-key")
			r.send(c, rtmp.TypeVideo, at, keyFrame)
			r.send(c, rtmp.TypeAudio, at+10, sound)
			r.send(c, rtmp.TypeVideo, at+33, interFrame)
			r.send(c, rtmp.TypeAudio, at+31, sound)
			// Media time 0 is the PTS of the first picture, 66 ms after its DTS.
			want := []string{"key -66/0", "sound -56/-56", "inter -33/-33", "sound -35/-35"}
			if diff := cmp.Diff(want, r.read(reader, 4)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			st, _ := r.gate.Status("maria")
			p := st.Publisher
			if st.State != ingest.Live || p.Protocol != "rtmp" || !strings.HasPrefix(p.Remote, "127.0.0.1:") || !strings.Contains(p.Software, "simulcart") {
				t.Errorf("status %+v", st)
			}
			if len(st.Tracks) != 2 || st.Tracks[0].Format.Width != 32 || st.Tracks[1].ClockRate != 44100 {
				t.Errorf("tracks %+v, %+v", *st.Tracks[0], *st.Tracks[1])
			}
		})
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "cert"), filepath.Join(folder, "key")
	mediatest.NewAuthority(t).Issue(t, cert, key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestPublishOverTLS(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { _ = r.server.Serve(ctx, l, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}) })
	defer serving.Wait()
	defer cancel()
	dial := func() net.Conn {
		nc, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		return nc
	}
	reader := r.hub.Stream("maria").Subscribe("test", 0)
	defer reader.Close()
	c := r.mustPublish(dial(), "maria-key")
	defer c.Close()
	r.group(c, 0)
	r.read(reader, 3)
	if st, _ := r.gate.Status("maria"); st.Publisher.Protocol != "rtmps" {
		t.Errorf("protocol %q, want rtmps", st.Publisher.Protocol)
	}
	wrong := dial()
	defer wrong.Close()
	var refused *rtmp.StatusError
	if _, err := publishAs(wrong, "wrong-key"); !errors.As(err, &refused) {
		t.Errorf("got %v, want a status", err)
	}
	plain, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_ = plain.SetDeadline(time.Now().Add(patience))
	if err := rtmp.OfferHandshake(plain); err == nil {
		t.Error("RTMP without TLS was taken")
	}
}

func TestRefusal(t *testing.T) {
	for _, tc := range []struct {
		name, key  string
		prepare    func(r *rig, dial func() net.Conn)
		code, text string
		label      string
	}{
		{"wrong key", "guess", func(*rig, func() net.Conn) {}, rtmp.CodePublishBadName, "stream key is not known", "key"},
		{"no key", "", func(*rig, func() net.Conn) {}, rtmp.CodePublishBadName, "stream key is not known", "key"},
		{"the stream's name for a key", "maria", func(*rig, func() net.Conn) {}, rtmp.CodePublishBadName, "stream key is not known", "key"},
		{"draining", "maria-key", func(r *rig, _ func() net.Conn) { r.gate.Drain() }, rtmp.CodePublishDenied, "shutting down", "other"},
		{"another one is there", "maria-key", func(r *rig, dial func() net.Conn) {
			r.gate.Configure("maria", ingest.Options{Policy: ingest.Reject})
			r.mustPublish(dial(), "maria-key")
		}, rtmp.CodePublishDenied, "another encoder is publishing", "busy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, dial := loopback(t)
			tc.prepare(r, dial)
			_, err := publishAs(dial(), tc.key)
			var refused *rtmp.StatusError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a status before the close", err)
			}
			if s := refused.Status; s.Level != "error" || s.Code != tc.code || !strings.Contains(s.Description, tc.text) {
				t.Errorf("got %+v, want %s: %s", s, tc.code, tc.text)
			}
			r.counted(tc.label)
			if strings.Contains(r.log.all(), tc.key) && tc.key == "guess" {
				t.Error("the key is in the log")
			}
		})
	}
}

// An encoder that sends on without waiting for the answer still hears why it is refused.
func TestRefusalIsHeardByWhoSendsOn(t *testing.T) {
	_, dial := loopback(t)
	c, err := connect(dial(), rtmp.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	publish := rtmp.Command{Name: "publish", Transaction: 5, Args: []any{"guess", "live"}, StreamID: 1}
	if err := c.WriteCommand(publish); err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if err := c.WriteMessage(rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Payload: make([]byte, 16<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	if status, err := lastWords(c); err != nil || status.Code != rtmp.CodePublishBadName {
		t.Errorf("heard %+v, %v; want %s and a plain close", status, err, rtmp.CodePublishBadName)
	}
}

func TestTakeover(t *testing.T) {
	r, dial := loopback(t)
	reader := r.hub.Stream("maria").Subscribe("test", 0)
	defer reader.Close()
	old := r.mustPublish(dial(), "maria-key") // its connection stays open, and it reads nothing
	r.group(old, 5000)
	r.read(reader, 3)
	c, err := connect(dial(), rtmp.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if c.id, err = c.Publish("maria-key"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("the takeover took %v, want at most 100 ms", took)
	}
	r.send(c, rtmp.TypeVideo, 0, videoConfig)
	r.send(c, rtmp.TypeAudio, 0, audioConfig)
	r.group(c, 0)
	if got := r.read(reader, 3); !strings.HasPrefix(got[0], "key ") {
		t.Errorf("the new publisher began with %v", got)
	}
	status, err := lastWords(old)
	if err != nil || status.Level != "error" || !strings.Contains(status.Description, "took this stream over") {
		t.Errorf("the old one heard %+v, %v", status, err)
	}
	if st, _ := r.gate.Status("maria"); st.Counters.Takeovers != 1 || st.State != ingest.Live || st.Counters.Sessions != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(c *client) error
		want ingest.State
	}{
		{"as OBS does it", func(c *client) error { return c.Unpublish(c.key, c.id) }, ingest.Idle},
		{"FCUnpublish alone", func(c *client) error {
			return c.WriteCommand(rtmp.Command{Name: "FCUnpublish", Transaction: 6, Args: []any{c.key}})
		}, ingest.Idle},
		{"deleteStream alone", func(c *client) error {
			return c.WriteCommand(rtmp.Command{Name: "deleteStream", Args: []any{1.0}})
		}, ingest.Idle},
		{"closeStream", func(c *client) error { return c.WriteCommand(rtmp.Command{Name: "closeStream", StreamID: 1}) }, ingest.Idle},
		{"a close of the connection", func(c *client) error { return c.Close() }, ingest.Holding},
		{"a reset of the connection", func(c *client) error {
			if tcp, ok := c.nc.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			return c.Close()
		}, ingest.Holding},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, dial := loopback(t)
			c := r.mustPublish(dial(), "maria-key")
			r.group(c, 0)
			r.state("maria", ingest.Live)
			if err := tc.end(c); err != nil {
				t.Fatal(err)
			}
			r.state("maria", tc.want)
			_ = c.Close()
		})
	}
}

func TestPlayIsHandedOver(t *testing.T) {
	for _, tc := range []struct {
		name, stream string
		handed       bool
	}{{"public", "open", true}, {"private", "maria", false}, {"unknown", "nobody", false}, {"a key", "maria-key", false}} {
		t.Run(tc.name, func(t *testing.T) {
			r, dial := loopback(t)
			var handed []string
			r.server.Play = func(_ context.Context, stream, _ string, conn *rtmp.Conn, q *rtmp.Request) error {
				handed = append(handed, stream)
				if err := q.Accept(); err != nil {
					return err
				}
				return conn.Close()
			}
			c, err := connect(dial(), rtmp.Offer{Play: true})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Play(tc.stream)
			var refused *rtmp.StatusError
			switch {
			case tc.handed && (err != nil || !cmp.Equal(handed, []string{tc.stream})):
				t.Errorf("got %v, handed over %q", err, handed)
			case !tc.handed && (!errors.As(err, &refused) || refused.Status.Code != rtmp.CodePlayNotFound || handed != nil):
				t.Errorf("got %v, handed over %q; want %s", err, handed, rtmp.CodePlayNotFound)
			case !tc.handed:
				r.counted("play")
			}
		})
	}
	t.Run("nobody serves players", func(t *testing.T) {
		_, dial := loopback(t)
		c, err := connect(dial(), rtmp.Offer{Play: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Play("open"); err == nil {
			t.Error("got none, want a refusal")
		}
	})
}

func TestDrain(t *testing.T) {
	for name, plain := range map[string]bool{"one that can reconnect is asked to": false, "one that cannot is not": true} {
		t.Run(name, func(t *testing.T) {
			r, dial := loopback(t)
			c, err := connect(dial(), rtmp.Offer{Plain: plain})
			if err != nil {
				t.Fatal(err)
			}
			if c.id, err = c.Publish("maria-key"); err != nil {
				t.Fatal(err)
			}
			r.send(c, rtmp.TypeVideo, 0, videoConfig)
			r.send(c, rtmp.TypeVideo, 0, keyFrame)
			r.gate.Drain()
			status, err := lastWords(c)
			if err != nil {
				t.Errorf("the connection ended in %v, want a plain close", err)
			}
			if asked := status.Code == rtmp.CodeReconnectRequest; asked == plain {
				t.Errorf("heard %+v", status)
			}
		})
	}
}

// A server that ends with publishers and others connected closes them all.
func TestServeEnds(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := r.serve(l)
	for range 3 {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := r.mustPublish(nc, "maria-key")
	r.group(c, 0)
	r.state("maria", ingest.Live)
	stop()
	if _, err := c.ReadMessage(); err == nil {
		t.Error("the publisher's connection is open")
	}
	t.Run("a listener that breaks is an error", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if err := r.server.Serve(t.Context(), l, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want %v", err, net.ErrClosed)
		}
	})
}
