//go:build linux && !386 && !s390x && !race

package socket

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"unsafe"
)

// Packets sends datagrams from a UDP socket. Any goroutine may do so.
type Packets struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	four bool      // the socket knows IPv4 alone
	idle sync.Pool // of *packet
}

// NewPackets makes one of a socket that listens. Who made the socket closes it.
func NewPackets(conn *net.UDPConn) *Packets {
	p := &Packets{conn: conn}
	p.raw, _ = conn.SyscallConn() // fails for a nil connection only
	_ = p.raw.Control(func(fd uintptr) {
		name, err := syscall.Getsockname(int(fd))
		_, four := name.(*syscall.SockaddrInet4)
		p.four = err == nil && four
	})
	p.idle.New = func() any { return newPacket() }
	return p
}

// Send sends b to an address, with control messages (cmsg(3)), or none. Where the kernel has no room it waits.
func (p *Packets) Send(b, control []byte, to netip.AddrPort) error {
	if p.offer(b, control, to) {
		return nil
	}
	_, _, err := p.conn.WriteMsgUDPAddrPort(b, control, to) // which waits, or says what is wrong
	return err
}

// offer says whether the kernel has taken it.
func (p *Packets) offer(b, control []byte, to netip.AddrPort) bool {
	k, is := p.idle.Get().(*packet)
	if !is {
		return false
	}
	defer p.idle.Put(k)
	if !k.address(to, p.four) {
		return false
	}
	k.put(b, control)
	defer k.put(nil, nil)
	return p.raw.Control(k.step) == nil && k.err == 0
}

// packet is one call of sendmsg(2).
type packet struct {
	step   func(fd uintptr) // send, bound once
	header syscall.Msghdr
	piece  syscall.Iovec
	four   syscall.RawSockaddrInet4
	six    syscall.RawSockaddrInet6
	err    syscall.Errno
}

func newPacket() *packet {
	k := &packet{}
	k.step = k.send
	k.header.Iov, k.header.Iovlen = &k.piece, 1
	return k
}

// address sets where it goes; false where that is not known here: an address with a zone, or of another kind than the socket's.
func (k *packet) address(to netip.AddrPort, four bool) bool {
	a := to.Addr()
	switch {
	case a.Zone() != "" || !a.IsValid() || four && !a.Is4() && !a.Is4In6():
		return false
	case four:
		k.four = syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: a.As4()}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&k.four.Port))[:], to.Port())
		k.header.Name, k.header.Namelen = (*byte)(unsafe.Pointer(&k.four)), syscall.SizeofSockaddrInet4
	default:
		k.six = syscall.RawSockaddrInet6{Family: syscall.AF_INET6, Addr: a.As16()} // IPv4 as ::ffff:a.b.c.d
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&k.six.Port))[:], to.Port())
		k.header.Name, k.header.Namelen = (*byte)(unsafe.Pointer(&k.six)), syscall.SizeofSockaddrInet6
	}
	return true
}

// put sets what it holds.
func (k *packet) put(b, control []byte) {
	k.piece.Base, k.header.Control = unsafe.SliceData(b), unsafe.SliceData(control)
	k.piece.SetLen(len(b))
	k.header.SetControllen(len(control))
}

func (k *packet) send(fd uintptr) {
	for {
		_, _, k.err = syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&k.header)), syscall.MSG_DONTWAIT)
		if k.err != syscall.EINTR {
			return
		}
	}
}
