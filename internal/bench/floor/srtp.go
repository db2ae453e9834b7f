//go:build linux

package floor

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/simulcart/simulcart/internal/bench/peer"
)

// SRTP reads one RTMP publisher and has viewers over UDP, each with a key of its own, as WHEP has them: each frame is cut into packets
// once, encrypted for each viewer, and sent. A viewer asks for the stream with any datagram; nobody can decrypt what it gets, since
// nobody learns the keys.
type SRTP struct {
	Segments bool // the kernel cuts datagrams (UDP_SEGMENT): a run of packets of one size is one call

	packer packer
	fan    fan
}

// Run serves publisher and viewers until ctx ends.
func (f *SRTP) Run(ctx context.Context, publishers net.Listener, viewers *net.UDPConn) error {
	f.packer.payload = datagram - peer.RTPHeader
	defer f.fan.close()
	defer context.AfterFunc(ctx, func() { _ = viewers.Close() })()
	_ = viewers.SetWriteBuffer(socketBuffer) // as much as the kernel gives
	var serving sync.WaitGroup
	serving.Go(func() { f.listen(viewers) })
	err := accept(ctx, publishers, func(nc net.Conn) { f.packer.pass(nc, &f.fan) })
	_ = viewers.Close()
	serving.Wait()
	return err
}

const (
	datagram     = 1200 // bytes of a packet before it is encrypted
	socketBuffer = 4 << 20
)

// listen adds each viewer that speaks.
func (f *SRTP) listen(viewers *net.UDPConn) {
	known := make(map[netip.AddrPort]bool)
	buffer := make([]byte, 64)
	for {
		_, from, err := viewers.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || known[from] { // an error is of a viewer that is gone
			continue
		}
		known[from] = true
		o, err := newEncrypted(viewers, from, f.Segments)
		if err != nil {
			return
		}
		f.fan.add(o)
	}
}

// encrypted sends packets to one viewer, by AES-128-GCM (RFC 7714).
type encrypted struct {
	conn     *net.UDPConn
	to       netip.AddrPort
	segments bool

	aead  cipher.AEAD
	salt  [12]byte
	out   []byte // packets behind each other
	sizes []int  // of them
}

func newEncrypted(conn *net.UDPConn, to netip.AddrPort, segments bool) (*encrypted, error) {
	e := &encrypted{conn: conn, to: to, segments: segments}
	var key [16]byte
	_, _ = rand.Read(key[:])    // never fails, see crypto/rand
	_, _ = rand.Read(e.salt[:]) //
	block, err := aes.NewCipher(key[:])
	if err == nil {
		e.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return e, nil
}

// write sends the packets of frames. What the kernel has no room for is lost, as on any network.
func (e *encrypted) write(b batch) error {
	e.out, e.sizes = e.out[:0], e.sizes[:0]
	for _, frame := range b.messages {
		for len(frame) > 4 {
			n := 4 + int(binary.BigEndian.Uint16(frame[2:]))
			e.seal(frame[4:n])
			frame = frame[n:]
		}
	}
	e.send()
	return nil
}

// seal encrypts one packet behind the others (RFC 7714 §8.1; the rollover counter stays 0, since runs are short).
func (e *encrypted) seal(packet []byte) {
	nonce := e.salt
	for i, b := range packet[8:12] { // SSRC
		nonce[2+i] ^= b
	}
	nonce[10] ^= packet[2] // sequence number
	nonce[11] ^= packet[3]
	start := len(e.out)
	e.out = append(e.out, packet[:peer.RTPHeader]...)
	e.out = e.aead.Seal(e.out, nonce[:], packet[peer.RTPHeader:], packet[:peer.RTPHeader])
	e.sizes = append(e.sizes, len(e.out)-start)
}

// mostSegments is how many datagrams the kernel cuts from one call, at the sizes here: 64 KiB in all.
const mostSegments = 50

// send sends what is encrypted: each packet by itself, or each run of one size, with a shorter one behind it, at once.
func (e *encrypted) send() {
	out := e.out
	for i := 0; i < len(e.sizes); {
		size, run := e.sizes[i], 1
		total := size
		for e.segments && run < mostSegments && i+run < len(e.sizes) && e.sizes[i+run-1] == size && e.sizes[i+run] <= size {
			total += e.sizes[i+run]
			run++
		}
		if run == 1 {
			_, _ = e.conn.WriteToUDPAddrPort(out[:total], e.to)
		} else {
			_, _, _ = e.conn.WriteMsgUDPAddrPort(out[:total], segment(size), e.to)
		}
		out = out[total:]
		i += run
	}
}

func (e *encrypted) close() {}

// segment is the control message that lets the kernel cut datagrams of a size (udp(7), UDP_SEGMENT), on machines of 64 bits.
func segment(size int) []byte {
	const header, level, kind = 16, 17, 103 // SOL_UDP, UDP_SEGMENT
	b := make([]byte, header+8)
	binary.NativeEndian.PutUint64(b, header+2)
	binary.NativeEndian.PutUint32(b[8:], level)
	binary.NativeEndian.PutUint32(b[12:], kind)
	binary.NativeEndian.PutUint16(b[header:], uint16(size))
	return b
}
