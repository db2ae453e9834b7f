package mediatest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const patience = 5 * time.Second

// Messages survive being cut into chunks of any size, also with extended times.
func TestChunks(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 40)
	for _, size := range []int{1, 128, 4096} {
		var wire bytes.Buffer
		wire.Write(chunks(2, message{kind: setChunkSize, body: []byte{0, 0, byte(size >> 8), byte(size)}}, 128))
		want := []message{
			{kind: VideoTag, stream: 1, time: 40, body: body},
			{kind: AudioTag, stream: 1, time: 0xffffff, body: body[:7]},
			{kind: VideoTag, stream: 1, time: 0xfffffff0, body: body},
		}
		for _, m := range want {
			wire.Write(chunks(4, m, size))
		}
		r := newChunkReader(&wire)
		for i, w := range want {
			got, err := r.next()
			if diff := cmp.Diff(w, got, cmp.AllowUnexported(message{})); diff != "" || err != nil {
				t.Errorf("size %d, message %d: %v (-want +got)\n%s", size, i, err, diff)
			}
		}
	}
}

// The raw publisher and the raw receiver understand each other, through a proxy too.
func TestPublisherToReceiver(t *testing.T) {
	r := NewReceiver(t)
	for key, addr := range map[string]string{"direct": r.Addr, "proxied": NewProxy(t, r.Addr).Addr} {
		c, _ := Publisher(t, addr, key)
		for _, g := range published() {
			if err := c.Send(1, g); err != nil {
				t.Fatal(err)
			}
		}
		s := r.Sessions(key)[0]
		Within(t, patience, "all tags", func() bool { return len(s.Tags()) == len(published()) })
		c.Close()
		Within(t, patience, "the end of the session", func() bool { return !s.Ended().IsZero() })
		if diff := cmp.Diff(published(), s.Tags()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", key, diff)
		}
		if diff := cmp.Diff([]string{"connect", "createStream", "publish"}, s.Commands()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", key, diff)
		}
	}
}

func TestRefuser(t *testing.T) {
	r := NewRefuser(t, Refusal{Code: "NetStream.Publish.BadName", Words: "no such key"})
	c := Dial(t, r.Addr)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	code, _, err := c.Publish("k")
	if code != "NetStream.Publish.BadName" || err != nil {
		t.Errorf("got %q, %v, want NetStream.Publish.BadName", code, err)
	}
	<-c.Closed()
}

// A stalled proxy reads nothing more until it is told to go on; a closed port refuses.
func TestProxyFaults(t *testing.T) {
	r := NewReceiver(t)
	p := NewProxy(t, r.Addr)
	c, _ := Publisher(t, p.Addr, "k")
	s := r.Sessions("k")[0]
	p.Stall(0)
	wrote := make(chan error, 1)
	go func() {
		var err error
		for i := int64(0); err == nil && i < 200; i++ { // 12 MB, more than the buffers of the way take
			err = c.Send(1, Tag{VideoTag, i, bytes.Repeat([]byte{0x27}, 60<<10)})
		}
		wrote <- err
	}()
	select {
	case err := <-wrote:
		t.Fatalf("the stalled proxy took everything: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	p.Resume()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	Within(t, patience, "all tags", func() bool { return len(s.Tags()) == 200 })
	p.Close()
	if conn, err := net.Dial("tcp", p.Addr); err == nil {
		_ = conn.Close()
		t.Error("the closed port takes connections")
	}
	p.Cut()
	<-c.Closed()
	p.Open(t)
	Publisher(t, p.Addr, "again")
}

func TestTrickle(t *testing.T) {
	r := NewSink(t)
	p := NewProxy(t, r.Addr)
	c, _ := Publisher(t, p.Addr, "k")
	p.Trickle(100_000)
	begin := time.Now()
	if err := c.Send(1, Tag{VideoTag, 0, make([]byte, 30_000)}); err != nil {
		t.Fatal(err)
	}
	s := r.Sessions("k")[0]
	Within(t, patience, "the tag", func() bool { return s.Bytes() == 30_000 })
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("30 kB at 100 kB/s took %v", took)
	}
}

func TestBadServers(t *testing.T) {
	read := func(addr string) (string, error) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return "", err
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			return "", err
		}
		b := make([]byte, 4)
		n, err := io.ReadFull(conn, b)
		return string(b[:n]), err
	}
	if got, err := read(ResetLoop(t)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: got %q, %v, want a reset", got, err)
	}
	if got, err := read(Garbage(t)); got != "HTTP" || err != nil {
		t.Errorf("garbage: got %q, %v", got, err)
	}
	if got, err := read(Silent(t)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silent: got %q, %v, want nothing", got, err)
	}
}

func TestIssue(t *testing.T) {
	a := NewAuthority(t)
	dir := t.TempDir()
	first := a.Issue(t, dir+"/c.pem", dir+"/k.pem")
	if second := a.Issue(t, dir+"/c.pem", dir+"/k.pem"); first.Cmp(second) == 0 {
		t.Error("two certificates with one serial number")
	}
}
