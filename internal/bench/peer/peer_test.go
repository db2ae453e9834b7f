package peer_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// both gives the two ends of a dialogue: a publisher's, and that of who accepts it.
func both(t *testing.T) (publisher, server *peer.Session) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan error, 1)
	go func() {
		nc, err := l.Accept()
		if err == nil {
			server, err = peer.Accept(nc)
		}
		accepted <- err
	}()
	publisher, err = peer.Dial(l.Addr().String())
	if err == nil {
		err = publisher.Publish("key")
	}
	if err := errors.Join(err, <-accepted); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = publisher.Close()
		_ = server.Close()
	})
	return publisher, server
}

// Messages of all lengths around those of chunks arrive, with their beginning.
func TestMessages(t *testing.T) {
	publisher, server := both(t)
	for _, length := range []int{1, 255, 256, 257, peer.ChunkSize - 1, peer.ChunkSize, peer.ChunkSize + 1, 3*peer.ChunkSize + 17} {
		body := bytes.Repeat([]byte{7, 1, 2}, length)[:length]
		if _, err := publisher.Write(peer.Append(nil, rtmp.TypeVideo, 40, body)); err != nil {
			t.Fatal(err)
		}
		m, err := server.Next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Length != length || m.Kind != rtmp.TypeVideo || !m.Media() || !bytes.Equal(m.Body, body[:min(length, 256)]) {
			t.Errorf("%d bytes: got %d of kind %v, %d of them", length, m.Length, m.Kind, len(m.Body))
		}
		raw := peer.Append(nil, rtmp.TypeAudio, 1000, body)
		if _, err := publisher.Write(raw); err != nil {
			t.Fatal(err)
		}
		if got, err := server.Raw(); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%d bytes raw: got %d of %d, %v", length, len(got), len(raw), err)
		}
	}
}

// Messages under way at once on two chunk streams, and short headers, as servers send them.
func TestShortHeaders(t *testing.T) {
	publisher, server := both(t)
	video, audio := bytes.Repeat([]byte{5}, peer.ChunkSize+100), []byte("sound")
	wire := peer.Append(nil, rtmp.TypeVideo, 0, video)
	first, rest := wire[:12+peer.ChunkSize], wire[12+peer.ChunkSize:]
	sound := peer.Append(nil, rtmp.TypeAudio, 0, audio)
	delta := append([]byte{1<<6 | 4, 0, 0, 21, 0, 0, 5, 8}, audio...)
	shorter := append([]byte{2<<6 | 4, 0, 0, 21}, audio...)
	shortest := append([]byte{3<<6 | 4}, audio...)
	if _, err := publisher.Write(slices.Concat(first, sound, rest, delta, shorter, shortest)); err != nil {
		t.Fatal(err)
	}
	var lengths []int
	for range 5 {
		m, err := server.Next()
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, m.Length)
		if m.Kind == rtmp.TypeAudio && !bytes.Equal(m.Body, audio) {
			t.Errorf("sound %q", m.Body)
		}
	}
	if want := []int{5, len(video), 5, 5, 5}; !slices.Equal(lengths, want) {
		t.Errorf("lengths %v, want %v", lengths, want)
	}
}

// What this package does not read is an error, not another message.
func TestUnsupported(t *testing.T) {
	for name, b := range map[string][]byte{
		"long chunk stream id": {0, 10}, "extended timestamp": {6, 0xFF, 0xFF, 0xFF, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1}, "cut": {6, 0},
	} {
		t.Run(name, func(t *testing.T) {
			publisher, server := both(t)
			if _, err := publisher.Write(b); err != nil {
				t.Fatal(err)
			}
			_ = publisher.Close()
			if m, err := server.Next(); err == nil {
				t.Errorf("got %+v", m)
			}
		})
	}
}

// The whole part of a publisher, said at once, is accepted; the whole part of a server is understood.
func TestWholeParts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = nc.Write(peer.Answers())
		_, _ = io.Copy(io.Discard, nc)
	}()
	s, err := peer.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Publish("key"), s.Unpublish("key"), s.Close()); err != nil {
		t.Error(err)
	}

	here, there := net.Pipe()
	defer here.Close()
	go func() { _, _ = io.Copy(io.Discard, here) }()
	go func() {
		_, _ = here.Write(append(peer.Opening("key"), peer.Append(nil, rtmp.TypeAudio, 0, []byte("sound"))...))
	}()
	server, err := peer.Accept(there)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if m, err := server.Next(); err != nil || string(m.Body) != "sound" {
		t.Errorf("got %+v, %v", m, err)
	}
}

// A refusal is told.
func TestRefusal(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		hello, err := rtmp.ReadHello(here)
		if err != nil || hello.Answer(here) != nil {
			return
		}
		_, _ = rtmp.ReadRequest(rtmp.NewConn(here), "another application")
	}()
	var status *rtmp.StatusError
	if _, err := peer.Connect(there, "nowhere"); !errors.As(err, &status) {
		t.Errorf("got %v, want a refusal", err)
	}
}
