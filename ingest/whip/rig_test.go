package whip_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/ingest/whip"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// Tracks of H.264 High of 64x36 and of Opus.
var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000, Config: mustHex("0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800")}
	sound = &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000}
)

const key = "maria-key-of-some-length"

func mustHex(s string) []byte {
	b := make([]byte, len(s)/2)
	for i := range b {
		n, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
		if err != nil {
			panic(err)
		}
		b[i] = byte(n)
	}
	return b
}

func ms(n int64) media.Time { return media.Time(n) * media.Millisecond }

// rig is a server on loopback, with the streams maria and jo.
type rig struct {
	*testing.T
	server   *whip.Server
	gate     *ingest.Gate
	hub      *relay.Hub
	stream   *relay.Stream
	refusals ingest.Refusals
	url      string
	udp      string // address of the media
	seq      byte
}

func newRig(t *testing.T) *rig {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	level := slog.LevelError
	if os.Getenv("WHIP_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	r := &rig{T: t, hub: &relay.Hub{}}
	r.gate = &ingest.Gate{Hub: r.hub, Log: log}
	r.gate.Configure("maria", ingest.Options{Hold: time.Minute})
	r.gate.Configure("jo", ingest.Options{Policy: ingest.Reject})
	r.stream = r.hub.Stream("maria")
	registry := &access.Registry{}
	registry.Replace(map[string]access.Grant{"maria": {Key: access.DigestOf(key)}, "jo": {Key: access.DigestOf("jo-key")}, "gone": {Key: access.DigestOf("gone-key")}})
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := &rtc.Endpoint{UDP: udp, TCP: tcp}
	r.udp = udp.LocalAddr().String()
	r.server = &whip.Server{Endpoint: endpoint, Gate: r.gate, Registry: registry, Refusals: &r.refusals, Log: log}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{endpoint.Run, r.server.Run} {
		all.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	r.until("the server to run", r.server.Runs)
	mux := http.NewServeMux()
	mux.Handle(whip.Path, r.server.Handler())
	server := httptest.NewServer(mux)
	r.url = server.URL + whip.Path + "maria"
	t.Cleanup(func() {
		server.Close()
		cancel()
		all.Wait()
		r.gate.Drain()
	})
	return r
}

// picture is an access unit whose one slice has so many bytes, no two alike.
func (r *rig) picture(key bool, size int) []byte {
	data := make([]byte, 4+size)
	data[1], data[2], data[3] = byte(size>>16), byte(size>>8), byte(size)
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	r.seq++
	for i := 5; i < len(data); i++ {
		data[i] = r.seq ^ byte(i) | 1
	}
	return data
}

// opus is a packet of 20 ms.
func opus(n byte) []byte { return []byte{0xfc, n, n + 1, n + 2} }

// until asks until cond is true.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	end := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(end) {
			r.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// frames reads n frames of a reader.
func (r *rig) frames(reader *relay.Reader, n int) (pictures, sounds []*media.Frame) {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for len(pictures)+len(sounds) < n {
		fs, _, err := reader.Next(ctx, nil, 1<<20)
		if err != nil {
			r.Fatalf("after %d pictures and %d sounds: %v", len(pictures), len(sounds), err)
		}
		for _, f := range fs {
			switch {
			case f.Track.Codec.IsVideo():
				pictures = append(pictures, f)
			case f.Track.Codec.IsAudio():
				sounds = append(sounds, f)
			}
		}
	}
	return pictures, sounds
}
