package rtmp

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/simulcart/simulcart/wire"
)

// The handshake (Adobe RTMP §5.2). Both sides send a version byte, 1,536 bytes of their own, and the other's 1,536 back:
//
//	client                     server
//	C0 version (3)     ──▶
//	C1 time 0 random   ──▶
//	                   ◀──     S0 version (3)
//	                   ◀──     S1 time 0 random
//	                   ◀──     S2 = C1
//	C2 = S1            ──▶
//
// This is the simple handshake: the zero field of C1 and S1 says so, and every peer of today falls back to it. The
// digest variant of Flash Player 9 proves nothing and is not spoken.
const (
	handshakeVersion = 3
	handshakeSize    = 1536
	digestOffset     = 8 // time and zero fields come first
)

// Hello is C0 and C1, as a server has read them.
type Hello struct{ c1 [handshakeSize]byte }

// ReadHello reads the client's part of the handshake that comes first. The caller sets the deadline, for the whole of it.
func ReadHello(r io.Reader) (*Hello, error) {
	var version [1]byte
	if _, err := io.ReadFull(r, version[:]); err != nil {
		return nil, fmt.Errorf("read C0: %w", err)
	}
	if err := checkVersion(version[0]); err != nil {
		return nil, err
	}
	var h Hello
	if _, err := io.ReadFull(r, h.c1[:]); err != nil {
		return nil, fmt.Errorf("read C1: %w", err)
	}
	return &h, nil
}

// Answer plays the rest of the server's part.
func (h *Hello) Answer(rw io.ReadWriter) error {
	reply := make([]byte, 0, 1+2*handshakeSize)
	reply = append(reply, handshakeVersion)
	reply = appendRandom(reply)
	reply = append(reply, h.c1[:]...)
	if _, err := rw.Write(reply); err != nil {
		return fmt.Errorf("write S0, S1 and S2: %w", err)
	}
	// C2 is read and not compared: some encoders send anything.
	if _, err := io.ReadFull(rw, h.c1[:]); err != nil {
		return fmt.Errorf("read C2: %w", err)
	}
	return nil
}

// OfferHandshake plays the client's part. The caller sets the deadline, for the whole of it.
func OfferHandshake(rw io.ReadWriter) error {
	hello := make([]byte, 0, 1+handshakeSize)
	hello = append(hello, handshakeVersion)
	hello = appendRandom(hello)
	if _, err := rw.Write(hello); err != nil {
		return fmt.Errorf("write C0 and C1: %w", err)
	}
	var reply [1 + 2*handshakeSize]byte
	if _, err := io.ReadFull(rw, reply[:1]); err != nil {
		return fmt.Errorf("read S0: %w", err)
	}
	if err := checkVersion(reply[0]); err != nil {
		return err
	}
	if _, err := io.ReadFull(rw, reply[1:]); err != nil {
		return fmt.Errorf("read S1 and S2: %w", err)
	}
	if _, err := rw.Write(reply[1 : 1+handshakeSize]); err != nil {
		return fmt.Errorf("write C2: %w", err)
	}
	return nil
}

// appendRandom appends C1 or S1: 4 bytes of time (zero: nobody uses it), 4 zero bytes, and random ones.
func appendRandom(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, handshakeSize)...)
	_, _ = rand.Read(dst[start+digestOffset:]) // never fails, see crypto/rand
	return dst
}

// checkVersion refuses what is not RTMP in words that name the usual mistakes.
func checkVersion(v byte) error {
	switch {
	case v == handshakeVersion:
		return nil
	case v == 6:
		return &wire.UnsupportedError{Format: "rtmp handshake", Msg: "RTMPE (version 6): use rtmps instead"}
	case v == 0x16:
		return &wire.SyntaxError{Format: "rtmp handshake", Msg: "the peer speaks TLS on a plain RTMP port: use its rtmp:// URL, or our rtmps port"}
	case bytes.IndexByte([]byte("GPHOCDT"), v) >= 0:
		return &wire.SyntaxError{Format: "rtmp handshake", Msg: "the peer speaks HTTP on an RTMP port"}
	}
	return &wire.SyntaxError{Format: "rtmp handshake", Msg: fmt.Sprintf("version %d, want 3: this is no RTMP peer", v)}
}
