package rtmp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

func TestPush(t *testing.T) {
	peer := newPeer(t)
	show := newShow(t, video, audio, about)
	push := peer.push()
	ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
	visit := peer.next()
	show.awaitReader()
	if got := visit.req.Name; got != secretKey {
		t.Errorf("published as %q", got)
	}
	// B-frames: the first DTS is below 0. 23 ms and 33.3667 ms do not fit milliseconds.
	show.write(video, ms(-80), 0, true, 9000)
	show.write(audio, ms(-3), ms(-3), false, 300)
	show.write(video, ms(-80)+33_366_700, 133_466_700, false, 400)
	show.write(video, ms(-80)+66_733_300, 66_733_300, false, 4)
	show.write(audio, 18_333_333, 18_333_333, false, 200)

	// The encoder comes back with another size.
	larger := *video
	larger.Config, larger.Format.Width = append([]byte{1, 100, 0, 40}, video.Config[4:]...), 1920
	show.SetTracks([]*media.Track{&larger, audio, about})
	show.write(&larger, ms(1000), ms(1080), true, 5000)
	show.write(audio, ms(1020), ms(1020), false, 100)
	show.End()
	if err := outcome(t, ended); err != nil {
		t.Fatalf("Run = %v, want nil", err)
	}
	want := []seen{
		{What: "metadata"},
		{What: "config", Size: 7},
		{What: "video", Key: true, Composition: 80, Size: 9000},
		{What: "config", At: 77, Size: 2},
		{What: "audio", At: 77, Number: 1, Size: 300},
		{What: "video", At: 33, Composition: 180, Number: 2, Size: 400},
		{What: "video", At: 67, Composition: 80, Number: 3, Size: 4},
		{What: "audio", At: 98, Number: 4, Size: 200},
		{What: "metadata", At: 1080},
		{What: "config", At: 1080, Size: 7},
		{What: "video", At: 1080, Key: true, Composition: 80, Number: 5, Size: 5000},
		{What: "audio", At: 1100, Number: 6, Size: 100},
		{What: "FCUnpublish"},
		{What: "deleteStream"},
	}
	messages := visit.whole(t)
	got := read(t, messages)
	want, got = withoutMetadata(want), withoutMetadata(got) // which changes when the sender sees the new tracks
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages, -want +got:\n%s", diff)
	}
	values, err := amf.DecodeAll(messages[0].Payload)
	if err != nil || values[0] != "@setDataFrame" || values[1] != "onMetaData" {
		t.Fatalf("metadata %v: %v", values, err)
	}
	said, _ := values[2].(amf.ECMA)
	if width, _ := said.Number("width"); width != 1280 && width != 1920 || said.Text("encoder") != "obs-test" {
		t.Errorf("metadata %v", said)
	}
}

// withoutMetadata leaves that out.
func withoutMetadata(all []seen) []seen {
	return slices.DeleteFunc(all, func(s seen) bool { return s.What == "metadata" })
}

// secured makes the peer speak TLS, and gives settings that trust it.
func (p *peer) secured() *tls.Config {
	authority := mediatest.NewAuthority(p.t)
	cert, key := filepath.Join(p.t.TempDir(), "crt"), filepath.Join(p.t.TempDir(), "key")
	authority.Issue(p.t, cert, key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		p.t.Fatal(err)
	}
	ca, err := os.ReadFile(authority.CAFile)
	if err != nil {
		p.t.Fatal(err)
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool()}
	trust.RootCAs.AppendCertsFromPEM(ca)
	p.answers(&tls.Config{Certificates: []tls.Certificate{pair}}, nil)
	p.url.TLS = true
	return trust
}

// The clean end brings all that was in the window, also where the peer reads it late and talks meanwhile, so that bytes reach
// us after the end: a connection that is closed by then answers them with a reset, and what was not sent is lost.
func TestPushEndsCleanly(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := newPeer(t)
			var trust *tls.Config
			if secure {
				trust = peer.secured()
			}
			push := peer.push()
			push.TLS = trust
			push.Coalesce = 20 * time.Millisecond
			show := newShow(t, video)
			ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
			visit := peer.next()
			show.awaitReader()
			visit.smallBuffer()
			visit.stop()
			const count = 20 // 100 kB: more than the peer's machine holds, less than both
			for n := range count {
				show.write(video, ms(int64(n)), ms(int64(n)), n == 0, 5000)
			}
			show.End()
			late, look := time.After(300*time.Millisecond), time.NewTicker(time.Millisecond)
			defer look.Stop()
			for talking := true; talking; {
				select {
				case <-late:
					talking = false
				case <-look.C:
					_ = visit.conn.Ping() // which finds a connection that was reset; so does the reading
				}
			}
			visit.resume()
			if err := outcome(t, ended); err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			got := read(t, visit.whole(t))
			if frames := frames(t, visit.got()); frames != count {
				t.Errorf("%d frames, want %d", frames, count)
			}
			if last := got[max(0, len(got)-2):]; len(last) < 2 || last[0].What != "FCUnpublish" || last[1].What != "deleteStream" {
				t.Errorf("ends with %v", last)
			}
		})
	}
}

