package web

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/simulcart/simulcart/overlay"
)

// Bounds of what is remembered for repeated requests.
const (
	replayTime = 24 * time.Hour
	maxReplays = 10_000 // of the node; the oldest goes first
)

// replays remembers changes by their Idempotency-Key, so that a request that is sent again is not carried out again. The zero
// value is ready.
type replays struct {
	mu    sync.Mutex // held while a change is taken, which waits for nobody: two requests with one key cannot both be the first
	known map[digest]*replay
	order []*replay // by age
}

// digest tells keys and bodies apart without keeping them.
type digest = [sha256.Size]byte

// replay is a change that was taken.
type replay struct {
	key, body digest
	since     time.Time
	ticket    *overlay.Ticket
}

// do gives the ticket of the change with that key; where there is none, that of apply. The key of another body is
// [overlay.ErrConflict]. What apply refuses is not remembered.
func (r *replays) do(key, body digest, now time.Time, apply func() (*overlay.Ticket, error)) (t *overlay.Ticket, replayed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetLocked(now)
	if known := r.known[key]; known != nil {
		if known.body != body {
			return nil, false, overlay.ErrConflict
		}
		return known.ticket, true, nil
	}
	if t, err = apply(); err != nil {
		return nil, false, err
	}
	if r.known == nil {
		r.known = make(map[digest]*replay)
	}
	fresh := &replay{key, body, now, t}
	r.known[key] = fresh
	r.order = append(r.order, fresh)
	return t, false, nil
}

// forgetLocked makes room for one more, and lets go what is too old.
func (r *replays) forgetLocked(now time.Time) {
	for len(r.order) > 0 && (len(r.order) >= maxReplays || now.Sub(r.order[0].since) >= replayTime) {
		delete(r.known, r.order[0].key)
		r.order[0] = nil
		r.order = r.order[1:]
	}
}
