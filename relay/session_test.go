package relay

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
)

func TestTakeover(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	r := s.Subscribe("out", 0)
	defer r.Close()
	first := publish(t, s)
	write(t, first, "Kv")
	second := publish(t, s)
	if err := first.WriteFrame(letter('v', 0)); !errors.Is(err, ErrFenced) {
		t.Errorf("WriteFrame of the fenced publisher = %v, want ErrFenced", err)
	}
	first.End()
	first.Leave()
	first.SetTracks(nil)
	first.SetWall(0, time.Unix(1, 0))
	write(t, second, "Kv")
	wantRead(t, r, "KvKv", 0)
	want := Snapshot{
		Session: 1, Live: true, Epoch: 2, Publisher: true, Newest: 3 * pace,
		Frames: 4, Bytes: 4, Groups: 2, Readers: 1,
	}
	got := s.Snapshot()
	got.LastWrite = time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Snapshot (-want +got):\n%s", diff)
	}
	if len(s.Tracks()) != len(tracks) || !s.Wall(0).IsZero() {
		t.Error("the fenced publisher changed tracks or wall")
	}
	if first.Epoch() != 1 || second.Epoch() != 2 {
		t.Errorf("epochs %d and %d, want 1 and 2", first.Epoch(), second.Epoch())
	}
}

func TestLeaveKeepsSession(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p := publish(t, s)
	write(t, p, "Kv")
	p.Leave()
	p.Leave()
	p.End() // has left: no effect
	if got := s.Snapshot(); !got.Live || got.Publisher || got.Frames != 2 {
		t.Errorf("after Leave: %+v, want a live session of 2 frames without publisher", got)
	}
	if err := p.WriteFrame(letter('v', 0)); !errors.Is(err, ErrFenced) {
		t.Errorf("WriteFrame after Leave = %v, want ErrFenced", err)
	}
	write(t, publish(t, s), "v")
	if got := s.Snapshot(); got.Session != 1 || got.Epoch != 2 || got.Frames != 3 {
		t.Errorf("after the return: %+v, want session 1, epoch 2, 3 frames", got)
	}
}

func TestEndAndNextSession(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p := publish(t, s)
	p.SetWall(media.Time(time.Second), time.Unix(100, 0))
	write(t, p, "KvKv")
	r := s.Subscribe("out", 0)
	defer r.Close()
	p.End()
	p.End()
	p.SetTracks(nil)
	if err := p.WriteFrame(letter('v', 0)); !errors.Is(err, ErrEnded) {
		t.Errorf("WriteFrame after End = %v, want ErrEnded", err)
	}
	got := s.Snapshot()
	if got.LastWrite.IsZero() {
		t.Error("LastWrite is zero after a write")
	}
	got.LastWrite = time.Time{}
	if want := (Snapshot{Session: 1, Epoch: 1, Newest: 3 * pace, Readers: 1}); got != want {
		t.Errorf("Snapshot after End = %+v, want %+v", got, want)
	}
	if want := time.Unix(102, 0); !s.Wall(media.Time(3*time.Second)).Equal(want) || len(s.Tracks()) != 3 {
		t.Errorf("after End: wall %v, %d tracks; want %v, 3", s.Wall(media.Time(3*time.Second)), len(s.Tracks()), want)
	}

	next := publish(t, s)
	next.SetTracks(tracks[:1])
	if err := next.WriteFrame(letter('K', -pace)); err != nil {
		t.Fatal(err)
	}
	other := s.Subscribe("out", 0)
	defer other.Close()
	wantRead(t, r, "Kv", 0) // the old session, drained beside the new
	if got := r.First(); got != 2 {
		t.Errorf("First = %d, want 2", got)
	}
	wantNext(t, r, ErrEnded)
	wantNext(t, r, ErrEnded)
	wantRead(t, other, "K", 0)
	if got := other.First(); got != 4 {
		t.Errorf("First of the second session = %d, want 4: numbers go on", got)
	}
	if r.Session() != 1 || other.Session() != 2 || r.Origin() != 0 || other.Origin() != -pace || s.Origin() != -pace {
		t.Errorf("sessions %d, %d, origins %v, %v, %v", r.Session(), other.Session(), r.Origin(), other.Origin(), s.Origin())
	}
	if len(r.Tracks()) != 3 || len(other.Tracks()) != 1 || len(s.Tracks()) != 1 {
		t.Errorf("%d, %d, %d tracks; want 3, 1, 1", len(r.Tracks()), len(other.Tracks()), len(s.Tracks()))
	}
	if !r.Wall(0).Equal(time.Unix(99, 0)) || !other.Wall(0).IsZero() {
		t.Errorf("wall %v and %v, want 99 s and zero", r.Wall(0), other.Wall(0))
	}
}

func TestEndSession(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	s.EndSession() // there is none
	p := publish(t, s)
	write(t, p, "K")
	r := s.Subscribe("out", 0)
	defer r.Close()
	p.Leave()
	s.EndSession()
	wantRead(t, r, "K", 0)
	wantNext(t, r, ErrEnded)
	if s.Snapshot().Live {
		t.Error("the session lives on")
	}
}

