package outputs

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

const opening = "connecting handshaking publishing"

func TestLive(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		time.Sleep(time.Minute)
		r.wantStates("idle")
		p := r.publish()
		time.Sleep(time.Second)
		r.wantStates("idle " + opening + " live")
		if st := r.status(); st.Attempt != 0 || st.Attempts != 1 || st.Cause != NoCause || !st.LastLive.Equal(time.Now()) {
			t.Errorf("status %+v, want one attempt, live now", st)
		}
		r.cease()
		p.End()
		time.Sleep(step)
		r.wantStates("live idle")
		if st := r.status(); st.Cause != NoCause || st.Detail != "" {
			t.Errorf("cause %q %q after a clean end", st.Cause, st.Detail)
		}
	})
}

func TestDialsOnlyOnceThereIsMedia(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		p, _ := r.hub.Publish("s", nil)
		time.Sleep(10 * time.Second)
		r.wantStates("idle")
		p.SetTracks([]*media.Track{video})
		time.Sleep(time.Second)
		r.wantStates("idle")
		if err := p.WriteFrame(&media.Frame{Track: video, Key: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r.wantStates("idle " + opening + " live")
		p.End()
		time.Sleep(time.Second)
		if _, err := r.hub.Publish("s", nil); err != nil { // and leaves without a frame
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r.Stream.EndSession()
		time.Sleep(time.Second)
		r.wantStates("live idle")
	})
}

func TestLiveOnlyWhenMediaIsTaken(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.peer.stick()
		r.start()
		r.publish()
		time.Sleep(stallAfter)
		r.wantStates("idle " + opening)
		time.Sleep(time.Second)
		r.wantStates("publishing stalled")
		r.peer.unstick()
		time.Sleep(time.Second)
		r.wantStates("stalled live")
	})
}

func TestStalled(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		r.publish()
		time.Sleep(20 * time.Second)
		r.peer.stick()
		time.Sleep(stallAfter - 2*pace)
		r.wantStates("idle " + opening + " live")
		time.Sleep(2*watchEach + 2*pace)
		r.wantStates("live stalled")
		if st := r.status(); st.Cause != StalledPeer || !strings.Contains(st.Detail, "has taken nothing for") {
			t.Errorf("cause %q %q, want stalled", st.Cause, st.Detail)
		}
		lastLive := r.status().LastLive
		r.peer.unstick()
		time.Sleep(time.Second)
		r.wantStates("stalled live")

		r.peer.stick()
		time.Sleep(defaultPatience + watchEach + pace + retryFirst)
		r.peer.unstick()
		time.Sleep(time.Second)
		r.wantStates("live stalled backoff " + opening + " live")
		st := r.status()
		if st.Failures[StalledPeer] != 1 || st.Attempts != 2 {
			t.Errorf("%d stalls, %d attempts, want 1 and 2", st.Failures[StalledPeer], st.Attempts)
		}
		if since := st.LastLive.Sub(lastLive); since < 3*time.Second {
			t.Errorf("last live moved by %s", since)
		}
	})
}

func TestTrickleIsNoStall(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		r.publish()
		time.Sleep(time.Second)
		r.peer.stick() // the write blocks
		for range 200 {
			time.Sleep(pace)
			r.peer.trickle(4)
		}
		r.wantStates("idle " + opening + " live")
	})
}

func TestLongOpeningIsNoStall(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.peer.refuse = func(_ int, during State) error {
			if during == Handshaking {
				r.Progress.Connected(r.peer)
				time.Sleep(2 * defaultPatience)
			}
			return nil
		}
		r.peer.stick()
		r.start()
		r.publish()
		time.Sleep(2*defaultPatience + time.Second)
		r.wantStates("idle " + opening)
	})
}

func TestLastLiveIsBeforeTheStall(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.peer.refuse = func(attempt int, _ State) error {
			if attempt > 1 {
				return Fail(TCP, errors.New("refused"))
			}
			return nil
		}
		r.start()
		r.publish()
		time.Sleep(time.Second)
		stuck := time.Now()
		r.peer.stick()
		time.Sleep(20 * time.Second)
		if got := r.status().LastLive.Sub(stuck); got > stallAfter+watchEach+pace {
			t.Errorf("last live %s after the stall began", got)
		}
	})
}

