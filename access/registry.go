package access

import (
	"errors"
	"fmt"
	"sync"
)

// ErrDenied is the answer to everything that is not allowed. It does not tell whether the object exists.
var ErrDenied = errors.New("access denied")

// Action is what a principal wants to do with a stream.
type Action uint8

// The actions.
const (
	Publish Action = iota + 1 // send media to it
	Play                      // read media from it
)

// String names the action.
func (a Action) String() string {
	if a == Publish {
		return "publish"
	}
	return "play"
}

// Principal is who asks. The zero value is anybody.
type Principal struct {
	Stream string // the stream whose key was shown; "" where none was
}

// Grant is what the registry knows of one stream.
type Grant struct {
	Key    Digest // the publisher's key
	Public bool   // anybody may play it
}

// Registry holds the grants of all streams. The zero value denies everything.
type Registry struct {
	mu     sync.RWMutex
	grants map[string]Grant
	byKey  map[Digest]string // stream by the digest of its key
}

// Replace takes the grants as they are from now on, by stream.
func (r *Registry) Replace(grants map[string]Grant) {
	kept := make(map[string]Grant, len(grants))
	byKey := make(map[Digest]string, len(grants))
	for stream, g := range grants {
		kept[stream] = g
		if !g.Key.IsZero() {
			byKey[g.Key] = stream
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grants, r.byKey = kept, byKey
}

// Identify finds whose key this is. The lookup is by digest, and the digest is compared again in constant time, so that
// time tells nothing about keys. An unknown key is anybody.
func (r *Registry) Identify(key string) Principal {
	digest := DigestOf(key)
	r.mu.RLock()
	defer r.mu.RUnlock()
	stream := r.byKey[digest]
	if g, ok := r.grants[stream]; !ok || !g.Key.Equal(digest) {
		return Principal{}
	}
	return Principal{Stream: stream}
}

// Authorize says whether p may do a with a stream: nil, or an error that is [ErrDenied]. The error does not repeat the name:
// people put keys where a stream's name belongs, and errors are logged.
func (r *Registry) Authorize(p Principal, a Action, stream string) error {
	r.mu.RLock()
	grant, known := r.grants[stream]
	r.mu.RUnlock()
	switch {
	case !known:
	case p.Stream == stream && stream != "": // the creator publishes, and previews
		return nil
	case a == Play && grant.Public:
		return nil
	}
	return fmt.Errorf("%s: %w", a, ErrDenied)
}
