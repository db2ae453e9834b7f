package outputs

import (
	"net"
	"time"
)

// stuckAfter is how long a reader may take nothing before its connection is closed.
const stuckAfter = 10 * time.Second

// Patience bounds how long a write to a reader may wait: at least 10 s, at most 11.25 s. A deadline is moved when the last one is nearer
// than it may be, since to move it for each write costs a player a twentieth of its time. The zero value is ready; one goroutine uses it at
// a time.
type Patience struct {
	until time.Time // the deadline that stands
}

// Begin says that a write begins. It overwrites a deadline of the connection.
func (p *Patience) Begin(nc net.Conn) {
	now := time.Now()
	if p.until.Sub(now) >= stuckAfter {
		return
	}
	p.until = now.Add(stuckAfter + stuckAfter/8)
	_ = nc.SetWriteDeadline(p.until) // of a closed connection: the write tells
}
