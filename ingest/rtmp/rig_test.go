package rtmp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

// patience is how long a test on real sockets waits for what comes at once.
const patience = 10 * time.Second

// rig is a server with the streams maria (private) and open (public), whose keys are maria-key and open-key.
type rig struct {
	*testing.T
	hub    relay.Hub
	gate   *ingest.Gate
	server *Server
	log    recorder
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t}
	log := slog.New(&r.log)
	r.gate = &ingest.Gate{Hub: &r.hub, Log: log}
	registry := &access.Registry{}
	registry.Replace(map[string]access.Grant{
		"maria": {Key: access.DigestOf("maria-key")},
		"open":  {Key: access.DigestOf("open-key"), Public: true},
	})
	for _, name := range []string{"maria", "open"} {
		r.gate.Configure(name, ingest.Options{Hold: time.Minute})
	}
	r.server = &Server{Gate: r.gate, Registry: registry, Log: log, Lobby: &access.Lobby{}, Refusals: &ingest.Refusals{}}
	return r
}

// serve serves l until the function it gives is called, which waits for the end.
func (r *rig) serve(l net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := r.server.Serve(ctx, l, nil); err != nil {
			r.Errorf("serve: %v", err)
		}
	})
	return func() {
		cancel()
		serving.Wait()
		r.gate.Drain()
	}
}

// recorder is a log that is kept, as text.
type recorder struct {
	mu    sync.Mutex
	lines []string
	with  []slog.Attr
	root  *recorder
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) WithAttrs(with []slog.Attr) slog.Handler {
	child := &recorder{root: r, with: append(append([]slog.Attr{}, r.with...), with...)}
	if r.root != nil {
		child.root = r.root
	}
	return child
}

func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	line := record.Level.String() + " " + record.Message
	for _, a := range r.with {
		line += " " + a.String()
	}
	record.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	root := r
	if r.root != nil {
		root = r.root
	}
	root.mu.Lock()
	defer root.mu.Unlock()
	root.lines = append(root.lines, line)
	return nil
}

// all gives what was logged, one line each.
func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// client is the other side of a connection.
type client struct {
	*rtmp.Conn
	nc  net.Conn
	id  uint32
	key string
}

// connect goes through handshake and connect.
func connect(nc net.Conn, o rtmp.Offer) (*client, error) {
	if err := rtmp.OfferHandshake(nc); err != nil {
		return nil, err
	}
	c := &client{Conn: rtmp.NewConn(nc), nc: nc}
	o.URL = rtmp.URL{Host: "localhost", App: "live"}
	_, err := c.Connect(o)
	return c, err
}

// publishAs goes on to publish under a key.
func publishAs(nc net.Conn, key string) (*client, error) {
	c, err := connect(nc, rtmp.Offer{})
	if err != nil {
		return c, err
	}
	c.key = key
	c.id, err = c.Publish(key)
	return c, err
}

// mustPublish is publishAs where nothing may go wrong, with the tracks announced.
func (r *rig) mustPublish(nc net.Conn, key string) *client {
	r.Helper()
	c, err := publishAs(nc, key)
	if err != nil {
		r.Fatalf("publish: %v", err)
	}
	r.send(c, rtmp.TypeVideo, 0, videoConfig)
	r.send(c, rtmp.TypeAudio, 0, audioConfig)
	return c
}

// Configurations as ffmpeg sends them: H.264 of 64x36 and AAC.
const (
	videoConfig = "17 00 000000 0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800"
	audioConfig = "af 00 120856e500"
	keyFrame    = "17 01 000042 00000004 65aabbcc" // shown 66 ms later
	interFrame  = "27 01 000000 00000003 41aabb"
	sound       = "af 01 0102030405"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// send sends a message at a time in milliseconds.
func (r *rig) send(c *client, t rtmp.MessageType, at int64, body string) {
	r.Helper()
	if err := c.WriteMessage(rtmp.Message{Type: t, StreamID: c.id, Timestamp: at, Payload: unhex(body)}); err != nil {
		r.Fatalf("send %s: %v", t, err)
	}
}

// group sends a key frame with a picture and sound beside it.
func (r *rig) group(c *client, at int64) {
	r.Helper()
	r.send(c, rtmp.TypeVideo, at, keyFrame)
	r.send(c, rtmp.TypeAudio, at, sound)
	r.send(c, rtmp.TypeVideo, at+40, interFrame)
}

// read gives the next n frames of a stream as kind, DTS and PTS in milliseconds.
func (r *rig) read(reader *relay.Reader, n int) (got []string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for len(got) < n {
		frames, skipped, err := reader.Next(ctx, nil, 1)
		if err != nil || skipped > 0 {
			r.Fatalf("read: %d of %d frames, %d skipped, %v", len(got), n, skipped, err)
		}
		for _, f := range frames {
			got = append(got, describe(f))
		}
	}
	return got
}

func describe(f *media.Frame) string {
	kind := map[bool]string{true: "key", false: "inter"}[f.Key]
	if f.Track.Codec.IsAudio() {
		kind = "sound"
	}
	return fmt.Sprintf("%s %d/%d", kind, f.DTS.Ticks(1000), f.PTS.Ticks(1000))
}

// state waits until the gate gives a stream's state as wanted.
func (r *rig) state(stream string, want ingest.State) {
	r.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		st, _ := r.gate.Status(stream)
		if st.State == want {
			return
		}
		if time.Now().After(end) {
			r.Fatalf("state %s, want %s", st.State, want)
		}
	}
}

// counted checks that one connection was refused in all, under the label given.
func (r *rig) counted(label string) {
	r.Helper()
	counts := r.server.Refusals.Counts()
	var all uint64
	for _, n := range counts {
		all += n
	}
	if counts[label] != 1 || all != 1 {
		r.Errorf("refused %v, want one, for %q", counts, label)
	}
}

// hit checks that one connection ended at a limit in all, that of the label given; none where it is "".
func (r *rig) hit(label string) {
	r.Helper()
	for l, n := range r.server.Refusals.Hits() {
		if want := map[bool]uint64{true: 1}[l == label]; n != want {
			r.Errorf("limit %q was hit %d times, want %d", l, n, want)
		}
	}
}

// logged waits until the log has a text.
func (r *rig) logged(text string) {
	r.Helper()
	for end := time.Now().Add(patience); !strings.Contains(r.log.all(), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("not logged: %q in\n%s", text, r.log.all())
		}
	}
}

// lastWords reads until the server closes, and gives the last status that came.
func lastWords(c *client) (status rtmp.Status, err error) {
	for {
		m, err := c.ReadMessage()
		if errors.Is(err, io.EOF) {
			return status, nil
		}
		if err != nil {
			return status, err
		}
		if m.Type != rtmp.TypeCommand {
			continue
		}
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return status, err
		}
		if said, ok := rtmp.StatusOf(cmd); ok {
			status = said
		}
	}
}

// keys gives n streams with keys "key of A" and so on.
func keys(n int) map[string]access.Grant {
	grants := make(map[string]access.Grant, n)
	for i := range n {
		name := string(rune('A' + i))
		grants[fmt.Sprintf("s%d", i)] = access.Grant{Key: access.DigestOf("key of " + name)}
	}
	return grants
}
