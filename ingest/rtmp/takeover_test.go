package rtmp

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/ingest"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

// publishing checks whose stream maria is.
func (r *rig) publishing(remote string) {
	r.Helper()
	if st, _ := r.gate.Status("maria"); st.Publisher.Remote != remote || st.State != ingest.Live {
		r.Errorf("%s is publishing, state %s; want %s, live", st.Publisher.Remote, st.State, remote)
	}
}

// wantLastWords checks what a publisher hears that lost the stream, or did not get it.
func (r *rig) wantLastWords(c *client, text string) {
	r.Helper()
	status, err := lastWords(c)
	if err != nil || status.Level != "error" || status.Code != rtmp.CodePublishBadName || !strings.Contains(status.Description, text) {
		r.Errorf("heard %+v, %v; want %s: %s", status, err, rtmp.CodePublishBadName, text)
	}
}

// deleteStream ends a stream, without an answer.
func deleteStream(c *client) error {
	return c.WriteCommand(rtmp.Command{Name: "deleteStream", Args: []any{1.0}})
}

// onAir is onFakeClock with a publisher from "old" that sends a group each second and reads nothing, and another from "new" that was
// accepted, and has sent nothing.
func onAir(t *testing.T, test func(r *rig, l *pipes, old, c *client, second func())) {
	t.Helper()
	onFakeClock(t, func(r *rig, l *pipes) {
		old := r.mustPublish(l.dial("old"), "maria-key")
		at := int64(0)
		second := func() {
			r.Helper()
			r.group(old, at)
			at += 1000
			time.Sleep(time.Second)
		}
		second()
		began := time.Now()
		c, err := publishAs(l.dial("new"), "maria-key")
		if took := time.Since(began); err != nil || took != 0 {
			t.Fatalf("the second publisher heard %v after %v, want to be accepted at once", err, took)
		}
		test(r, l, old, c, second)
	})
}

// The old publisher is relayed, however late the first key frame of the new one is.
func TestTakeoverAtTheKeyFrame(t *testing.T) {
	onAir(t, func(r *rig, _ *pipes, old, c *client, second func()) {
		reader := r.hub.Stream("maria").Subscribe("test", 0)
		defer reader.Close()
		r.read(reader, 3)
		r.send(c, rtmp.TypeVideo, 0, videoConfig)
		r.send(c, rtmp.TypeAudio, 0, audioConfig)
		for i := range int64(5) {
			r.send(c, rtmp.TypeVideo, 1000*i, interFrame)
			r.send(c, rtmp.TypeAudio, 1000*i, sound)
			second()
		}
		if got := r.read(reader, 15); got[12] != "key 4934/5000" {
			r.Errorf("the fifth group of the old one begins with %v", got[12])
		}
		r.publishing("old")
		r.group(c, 5000)
		r.wantLastWords(old, "took this stream over")
		if got := r.read(reader, 3); got[0] != "key 5934/6000" {
			r.Errorf("the new one begins with %v", got)
		}
		r.publishing("new")
		r.logged("publisher takes the stream over")
		if st, _ := r.gate.Status("maria"); st.Counters.Takeovers != 1 || st.Counters.Sessions != 1 {
			r.Errorf("counters %+v", st.Counters)
		}
	})
}

// One without a key frame, or without anything, is told why it ends, and the old one notices nothing.
func TestTakeoverWithoutKeyFrame(t *testing.T) {
	t.Run("pictures", func(t *testing.T) {
		onAir(t, func(r *rig, _ *pipes, old, c *client, second func()) {
			r.send(c, rtmp.TypeVideo, 0, videoConfig)
			for i := range int64(19) {
				r.send(c, rtmp.TypeVideo, 1000*i, interFrame)
				second()
			}
			began := time.Now()
			r.wantLastWords(c, ingest.ErrNoKeyFrame.Error())
			if waited := time.Since(began); waited != time.Second {
				r.Errorf("it was told after %v more, want 1s", waited)
			}
			second()
			r.publishing("old")
			r.logged("publisher did not take the stream over")
			_ = old.Close()
		})
	})
	t.Run("nothing", func(t *testing.T) {
		onAir(t, func(r *rig, _ *pipes, old, c *client, second func()) {
			for range 14 {
				second()
			}
			if _, err := lastWords(c); err != nil {
				r.Errorf("it ended in %v", err)
			}
			second()
			r.publishing("old")
			r.logged(errNoMedia.Error())
			r.hit("first_media")
			if st, _ := r.gate.Status("maria"); st.Counters.FailedTakeovers != 1 || st.Counters.Takeovers != 0 {
				r.Errorf("counters %+v", st.Counters)
			}
			_ = old.Close()
		})
	})
}