func TestPushEndsInTime(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(s *show, stop func() error)
		most time.Duration
	}{
		"session over": {func(s *show, _ func() error) { s.End() }, closeTimeout + time.Second},
		"ctx over":     {func(_ *show, stop func() error) { go func() { _ = stop() }() }, closeTimeout + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := newPeer(t)
			push := peer.push()
			show := newShow(t, video)
			show.write(video, 0, 0, true, 1000)
			ended, stop := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
			visit := peer.next()
			visit.await(t, "media", func(m []wire.Message) bool { return len(m) == 3 })
			visit.stop() // it never closes, and reads nothing
			defer visit.resume()
			begun := time.Now()
			tt.end(show, stop)
			if err := outcome(t, ended); err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			if took := time.Since(begun); took > tt.most {
				t.Errorf("Run took %s to end", took)
			}
		})
	}
}

func TestPushBlockedWrite(t *testing.T) {
	stalled := &outputs.Failure{Cause: outputs.StalledPeer, Err: errors.New("took nothing")}
	for name, tt := range map[string]struct {
		secure bool
		cause  error
		want   error
		most   time.Duration
	}{
		"asked to end":       {false, nil, nil, closeTimeout + time.Second},
		"asked to end, TLS":  {true, nil, nil, closeTimeout + time.Second},
		"taken as dead":      {false, stalled, stalled, time.Second},
		"taken as dead, TLS": {true, stalled, stalled, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := newPeer(t)
			var trust *tls.Config
			if tt.secure {
				trust = peer.secured()
			}
			push := peer.push()
			push.TLS = trust
			show := newShow(t, video)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			ended, _ := run(t, func(context.Context) error { return push.Run(ctx, show.stream) })
			visit := peer.next()
			visit.stop()
			defer visit.resume()
			for n := range 300 { // far more than sockets hold
				show.write(video, ms(int64(n)), ms(int64(n)), n%100 == 0, 50_000)
			}
			full := func() bool { return show.stream.Counters("out").Lag > 0 && push.Progress.Status(0, 0).Unsent > 0 }
			mediatest.Within(t, 10*time.Second, "the write to block", full)
			begun := time.Now()
			cancel(tt.cause)
			if err := outcome(t, ended); !errors.Is(err, tt.want) {
				t.Errorf("Run = %v, want %v", err, tt.want)
			}
			if took := time.Since(begun); took > tt.most {
				t.Errorf("Run took %s to end", took)
			}
		})
	}
}

// A message that was cut by the end is not followed by commands, which would be read as its rest.
func TestPushWritesNothingBehindATornMessage(t *testing.T) {
	peer := newPeer(t)
	push := peer.push()
	show := newShow(t, video)
	_, stop := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
	visit := peer.next()
	show.awaitReader()
	visit.stop()
	for n := range 20 {
		show.write(video, ms(int64(n)), ms(int64(n)), n == 0, 1_500_000)
	}
	mediatest.Within(t, 10*time.Second, "the write to block", func() bool { return push.Progress.Status(0, 0).Unsent > 0 })
	if err := stop(); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	visit.resume()
	<-visit.ended
	for _, s := range read(t, visit.got()) {
		if s.What == "FCUnpublish" || s.What == "deleteStream" {
			t.Errorf("%s behind a torn message", s.What)
		}
	}
	if errors.Is(visit.err, io.EOF) {
		t.Error("the last message is whole: the test tests nothing")
	}
}

// A peer that stalls comes back at a key frame, what it missed is counted, and no frame is torn.
func TestPushSkipsToAKeyFrame(t *testing.T) {
	peer := newPeer(t)
	push := peer.push()
	show := newShow(t, video)
	ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
	visit := peer.next()
	show.awaitReader()
	visit.stop()
	const count = 1200 // 40 s, 60 MB
	for n := range count {
		show.write(video, ms(int64(n)*33), ms(int64(n)*33), n%60 == 0, 50_000)
	}
	visit.resume()
	show.End()
	if err := outcome(t, ended); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	var skipped, got, next int
	for _, s := range read(t, visit.whole(t)) {
		if s.What != "video" {
			continue
		}
		if s.Number != next && !s.Key {
			t.Errorf("goes on at frame %d, which is no key frame", s.Number)
		}
		if s.At != int64(s.Number)*33 || s.Size != 50_000 {
			t.Errorf("frame %d at %d with %d bytes", s.Number, s.At, s.Size)
		}
		skipped += s.Number - next
		next = s.Number + 1
		got++
	}
	c := show.stream.Counters("out")
	if skipped == 0 || int(c.Skipped) != skipped || got+skipped != count || next != count {
		t.Errorf("%d frames came, %d missing, %d counted as skipped of %d", got, skipped, c.Skipped, count)
	}
	if st := push.Progress.Status(0, 0); st.State == outputs.Live && st.Cause != outputs.Slow {
		t.Errorf("cause %q after a skip, want slow", st.Cause)
	}
}

