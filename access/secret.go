// Package access knows who may do what: stream keys, and one Authorize for every protocol.
//
// Keys are kept as SHA-256 digests wherever the text is not needed, and as a [Secret] where it is.
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// masked is what a secret shows of itself.
const masked = "***"

// Secret is a text that cannot be printed by accident: every way of formatting gives ***. The zero value is empty.
type Secret struct{ text string }

// NewSecret keeps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal gives the text, for the one place that sends it.
func (s Secret) Reveal() string { return s.text }

// String gives ***, as all other ways do.
func (s Secret) String() string { return masked }

// Format gives *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// LogValue gives *** to structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText gives *** to JSON and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// Digest is the SHA-256 of a key. It is safe to keep; keys hold at least 128 random bits, so it needs no salt.
type Digest [sha256.Size]byte

// DigestOf gives the digest of a key.
func DigestOf(key string) Digest { return sha256.Sum256([]byte(key)) }

// Equal compares in constant time.
func (d Digest) Equal(other Digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

// IsZero says whether no key was given: nothing matches it.
func (d Digest) IsZero() bool { return d == Digest{} }
