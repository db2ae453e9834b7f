// Package outputs runs what carries a stream to one place: it dials, retries, watches progress, and tells the truth about
// each destination. The protocols live in the folders below.
//
// A destination's life, one [Runner] each:
//
//  1. it waits until its stream has a session, and that its first frame;
//  2. it lets its [Output] run: dial, handshake, publish, then a loop over the stream's reader;
//  3. it watches the socket meanwhile and moves the state by what the peer's machine really takes;
//  4. when the output fails it finds the cause, waits as the retry policy says, and begins again.
package outputs

import (
	"context"
	"errors"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// Output carries a stream to one place.
type Output interface {
	// Run connects and carries frames until the session ends (nil), ctx ends (nil), or something fails. It returns when
	// all goroutines it started are gone. Errors are a [*Failure] where the output knows the cause.
	Run(ctx context.Context, s *relay.Stream) error
}

// Fit gives what is read in a stream's place where who gets it takes some codecs only.
type Fit func(takes func(media.Codec) bool) relay.Choose

// State is where a destination stands. The set is closed:
//
//	idle ─▶ connecting ─▶ handshaking ─▶ publishing ─▶ live ⇄ stalled
//	  ▲          │             │              │          │ ⇅     │
//	  │          │             │              │          │ holding (publisher gone, connection kept)
//	  │          └─────────────┴──────┬───────┴──────────┴───────┘
//	  │                            backoff ─▶ connecting
//	paused                         rejected ─▶ connecting (on a new key, on retry-now, and each 60 s)
type State uint8

// The states.
const (
	Idle        State = iota // its stream has no session, or that no media yet
	Connecting               // name, TCP and TLS
	Handshaking              // the protocol's own opening
	Publishing               // the peer accepted, or is asked to; nothing of the media is acknowledged yet
	Live                     // the peer accepted, and its machine takes media
	Stalled                  // connected, but nothing was taken for 2 s
	Holding                  // connected, but the publisher is gone
	Backoff                  // waits for the next attempt
	Rejected                 // needs a person: usually the key
	Paused                   // switched off in the configuration
	states
)

var stateNames = [states]string{
	"idle", "connecting", "handshaking", "publishing", "live", "stalled", "holding", "backoff", "rejected", "paused",
}

// String gives the name used in the API and in metrics.
func (s State) String() string { return stateNames[s] }

// connected says whether s is a state with the peer's consent.
func (s State) connected() bool { return s >= Publishing && s <= Holding }

// Cause is why a destination is not live. The set is closed; state, metrics label, event and retry policy share it.
type Cause uint8

// The causes.
const (
	NoCause       Cause = iota
	DNS                 // the name has no address
	TCP                 // no connection, or it broke
	TLS                 // no trust, or no TLS
	Handshake           // the peer does not speak the protocol
	PeerRejected        // the peer refused: the key, the application, the stream
	Kicked              // the peer closed a connection that it had accepted
	StalledPeer         // the peer took nothing for too long
	Slow                // the peer takes less than the stream brings, all the time
	CodecMismatch       // the platform cannot take the stream's codec
	Expired             // a credential is over
	PolicyDenied        // we may not connect there
	causes
)

var causeNames = [causes]string{
	"", "dns", "tcp", "tls", "handshake", "rejected", "kicked", "stalled", "slow", "codec", "expired", "policy",
}

// String gives the label, "" for NoCause.
func (c Cause) String() string { return causeNames[c] }

// Causes gives all labels, for metrics that show each one from the start.
func Causes() []string { return causeNames[1:] }

// Failure is an error whose cause is known.
type Failure struct {
	Cause Cause
	Hint  string // what the operator can do; "" where there is nothing to add
	Err   error
}

// Fail gives err a cause, nil for nil; an error that has one keeps it.
func Fail(c Cause, err error) error {
	var known *Failure
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Failure{Cause: c, Err: err}
}

// Error gives what happened, and the hint.
func (f *Failure) Error() string {
	if f.Hint == "" {
		return f.Err.Error()
	}
	return fmt.Sprintf("%v: %s", f.Err, f.Hint)
}

// Unwrap gives the error itself.
func (f *Failure) Unwrap() error { return f.Err }

// permanent marks an error that a retry cannot cure.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks what a retry cannot cure: the destination waits for a person, and is tried again each 60 s.
func Permanent(err error) error { return permanent{err} }

// ErrReconnect says that the peer asked for a new connection, which it may do at any time: no sign of a wrong key.
var ErrReconnect = errors.New("the peer asked to reconnect")

// IsPermanent says whether err is marked by [Permanent].
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

// CauseOf gives the cause of err, [NoCause] of nil; one that is not known is a broken connection.
func CauseOf(err error) Cause {
	if err == nil {
		return NoCause
	}
	var f *Failure
	if errors.As(err, &f) {
		return f.Cause
	}
	return TCP
}
