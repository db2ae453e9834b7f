//go:build !386 && !s390x

package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostPieces is how many pieces one call takes: UIO_MAXIOV of linux/uio.h.
const mostPieces = 1024

// Conn is a TCP connection. As with any [net.Conn], all methods may be called at once; those who read take turns, as do those who write.
type Conn struct {
	*net.TCPConn
	raw syscall.RawConn
	in  read
	out write
}

func newConn(t *net.TCPConn) *Conn {
	c := &Conn{TCPConn: t}
	c.raw, _ = t.SyscallConn() // fails for a nil connection only
	c.in.step, c.out.step = c.in.try, c.out.try
	return c
}

// Read reads what there is into b, and waits for a first byte.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.in.run(c.raw, b)
	if err != nil {
		return 0, c.fault("read", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write writes b.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.run(c.raw, b)
	if err != nil {
		return n, c.fault("write", err)
	}
	return n, nil
}

// WriteBuffers writes all pieces behind each other, with nothing of another goroutine between them, and empties the list. The pieces
// themselves stay as they are. An error means that not all were written.
func (c *Conn) WriteBuffers(pieces *net.Buffers) error {
	_, err := c.out.run(c.raw, *pieces...)
	*pieces = nil
	if err != nil {
		return c.fault("write", err)
	}
	return nil
}

// fault says of an error what it is about, as package net does.
func (c *Conn) fault(op string, err error) error {
	if inner := (*net.OpError)(nil); errors.As(err, &inner) {
		err = inner.Err // it speaks of a raw read or write
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// read is the reading of a connection.
type read struct {
	step func(fd uintptr) bool // try, bound once

	mu   sync.Mutex // held by who reads
	into []byte
	n    int // bytes read; 0 is the end
	err  error
}

// run reads what there is, once there is something.
func (r *read) run(raw syscall.RawConn, into []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.into, r.n, r.err = into, 0, nil
	err := raw.Read(r.step)
	r.into = nil
	if err == nil {
		err = r.err
	}
	return r.n, err
}

// try reads; false: there is nothing yet.
func (r *read) try(fd uintptr) bool {
	for {
		n, e := readSocket(fd, r.into)
		switch e {
		case 0:
			r.n = n
			return true
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
		default:
			r.err = os.NewSyscallError("read", e)
			return true
		}
	}
}

// pieces is the list of one write. Lists are long when a connection begins, so that there are as many as are in use at once, and not one for
// each connection.
type pieces []syscall.Iovec

var lists = sync.Pool{New: func() any { return new(pieces) }}

// set makes it the list of all that is not empty.
func (l *pieces) set(all [][]byte) {
	*l = (*l)[:0]
	for _, p := range all {
		if len(p) > 0 {
			v := syscall.Iovec{Base: &p[0]}
			v.SetLen(len(p))
			*l = append(*l, v)
		}
	}
}

// write is the writing of a connection.
type write struct {
	step func(fd uintptr) bool // try, bound once

	mu   sync.Mutex      // held by who writes
	left []syscall.Iovec // what is not written yet
	n    int             // bytes written
	err  error
}

// run writes all pieces.
func (w *write) run(raw syscall.RawConn, all ...[]byte) (int, error) {
	list, is := lists.Get().(*pieces)
	if !is {
		list = new(pieces)
	}
	defer lists.Put(list)
	list.set(all)
	defer clear(*list) // what was written is not ours to keep
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.n, w.err = *list, 0, nil
	err := raw.Write(w.step)
	w.left = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// try writes; false: no more is taken now.
func (w *write) try(fd uintptr) bool {
	for len(w.left) > 0 {
		n, e := writeSocket(fd, w.left)
		switch e {
		case 0:
			w.n += n
			w.advance(n)
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
		default:
			w.err = os.NewSyscallError("writev", e)
			return true
		}
	}
	return true
}

// advance takes n bytes that were written off what is left.
func (w *write) advance(n int) {
	for n > 0 {
		p := &w.left[0]
		size := int(p.Len)
		if n < size {
			p.Base = (*byte)(unsafe.Add(unsafe.Pointer(p.Base), n))
			p.SetLen(size - n)
			return
		}
		n -= size
		w.left = w.left[1:]
	}
}

// Unacked is how many bytes were written that the peer has not acknowledged (SIOCOUTQ, tcp(7)); false where the socket is closed.
func (c *Conn) Unacked() (bytes int, ok bool) { return c.count(unix.SIOCOUTQ) }

// Unsent is how many bytes were written that have not left yet (SIOCOUTQNSD, linux/sockios.h); false where the socket is closed.
func (c *Conn) Unsent() (bytes int, ok bool) { return c.count(unix.SIOCOUTQNSD) }

// count asks for one of the kernel's counts of bytes.
func (c *Conn) count(which uintptr) (bytes int, ok bool) {
	var v int32
	e := syscall.EBADF
	err := c.raw.Control(func(fd uintptr) {
		_, _, e = syscall.RawSyscall(syscall.SYS_IOCTL, fd, which, uintptr(unsafe.Pointer(&v)))
	})
	return int(v), err == nil && e == 0
}

// Acked is how many bytes the peer has acknowledged since it is connected (TCP_INFO, tcp(7)); false where the socket is closed.
func (c *Conn) Acked() (bytes uint64, ok bool) {
	var info unix.TCPInfo
	size := uint32(unix.SizeofTCPInfo)
	e := syscall.EBADF
	err := c.raw.Control(func(fd uintptr) {
		_, _, e = syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return info.Bytes_acked, err == nil && e == 0
}
