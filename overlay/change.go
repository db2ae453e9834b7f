package overlay

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/simulcart/simulcart/media"
)

// Action is what a change does. The set is closed.
type Action uint8

// The actions.
const (
	Show     Action = iota // puts a product into a slot, in place of what is there
	Update                 // changes place, style or time of what is shown, which stays the same cue
	Hide                   // empties a slot
	Clear                  // empties all slots
	Annotate               // gives the next state a text of the caller's own, once
	refresh                // internal: the catalog has a new version of a product that is shown, or none any more
	actions
)

var actionNames = [actions]string{"show", "update", "hide", "clear", "annotate", "refresh"}

// String gives the name in the API.
func (a Action) String() string { return nameOf(actionNames[:], uint8(a)) }

// MarshalText gives the name in the API.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the name of a change to what is visible, as the API has it.
func (a *Action) UnmarshalText(text []byte) error {
	return readName(actionNames[:Annotate], text, (*uint8)(a))
}

// Clock says how a change names its time. The set is closed.
type Clock uint8

// The clocks.
const (
	Now   Clock = iota // the next frame that is newer than all before it
	Seen               // the newest picture, plus the encoder's delay: what the creator has before her
	Media              // a media time of the session
	Wall               // a time of day
)

// When is the time of a change. The zero value is now.
type When struct {
	Clock Clock
	Media media.Time // for Media
	Wall  time.Time  // for Wall: becomes a media time by the line of [Timeline.SetWall], and waits until there is one
}

// Change is what a caller wants done to what is visible.
type Change struct {
	ID      string        // 1 to 64 of A-Za-z0-9_-; a change with an id that was taken before is the same change; empty: one is made
	Action  Action        //
	Product string        // for Show: which; for Update and Hide, where there is no Slot: the slots that show it
	Given   *Product      // for Show: the product itself; nil: the catalog's
	Slot    string        // at most 16 of a-z0-9-; empty: "main", or by the product
	Pos     *Position     // nil: the lower third, for Update what it was
	Style   string        // at most 16 of a-z0-9-; empty: "card", for Update what it was
	TTL     time.Duration // how long from the frame on, 200 ms to 24 h; 0: until changed, for Update as before
	When    When          //
	Strict  bool          // rather not at all than late
	Text    string        // for Annotate: 1 to MaxMeta bytes of UTF-8
}

const (
	minTTL       = 200 * time.Millisecond // a card is on one frame at least
	maxTTL       = 24 * time.Hour
	defaultSlot  = "main"
	defaultStyle = "card"
)

// Validate gives [Faults] where the change breaks a rule of its own.
func (c *Change) Validate() error {
	var fs Faults
	check := func(ok bool, field, fault, rule string) {
		if !ok {
			fs = append(fs, &Fault{field, fault, rule})
		}
	}
	check(c.ID == "" || isToken(c.ID, streamChars, maxCueID), "id", "is "+quote(c.ID), cueRule)
	check(c.Action < refresh, "action", "is unknown", "must be show, update, hide, clear or annotate")
	check(c.Action != Show || c.Product != "", "product", "is missing", "must be a product's id")
	check(len(c.Product) <= maxID, "product", "has "+strconv.Itoa(len(c.Product))+" bytes", "must be a product's id")
	if c.Action == Annotate {
		check(utf8.ValidString(c.Text), "metadata", "is no UTF-8", "must be text")
		check(c.Text != "" && len(c.Text) <= MaxMeta, "metadata", "has "+strconv.Itoa(len(c.Text))+" bytes", "must have 1 to "+strconv.Itoa(MaxMeta))
	}
	check(c.Slot == "" || isToken(c.Slot, slotChars, 16), "slot", "is "+quote(c.Slot), slotRule)
	if c.Pos != nil {
		if f := c.Pos.fault(); f != nil {
			fs = append(fs, f)
		}
	}
	check(c.Style == "" || isToken(c.Style, slotChars, 16), "style", "is "+quote(c.Style), slotRule)
	check(c.TTL == 0 || c.TTL >= minTTL && c.TTL <= maxTTL, "ttl", "is "+c.TTL.String(), "must be 200ms to 24h, or 0s")
	check(c.When.Clock <= Wall, "at", "is unknown", "must be now, seen, a media time or a wall-clock time")
	check(c.When.Clock != Media || isTime(c.When.Media), "at.media", "is "+c.When.Media.String(), "must be a media time within 100 days")
	check(c.When.Clock != Wall || !c.When.Wall.IsZero(), "at.wall", "is missing", "must be a time")
	return fs.orNil()
}

