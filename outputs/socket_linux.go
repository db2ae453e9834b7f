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

// Unacked is as in [Waiter].
func (s *Socket) Unacked() (bytes int, ok bool) { return s.count(unix.SIOCOUTQ) }

// Unsent is as in [Waiter].
func (s *Socket) Unsent() (bytes int, ok bool) { return s.count(unix.SIOCOUTQNSD) }

// count asks for one of the kernel's counts of bytes.
func (s *Socket) count(which uint) (bytes int, ok bool) {
	ok = s.ask(func(fd int) (err error) {
		bytes, err = unix.IoctlGetInt(fd, which)
		return err
	})
	return bytes, ok
}

// Acked is as in [Waiter].
func (s *Socket) Acked() (bytes uint64, ok bool) {
	ok = s.ask(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			bytes = info.Bytes_acked
		}
		return err
	})
	return bytes, ok
}

// ask lets f ask the kernel about the socket; false where it is closed or f fails.
func (s *Socket) ask(f func(fd int) error) bool {
	if s.raw == nil {
		return false
	}
	var asked error
	err := s.raw.Control(func(fd uintptr) { asked = f(int(fd)) })
	return err == nil && asked == nil
}
