//go:build !linux

package rtc

import (
	"errors"
	"net"
)

// segmented says that the kernel cuts no datagrams.
func segmented(*net.UDPConn) error { return errors.ErrUnsupported }

func appendSegment(dst []byte, _ int) []byte { return dst }

func refused(error) bool { return true }
