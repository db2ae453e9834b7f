package outputs

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestClosedSoonAfterPublish(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		r.publish()
		for n := range soonRejected {
			time.Sleep(3 * time.Second)
			if st := r.status(); st.State != Live {
				t.Fatalf("%s before close %d", st.State, n+1)
			}
			r.peer.broken <- Fail(Kicked, io.EOF)
		}
		time.Sleep(step)
		st := r.status()
		if st.State != Rejected || st.Cause != PeerRejected || !strings.Contains(st.Detail, "stream key may be wrong or used up") {
			t.Errorf("%s %s %q, want rejected with the hint", st.State, st.Cause, st.Detail)
		}
		if got := time.Until(st.Next); got > retryRejected || got < retryRejected-time.Second {
			t.Errorf("next attempt in %s", got)
		}
		time.Sleep(retryRejected + soon + 2*time.Second) // and it holds: the key is mended
		r.peer.broken <- Fail(Kicked, io.EOF)
		time.Sleep(time.Second)
		if st := r.status(); st.State != Live {
			t.Errorf("%s after a connection that held, want live", st.State)
		}
	})
}

func TestRefusedAfterHavingBeenLive(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.peer.refuse = func(attempt int, at State) error {
			if attempt > 1 && at == Publishing {
				return Fail(PeerRejected, errors.New("already publishing"))
			}
			return nil
		}
		r.start()
		r.publish()
		time.Sleep(3 * time.Second)
		r.peer.broken <- Fail(TCP, io.EOF)
		r.took()
		time.Sleep(forgiven - time.Second)
		if got := r.took(); strings.Contains(got, "rejected") {
			t.Errorf("rejected within %s: %s", forgiven, got)
		}
		time.Sleep(time.Minute + time.Second) // the longest wait
		if got := r.took(); !strings.Contains(got, "rejected") {
			t.Errorf("%s after %s, want rejected", got, forgiven)
		}
	})
}

func TestJudge(t *testing.T) {
	kicked, refused := Fail(Kicked, io.EOF), Fail(PeerRejected, errors.New("no"))
	at := func(s time.Duration) time.Time { return time.Unix(1000, 0).Add(s) }
	type failure struct {
		err       error
		held      time.Duration
		live      bool
		publisher bool
		at        time.Duration
		want      Cause // with a person needed; NoCause: as it is
	}
	soonKicked := failure{err: kicked, held: time.Second, publisher: true}
	for name, failures := range map[string][]failure{
		"refused at once":          {{err: refused, want: PeerRejected}},
		"closed thrice":            {soonKicked, soonKicked, {err: kicked, held: time.Second, publisher: true, want: PeerRejected}},
		"with trouble between":     {soonKicked, {err: Fail(TCP, syscall.ECONNREFUSED)}, soonKicked, {err: kicked, held: 1, publisher: true, want: PeerRejected}},
		"held between":             {soonKicked, soonKicked, {err: kicked, held: soon, live: true, publisher: true}, soonKicked, soonKicked},
		"without a publisher":      {soonKicked, soonKicked, {err: kicked, held: time.Second}, {err: kicked, held: time.Second}},
		"asked to reconnect":       {soonKicked, soonKicked, {err: Fail(Kicked, fmt.Errorf("%w: bye", ErrReconnect)), held: 1, publisher: true}},
		"network, not the peer":    {soonKicked, soonKicked, {err: Fail(TCP, syscall.ETIMEDOUT), held: 1, publisher: true}},
		"other trouble after that": {soonKicked, soonKicked, {err: kicked, held: 1, publisher: true, want: PeerRejected}, {err: Fail(DNS, io.EOF)}},
		"forgiven for a minute": {
			{err: kicked, held: time.Second, live: true, publisher: true},
			{err: refused, at: time.Second},
			{err: refused, at: forgiven},
			{err: refused, at: forgiven + time.Second, want: PeerRejected},
		},
		"forgiven anew": {
			{err: kicked, held: soon, live: true, publisher: true},
			{err: refused, at: time.Second},
			{err: kicked, held: soon, live: true, publisher: true, at: 30 * time.Second},
			{err: refused, at: 80 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var c refusals
			for n, f := range failures {
				got := c.judge(f.err, f.held, f.live, f.publisher, at(f.at))
				if IsPermanent(got) != (f.want != NoCause) || f.want != NoCause && CauseOf(got) != f.want || !errors.Is(got, f.err) {
					t.Errorf("failure %d: %v (permanent %t), want cause %q", n+1, got, IsPermanent(got), f.want)
				}
			}
		})
	}
}

func TestKernelGivesUpFirst(t *testing.T) {
	onRig(t, func(t *testing.T, r *rig) {
		r.start()
		r.publish()
		time.Sleep(time.Second)
		r.peer.stick()
		time.Sleep(5 * time.Second)
		r.peer.broken <- Fail(TCP, syscall.ETIMEDOUT)
		time.Sleep(step)
		if st := r.status(); st.Failures[StalledPeer] != 1 || st.Failures[TCP] != 0 {
			t.Errorf("failures %v, want one of a stall", st.Failures)
		}
	})
}

func TestFailure(t *testing.T) {
	if err := Fail(TCP, nil); err != nil {
		t.Errorf("Fail of nil = %v", err)
	}
	inner := &Failure{Cause: DNS, Err: io.EOF, Hint: "look"}
	err := fmt.Errorf("dial: %w", inner)
	if got := Fail(TCP, err); !errors.Is(got, io.EOF) || CauseOf(got) != DNS || got.Error() != "dial: EOF: look" {
		t.Errorf("Fail of a known cause = %v, %s", got, CauseOf(got))
	}
	if got := CauseOf(io.EOF); got != TCP {
		t.Errorf("cause of an unknown error = %s", got)
	}
	if CauseOf(nil) != NoCause || IsPermanent(nil) || IsPermanent(err) || !IsPermanent(fmt.Errorf("x: %w", Permanent(err))) {
		t.Error("nil, or permanence, misjudged")
	}
	if got := len(Causes()); got != 11 || Causes()[PolicyDenied-1] != "policy" {
		t.Errorf("%d causes %v", got, Causes())
	}
}