func TestPushWithoutASession(t *testing.T) {
	peer := newPeer(t)
	var hub relay.Hub
	if err := peer.push().Run(t.Context(), hub.Stream("s")); err != nil {
		t.Errorf("Run without a session = %v, want nil", err)
	}
	// And where the session ends while the peer takes its time.
	show := newShow(t, video)
	show.write(video, 0, 0, true, 10)
	peer.answers(nil, func(_ net.Conn, r *wire.Request) error {
		show.End()
		return r.Accept()
	})
	ended, _ := run(t, func(ctx context.Context) error { return peer.push().Run(ctx, show.stream) })
	got := read(t, peer.next().whole(t))
	if err := outcome(t, ended); err != nil || len(got) != 2 || got[0].What != "FCUnpublish" {
		t.Errorf("Run = %v, messages %v, want only a clean end", err, got)
	}
}

// A runner and a push together: live, kicked, live again; and idle when the session ends.
func TestPushUnderARunner(t *testing.T) {
	peer := newPeer(t)
	push := peer.push()
	show := newShow(t, video)
	show.write(video, 0, 0, true, 1000)
	runner := &outputs.Runner{Stream: show.stream, Name: "out", Output: push, Progress: push.Progress, Log: push.Log}
	ended, _ := run(t, runner.Run)
	state := func() outputs.Status { return push.Progress.Status(0, 0) }
	mediatest.Within(t, 10*time.Second, "live", func() bool { return state().State == outputs.Live })
	_ = peer.next().nc.Close()
	visit := peer.next()
	visit.await(t, "media again", func(m []wire.Message) bool { return frames(t, m) == 1 })
	mediatest.Within(t, 10*time.Second, "live again", func() bool { return state().State == outputs.Live })
	if st := state(); st.Failures[outputs.Kicked] != 1 || st.Attempts != 2 {
		t.Errorf("status %+v", st)
	}
	show.Leave()
	mediatest.Within(t, 10*time.Second, "holding", func() bool { return state().State == outputs.Holding })
	show.begin(video)
	show.write(video, ms(40), ms(40), true, 100)
	visit.await(t, "media of the publisher that is back", func(m []wire.Message) bool { return frames(t, m) == 2 })
	show.hub.Remove("s")
	if err := outcome(t, ended); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	visit.whole(t)
}

func TestPushSpeaksEnhanced(t *testing.T) {
	for name, form := range map[string]flv.Form{"legacy": flv.Legacy, "enhanced": flv.Enhanced} {
		t.Run(name, func(t *testing.T) {
			peer := newPeer(t)
			push := peer.push()
			push.Form, push.Plain = form, form == flv.Legacy
			opus := &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000, Config: []byte{0, 2, 1, 56, 0, 0, 0xBB, 0x80, 0, 0, 0}}
			show := newShow(t, video, opus)
			show.write(video, 0, 0, true, 10)
			show.write(opus, 0, 0, false, 10)
			show.End() // nothing yet: the session is over before Run
			if err := push.Run(t.Context(), show.stream); err != nil {
				t.Fatal(err)
			}
			show.begin(video, opus)
			show.write(video, 0, 0, true, 10)
			show.write(opus, 0, 0, false, 10)
			ended, _ := run(t, func(ctx context.Context) error { return push.Run(ctx, show.stream) })
			visit := peer.next()
			show.awaitReader()
			if got := visit.req.Peer.Enhanced(); got == push.Plain {
				t.Errorf("connect announces FourCCs: %t", got)
			}
			show.End()
			if err := outcome(t, ended); err != nil {
				t.Fatal(err)
			}
			for _, m := range visit.whole(t) {
				switch m.Type {
				case wire.TypeVideo:
					if v, _ := flv.ParseVideo(m.Payload, nil); v[0].Enhanced != (form == flv.Enhanced) {
						t.Errorf("video message %+v", v)
					}
				case wire.TypeAudio:
					a, _ := flv.ParseAudio(m.Payload, nil)
					if a[0].Codec != media.Opus || a[0].Kind == flv.SequenceStart && string(a[0].Body[:8]) != "OpusHead" {
						t.Errorf("audio message %+v", a)
					}
				}
			}
		})
	}
}
