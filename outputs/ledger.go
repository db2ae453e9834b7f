package outputs

import (
	"slices"

	"github.com/simulcart/simulcart/media"
)

const ledgerSize = 256 // writes that are remembered: more than the kernel holds unacknowledged

// written is one write to the socket.
type written struct {
	until uint64     // bytes of this connection, up to its end
	first media.Time // DTS of its first frame
}

// ledger is the newest writes of one connection, the oldest first, with those that the peer's machine has not taken. It is as large as those
// are many.
type ledger []written

// add notes a write.
func (l *ledger) add(w written) {
	if len(*l) == ledgerSize {
		*l = slices.Delete(*l, 0, 1)
	}
	*l = append(*l, w)
}

// take forgets the writes that are over where the peer's machine has taken so many bytes of the connection.
func (l *ledger) take(bytes uint64) { *l = slices.Delete(*l, 0, l.waiting(bytes)) }

// waiting gives the place of the oldest write of which something waits, where the peer's machine has taken so many bytes.
func (l *ledger) waiting(taken uint64) int {
	i := slices.IndexFunc(*l, func(w written) bool { return w.until > taken })
	if i < 0 {
		return len(*l)
	}
	return i
}