func TestEndedWindowIsNotHeld(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p := publish(t, s)
	write(t, p, "Kvv")
	old := s.session
	p.End()
	if s.session == old || s.session.entries.slots != nil {
		t.Error("the stream holds the window of a session that has ended")
	}
}

func TestTracksAreCopied(t *testing.T) {
	var h Hub
	own := []*media.Track{video}
	p, _ := h.Publish("s", own)
	own[0] = audio
	if got := h.Stream("s").Tracks()[0]; got != video {
		t.Errorf("track = %v, want what it was when published", got.Codec)
	}
	p.SetTracks(own)
	own[0] = nil
	if got := h.Stream("s").Tracks()[0]; got != audio {
		t.Errorf("track = %v, want what it was when set", got)
	}
}

func TestWallHasNoMonotonicReading(t *testing.T) {
	var h Hub
	p, _ := h.Publish("s", nil)
	now := time.Now()
	p.SetWall(0, now)
	if got := h.Stream("s").Wall(0); got != now.Round(0) {
		t.Errorf("Wall = %v, want %v", got, now.Round(0))
	}
}

func TestHub(t *testing.T) {
	var h Hub
	b, a := h.Stream("b"), h.Stream("a")
	if h.Stream("b") != b {
		t.Error("the second Stream of a name is another one")
	}
	if got := h.Streams(); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("Streams = %v, want a and b", got)
	}
	if a.Name() != "a" {
		t.Errorf("Name = %q, want a", a.Name())
	}
	h.Remove("a")
	h.Remove("a")
	if h.Stream("a") == a {
		t.Error("the removed stream came back")
	}
}

func TestRemove(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	p := publish(t, s)
	write(t, p, "K")
	r := s.Subscribe("out", 0)
	defer r.Close()
	h.Remove("s")
	wantRead(t, r, "K", 0)
	wantNext(t, r, ErrEnded)
	if err := p.WriteFrame(letter('v', 0)); !errors.Is(err, ErrEnded) {
		t.Errorf("WriteFrame = %v, want ErrEnded", err)
	}
	if _, err := s.Publish(nil); !errors.Is(err, ErrRemoved) {
		t.Errorf("Publish = %v, want ErrRemoved", err)
	}
	if err := s.Await(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("Await = %v, want ErrRemoved", err)
	}
	late := s.Subscribe("out", 0)
	defer late.Close()
	wantNext(t, late, ErrEnded)
}

// A candidate changes nothing before it takes the stream, and then it is the publisher as any other.
func TestCandidate(t *testing.T) {
	var h Hub
	s := h.Stream("s")
	first := publish(t, s)
	write(t, first, "Kv")
	r := s.Subscribe("out", 0)
	defer r.Close()
	c := s.Candidate()
	before := s.Snapshot()
	wishes := c.KeyWanted()
	c.SetTracks(nil)
	c.SetWall(0, time.Unix(100, 0))
	c.Leave()
	c.End()
	if err := c.WriteFrame(letter('K', 0)); !errors.Is(err, ErrFenced) || c.Epoch() != 0 {
		t.Errorf("a candidate's WriteFrame = %v, epoch %d; want ErrFenced, 0", err, c.Epoch())
	}
	if r.MayWantKey() || s.Snapshot() != before || len(s.Tracks()) != len(tracks) || !s.Wall(0).IsZero() {
		t.Errorf("the candidate changed %+v to %+v", before, s.Snapshot())
	}
	write(t, first, "v")

	if err := c.Take(tracks[:1]); err != nil {
		t.Fatal(err)
	}
	if err := first.WriteFrame(letter('v', 0)); !errors.Is(err, ErrFenced) {
		t.Errorf("WriteFrame of the fenced publisher = %v, want ErrFenced", err)
	}
	if err := first.Take(nil); !errors.Is(err, ErrFenced) {
		t.Errorf("Take of the fenced publisher = %v, want ErrFenced", err)
	}
	if err := c.Take(nil); err != nil || len(s.Tracks()) != 1 {
		t.Errorf("Take again = %v, %d tracks; want no effect", err, len(s.Tracks()))
	}
	write(t, c, "Kv")
	wantRead(t, r, "KvvKv", 0)
	if !r.WantKey() || len(wishes) != 1 {
		t.Error("the wish for a key frame did not reach the new publisher")
	}
	if got := s.Snapshot(); got.Epoch != 2 || got.Session != 1 || c.Epoch() != 2 {
		t.Errorf("epoch %d of session %d, want the second of the first", got.Epoch, got.Session)
	}
	c.End()
	other := s.Candidate()
	h.Remove("s")
	if err := other.Take(nil); !errors.Is(err, ErrRemoved) {
		t.Errorf("Take of a removed stream = %v, want ErrRemoved", err)
	}
}
