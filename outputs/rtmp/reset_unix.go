//go:build !windows

package rtmp

import (
	"errors"
	"syscall"
)

// isReset says whether the peer tore the connection down.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
