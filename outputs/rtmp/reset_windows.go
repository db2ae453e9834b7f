package rtmp

import (
	"errors"
	"syscall"
)

// isReset says whether the peer tore the connection down.
func isReset(err error) bool {
	return errors.Is(err, syscall.WSAECONNRESET) || errors.Is(err, syscall.EPIPE)
}
