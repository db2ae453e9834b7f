package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// A tape is the connection of a sender, which keeps what is written.
type tape struct {
	net.Conn // nil: nothing else is called

	mu     sync.Mutex
	bytes  []byte
	writes []int // where each one ends
}

func (c *tape) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = append(c.bytes, b...)
	c.writes = append(c.writes, len(c.bytes))
	return len(b), nil
}

// messages reads what is on the tape.
func (c *tape) messages(t *testing.T) (all []wire.Message) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := wire.NewConn(&player{r: bytes.NewReader(c.bytes)})
	conn.Authorise()
	for {
		m, err := conn.ReadMessage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read the tape: %v", err)
		}
		all = append(all, m)
	}
}

// A player reads a tape.
type player struct {
	net.Conn
	r io.Reader
}

func (p *player) Read(b []byte) (int, error) { return p.r.Read(b) }

// carrying runs a Push's loop onto a tape; settled by synctest.Wait.
func carrying(t *testing.T, s *show, p *Push) (c *tape, end func()) {
	t.Helper()
	c = &tape{}
	p.Progress, p.Log = &outputs.Progress{}, slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	sn := newSender(s.stream.Follow("out", 0, nil), wire.NewConn(c), 1, flv.Legacy)
	sn.wrapped = true
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer sn.reader.Close()
		if whole, err := p.carry(ctx, sn); !whole || err != nil {
			t.Errorf("carry = %t, %v", whole, err)
		}
	}()
	return c, func() {
		cancel()
		<-done
	}
}

func TestPushCollects(t *testing.T) {
	for name, tt := range map[string]struct {
		collect time.Duration
		writes  int // in a second of a frame each 10 ms
	}{"at once": {0, 100}, "100 ms": {100 * time.Millisecond, 10}, "250 ms": {250 * time.Millisecond, 4}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				show := newShow(t, video)
				c, end := carrying(t, show, &Push{Coalesce: tt.collect})
				defer end()
				for n := range int64(100) {
					show.write(video, ms(10*n), ms(10*n), n == 0, 100)
					time.Sleep(10 * time.Millisecond)
				}
				synctest.Wait()
				if got := len(c.writes); got < tt.writes || got > tt.writes+1 {
					t.Errorf("%d writes, want %d", got, tt.writes)
				}
				if got := frames(t, c.messages(t)); got < 100-int(tt.collect/(10*time.Millisecond)) {
					t.Errorf("%d frames of 100", got)
				}
			})
		})
	}
}

// A destination that is behind catches up as fast as the network takes it, whatever it collects.
func TestPushCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		show := newShow(t, video)
		for n := range int64(150) { // 5 s, at 24 Mbit/s
			show.write(video, ms(33*n), ms(33*n), n == 0, 100_000)
		}
		begun := time.Now()
		c, end := carrying(t, show, &Push{Coalesce: time.Second})
		defer end()
		synctest.Wait()
		if got := frames(t, c.messages(t)); got < 120 || time.Since(begun) != 0 {
			t.Errorf("%d frames of 150 after %s", got, time.Since(begun))
		}
		for n, at := range c.writes {
			if n > 0 && at-c.writes[n-1] > batchBytes+20_000 {
				t.Errorf("write %d has %d bytes", n, at-c.writes[n-1])
			}
		}
	})
}

func TestMetadataFollowsTheTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		show := newShow(t, video, about)
		c, end := carrying(t, show, &Push{})
		defer end()
		step := func(n int64, want ...string) {
			t.Helper()
			before := len(c.messages(t))
			show.write(video, ms(n), ms(n), true, 10)
			synctest.Wait()
			var got []string
			for _, s := range read(t, c.messages(t)[before:]) {
				got = append(got, s.What)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("frame %d: %v, want %v", n, got, want)
			}
		}
		step(0, "metadata", "config", "video")
		step(1, "video")
		show.SetTracks([]*media.Track{video, about}) // as before
		step(2, "video")
		show.SetTracks([]*media.Track{video, audio, about})
		step(3, "metadata", "video")
		show.begin() // a takeover: the tracks are not told yet
		step(4, "video")
		show.SetTracks([]*media.Track{video, audio, about})
		step(5, "video")
	})
}

