package rtc

import (
	"context"
	"slices"
	"sync"
)

// handshakes are the DTLS handshakes that are under way, in bounds: one too many ends the oldest. A peer that answers is connected
// within a few round trips, so that those that stall are the oldest, and keep nobody out.
type handshakes struct {
	mu    sync.Mutex
	going []*handshake // oldest first
	ended uint64       // for newer ones
}

// handshake is one of them.
type handshake struct{ cancel context.CancelFunc }

// begin lets one begin, with the time that it has; done says that it is over.
func (h *handshakes) begin() (ctx context.Context, done func()) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	own := &handshake{cancel}
	if oldest := h.add(own); oldest != nil {
		oldest.cancel()
	}
	return ctx, func() {
		cancel()
		h.remove(own)
	}
}

// add gives a place to own; oldest is the one that has lost its own for it.
func (h *handshakes) add(own *handshake) (oldest *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.going) >= handshakesAtOnce {
		oldest = h.going[0]
		h.going = slices.Delete(h.going, 0, 1)
		h.ended++
	}
	h.going = append(h.going, own)
	return oldest
}

func (h *handshakes) remove(own *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.going, own); i >= 0 {
		h.going = slices.Delete(h.going, i, i+1)
	}
}

// count gives how many there are, and how many were ended for newer ones.
func (h *handshakes) count() (going int, ended uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.going), h.ended
}
