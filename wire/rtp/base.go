package rtp

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// Random gives what nobody can guess, as sequence numbers, timestamps and SSRCs begin with (RFC 3550 §5.1).
func Random() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // which never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}

// Bases gives each stream the RTP timestamp of its media time 0, the same for all who read it. The zero value is ready; several goroutines may
// use it.
type Bases struct {
	mu sync.Mutex
	of map[string]uint32
}

// Of gives a stream's base, which is made at first use.
func (b *Bases) Of(stream string) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	base, known := b.of[stream]
	if !known {
		if b.of == nil {
			b.of = make(map[string]uint32)
		}
		base = Random()
		b.of[stream] = base
	}
	return base
}

// Forget drops the base of a stream that is gone.
func (b *Bases) Forget(stream string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, stream)
}
