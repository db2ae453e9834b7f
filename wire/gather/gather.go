// Package gather writes many pieces in one go: by one writev to a TCP socket, and over TLS in full records that reach the socket
// together.
//
//	pieces ──▶ TCP   ──▶ one writev ([socket.Conn])
//	       └─▶ [TLS] ──▶ records of 16 KiB, each sealed ──▶ one write
//	       └─▶ other ──▶ a copy of all ──▶ one write
package gather

import (
	"io"
	"net"

	"github.com/simulcart/simulcart/wire/socket"
)

// spare has buffers for what waits to be written: as many as are in use at once, and not one for each connection.
var spare = make(chan []byte, 16)

// borrow gives an empty one, for [giveBack].
func borrow() []byte {
	select {
	case b := <-spare:
		return b[:0]
	default:
		return make([]byte, 0, holdSize+2*recordSize)
	}
}

func giveBack(b []byte) {
	if cap(b) > holdSize+2*recordSize {
		return // it has grown for one write
	}
	select {
	case spare <- b:
	default:
	}
}

// Write writes all pieces behind each other, so that those of another goroutine come before or after them, and consumes the list. The
// pieces themselves stay as they are.
func Write(w io.Writer, pieces *net.Buffers) error {
	switch w := w.(type) {
	case *socket.Conn:
		return w.WriteBuffers(pieces)
	case *TLS:
		err := w.writePieces(*pieces)
		*pieces = nil
		return err
	}
	whole := borrow()
	for _, p := range *pieces {
		whole = append(whole, p...)
	}
	*pieces = nil
	_, err := w.Write(whole)
	giveBack(whole)
	return err
}
