package access

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrDenied is the answer to everything that is not allowed. It does not tell whether the object exists.
var ErrDenied = errors.New("access denied")

// Action is what a principal wants to do with a stream.
type Action uint8

// The actions.
const (
	Publish    Action = iota + 1 // send media to it
	Play                         // read media from it
	Read                         // see its status, its overlays and its products
	Change                       // change its overlays and its products
	Administer                   // change what concerns the node, or a stream's outputs; with no stream: all streams' things
)

var actionNames = [...]string{Publish: "publish", Play: "play", Read: "read", Change: "change", Administer: "administer"}

// String names the action.
func (a Action) String() string { return actionNames[a] }

// Principal is who asks. The zero value is anybody.
type Principal struct {
	Stream  string // the stream whose key was shown, or whose creator's token was; "" where none was
	Name    string // the API token's; "" where none was shown
	Role    Role   // the API token's
	Partner string // whose token was shown; "" where none was
	Unknown bool   // a viewer's secret was shown, and nobody has it: she may what anybody may

	token Digest    // that was shown: the partner's, or the stream's key
	link  link      // of a viewer
	until time.Time // of a ticket: it is good no longer; zero: none was shown
}

// Holder gives who p is, whatever ticket she comes with: tickets of one right follow each other.
func (p Principal) Holder() Principal {
	p.until = time.Time{}
	return p
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
	tokens map[Digest]Token

	byToken   map[Digest]*Contract
	contracts map[string]*Contract // by partner
	passes    map[*Pass]bool       // in use
	used      map[string]int       // of them, by partner
	refused   map[refusal]uint64   // since the process started

	once    sync.Once
	linkKey [32]byte // made once
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
	r.reviewLocked()
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
	return Principal{Stream: stream, token: digest}
}

// Authorize says whether p may do a with an object: nil, or an error that is [ErrDenied]. It is the one place where that is decided,
// for every protocol. Nothing is counted. The error does not repeat the stream's name: people put keys in its place, and errors are logged.
func (r *Registry) Authorize(p Principal, a Action, o Object) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.authorizeLocked(p, a, o, time.Now())
}

func (r *Registry) authorizeLocked(p Principal, a Action, o Object, now time.Time) error {
	grant, known := r.grants[o.Stream]
	switch {
	case a == Play && r.playLocked(p, o, now) == 0:
		return nil
	case a == Publish && known && p.Role == NoRole && p.Stream == o.Stream && grant.Key.Equal(p.token): // by the stream key
		return nil
	}
	if p.Role.may(a) && (p.Role != Creator || known && p.Stream == o.Stream) {
		return nil
	}
	return fmt.Errorf("%s: %w", a, ErrDenied)
}
