package rtc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

const optionSegment = 103 // UDP_SEGMENT of linux/udp.h

// segmented says whether the kernel knows how to cut datagrams: one that does not (before 4.18) would send all as one.
func segmented(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("look at the socket: %w", err)
	}
	var unknown error
	err = raw.Control(func(fd uintptr) { _, unknown = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_UDP, optionSegment) })
	if err == nil && unknown != nil {
		err = os.NewSyscallError("getsockopt UDP_SEGMENT", unknown)
	}
	return err
}

// appendSegment adds the control message that has datagrams of a size cut (cmsg(3), udp(7)):
//
//	length, of a word · level 32 · type 32 · size 16, and what fills a word
func appendSegment(dst []byte, size int) []byte {
	header, all := syscall.CmsgLen(0), syscall.CmsgSpace(2)
	start := len(dst)
	dst = append(dst, make([]byte, all)...)
	b := dst[start:]
	if header == 16 {
		binary.NativeEndian.PutUint64(b, uint64(header+2))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(header+2))
	}
	binary.NativeEndian.PutUint32(b[header-8:], syscall.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(b[header-4:], optionSegment)
	binary.NativeEndian.PutUint16(b[header:], uint16(size))
	return dst
}

// refused says whether the kernel did not cut: the datagrams do not fit the way, or its first device makes no checksums.
func refused(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.EIO)
}
