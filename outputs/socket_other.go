//go:build !linux

package outputs

import "net"

// tune sets nothing where the options do not exist.
func tune(int) error { return nil }

// waiting does not know: what was written counts as taken.
func waiting(net.Conn) (unacked, unsent int, ok bool) { return 0, 0, false }

// acked does not know: only writes that are done count as progress.
func acked(net.Conn) (bytes uint64, ok bool) { return 0, false }
