package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// A theatre serves players of a show on a loopback socket.
type theatre struct {
	url     wire.URL
	results chan error // of each Play.Run
	cancel  context.CancelFunc
}

func newTheatre(t *testing.T, s *show) *theatre {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	th := &theatre{url: wire.URL{Host: host, Port: port, App: "live"}, results: make(chan error, 100), cancel: cancel}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				hello, err := wire.ReadHello(nc)
				if err != nil || hello.Answer(nc) != nil {
					_ = nc.Close()
					return
				}
				conn := wire.NewConn(nc)
				req, err := wire.ReadRequest(conn, "live")
				if err != nil {
					_ = nc.Close()
					return
				}
				th.results <- (&Play{Request: req, Conn: conn, Output: "play"}).Run(ctx, s.stream)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		all.Wait()
	})
	return th
}

// watch connects a player.
func (th *theatre) watch(t *testing.T) *wire.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", th.url.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	if err := wire.OfferHandshake(nc); err != nil {
		t.Fatal(err)
	}
	conn := wire.NewConn(nc)
	if _, err := conn.Connect(wire.Offer{URL: th.url, Play: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Play("s"); err != nil {
		t.Fatal(err)
	}
	conn.Authorise()
	return conn
}

// see reads n frames, and what is between them; at most the rest until the end, with n negative.
func see(t *testing.T, conn *wire.Conn, n int) (got []seen) {
	t.Helper()
	for frames := 0; frames != n; {
		m, err := conn.ReadMessage()
		if err != nil {
			if n < 0 && errors.Is(err, io.EOF) {
				return got
			}
			t.Fatalf("after %d frames: %v", frames, err)
		}
		if m.Type == wire.TypeData && m.Timestamp == 0 && m.Payload[3] == '|' {
			continue // |RtmpSampleAccess
		}
		s := readOne(t, m)
		got = append(got, s)
		if s.What == "video" || s.What == "audio" {
			frames++
		}
	}
	return got
}

func (th *theatre) result(t *testing.T) error {
	t.Helper()
	return outcome(t, th.results)
}

func TestPlayers(t *testing.T) {
	show := newShow(t, video, audio, about)
	show.write(video, ms(-40), 0, true, 6000)
	show.write(audio, ms(0), ms(0), false, 100)
	theatre := newTheatre(t, show)
	first, second := theatre.watch(t), theatre.watch(t)
	for _, conn := range []*wire.Conn{first, second} {
		got := see(t, conn, 2)
		want := []seen{
			{What: "metadata"},
			{What: "config", Size: 7},
			{What: "video", Key: true, Composition: 40, Size: 6000},
			{What: "config", At: 40, Size: 2},
			{What: "audio", At: 40, Number: 1, Size: 100},
		}
		for n := range want {
			if got[n] != want[n] {
				t.Errorf("message %d: %+v, want %+v", n, got[n], want[n])
			}
		}
	}
	if err := first.WriteCommand(wire.Command{Name: "getStreamLength", Transaction: 7}); err != nil {
		t.Fatal(err)
	}
	if cmd, err := first.ReadCommand(); err != nil || cmd.Transaction != 7 {
		t.Errorf("answer %+v, %v", cmd, err)
	}
	_ = first.WriteMessage(wire.Message{Type: wire.TypeData, Payload: []byte{5}}) // means nothing
	if err := first.WriteCommand(wire.Command{Name: "deleteStream"}); err != nil {
		t.Fatal(err)
	}
	if err := theatre.result(t); err != nil {
		t.Errorf("Run of a player that left = %v, want nil", err)
	}
	for n := range int64(50) {
		show.write(video, ms(40*n), ms(40*n), false, 3000)
	}
	show.End()
	got := see(t, second, -1)
	if len(got) != 51 || got[50].What != "onStatus" || got[49].Number != 51 {
		t.Errorf("%d messages, the last %+v, want 50 frames and the end", len(got), got[len(got)-1])
	}
	_ = second.Close()
	if err := theatre.result(t); err != nil {
		t.Errorf("Run of a session that ended = %v, want nil", err)
	}
}

func TestPlayEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end   func(th *theatre, conn *wire.Conn)
		fails bool
	}{
		"player closes": {func(_ *theatre, conn *wire.Conn) { _ = conn.Close() }, false},
		"player resets": {func(_ *theatre, conn *wire.Conn) { reset(conn.NetConn()) }, false},
		"ctx ends":      {func(th *theatre, _ *wire.Conn) { th.cancel() }, false},
		"nonsense": {func(_ *theatre, conn *wire.Conn) {
			_ = conn.WriteMessage(wire.Message{Type: wire.TypeCommand, Payload: []byte{5}})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			show := newShow(t, video)
			show.write(video, 0, 0, true, 10)
			theatre := newTheatre(t, show)
			conn := theatre.watch(t)
			see(t, conn, 1)
			begun := time.Now()
			tt.end(theatre, conn)
			if err := theatre.result(t); (err != nil) != tt.fails {
				t.Errorf("Run = %v, want an error: %t", err, tt.fails)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("Run took %s to end", took)
			}
		})
	}
}

// A player that reads nothing is let go after a while; one that reads slowly is not.
func TestStuckPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		show := newShow(t, video)
		show.write(video, 0, 0, true, 10)
		ours, theirs := net.Pipe()
		defer theirs.Close()
		result := make(chan error, 1)
		go func() {
			hello, err := wire.ReadHello(ours)
			if err == nil {
				err = hello.Answer(ours)
			}
			conn := wire.NewConn(ours)
			req, err2 := wire.ReadRequest(conn, "live")
			if err = errors.Join(err, err2); err == nil {
				err = (&Play{Request: req, Conn: conn, Output: "play"}).Run(t.Context(), show.stream)
			}
			result <- err
		}()
		if err := wire.OfferHandshake(theirs); err != nil {
			t.Fatal(err)
		}
		conn := wire.NewConn(theirs)
		if _, err := conn.Connect(wire.Offer{URL: wire.URL{App: "live"}, Play: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Play("s"); err != nil {
			t.Fatal(err)
		}
		see(t, conn, 1)
		const patience = 10 * time.Second // DESIGN.md
		for n := range int64(3) {
			show.write(video, ms(n), ms(n), false, 10)
			time.Sleep(patience - time.Second)
			see(t, conn, 1)
		}
		begun := time.Now()
		show.write(video, ms(9), ms(9), false, 10)
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Run = %v, want a deadline", err)
		}
		if took := time.Since(begun); took < patience || took > patience+patience/8 {
			t.Errorf("let go after %s, want %s, or an eighth more", took, patience)
		}
	})
}

func TestPlayThatCannotBeAccepted(t *testing.T) {
	show := newShow(t, []*media.Track{video}...)
	theatre := newTheatre(t, show)
	nc, err := net.Dial("tcp", theatre.url.Address())
	if err != nil {
		t.Fatal(err)
	}
	conn := wire.NewConn(nc)
	_ = wire.OfferHandshake(nc)
	if _, err := conn.Connect(wire.Offer{URL: theatre.url, Play: true}); err != nil {
		t.Fatal(err)
	}
	_ = conn.WriteCommand(wire.Command{Name: "play", Args: []any{"s"}, StreamID: 1})
	reset(nc)
	_ = theatre.result(t) // whatever it is: it ends
}
