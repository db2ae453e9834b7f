//go:build linux && !386 && !s390x && !race

package socket

import (
	"syscall"
	"unsafe"
)

// readSocket is read(2), of a socket that never blocks.
func readSocket(fd uintptr, into []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&into[0])), uintptr(len(into)))
	return int(n), e
}

// writeSocket is writev(2), of a socket that never blocks.
func writeSocket(fd uintptr, pieces []syscall.Iovec) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&pieces[0])), uintptr(min(len(pieces), mostPieces)))
	return int(n), e
}
