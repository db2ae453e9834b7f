package overlay

import "github.com/simulcart/simulcart/media"

// Injector writes a stream's overlay states into its log: a stage in front of the stream's publisher, whose frames are on the
// stream's own timeline already. One goroutine at a time writes to the injectors of a timeline; a publisher that takes the
// stream over has its own, in front of its own writer, and the timeline goes on.
//
// Where the state changes, or a group starts, an overlay frame with the frame's PTS and DTS goes in front of it. All other
// frames pass at the cost of a lock that nobody holds.
type Injector struct {
	Next     media.Writer
	Timeline *Timeline
}

// WriteFrame hands f on, behind the state that belongs in front of it. Errors are those of Next; where it does not take the
// state, the state's changes wait for the next frame, by whichever injector.
func (in *Injector) WriteFrame(f *media.Frame) error {
	if state := in.Timeline.before(f); state != nil {
		err := in.Next.WriteFrame(state)
		in.Timeline.after(err == nil)
		if err != nil {
			return err
		}
	}
	return in.Next.WriteFrame(f)
}
