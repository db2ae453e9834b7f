package rtmp

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// converse runs a server and a client on the two ends of a pipe, each until it returns, then closes both.
func converse(t *testing.T, serve, ask func(*Conn)) {
	t.Helper()
	defer goleak.VerifyNone(t)
	here, there := net.Pipe()
	var both sync.WaitGroup
	both.Go(func() {
		defer there.Close()
		serve(NewConn(there))
	})
	both.Go(func() {
		defer here.Close()
		ask(NewConn(here))
	})
	both.Wait()
}

// request is a server's way to the client's wish.
func request(t *testing.T, c *Conn) *Request {
	r, err := ReadRequest(c, "live")
	if err != nil {
		t.Error(err)
		return &Request{conn: c}
	}
	return r
}

var liveURL = URL{Host: "host", Port: "1935", App: "live"}

func TestPublish(t *testing.T) {
	video := Message{Type: TypeVideo, StreamID: 1, Timestamp: 40, Payload: body(10_000)}
	converse(t, func(c *Conn) {
		r := request(t, c)
		want := Peer{App: "live", TCURL: "rtmp://host/live", Software: flashVersion, Caps: ourCaps}
		r.Peer.FourCCs, want.FourCCs = nil, nil
		if diff := cmp.Diff(want, r.Peer); diff != "" || r.Action != Publish || r.Name != "KEY" {
			t.Errorf("got %s of %q by (-want +got)\n%s", r.Action, r.Name, diff)
		}
		if err := r.Accept(); err != nil {
			t.Error(err)
		}
		if got, err := c.ReadMessage(); err != nil || !cmp.Equal(got, video) {
			t.Errorf("got %s at %d and error %v", got.Type, got.Timestamp, err)
		}
		if cmd, err := c.ReadCommand(); err != nil || cmd.Name != "FCUnpublish" || cmd.text(0) != "KEY" {
			t.Errorf("got %+v and error %v", cmd, err)
		}
	}, func(c *Conn) {
		peer, err := c.Connect(Offer{URL: liveURL})
		if err != nil {
			t.Error(err)
		}
		if !peer.Enhanced() || !peer.CanDo(CapReconnect|CapModEx) || peer.Software == "" {
			t.Errorf("got %+v", peer)
		}
		id, err := c.Publish("KEY")
		if err != nil || id != serverStream {
			t.Errorf("got stream %d and error %v", id, err)
		}
		var b Batch
		b.Add(Share(video.Type, video.Timestamp, nil, c.ChunkSize(), video.Payload), id)
		if err := c.WriteBatch(&b); err != nil {
			t.Error(err)
		}
		if err := c.Unpublish("KEY", id); err != nil {
			t.Error(err)
		}
	})
}

func TestPublishRejected(t *testing.T) {
	converse(t, func(c *Conn) {
		if err := request(t, c).Reject(CodePublishBadName, "the key is not known"); err != nil {
			t.Error(err)
		}
	}, func(c *Conn) {
		if _, err := c.Connect(Offer{URL: liveURL, Plain: true}); err != nil {
			t.Error(err)
		}
		_, err := c.Publish("KEY")
		var status *StatusError
		want := Status{Level: "error", Code: CodePublishBadName, Description: "the key is not known"}
		if !errors.As(err, &status) || status.Command != "publish" || status.Status != want {
			t.Errorf("got %v", err)
		}
	})
}

func TestWrongApp(t *testing.T) {
	var refused, refusal *StatusError
	converse(t, func(c *Conn) {
		_, err := ReadRequest(c, "live")
		if !errors.As(err, &refusal) {
			t.Errorf("server: got %v", err)
		}
	}, func(c *Conn) {
		_, err := c.Connect(Offer{URL: URL{Host: "host", Port: "1935", App: "wrong"}})
		if !errors.As(err, &refused) {
			t.Errorf("client: got %v", err)
		}
	})
	if diff := cmp.Diff(refusal, refused); diff != "" {
		t.Errorf("the client heard something else (-server +client)\n%s", diff)
	}
}

func TestPlay(t *testing.T) {
	converse(t, func(c *Conn) {
		r := request(t, c)
		if r.Action != Play || r.Name != "show" || r.Query.Get("token") != "x" {
			t.Errorf("got %s of %q, %v", r.Action, r.Name, r.Query)
		}
		if err := r.Accept(); err != nil {
			t.Error(err)
		}
		if err := r.EndPlay(); err != nil {
			t.Error(err)
		}
	}, func(c *Conn) {
		if _, err := c.Connect(Offer{URL: liveURL, Play: true}); err != nil {
			t.Error(err)
		}
		id, err := c.Play("show?token=x")
		if err != nil || id != serverStream {
			t.Errorf("got stream %d and error %v", id, err)
		}
		if m, err := c.ReadMessage(); err != nil || m.Type != TypeData || m.StreamID != id {
			t.Errorf("got %s on stream %d and error %v", m.Type, m.StreamID, err)
		}
		cmd, err := c.ReadCommand()
		status, _ := StatusOf(cmd)
		if err != nil || status.Code != CodeUnpublishNotify || cmd.StreamID != id {
			t.Errorf("got %+v and error %v", cmd, err)
		}
	})
}

func TestPlayRejected(t *testing.T) {
	converse(t, func(c *Conn) {
		if err := request(t, c).Reject(CodePlayNotFound, "no such stream"); err != nil {
			t.Error(err)
		}
	}, func(c *Conn) {
		if _, err := c.Connect(Offer{URL: liveURL, Play: true}); err != nil {
			t.Error(err)
		}
		_, err := c.Play("show")
		if err == nil || err.Error() != "the peer refused play: NetStream.Play.StreamNotFound: no such stream" {
			t.Errorf("got %v", err)
		}
	})
}

// A ReconnectRequest (Enhanced RTMP v2) goes to those who said that they understand it.
func TestAskReconnect(t *testing.T) {
	for name, plain := range map[string]bool{"enhanced": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			converse(t, func(c *Conn) {
				r := request(t, c)
				if err := r.Accept(); err != nil {
					t.Error(err)
				}
				asked, err := r.AskReconnect("rtmp://other/live", "drain")
				if err != nil || asked == plain {
					t.Errorf("got %v and error %v", asked, err)
				}
			}, func(c *Conn) {
				if _, err := c.Connect(Offer{URL: liveURL, Plain: plain}); err != nil {
					t.Error(err)
				}
				if _, err := c.Publish("KEY"); err != nil {
					t.Error(err)
				}
				cmd, err := c.ReadCommand()
				if plain {
					if err == nil {
						t.Errorf("got %+v", cmd)
					}
					return
				}
				want := Status{Level: "status", Code: CodeReconnectRequest, Description: "drain", TCURL: "rtmp://other/live"}
				if status, _ := StatusOf(cmd); err != nil || status != want || cmd.StreamID != 0 {
					t.Errorf("got %+v and error %v", cmd, err)
				}
			})
		})
	}
}

func TestPingPong(t *testing.T) {
	converse(t, func(c *Conn) {
		if err := c.Ping(); err != nil {
			t.Error(err)
		}
		if m, err := c.reader.next(); err != nil || m.Type != TypeUserControl || m.Payload[1] != eventPingResponse {
			t.Errorf("got %+v and error %v", m, err)
		}
	}, func(c *Conn) {
		if m, err := c.ReadMessage(); err == nil {
			t.Errorf("got %+v", m)
		}
	})
}

func TestConnClose(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := NewConn(here)
	if c.NetConn() != here {
		t.Error("another connection")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Ping(); err == nil {
		t.Error("a closed connection takes a ping")
	}
}
