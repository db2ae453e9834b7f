// Package relay holds the streams of the node: one publisher writes a stream, many readers read it.
//
// A stream is a log, an output is a cursor. The flow:
//
//  1. [Publisher.WriteFrame] appends a frame to the window of the session and drops from the other end what the bounds in
//     time and bytes do not hold. It never waits for a reader.
//  2. It wakes the readers that wait, one by one. A reader that is busy costs the publisher nothing. Readers may wait together for more than
//     one frame: for the time that they collect ([Reader.Collect]), or for the next picture ([Reader.GatherSound]).
//  3. [Reader.Next] hands over the frames behind the reader's position, as many as fit. A reader that is later than its
//     bound, or whose position has left the window, jumps to a group start that is newer, and is told what it skipped.
//  4. [Derived.At] gives what several outputs need of a frame, such as its bytes on the wire: made by the first that asks,
//     kept beside the frame, and gone with it.
//
// The window is the only buffer: there is one copy of a frame for all outputs. It is cut into groups, runs of frames that
// a decoder can start at. A group starts at each frame with Key set, with two exceptions: a key frame right behind a key
// frame of an overlay track belongs to the group that the overlay is in, and the first group of a session begins with
// its first frame, whatever that is, and takes in the first key frame.
//
// A stream that others make of something else, such as a rendition of another stream, may be on demand: the hub runs its [Source] from
// the first reader on, or the first who waits for a session, and ends it some time after the last.
//
// One mutex per stream guards the stream, its sessions, publishers and readers. Nothing waits, logs or calls out while it
// is held.
package relay

import (
	"errors"
	"time"
)

// The bounds where none are given.
const (
	DefaultMaxAge   = 10 * time.Second // of a stream's window
	DefaultMaxBytes = 32 << 20         // of a stream's window
	DefaultMaxLag   = 8 * time.Second  // of a reader
	DefaultLinger   = 10 * time.Second // of what feeds a stream that nobody wants any more
)

var (
	// ErrFenced says that a publisher may not write any more: another one took the stream over, or it has left.
	ErrFenced = errors.New("relay: another publisher has the stream")
	// ErrEnded says that the session is over: nothing can be written, or everything has been read.
	ErrEnded = errors.New("relay: the session has ended")
	// ErrRemoved says that the stream is no longer in its hub and will have no session again.
	ErrRemoved = errors.New("relay: the stream was removed")
	// ErrClosed says that the reader was closed.
	ErrClosed = errors.New("relay: the reader is closed")
)
