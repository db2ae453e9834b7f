//go:build linux && !386 && !s390x && race

package socket

import (
	"errors"
	"syscall"
	"unsafe"
)

// The race detector takes what package syscall writes as coming before what it reads. It does not see other calls, so that there are none
// where it looks.

// readSocket is read(2).
func readSocket(fd uintptr, into []byte) (int, syscall.Errno) {
	n, err := syscall.Read(int(fd), into)
	return n, number(err)
}

// writeSocket is write(2), of the first piece.
func writeSocket(fd uintptr, pieces []syscall.Iovec) (int, syscall.Errno) {
	n, err := syscall.Write(int(fd), unsafe.Slice(pieces[0].Base, pieces[0].Len))
	return n, number(err)
}

// number gives the number of an error of the system.
func number(err error) syscall.Errno {
	var e syscall.Errno
	_ = errors.As(err, &e)
	return e
}
