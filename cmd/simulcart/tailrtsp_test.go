package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/media"
	rtspout "github.com/simulcart/simulcart/outputs/rtsp"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// pulled is an RTSP server with the public stream maria, which is ended by stop.
func pulled(t *testing.T, tracks ...*media.Track) (address string, pub *relay.Publisher) {
	t.Helper()
	hub, registry := &relay.Hub{}, &access.Registry{}
	registry.Replace(map[string]access.Grant{"maria": {Public: true}})
	pub, err := hub.Publish("maria", tracks)
	if err != nil {
		t.Fatal(err)
	}
	server := &rtspout.Server{
		Registry: registry, Log: slog.New(slog.DiscardHandler),
		Stream: func(name string) (*relay.Stream, bool) { return hub.Stream(name), hub.Stream(name).Snapshot().Live },
		Feed: func(string, string) (rtspout.Feed, bool) {
			return rtspout.Feed{Output: "x", View: &overlay.View{}}, true
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); serving.Wait() })
	return "rtsp://" + l.Addr().String() + "/maria", pub
}

// States in the pictures of an RTSP feed are told with their frames, until the stream ends.
func TestTailOverRTSP(t *testing.T) {
	video := &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000}
	address, pub := pulled(t, video)
	p := &overlay.Product{
		ID: "red", Title: []overlay.Text{{Lang: "en", Text: "Dress"}}, Link: "https://a.b/c", Price: []overlay.Money{{Amount: 2499, Currency: "EUR"}},
	}
	write := func(f *media.Frame) {
		if err := pub.WriteFrame(f); err != nil {
			t.Error(err)
		}
	}
	for i := range media.Time(5) {
		at := i * 40 * media.Millisecond
		data, err := overlay.EncodeState(&overlay.State{
			Stream: "abc", Seq: int64(i/2) + 1, At: i / 2 * 80 * media.Millisecond, Cards: []overlay.Card{{Cue: "c", Slot: "main", Style: "card", Product: p}},
		})
		if err != nil {
			t.Fatal(err)
		}
		write(&media.Frame{Track: &media.Track{ID: overlay.TrackID, Codec: media.Overlay}, PTS: at, DTS: at, Key: i == 0, Data: data})
		write(&media.Frame{Track: video, PTS: at, DTS: at, Key: i == 0, Data: []byte{0, 0, 0, 2, 0x65 - byte(min(i, 1))*0x24, 1}})
	}
	out := &watched{want: []byte(`"frame":5`), seen: pub.End}
	if err := (&tailCommand{Source: address, JSON: true}).Run(t.Context(), out, stderrWriter{t.Output()}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var s sighting
		if err := json.Unmarshal([]byte(line), &s); err != nil || len(s.Faults) > 0 || s.Carriage != "sei" {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, fmt.Sprint(s.Frame, s.PTS, s.State.Seq, s.Repeat))
	}
	if want := "1 0 1 false,2 40 1 true,3 80 2 false,4 120 2 true,5 160 3 false"; strings.Join(got, ",") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ","), want)
	}
}

// What cannot be pulled is exit code 1, and the message says which step it was.
func TestTailCannotPull(t *testing.T) {
	sound, _ := pulled(t, &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000, Config: []byte{0x11, 0x90}})
	for _, c := range []struct{ name, source, want string }{
		{"no host", "rtsp:///maria", "the address: "},
		{"nobody there", "rtsp://127.0.0.1:1/maria", "connect: "},
		{"sound alone", sound, "the stream has no video"},
		{"a stream that is not known", strings.Replace(sound, "maria", "nobody", 1), "describe: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := typed("overlay", "tail", c.source)
			if code != 1 || out != "" || !strings.HasPrefix(errs, "simulcart: "+c.want) {
				t.Errorf("exit %d, %q, %q; want %q", code, out, errs, c.want)
			}
		})
	}
}
