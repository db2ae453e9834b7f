package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
)

func TestDiff(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.apply(ctx, desired("a", "b", "c"))
		first := b.runners()
		b.publish()
		b.apply(ctx, desired("a", "b", "c"))
		if diff := cmp.Diff(first, b.runners(), cmp.Comparer(func(x, y *outputs.Runner) bool { return x == y })); diff != "" {
			t.Errorf("the same again changed something: %s", diff)
		}
		frames := b.hub.Stream("maria").Counters("b").Frames
		pause := 50 * time.Millisecond
		b.apply(ctx, change(desired("a", "b", "d"), "b", func(d *Destination) { d.Coalesce = &pause }))
		now := b.runners()
		switch {
		case now["a"] != first["a"]:
			t.Error("a was not named and did not run on")
		case now["b"] == first["b"] || len(b.made["b"]) != 2:
			t.Error("b was changed and runs as it was")
		case now["c"] != nil || now["d"] == nil || len(now) != 3:
			t.Errorf("runs: %v, want a, b, d", now)
		}
		synctest.Wait()
		if n := b.hub.Stream("maria").Counters("a"); n.Readers != 1 || n.Frames != 250 {
			t.Errorf("a: %+v, want one reader with all 250 frames", n)
		}
		if n := b.hub.Stream("maria").Counters("b"); n.Readers != 1 || n.Frames < frames {
			t.Errorf("b: %+v, want it to count on from %d frames", n, frames)
		}
		if n := b.hub.Stream("maria").Counters("c"); n.Frames != 0 || n.Readers != 0 {
			t.Errorf("c: %+v, want it forgotten", n)
		}
	})
}

func TestPaused(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		paused := change(desired("a"), "a", func(d *Destination) { d.Paused = true })
		b.apply(ctx, paused)
		b.publish()
		if st, _ := b.Stream("maria"); st.Destinations[0].State != "paused" || len(b.made["a"]) != 0 {
			t.Errorf("status %+v", st.Destinations[0])
		}
		if err := b.Retry("maria", "a"); err != nil {
			t.Errorf("retry of what is paused: %v", err)
		}
		b.apply(ctx, desired("a"))
		time.Sleep(time.Second)
		synctest.Wait()
		if st, _ := b.Stream("maria"); st.Destinations[0].State != "live" {
			t.Errorf("status %+v, want live", st.Destinations[0])
		}
		b.apply(ctx, paused)
		if st, _ := b.Stream("maria"); st.Destinations[0].State != "paused" {
			t.Errorf("status %+v, want paused again", st.Destinations[0])
		}
	})
}

func TestStreamsComeAndGo(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.apply(ctx, desired("a"))
		p := b.publish()
		b.apply(ctx, Desired{})
		if err := p.Reason(); !errors.Is(err, ingest.ErrRemoved) {
			t.Errorf("the publisher was told %v, want %v", err, ingest.ErrRemoved)
		}
		if _, ok := b.Stream("maria"); ok || len(b.Streams()) != 0 || len(b.runners()) != 0 || len(b.hub.Streams()) != 0 {
			t.Error("something is left")
		}
		if who := b.Registry.Identify(canary); who.Stream != "" {
			t.Errorf("the key is known as that of %q", who.Stream)
		}
		b.apply(ctx, desired("a"))
		if who := b.Registry.Identify(canary); who.Stream != "maria" {
			t.Errorf("the key is that of %q, want maria", who.Stream)
		}
		b.publish()
		if n := b.hub.Stream("maria").Counters("a").Frames; n != 250 {
			t.Errorf("a got %d frames of the new stream, want 250", n)
		}
	})
}