// What has no form in RTMP is left out: overlays, and frames that nobody can read.
func TestLeavesOutWhatHasNoForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		overlay := &media.Track{ID: 3, Codec: media.Overlay}
		broken := &media.Track{ID: 4, Codec: media.Opus, Config: []byte{1}}
		vp9 := &media.Track{ID: 5, Codec: media.VP9}
		mp3 := &media.Track{ID: 6, Codec: media.MP3, Config: []byte{1}}
		show := newShow(t, video, overlay, broken)
		c, end := carrying(t, show, &Push{})
		defer end()
		show.write(overlay, 0, 0, true, 10)
		show.write(video, 0, 0, true, 10)
		show.write(broken, 0, 0, false, 10)
		show.write(vp9, 0, ms(40), false, 10) // has no composition time
		show.write(mp3, 0, 0, false, 10)
		time.Sleep(time.Second) // sound waits for a picture
		synctest.Wait()
		var got []string
		for _, s := range read(t, c.messages(t)) {
			got = append(got, s.What)
		}
		if want := "metadata config video audio audio"; strings.Join(got, " ") != want {
			t.Errorf("messages %v, want %s", got, want)
		}
	})
}

// While the rest of a session is read after the next one has begun, times count from the session's own origin.
func TestDrainsOnItsOwnClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		show := newShow(t, video)
		sn := newSender(show.stream.Follow("out", 0, nil), wire.NewConn(&tape{}), 1, flv.Legacy)
		defer sn.reader.Close()
		show.write(video, ms(1000), ms(1000), true, 10)
		if _, _, err := sn.next(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = sn.flush()
		show.write(video, ms(1040), ms(1040), false, 10)
		show.End()
		show.begin(video)
		show.write(video, ms(-500), 0, true, 10)
		c := &tape{}
		sn.conn = wire.NewConn(c)
		if _, _, err := sn.next(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = sn.flush()
		if got := read(t, c.messages(t)); len(got) != 1 || got[0].At != 40 {
			t.Errorf("messages %v, want a frame at 40", got)
		}
		if _, _, err := sn.next(t.Context()); !errors.Is(err, relay.ErrEnded) {
			t.Errorf("next = %v, want ErrEnded", err)
		}
	})
}

// In steady state another output costs no allocation for each frame.
func TestSendingAllocates(t *testing.T) {
	show := newShow(t, video)
	first := newSender(show.stream.Follow("first", 0, nil), wire.NewConn(&null{}), 1, flv.Legacy)
	second := newSender(show.stream.Follow("second", 0, nil), wire.NewConn(&null{}), 1, flv.Legacy)
	defer first.reader.Close()
	defer second.reader.Close()
	n := int64(0)
	write := func() {
		for range 10 {
			show.write(video, ms(33*n), ms(33*n), n%60 == 0, 20_000)
			n++
		}
	}
	send := func(sn *sender) {
		if _, _, err := sn.next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := sn.flush(); err != nil {
			t.Fatal(err)
		}
	}
	for range 60 {
		write()
		send(first)
		send(second)
	}
	both := testing.AllocsPerRun(100, func() { write(); send(first); send(second) })
	one := testing.AllocsPerRun(100, func() { write(); send(first) })
	t.Logf("%.1f allocations for 10 frames with one output, %.1f with two", one, both)
	if both-one > 0.5 {
		t.Errorf("the second output allocates %.1f times for 10 frames, want never", both-one)
	}
}

// null takes everything.
type null struct{ net.Conn }

func (*null) Write(b []byte) (int, error) { return len(b), nil }
