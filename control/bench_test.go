package control

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
)

// canary is a key that must show nowhere.
const canary = "canary-7c1e9f"

// output is a fake destination: it reads the stream and reports as a real one does, or fails with what it is told.
type output struct {
	name     string
	progress *outputs.Progress
	fail     error
	runs     chan struct{}
}

func (o *output) Run(ctx context.Context, s *relay.Stream) error {
	select {
	case o.runs <- struct{}{}:
	default:
	}
	if o.fail != nil {
		return o.fail
	}
	o.progress.Enter(outputs.Handshaking)
	o.progress.Connected(nothingWaits{})
	o.progress.Enter(outputs.Publishing)
	r := s.Subscribe(o.name, 0)
	defer r.Close()
	for {
		fs, _, err := r.Next(ctx, nil, 1<<20)
		if err != nil {
			return nil
		}
		for _, f := range fs {
			o.progress.Writing(f.DTS)
			o.progress.Wrote(len(f.Data))
		}
	}
}

// nothingWaits is a socket whose peer takes everything at once.
type nothingWaits struct{}

func (nothingWaits) Unacked() (int, bool)  { return 0, true }
func (nothingWaits) Unsent() (int, bool)   { return 0, true }
func (nothingWaits) Acked() (uint64, bool) { return 0, false }

// bench is a controller with fake outputs under the scheme fake.
type bench struct {
	*testing.T
	*Controller
	hub  relay.Hub
	log  bytes.Buffer
	mu   sync.Mutex
	made map[string][]*output // by name
	fail error                // of outputs made from now on
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, made: make(map[string][]*output)}
	log := slog.New(slog.NewJSONHandler(&b.log, nil))
	b.Controller = &Controller{
		Hub: &b.hub, Gate: &ingest.Gate{Hub: &b.hub, Log: log}, Registry: &access.Registry{}, Log: log,
		Outputs: map[string]Constructor{"fake": b.construct},
	}
	return b
}

func (b *bench) construct(a Assignment) (outputs.Output, error) {
	if a.Destination.ChunkSize < 0 {
		return nil, errors.New("the chunk size is negative")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &output{name: a.Name, progress: a.Progress, fail: b.fail, runs: make(chan struct{}, 100)}
	b.made[a.Name] = append(b.made[a.Name], o)
	return o, nil
}

// on runs a test on the fake clock.
func on(t *testing.T, test func(ctx context.Context, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBench(t)
		defer b.Wait()
		defer cancel()
		defer b.Gate.Drain()
		test(ctx, b)
	})
}

func pushTo(url string) Destination {
	return Destination{Platform: "custom", URL: url, Server: access.NewSecret(url + "?" + canary), Key: access.NewSecret(canary)}
}

// desired gives one stream, maria, with destinations of those names.
func desired(names ...string) Desired {
	s := Stream{Key: access.DigestOf(canary), Ingest: ingest.Options{Hold: time.Minute}, Destinations: make(map[string]Destination)}
	for _, name := range names {
		s.Destinations[name] = pushTo("fake://" + name + "/live")
	}
	return Desired{Streams: map[string]Stream{"maria": s}}
}

// change gives d with one destination of maria changed.
func change(d Desired, name string, how func(*Destination)) Desired {
	s := d.Streams["maria"]
	destination := s.Destinations[name]
	how(&destination)
	s.Destinations[name] = destination
	return d
}

func (b *bench) apply(ctx context.Context, d Desired) {
	b.Helper()
	if err := b.Apply(ctx, d); err != nil {
		b.Fatalf("apply: %v", err)
	}
}

// runners gives what runs, by name.
func (b *bench) runners() map[string]*outputs.Runner {
	names, by := b.named("maria")
	runners := make(map[string]*outputs.Runner)
	for _, name := range names {
		runners[name] = by[name].runner
	}
	return runners
}

// publish begins a session with a picture and sound.
func (b *bench) publish() *ingest.Publication {
	b.Helper()
	p, err := b.Gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp", Remote: "192.0.2.1:5", Software: "OBS"})
	if err != nil {
		b.Fatal(err)
	}
	video := &media.Track{Codec: media.H264, ClockRate: 90000, Format: media.Format{Profile: "High", Level: "3.1", Width: 1280, Height: 720}}
	audio := &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000, Format: media.Format{Profile: "AAC-LC", Channels: 2}}
	p.SetTracks([]*media.Track{video, audio})
	for i := range int64(125) { // 5 s, 25 pictures a second
		at := media.FromTicks(40*i, 1000)
		for _, f := range []*media.Frame{
			{Track: video, PTS: at, DTS: at, Key: i%50 == 0, Data: make([]byte, 1000)}, {Track: audio, PTS: at, DTS: at, Data: make([]byte, 100)},
		} {
			if err := p.WriteFrame(f); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(40 * time.Millisecond)
	}
	synctest.Wait()
	return p
}
