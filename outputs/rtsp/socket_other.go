//go:build !unix

package rtsp

import "net/netip"

type sockaddr struct{}

func kernelAddress(netip.AddrPort, bool) sockaddr { return sockaddr{} }

// send waits where the system does, which is not for long: it hands packets on at once.
func (s *udpSocket) send(all []datagram) (n int, err error) {
	for ; n < len(all); n++ {
		if _, err = s.WriteToUDPAddrPort(all[n].data, all[n].to.address); err != nil {
			break
		}
	}
	return n, err
}

func isFull(error) bool { return false }
