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
	ok = ask(conn, func(fd int) (err error) {
		if unacked, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ); err == nil {
			unsent, err = unix.IoctlGetInt(fd, unix.SIOCOUTQNSD)
		}
		return err
	})
	return unacked, unsent, ok
}

// acked gives the bytes that the peer's machine has acknowledged; false where the kernel does not say.
func acked(conn net.Conn) (bytes uint64, ok bool) {
	ok = ask(conn, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			bytes = info.Bytes_acked
		}
		return err
	})
	return bytes, ok
}

// ask lets f ask the kernel about a socket; false where conn is none or f fails.
func ask(conn net.Conn, f func(fd int) error) bool {
	sc, isSocket := conn.(syscall.Conn)
	if !isSocket {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var asked error
	err = raw.Control(func(fd uintptr) { asked = f(int(fd)) })
	return err == nil && asked == nil
}
