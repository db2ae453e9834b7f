package ingest

import (
	"testing"
	"time"
)

// Who waits for the stream is connected and measures nothing: what is measured is that of the other one, in whichever order they are added.
func TestReceptionOfOneThatWaits(t *testing.T) {
	var has, waits Received
	has.Connect()
	has.Measure(3*time.Millisecond, 20*time.Millisecond)
	has.Delay(90 * time.Millisecond)
	has.Apart(-time.Millisecond)
	waits.Connect()
	want := Reception{
		Connected: 2, Joined: 2,
		Trip: 20 * time.Millisecond, Delay: 90 * time.Millisecond, Jitter: 3 * time.Millisecond, Apart: -time.Millisecond,
	}
	for name, got := range map[string]Reception{"last": has.Status().Plus(waits.Status()), "first": waits.Status().Plus(has.Status())} {
		if got != want {
			t.Errorf("it is %s: got %+v, want %+v", name, got, want)
		}
	}
	if got := has.Status().Past().Plus(waits.Status()); got.Delay != 0 || got.Joined != 2 {
		t.Errorf("the other has left: got %+v", got)
	}
}
