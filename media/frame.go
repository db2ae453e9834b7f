package media

// Frame is one access unit of video, one frame of sound, or one overlay state. It is immutable once written and shared
// by every output: nobody writes into Data.
type Frame struct {
	Track *Track
	PTS   Time   // when it is shown
	DTS   Time   // when it is decoded; at most PTS; equal to PTS for sound; an overlay has the times of the frame it stands in front of
	Key   bool   // a group may start here: a decoder can start at this frame
	Data  []byte // layout by codec, see [Codec]
}

// Writer takes frames, in decode order across all tracks. A stage of the flow is a Writer in front of a Writer.
type Writer interface {
	// WriteFrame hands f over: the caller must not change f afterwards.
	WriteFrame(f *Frame) error
}
