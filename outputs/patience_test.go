package outputs

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines notes when the deadline of writes is moved, and to where.
type deadlines struct {
	net.Conn
	moved []time.Time
	until time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.moved, d.until = append(d.moved, time.Now()), t
	return nil
}

// TestPatience: each write has 10 s at least and 11.25 s at most, and the deadline is seldom moved.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Patience
		nc := &deadlines{}
		for range 3000 { // 100 s of 30 pictures a second
			p.Begin(nc)
			if left := time.Until(nc.until); left < 10*time.Second || left > 11250*time.Millisecond {
				t.Fatalf("a write has %v", left)
			}
			time.Sleep(time.Second / 30)
		}
		if n := len(nc.moved); n > 80 {
			t.Errorf("the deadline was moved %d times in 100 s, want at most 80", n)
		}
		time.Sleep(time.Hour)
		p.Begin(nc)
		if left := time.Until(nc.until); left != 11250*time.Millisecond {
			t.Errorf("a write after an hour has %v", left)
		}
	})
}