func TestChangedKeyDismissesThePublisher(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.apply(ctx, desired("a"))
		p := b.publish()
		changed := desired("a")
		s := changed.Streams["maria"]
		s.Key = access.DigestOf("another key of the same stream")
		changed.Streams["maria"] = s
		b.apply(ctx, changed)
		if err := p.Reason(); !errors.Is(err, ingest.ErrKeyChanged) {
			t.Errorf("the publisher was told %v, want %v", err, ingest.ErrKeyChanged)
		}
		if who := b.Registry.Identify(canary); who.Stream != "" {
			t.Errorf("the old key is known as that of %q", who.Stream)
		}
	})
}

func TestFaultyStateChangesNothing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		how    func(*Destination)
		reason string
	}{
		{"platform", func(d *Destination) { d.Platform = "geocities" }, `streams.maria.destinations.z: no platform of the name "geocities"`},
		{"scheme", func(d *Destination) { d.URL = "gopher://x" }, `streams.maria.destinations.z: no output for URLs that begin with "gopher"`},
		{"URL", func(d *Destination) { d.URL = "fake://%zz" + canary }, `streams.maria.destinations.z: the URL cannot be read`},
		{"output", func(d *Destination) { d.ChunkSize = -1 }, `streams.maria.destinations.z: the chunk size is negative`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			on(t, func(ctx context.Context, b *bench) {
				b.apply(ctx, desired("a", "b"))
				first, status := b.runners(), b.Streams()
				if since := status[0].Destinations[0].Since; !since.Equal(time.Now()) {
					t.Errorf("idle since %v", since)
				}
				d := change(desired("a", "z"), "z", tc.how)
				d.Streams["other"] = Stream{}
				err := b.Apply(ctx, d)
				if err == nil || err.Error() != tc.reason {
					t.Fatalf("got %v, want %s", err, tc.reason)
				}
				if diff := cmp.Diff(first, b.runners(), cmp.Comparer(func(x, y *outputs.Runner) bool { return x == y })); diff != "" {
					t.Errorf("something changed: %s", diff)
				}
				if diff := cmp.Diff(status, b.Streams()); diff != "" {
					t.Errorf("the status changed: %s", diff)
				}
				if n := len(b.hub.Streams()); n != 1 {
					t.Errorf("the hub has %d streams, want 1", n)
				}
			})
		})
	}
}

func TestRetry(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.fail = outputs.Permanent(outputs.Fail(outputs.PeerRejected, errors.New("no")))
		b.apply(ctx, desired("a"))
		for _, tc := range []struct {
			stream, name string
			want         error
		}{{"nobody", "a", ErrNoStream}, {"maria", "nothing", ErrNoDestination}, {"maria", "a", nil}} {
			if err := b.Retry(tc.stream, tc.name); !errors.Is(err, tc.want) {
				t.Errorf("%s/%s: got %v, want %v", tc.stream, tc.name, err, tc.want)
			}
		}
		b.publish()
		o := b.made["a"][0]
		for len(o.runs) > 0 {
			<-o.runs
		}
		if st, _ := b.Stream("maria"); st.Destinations[0].State != "rejected" || st.Destinations[0].NextRetry == nil {
			t.Errorf("status %+v, want rejected with a next retry", st.Destinations[0])
		}
		began := time.Now()
		if err := b.Retry("maria", "a"); err != nil {
			t.Fatal(err)
		}
		<-o.runs
		if took := time.Since(began); took > time.Second {
			t.Errorf("the retry came after %v", took)
		}
	})
}

