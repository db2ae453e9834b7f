package control

import (
	"context"
	"strings"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
)

// discreet is an output whose errors do not show the destination's key, even where the peer's own words do: they go to logs
// and to the API.
type discreet struct {
	outputs.Output
	key access.Secret
}

// Run is that of the output.
func (o discreet) Run(ctx context.Context, s *relay.Stream) error {
	err, key := o.Output.Run(ctx, s), o.key.Reveal()
	if err == nil || key == "" || !strings.Contains(err.Error(), key) {
		return err
	}
	return &redacted{error: err, text: strings.ReplaceAll(err.Error(), key, o.key.String())}
}

// redacted is an error that reads otherwise.
type redacted struct {
	error
	text string
}

// Error gives the text without the key.
func (e *redacted) Error() string { return e.text }

// Unwrap gives the error itself, for those who look for its cause.
func (e *redacted) Unwrap() error { return e.error }
