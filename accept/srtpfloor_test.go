//go:build linux

package accept_test

import (
	"crypto/aes"
	"crypto/cipher"
	bigendian "encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// What a packet of the viewers has: a header, a payload that is nearly as large as they may be, and the tag.
const (
	floorHeader  = 12
	floorPayload = 1160
	floorPackets = 1_000_000_000 / 8 / floorPayload
)

// srtpFloor gives the CPU time for each Gbit of payload that AES-128-GCM alone costs (RFC 7714), and AES-128-GCM with one sendto for each
// packet, to a socket that is read.
func srtpFloor(t *testing.T) (encrypted, sent time.Duration) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	go func() {
		buf := make([]byte, 2048)
		for {
			if _, _, err := sink.ReadFromUDPAddrPort(buf); err != nil {
				return
			}
		}
	}()
	source, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	to := netip.MustParseAddrPort(sink.LocalAddr().String())
	header, payload, nonce := make([]byte, floorHeader), make([]byte, floorPayload), make([]byte, gcm.NonceSize())
	packet := make([]byte, 0, floorHeader+floorPayload+gcm.Overhead())
	measure := func(send bool) time.Duration {
		before := threadCPU(t)
		for n := range uint64(floorPackets) {
			bigendian.BigEndian.PutUint64(nonce[4:], n)
			packet = gcm.Seal(append(packet[:0], header...), nonce, payload, header)
			if !send {
				continue
			}
			if _, err := source.WriteToUDPAddrPort(packet, to); err != nil {
				t.Fatal(err)
			}
		}
		return threadCPU(t) - before
	}
	return measure(false), measure(true)
}

// threadCPU gives what this thread has used.
func threadCPU(t *testing.T) time.Duration {
	t.Helper()
	const thisThread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thisThread, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
