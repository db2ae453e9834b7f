package sandbox

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/wire/rtmp"
)

// start runs a receiver until the test ends, and gives its address.
func start(t *testing.T, r *Receiver) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := r.Serve(ctx, l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		serving.Wait()
		goleak.VerifyNone(t)
	})
	return l.Addr().String()
}

// publish opens a publisher's connection.
func publish(t *testing.T, address, key string) (*rtmp.Conn, uint32, error) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	if err := rtmp.OfferHandshake(nc); err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewConn(nc)
	url, err := rtmp.ParseURL("rtmp://" + address + "/live")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Connect(rtmp.Offer{URL: url}); err != nil {
		t.Fatal(err)
	}
	id, err := conn.Publish(key)
	return conn, id, err
}

// await waits until the counts are as wanted.
func await(t *testing.T, r *Receiver, want func(Counts) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !want(r.Counts()); time.Sleep(time.Millisecond) { // a socket has no clock to wait on
		if time.Now().After(deadline) {
			t.Fatalf("counts stay at %+v", r.Counts())
		}
	}
}

func TestReceiverCounts(t *testing.T) {
	r := &Receiver{Key: "right", Log: slog.New(slog.DiscardHandler)}
	address := start(t, r)
	conn, id, err := publish(t, address, "right")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []rtmp.Message{
		{Type: rtmp.TypeVideo, Timestamp: 0, Payload: []byte{0x17, 1, 0, 0, 0, 1, 2}}, // a key frame
		{Type: rtmp.TypeVideo, Timestamp: 40, Payload: []byte{0x27, 1, 0, 0, 0, 1}},   // not one
		{Type: rtmp.TypeVideo, Timestamp: 20, Payload: []byte{0x27, 1, 0, 0, 0, 1}},   // its time falls
		{Type: rtmp.TypeAudio, Timestamp: 10, Payload: []byte{0xAF, 1, 1, 2, 3, 4}},   // other track, other time
		{Type: rtmp.TypeVideo, Timestamp: 60, Payload: []byte{0x17}},                  // no FLV
		{Type: rtmp.TypeData, Timestamp: 60, Payload: []byte{2, 0, 1, 'x'}},
	} {
		m.StreamID = id
		if err := conn.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	await(t, r, func(c Counts) bool { return c.Data == 1 })
	got := r.Counts()
	want := Counts{Publishing: true, Publishes: 1, Video: 4, Audio: 1, Data: 1, Keys: 1, Bytes: 7 + 6 + 6 + 6 + 1 + 4, Backwards: 1, Unreadable: 1}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := conn.Unpublish("right", id); err != nil {
		t.Fatal(err)
	}
	await(t, r, func(c Counts) bool { return c.CleanEnds == 1 && !c.Publishing })
}

func TestReceiverRefusesAnotherKey(t *testing.T) {
	r := &Receiver{Key: "right", Log: slog.New(slog.DiscardHandler)}
	_, _, err := publish(t, start(t, r), "wrong")
	var status *rtmp.StatusError
	if !errors.As(err, &status) || status.Status.Code != rtmp.CodePublishBadName {
		t.Errorf("got %v, want a refusal of the name", err)
	}
	if got := r.Counts(); got.Refused != 1 || got.Publishes != 0 {
		t.Errorf("got %+v, want one refused", got)
	}
}

func TestReceiverTakesAReturningPublisher(t *testing.T) {
	r := &Receiver{Log: slog.New(slog.DiscardHandler)}
	address := start(t, r)
	first, _, err := publish(t, address, "any")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := publish(t, address, "any"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.ReadMessage(); err == nil {
		t.Error("the first publisher was not closed")
	}
	if got := r.Counts(); !got.Publishing || got.Publishes != 2 {
		t.Errorf("got %+v, want the second one to publish", got)
	}
}