// same says whether two changes ask for the same.
func (c *Change) same(other *Change) bool {
	a, b := *c, *other
	at, bt := a.When.Wall, b.When.Wall
	posSame := a.Pos == b.Pos || a.Pos != nil && b.Pos != nil && *a.Pos == *b.Pos
	a.Pos, b.Pos, a.When.Wall, b.When.Wall = nil, nil, time.Time{}, time.Time{}
	return posSame && at.Equal(bt) && a == b
}

// Progress is how far a change has come. The set is closed:
//
//	Pending ─▶ Written
//	   ├─────▶ Cancelled   deleted before
//	   ├─────▶ Refused     its time had passed and it was strict, its product was gone, or four slots were taken
//	   └─────▶ Ended       the session ended before
type Progress uint8

// The states of a change.
const (
	Pending Progress = iota
	Written
	Cancelled
	Refused
	Ended
)

var progressNames = [...]string{"pending", "written", "cancelled", "refused", "ended"}

// String gives the name in the API.
func (p Progress) String() string { return nameOf(progressNames[:], uint8(p)) }

// MarshalText gives the name in the API.
func (p Progress) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Receipt says which frame took a change.
type Receipt struct {
	Seq   int64      // of the state
	At    media.Time // PTS of the frame, from which the state holds
	DTS   media.Time // of the frame
	Frame uint64     // the frame's number in decode order, within the session and its clock track, from 1
	Late  bool       // its wanted media time had passed
}

// Cue is a change that a timeline has taken, as it stands now.
type Cue struct {
	ID       string
	Action   Action
	Product  string
	Slot     string
	Pos      *Position
	Style    string
	When     When
	From     media.Time // the media time it is wanted for; once written, that of its frame; for changes that name none, 0 until then
	Until    media.Time // when it ends by itself; 0: until changed, or not written
	TTL      time.Duration
	Progress Progress
	Receipt  Receipt // once it is written
	Err      error   // why it was refused: ErrPast, ErrNoProduct, ErrSlots or ErrNotShown
}

// Ticket is the promise to carry out a change. It may be held by any number of goroutines.
type Ticket struct {
	timeline *Timeline
	change   *change
}

// ID is the cue's.
func (t *Ticket) ID() string { return t.change.ID }

// Done is closed once the change is no longer pending.
func (t *Ticket) Done() <-chan struct{} { return t.change.done }

// Cue gives the change as it stands now.
func (t *Ticket) Cue() Cue {
	t.timeline.mu.Lock()
	defer t.timeline.mu.Unlock()
	return t.change.cue()
}

// change is a change that a timeline has taken. The timeline's mutex guards it.
type change struct {
	Change
	order  uint64     // of arrival
	only   string     // internal hides: the cue to hide, wherever it is
	timed  bool       // it waits for a media time, rather than for the next frame
	due    media.Time // that time; never where it is not known yet
	missed bool       // the frame of its time came, and could not take it

	progress Progress
	from     media.Time
	until    media.Time
	receipt  Receipt
	err      error
	done     chan struct{}
}

// never is the due time of what waits for a clock.
const never = media.Time(1<<63 - 1)

func (c *change) cue() Cue {
	got := Cue{
		ID: c.ID, Action: c.Action, Product: c.Product, Slot: c.Slot, Pos: c.Pos, Style: c.Style, When: c.When, From: c.from, Until: c.until,
		TTL: c.TTL, Progress: c.progress, Receipt: c.receipt, Err: c.err,
	}
	if c.progress == Pending && c.timed && c.due != never {
		got.From = c.due
	}
	return got
}

// finish ends the change's wait.
func (c *change) finish(p Progress, err error) {
	c.progress, c.err = p, err
	close(c.done)
}
