// Package overlay holds what a viewer sees laid over the picture: products, the cues that show them, and the state of all
// cues at one media time.
//
// The flow of a change:
//
//  1. a caller hands a [Change] to the [Timeline] of its stream ("show the red dress now"), and gets a [Ticket];
//  2. the [Injector], a stage in front of the stream's log, sees every frame. In front of the frame that a change belongs to
//     it writes an overlay frame, whose Data is the whole neutral [State]: all cards, all currencies, all languages. In
//     front of each key frame it writes the same state again;
//  3. the ticket is done, and says which frame took the change;
//  4. each output reads the overlay frame out of the log ([ParseState]), applies its [View] once, and writes the JSON of the
//     convention ([Shown.AppendJSON]) with the carriage of its protocol.
//
// A state is always whole and replaces the one before. Money is an integer of minor units everywhere, never a floating
// point number. Times on the wire are ticks of 90 kHz, those of the neutral form nanoseconds.
package overlay

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The limits. A neutral state always fits, since its cards and the size of a product are bounded.
const (
	MaxCards       = 4           // visible at once
	MaxStateBytes  = 64 << 10    // a neutral state, encoded
	MaxProduct     = 15 << 10    // a product in the catalog, as JSON, in bytes
	MaxProducts    = 10_000      // in one catalog
	MaxScheduled   = 1_000       // changes of one stream that wait
	MaxWireState   = 4096        // one state for one view, as JSON, in bytes
	MaxWireProduct = 880         // one product in it, in bytes
	MaxWireLink    = 200         // a link or image link in it, in bytes
	MaxWireTitle   = 80          // a title in it, in code points
	MaxWireVariant = 40          // a variant in it, in code points
	MaxMeta        = 1024        // a caller's own text, in bytes
	MaxAmount      = int64(1e12) // of minor units
)

// Rate of changes to one stream.
const (
	changeInterval = time.Second / 20
	changeBurst    = 50
)

// What a caller decides on. Values that break a rule are [Faults], sizes are [*SizeError], too many changes [*RateError].
var (
	ErrNoProduct = errors.New("overlay: no such product")
	ErrNoCue     = errors.New("overlay: no such cue, or it is over")
	ErrNotShown  = errors.New("overlay: nothing is shown there to update")
	ErrSlots     = errors.New("overlay: four slots are taken at that time: hide one first")
	ErrPast      = errors.New("overlay: that media time has passed")
	ErrMeta      = errors.New("overlay: that picture carries another text already: name another time")
	ErrConflict  = errors.New("overlay: another change has that id")
	ErrFull      = errors.New("overlay: too many changes wait: delete some")
)

// Fault is one value that breaks a rule.
type Fault struct {
	Field string // where: "price[1].amount"
	Fault string // what is wrong with the value: "is 24.99"
	Rule  string // what it must be: "must be an integer of minor units"
}

// Error gives "price[1].amount is 24.99: must be an integer of minor units".
func (f *Fault) Error() string { return f.Field + " " + f.Fault + ": " + f.Rule }

// Faults are all faults of one thing, at most one for each field, in the order of the fields.
type Faults []*Fault

// Error gives them in one line.
func (fs Faults) Error() string {
	said := make([]string, len(fs))
	for i, f := range fs {
		said[i] = f.Error()
	}
	return strings.Join(said, "; ")
}

// orNil is fs as an error that is nil where there are none.
func (fs Faults) orNil() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// SizeError says that something is larger than its limit.
type SizeError struct {
	What  string // "product", "state"
	Size  int    // bytes; where reading stopped early, the least it can be
	Limit int    // bytes
}

// Error gives "overlay: product of 20000 bytes, at most 15360".
func (e *SizeError) Error() string {
	return fmt.Sprintf("overlay: %s of %d bytes, at most %d", e.What, e.Size, e.Limit)
}

// RateError says that a stream has had too many changes.
type RateError struct {
	Retry time.Duration // when the next one is taken
}

// Error says the limit and when to come again.
func (e *RateError) Error() string {
	return fmt.Sprintf("overlay: more than 20 changes a second: try again in %v", e.Retry)
}