func TestStatus(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		d := desired("good", "bad")
		d.Streams["idle"] = Stream{}
		b.apply(ctx, d)
		began := time.Now()
		p := b.publish()
		all := b.Streams()
		if len(all) != 2 || all[0].ID != "idle" || all[1].ID != "maria" {
			t.Fatalf("streams %+v, want idle and maria", all)
		}
		if st := all[0]; st.State != "idle" || st.Session != nil || len(st.Tracks) != 0 || st.Tracks == nil || st.Destinations == nil {
			t.Errorf("idle: %+v", st)
		}
		st := all[1]
		want := &SessionStatus{
			ID: st.Session.ID, Since: began.Round(0), MediaTime: 4.96, TimeOrigin: began.Round(0),
			Publisher: &Publisher{Protocol: "rtmp", Remote: "192.0.2.1:5", Software: "OBS", Since: began.Round(0)},
		}
		if diff := cmp.Diff(want, st.Session); diff != "" {
			t.Errorf("session: -want +got:\n%s", diff)
		}
		tracks := []TrackStatus{
			{Kind: "video", Codec: "h264", Profile: "High", Level: "3.1", Width: 1280, Height: 720, FrameRate: 25, KeyInterval: 2, Bitrate: 200_000},
			{Kind: "audio", Codec: "aac", Profile: "AAC-LC", SampleRate: 48000, Channels: 2, Bitrate: 20_000},
		}
		if diff := cmp.Diff(tracks, st.Tracks); diff != "" {
			t.Errorf("tracks: -want +got:\n%s", diff)
		}
		n := st.Ingest
		if n.Bytes != 125*1100 || n.Frames["video"] != 125 || n.Frames["audio"] != 125 || n.Sessions != 1 || len(n.Dropped) == 0 {
			t.Errorf("ingest: %+v", n)
		}
		if g := st.Destinations[1]; g.Name != "good" || g.URL != "fake://good/live" || g.State != "live" || g.Cause != "" ||
			g.Frames != 250 || g.Bytes != 125*1100 || g.Attempts != 1 || g.Preflight.Verdict != "ok" || g.LastLive == nil ||
			len(g.Failures) != len(outputs.Causes()) || len(g.Skipped) != 2 {
			t.Errorf("destination: %+v", g)
		}
		next, err := b.Gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "whip", Remote: "192.0.2.2:6", Software: "Chromium"})
		if err != nil {
			t.Fatal(err)
		}
		st, _ = b.Stream("maria")
		want.Waiting = &Publisher{Protocol: "whip", Remote: "192.0.2.2:6", Software: "Chromium", Since: time.Now().Round(0)}
		if diff := cmp.Diff(want, st.Session); diff != "" {
			t.Errorf("session while another publisher waits: -want +got:\n%s", diff)
		}
		next.Close(true)
		p.Close(false)
		st, _ = b.Stream("maria")
		if s := st.Session; st.State != "holding" || s.Waiting != nil || st.Ingest.Failed != 1 || s.Publisher != nil || s.HoldUntil == nil || !s.HoldUntil.Equal(time.Now().Add(time.Minute)) {
			t.Errorf("held: %+v", st.Session)
		}
		if _, ok := b.Stream("nobody"); ok {
			t.Error("an unknown stream has a status")
		}
	})
}

func TestNode(t *testing.T) {
	b := newBench(t)
	if got := b.Node().Refused; len(got) != 0 {
		t.Errorf("without a counter: %v", got)
	}
	b.Refusals = &ingest.Refusals{}
	b.Refusals.Count(ingest.RefusedKey)
	b.Refusals.Hit(ingest.LimitSilence)
	if got := b.Node().Refused; got["key"] != 1 || got["busy"] != 0 {
		t.Errorf("got %v, want one wrong key", got)
	}
	if got := b.Node().Limits; got["silence"] != 1 || got["name_length"] != 0 {
		t.Errorf("got %v, want one that was silent", got)
	}
	b.Peers.Refused = func() uint64 { return 3 }
	if got := b.Node().Limits; got["silence"] != 1 || got["dtls_handshakes"] != 3 {
		t.Errorf("got %v, want one that was silent, and three handshakes too many", got)
	}
}