func TestHolding(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		p := r.publish()
		time.Sleep(time.Second)
		r.cease()
		p.Leave()
		time.Sleep(100 * time.Second) // nothing waits: no stall, and no impatience
		r.wantStates("idle " + opening + " live holding")
		p = r.publish()
		time.Sleep(time.Second)
		r.wantStates("holding live")
		r.cease()
		p.Leave()
		time.Sleep(time.Second)
		r.peer.broken <- Fail(Kicked, io.EOF)
		time.Sleep(2 * time.Second)
		r.wantStates("live holding backoff " + opening + " live holding")
		r.Stream.EndSession()
		time.Sleep(step)
		r.wantStates("holding idle")
	})
}

func TestStalledWhileThePublisherLeaves(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		p := r.publish()
		time.Sleep(time.Second)
		r.peer.stick()
		time.Sleep(time.Second)
		r.cease()
		p.Leave()
		time.Sleep(3 * time.Second)
		r.wantStates("idle " + opening + " live stalled")
		r.peer.unstick()
		time.Sleep(time.Second)
		r.wantStates("stalled holding")
	})
}

func TestOpeningFails(t *testing.T) {
	for _, during := range []State{Connecting, Handshaking, Publishing} {
		for name, tt := range map[string]struct {
			err  error
			want State
			next string
		}{
			"in trouble":     {Fail(TCP, io.EOF), Backoff, "backoff"},
			"needs a person": {Permanent(Fail(PolicyDenied, errors.New("no"))), Rejected, "rejected"},
			"refused":        {Fail(PeerRejected, errors.New("no such key")), Rejected, "rejected"},
		} {
			t.Run(during.String()+" "+name, func(t *testing.T) {
				onRig(t, func(t *testing.T, r *rig) {
					r.peer.refuse = func(attempt int, at State) error {
						if attempt == 1 && at == during {
							return tt.err
						}
						return nil
					}
					r.start()
					r.publish()
					begun := "idle " + opening[:strings.Index(opening, during.String())+len(during.String())]
					time.Sleep(mediaEach + 3*step + 5*time.Millisecond)
					r.wantStates(begun + " " + tt.next)
					st := r.status()
					if st.State != tt.want || st.Cause != CauseOf(tt.err) || st.Detail == "" || st.Failures[st.Cause] != 1 || st.Attempt != 1 || !st.Next.After(time.Now()) {
						t.Errorf("status %+v", st)
					}
					if tt.want == Rejected {
						time.Sleep(retryRejected - time.Second)
						r.wantStates(tt.next)
					}
					time.Sleep(2 * time.Second)
					r.wantStates(tt.next + " " + opening + " live")
				})
			})
		}
	}
}

func TestPaused(t *testing.T) {
	p := &Progress{}
	p.Enter(Paused)
	if st := p.Status(0, 0); st.State != Paused || st.State.String() != "paused" || st.Since.IsZero() {
		t.Errorf("status %+v, want paused", st)
	}
}

func TestCodec(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		tiktok, _ := ProfileOf("tiktok")
		r.Ready = func(tracks []*media.Track) error {
			if check, bad := tiktok.Refused(tracks); bad {
				return Permanent(Fail(CodecMismatch, errors.New(check.Detail)))
			}
			return nil
		}
		r.start()
		p := r.publish()
		time.Sleep(time.Second)
		r.wantStates("idle " + opening + " live")

		p.SetTracks([]*media.Track{{ID: 1, Codec: media.HEVC}}) // while live
		time.Sleep(time.Second)
		r.wantStates("live rejected")
		if st := r.status(); st.Cause != CodecMismatch || !strings.Contains(st.Detail, "OBS") {
			t.Errorf("cause %q %q, want codec", st.Cause, st.Detail)
		}
		dialled := len(r.peer.tried())
		r.Retry()
		time.Sleep(2*time.Minute + time.Second/2)
		if got := len(r.peer.tried()); got != dialled {
			t.Errorf("%d attempts reached the peer, want none", got-dialled)
		}
		r.took()
		p.SetTracks([]*media.Track{video}) // mended: no need to wait
		time.Sleep(time.Second)
		r.wantStates("rejected " + opening + " live")
	})
}

// TestAllLookAtOnce: whenever a runner begins to look, it looks at the moments of all others, and never at once.
func TestAllLookAtOnce(t *testing.T) {
	for _, since := range []time.Duration{0, 1, watchEach / 3, watchEach - 1, watchEach, 7*watchEach + 1} {
		now := time.Unix(1_800_000_000, 0).Add(since)
		wait := untilLook(now)
		if wait <= 0 || wait > watchEach || now.Add(wait).UnixNano()%int64(watchEach) != 0 {
			t.Errorf("%v behind a second: waits %v, until %v", since, wait, now.Add(wait))
		}
	}
}
