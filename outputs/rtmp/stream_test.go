package rtmp

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000, Config: []byte{1, 100, 0, 31, 0xFF, 0xE0, 0}, Format: media.Format{Width: 1280, Height: 720}}
	audio = &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000, Config: []byte{0x11, 0x90}, Format: media.Format{Channels: 2}}
	about = &media.Track{ID: 2, Codec: media.Metadata, Config: amf.Append(nil, amf.ECMA{{Key: "encoder", Value: "obs-test"}})}
)

func ms(n int64) media.Time { return media.Time(n) * media.Millisecond }

// A show is a stream with its publisher.
type show struct {
	t      testing.TB
	hub    relay.Hub
	stream *relay.Stream
	*relay.Publisher
	written int
}

func newShow(t testing.TB, tracks ...*media.Track) *show {
	s := &show{t: t}
	s.stream = s.hub.Stream("s")
	s.begin(tracks...)
	return s
}

func (s *show) begin(tracks ...*media.Track) {
	s.t.Helper()
	p, err := s.stream.Publish(tracks)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Publisher = p
}

// write writes a frame of size bytes, at least 4, which begin with the frame's number.
func (s *show) write(track *media.Track, dts, pts media.Time, key bool, size int) {
	s.t.Helper()
	f := &media.Frame{Track: track, DTS: dts, PTS: pts, Key: key, Data: make([]byte, size)}
	binary.BigEndian.PutUint32(f.Data, uint32(s.written))
	s.written++
	if err := s.WriteFrame(f); err != nil {
		s.t.Fatalf("WriteFrame: %v", err)
	}
}

// awaitReader waits until somebody reads the stream.
func (s *show) awaitReader() {
	s.t.Helper()
	mediatest.Within(s.t, 10*time.Second, "a reader", func() bool { return s.stream.Snapshot().Readers > 0 })
}

// run runs f until the end of the test, or until stop, which gives what it returns.
func run(t testing.TB, f func(ctx context.Context) error) (ended <-chan error, stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	result := make(chan error, 1)
	var err error
	go func() {
		defer close(done)
		err = f(ctx)
		result <- err
	}()
	stop = func() error {
		cancel()
		<-done
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return result, stop
}

// outcome waits for what run's function returns.
func outcome(t testing.TB, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(15 * time.Second):
		t.Fatal("Run does not end")
		return nil
	}
}

// seen is a message as a peer reads it.
type seen struct {
	What        string // "metadata", "config", "video", "audio", or a command
	At          int64  // timestamp
	Key         bool
	Composition int32
	Number      int // of the frame
	Size        int // of the frame, or of the configuration
}

// read gives messages as a peer reads them.
func read(t testing.TB, messages []wire.Message) []seen {
	t.Helper()
	var all []seen
	for _, m := range messages {
		all = append(all, readOne(t, m))
	}
	return all
}

func readOne(t testing.TB, m wire.Message) seen {
	t.Helper()
	s := seen{At: m.Timestamp}
	switch m.Type {
	case wire.TypeVideo:
		v, err := flv.ParseVideo(m.Payload, nil)
		if err != nil || len(v) != 1 {
			t.Fatalf("torn video message at %d: %v", m.Timestamp, err)
		}
		s.What, s.Key, s.Composition, s.Size = "video", v[0].Key, v[0].Composition, len(v[0].Body)
		if v[0].Kind == flv.SequenceStart {
			s.What = "config"
		} else {
			s.Number = int(binary.BigEndian.Uint32(v[0].Body))
		}
	case wire.TypeAudio:
		a, err := flv.ParseAudio(m.Payload, nil)
		if err != nil || len(a) != 1 {
			t.Fatalf("torn audio message at %d: %v", m.Timestamp, err)
		}
		s.What, s.Size = "audio", len(a[0].Body)
		if a[0].Kind == flv.SequenceStart {
			s.What = "config"
		} else {
			s.Number = int(binary.BigEndian.Uint32(a[0].Body))
		}
	case wire.TypeData:
		name, _, err := flv.ParseData(m.Payload)
		if err != nil || name != "onMetaData" {
			t.Fatalf("data message %q: %v", name, err)
		}
		s.What = "metadata"
	case wire.TypeCommand:
		cmd, err := wire.ParseCommand(m)
		if err != nil {
			t.Fatalf("torn command: %v", err)
		}
		s.What = cmd.Name
	default:
		t.Fatalf("torn: a message of %s", m.Type)
	}
	return s
}

// frames counts the frames among messages.
func frames(t testing.TB, messages []wire.Message) (n int) {
	t.Helper()
	for _, s := range read(t, messages) {
		if s.What == "video" || s.What == "audio" {
			n++
		}
	}
	return n
}
