package outputs

import (
	"net"
	"syscall"
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

// waiting gives the bytes that the peer's machine has not acknowledged, and those of them that were not sent yet; false
// where the kernel does not say.
func waiting(conn net.Conn) (unacked, unsent int, ok bool) {
	sc, isSocket := conn.(syscall.Conn)
	if !isSocket {
		return 0, 0, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var e1, e2 error
	err = raw.Control(func(fd uintptr) {
		unacked, e1 = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		unsent, e2 = unix.IoctlGetInt(int(fd), unix.SIOCOUTQNSD)
	})
	return unacked, unsent, err == nil && e1 == nil && e2 == nil
}
