package config

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// masked is what every way of printing a [Secret] gives.
const masked = "***"

// Secret is a text that must not be seen: a stream key, or a URL that may hold one. However it is printed, logged or
// encoded, it gives "***"; only [Secret.Reveal] gives the text. The zero value is the empty text.
//
// The text is in a func, so that nothing that prints by reflection reaches it, and so that == is ruled out. Compare with
// [Secret.Equal].
type Secret struct{ reveal func() string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{reveal: func() string { return text }} }

// Reveal gives the text. Call it where the text goes onto the wire or is hashed, nowhere else.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Equal compares the texts, in a time that depends on their lengths only.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String gives "***".
func (s Secret) String() string { return masked }

// GoString gives "***", for %#v.
func (s Secret) GoString() string { return masked }

// Format gives "***" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// LogValue gives "***", for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText gives "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON gives "***" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalYAML gives "***".
func (s Secret) MarshalYAML() (any, error) { return masked, nil }
