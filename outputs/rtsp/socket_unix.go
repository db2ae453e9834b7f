//go:build unix

package rtsp

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

type sockaddr = unix.Sockaddr

// kernelAddress gives an address for a socket of IPv4, or of IPv6, where those of IPv4 are mapped (RFC 4291 §2.5.5.2).
func kernelAddress(a netip.AddrPort, v4 bool) sockaddr {
	if v4 {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

func (s *udpSocket) send(all []datagram) (n int, err error) {
	gone := s.raw.Control(func(fd uintptr) {
		for ; n < len(all) && err == nil; n++ {
			if err = unix.Sendto(int(fd), all[n].data, unix.MSG_DONTWAIT, all[n].to.kernel); err != nil {
				return
			}
		}
	})
	return n, errors.Join(gone, err)
}

// isFull says whether a packet may go a moment later.
func isFull(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) }
