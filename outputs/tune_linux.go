package outputs

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	notSentLowWater = 128 << 10        // bytes that may wait in the kernel before a write blocks
	userTimeout     = 10 * time.Second // unacknowledged bytes of this age end a connection
)

// tune sets what a push socket needs beside TCP_NODELAY, which is Go's default: little memory in the kernel, so that lag is
// ours to see, and an end for peers that are gone.
func tune(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentLowWater); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
}
