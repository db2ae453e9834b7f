package whip_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/ingest/whip"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// Tracks of H.264 High of 64x36 and of Opus.
var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000, Config: mediatest.SmallAVC}
	sound = &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000}
)

const key = "maria-key-of-some-length"

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
	slices   mediatest.Slices
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
	endpoint, stage := peer.Ports(t, nil)
	r.server = &whip.Server{Endpoint: endpoint, Gate: r.gate, Registry: registry, Refusals: &r.refusals, Log: log}
	t.Cleanup(r.gate.Drain) // behind the server's end
	stage.Serve(t, whip.Path, endpoint, r.server)
	r.url, r.udp = stage.URL, stage.UDP
	return r
}

// picture is an access unit whose one slice has so many bytes, no two alike.
func (r *rig) picture(key bool, size int) []byte { return r.slices.Next(key, size) }

// until asks until cond is true.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	mediatest.Within(r, 10*time.Second, what, cond)
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

// publishing lets a browser publish pictures, the first of which the reader has read.
func (r *rig) publishing() (*peer.Publisher, *relay.Reader) {
	r.Helper()
	reader := r.stream.Subscribe("test", 0)
	r.Cleanup(reader.Close)
	p := peer.Publish(r, r.url, peer.Options{Token: key}, video)
	p.Write(&media.Frame{Track: video, Key: true, Data: r.picture(true, 1000)})
	r.frames(reader, 1)
	return p, reader
}
