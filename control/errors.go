package control

import "errors"

// What a caller of the control plane decides on; test with [errors.Is].
var (
	// ErrNoStream reports that no stream has the given id.
	ErrNoStream = errors.New("there is no such stream")
	// ErrNoDestination reports that the stream exists and has no destination of the given name.
	ErrNoDestination = errors.New("the stream has no such destination")
)
