// Package wire holds what all wire formats share: how they report what they cannot read.
//
// Each format has a folder below this one, which turns bytes into values and back and does nothing else.
package wire

import "fmt"

// SyntaxError reports malformed input: bytes that break the format's own rules.
type SyntaxError struct {
	Format string // the format and part, such as "amf0" or "rtmp chunk"
	Offset int64  // where, in bytes from the start of the message (of the connection for rtmp), so that one can find it in a capture
	Msg    string // what is wrong, with the value that was seen
}

// Error gives "amf0: at byte 12: …".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: at byte %d: %s", e.Format, e.Offset, e.Msg)
}

// UnsupportedError reports valid input that simulcart does not do.
type UnsupportedError struct {
	Format string // the format and part
	Offset int64  // where, in bytes, as in [SyntaxError]
	Msg    string // what is not done, and what to use instead where there is something
}

// Error gives "rtmp: at byte 0: not supported: …".
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: at byte %d: not supported: %s", e.Format, e.Offset, e.Msg)
}