func TestAdvice(t *testing.T) {
	video, audio := &media.Track{Codec: media.H264}, &media.Track{Codec: media.AAC, ClockRate: 48000}
	cd := &media.Track{Codec: media.AAC, ClockRate: 44100}
	reordered := func(sound *media.Track) outputs.Facts {
		return outputs.Facts{Video: video, Audio: sound, BFrames: true}
	}
	for _, tc := range []struct {
		name       string
		facts      outputs.Facts
		inBrowsers bool
		want       []string // a part of each
	}{
		{"nothing known", outputs.Facts{}, true, nil},
		{"all is well", outputs.Facts{Video: video, Audio: audio, KeyInterval: 4 * time.Second}, true, nil},
		{"OBS's default", outputs.Facts{Video: video, Audio: audio, KeyInterval: 8330 * time.Millisecond}, false, []string{"Keyframe Interval"}},
		{"no sound", outputs.Facts{Video: video}, false, []string{"no sound"}},
		{"sound alone", outputs.Facts{Audio: audio}, false, nil},
		{"B-frames that hurt nobody", reordered(audio), false, nil},
		{"B-frames", reordered(audio), true, []string{"bframes=0"}},
		{"44.1 kHz that hurts nobody", outputs.Facts{Video: video, Audio: cd}, false, nil},
		{"44.1 kHz", outputs.Facts{Video: video, Audio: cd}, true, []string{"Sound has 44.1 kHz and is made into 48 kHz for viewers over WebRTC: in OBS, Settings > Audio > Sample Rate: 48 kHz."}},
		{"sound that is not known yet", outputs.Facts{Video: video, Audio: &media.Track{Codec: media.AAC}}, true, nil},
		{"both", reordered(cd), true, []string{"Max B-frames", "Sample Rate"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := advice(tc.facts, tc.inBrowsers)
			if len(got) != len(tc.want) {
				t.Fatalf("got %q, want %d", got, len(tc.want))
			}
			for i, want := range tc.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

// What browsers need is asked for while somebody watches in one, or something is made for that.
func TestInBrowsers(t *testing.T) {
	for _, tc := range []struct {
		name string
		st   StreamStatus
		want bool
	}{
		{"nobody", StreamStatus{}, false},
		{"a publisher", StreamStatus{WebRTC: &PeersStatus{Publishers: &PublishersStatus{Connected: 1}}}, false},
		{"viewers who have left", StreamStatus{WebRTC: &PeersStatus{Viewers: &ViewersStatus{Joined: 5}}}, false},
		{"a viewer who comes", StreamStatus{WebRTC: &PeersStatus{Viewers: &ViewersStatus{Opening: 1}}}, true},
		{"a viewer", StreamStatus{WebRTC: &PeersStatus{Viewers: &ViewersStatus{Connected: 1}}}, true},
		{"pictures are put in order", StreamStatus{Bridges: []BridgeStatus{{Conversion: "in_order", Running: true}}}, true},
		{"were put in order", StreamStatus{Bridges: []BridgeStatus{{Conversion: "in_order", Starts: 1}}}, false},
		{"sound is made into Opus", StreamStatus{Bridges: []BridgeStatus{{Conversion: "aac"}, {Conversion: "opus", Running: true}}}, true},
		{"for others", StreamStatus{Bridges: []BridgeStatus{{Conversion: "aac", Running: true}, {Conversion: "h264", Running: true}}}, false},
	} {
		if got := tc.st.inBrowsers(); got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}

// The codec is checked before anybody dials: what the platform takes, and what a bridge makes of what it does not.
func TestCodecThePlatformLacks(t *testing.T) {
	no, bridge := false, func(c media.Codec) (media.Codec, bool) { return media.H264, c == media.AV1 }
	for name, tt := range map[string]struct {
		change func(d *Destination)
		bridge outputs.Bridge
		runs   bool
	}{
		"no bridge":                    {func(d *Destination) { d.Platform = "tiktok" }, nil, false},
		"a bridge":                     {func(d *Destination) { d.Platform = "tiktok" }, bridge, true},
		"a server that takes it":       {func(*Destination) {}, nil, true},
		"no FourCC by configuration":   {func(d *Destination) { d.Enhanced = &no }, nil, false},
		"no FourCC, but with a bridge": {func(d *Destination) { d.Enhanced = &no }, bridge, true},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(ctx context.Context, b *bench) {
				b.Bridge = tt.bridge
				b.apply(ctx, change(desired("a"), "a", tt.change))
				p, err := b.Gate.Admit(ingest.Applicant{Stream: "maria"})
				if err != nil {
					t.Fatal(err)
				}
				av1 := &media.Track{Codec: media.AV1, ClockRate: 90000}
				p.SetTracks([]*media.Track{av1})
				if err := p.WriteFrame(&media.Frame{Track: av1, Key: true, Data: []byte{1}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				st, _ := b.Stream("maria")
				d := st.Destinations[0]
				if runs := len(b.made["a"][0].runs) > 0; runs != tt.runs || (d.Cause == "codec" && d.State == "rejected") == tt.runs {
					t.Errorf("it runs: %t; destination: %+v", runs, d)
				}
			})
		})
	}
}

// What a destination reads of renditions counts too, until it or its stream is gone.
func TestCountersOfRenditions(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		const rendition = "maria~made"
		b.Variants = func(string) []*relay.Stream { return []*relay.Stream{b.hub.Stream(rendition)} }
		b.apply(ctx, desired("a", "b"))
		for _, name := range []string{"maria", rendition} {
			s := b.hub.Stream(name)
			in, err := s.Publish(nil)
			if err != nil {
				t.Fatal(err)
			}
			r := s.Subscribe("a", 0)
			defer r.Close()
			if err := in.WriteFrame(&media.Frame{Track: &media.Track{Codec: media.H264}, Key: true, Data: []byte{1, 2, 3}}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.Next(ctx, nil, 1); err != nil {
				t.Fatal(err)
			}
		}
		st, _ := b.Stream("maria")
		if d := st.Destinations[0]; d.Frames != 2 || d.Bytes != 6 {
			t.Errorf("%d frames of %d bytes, want 2 of 6", d.Frames, d.Bytes)
		}
		made := b.hub.Stream(rendition)
		b.apply(ctx, desired("b"))
		if n := made.Counters("a"); n.Frames != 0 {
			t.Errorf("a destination that is gone has counters: %+v", n)
		}
		b.apply(ctx, Desired{})
		if b.hub.Stream(rendition) == made {
			t.Error("the rendition of a stream that is gone is there")
		}
	})
}

// No key is in any snapshot, log line or error, even where the peer's own words have it.
func TestKeysStaySecret(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.fail = &outputs.Failure{Cause: outputs.PeerRejected, Err: fmt.Errorf("the peer said: no such stream %s", canary)}
		b.apply(ctx, desired("a", "b"))
		b.publish()
		text, err := json.Marshal(b.Streams())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("no such stream ***")) || !bytes.Contains(text, []byte(`"cause":"rejected"`)) {
			t.Errorf("the peer's words are not there: %s", text)
		}
		d := desired("a")
		for name, shown := range map[string]string{
			"snapshot": string(text), "log": b.log.String(), "desired": fmt.Sprintf("%v %+v %#v", d, d, d.Streams["maria"].Destinations["a"]),
		} {
			if strings.Contains(shown, canary) {
				t.Errorf("the key is in the %s", name)
			}
		}
	})
}

func TestConcurrency(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		b.apply(ctx, desired("a"))
		var all sync.WaitGroup
		defer all.Wait()
		for i := range 3 {
			all.Go(func() {
				for j := range 20 {
					d := desired("a", "b")
					if (i+j)%2 == 0 {
						d = desired("a", "c")
					}
					if err := b.Apply(ctx, d); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Millisecond)
				}
			})
			all.Go(func() {
				for range 100 {
					b.Streams()
					b.Stream("maria")
					_ = b.Retry("maria", "a")
					_ = b.Retry("maria", "c")
					time.Sleep(time.Millisecond)
				}
			})
		}
		b.publish()
		all.Wait()
		if n := len(b.made["a"]); n != 1 {
			t.Errorf("a was made %d times, want once", n)
		}
	})
}