// Whichever way the one that waits goes, the old one goes on.
func TestTakeoverThatLeaves(t *testing.T) {
	for name, leave := range map[string]func(c *client) error{
		"clean": deleteStream,
		"lost":  func(c *client) error { return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			onAir(t, func(r *rig, _ *pipes, old, c *client, second func()) {
				r.send(c, rtmp.TypeVideo, 0, videoConfig)
				if err := leave(c); err != nil {
					r.Fatal(err)
				}
				synctest.Wait()
				r.logged("publisher left before it took the stream over")
				second()
				r.publishing("old")
				_ = c.Close()
				_ = old.Close()
			})
		})
	}
}

// The newest wins, and the one that waited is told as if it had had the stream.
func TestThirdPublisher(t *testing.T) {
	onAir(t, func(r *rig, l *pipes, old, c *client, second func()) {
		r.send(c, rtmp.TypeVideo, 0, videoConfig)
		third := r.mustPublish(l.dial("third"), "maria-key")
		r.wantLastWords(c, "took this stream over")
		second()
		r.publishing("old")
		r.group(third, 0)
		r.wantLastWords(old, "took this stream over")
		r.publishing("third")
		_ = third.Close()
	})
}

// The old one's end, by itself or by silence, leaves the stream to the one that waits.
func TestTakeoverFromOneThatEnds(t *testing.T) {
	for name, end := range map[string]func(old *client) error{
		"closed": func(old *client) error { return old.Close() },
		"ended":  deleteStream,
		"silent": func(*client) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			onAir(t, func(r *rig, _ *pipes, old, c *client, _ func()) {
				r.send(c, rtmp.TypeVideo, 0, videoConfig)
				if err := end(old); err != nil {
					r.Fatal(err)
				}
				for i := range int64(deadAfter / time.Second) {
					r.send(c, rtmp.TypeVideo, 1000*i, interFrame)
					time.Sleep(time.Second)
				}
				r.logged("publisher continues the held session")
				_ = old.Close()
				r.group(c, 10_000)
				synctest.Wait()
				r.publishing("new")
				if st, _ := r.gate.Status("maria"); st.Counters.Sessions != 1 || st.Counters.Takeovers != 0 || st.Counters.VideoFrames != 4 {
					r.Errorf("counters %+v", st.Counters)
				}
				_ = c.Close()
			})
		})
	}
}

// An encoder that crashed leaves a connection that is open and silent. Back again, it sends a key frame at once, and is relayed at once.
func TestTakeoverFromADeadConnection(t *testing.T) {
	for _, silent := range []time.Duration{0, time.Second, 3 * time.Second} {
		t.Run(silent.String(), func(t *testing.T) {
			onAir(t, func(r *rig, l *pipes, _, c *client, _ func()) {
				_ = c.Close()
				time.Sleep(silent)
				reader := r.hub.Stream("maria").Subscribe("test", 0)
				defer reader.Close()
				r.read(reader, 3)
				began := time.Now()
				back := r.mustPublish(l.dial("back"), "maria-key")
				r.group(back, 0)
				if got, took := r.read(reader, 3), time.Since(began); !strings.HasPrefix(got[0], "key ") || took != 0 {
					r.Errorf("got %v after %v, want a key frame at once", got, took)
				}
				r.publishing("back")
				_ = back.Close()
			})
		})
	}
}

// A drain tells both.
func TestDrainWhileOneWaits(t *testing.T) {
	onAir(t, func(r *rig, _ *pipes, old, c *client, _ func()) {
		r.gate.Drain()
		for _, of := range []*client{old, c} {
			if status, err := lastWords(of); err != nil || status.Code != rtmp.CodeReconnectRequest {
				r.Errorf("heard %+v, %v; want to be asked to reconnect", status, err)
			}
		}
	})
}
