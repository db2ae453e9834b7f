// Package gather writes many pieces in one go: by one writev to a TCP socket, and over TLS in full records that reach the socket
// together.
//
//	pieces ──▶ TCP   ──▶ one writev
//	       └─▶ [TLS] ──▶ records of 16 KiB, each sealed ──▶ one write
//	       └─▶ other ──▶ a copy of all ──▶ one write
package gather

import (
	"io"
	"net"
	"sync"
)

// spare has buffers for what waits to be written.
var spare sync.Pool

// borrow gives an empty one, which goes back to spare.
func borrow() *[]byte {
	b, ok := spare.Get().(*[]byte)
	if !ok {
		return new(make([]byte, 0, holdSize+2*recordSize))
	}
	*b = (*b)[:0]
	return b
}

// Write writes all pieces behind each other, so that those of another goroutine come before or after them, and consumes the list. The
// pieces themselves stay as they are.
func Write(w io.Writer, pieces *net.Buffers) error {
	switch w := w.(type) {
	case *net.TCPConn:
		_, err := pieces.WriteTo(w)
		return err
	case *TLS:
		err := w.writePieces(*pieces)
		*pieces = nil
		return err
	}
	whole := borrow()
	defer spare.Put(whole)
	for _, p := range *pieces {
		*whole = append(*whole, p...)
	}
	*pieces = nil
	_, err := w.Write(*whole)
	return err
}
