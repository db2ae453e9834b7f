package overlay

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/media"
)

// State is all that is visible from one media time on, in the neutral form: all currencies, all languages. It replaces the
// state with the next lower Seq, and is immutable. Its encoded form is the Data of an overlay frame.
type State struct {
	Stream string     `json:"stream"`         // the session's public id: at most 16 of A-Za-z0-9_-
	Seq    int64      `json:"seq"`            // 1 to 2^53-1, rising with At within a session; 0: not written
	At     media.Time `json:"at"`             // from when it holds: the PTS of the frame that it stands in front of, in ns
	Late   bool       `json:"late,omitempty"` // a wanted media time had passed already
	Meta   string     `json:"meta,omitempty"` // a text of the caller's own, at most MaxMeta bytes; in the first copy alone
	Cards  []Card     `json:"show"`           // at most MaxCards, by slot; empty: nothing is visible
}

// Card is one product on the picture.
type Card struct {
	Cue     string     `json:"cue"`             // the change that showed it
	Slot    string     `json:"slot"`            // at most 16 of a-z0-9-, unique within a state
	Pos     Position   `json:"pos"`             //
	Style   string     `json:"style"`           // at most 16 of a-z0-9-; its meaning is the renderer's
	From    media.Time `json:"from"`            // when it was shown, in ns
	Until   media.Time `json:"until,omitempty"` // when it ends by itself, in ns; 0: not before it is changed
	Product *Product   `json:"product"`
}

// maxSeq is the greatest integer that JSON carries everywhere.
const maxSeq = 1<<53 - 1

// version of the neutral form and of the wire's.
const version = 1

// stateForm is the JSON form of a state.
type stateForm struct {
	V int `json:"v"`
	State
}

// EncodeState gives the neutral form of s, JSON. The error is [*SizeError].
func EncodeState(s *State) ([]byte, error) {
	form := stateForm{V: version, State: *s}
	if form.Cards == nil {
		form.Cards = []Card{}
	}
	data := encode(&form)
	if len(data) > MaxStateBytes {
		return nil, &SizeError{"state", len(data), MaxStateBytes}
	}
	return data, nil
}

// ParseState reads the neutral form, and checks all of it. Members that it does not know are ignored.
func ParseState(data []byte) (*State, error) {
	if len(data) > MaxStateBytes {
		return nil, &SizeError{"state", len(data), MaxStateBytes}
	}
	var form stateForm
	if err := json.Unmarshal(data, &form); err != nil {
		return nil, fmt.Errorf("read overlay state: %w", err)
	}
	if form.V != version {
		return nil, &Fault{"v", "is " + strconv.Itoa(form.V), "must be 1"}
	}
	if err := form.validate(); err != nil {
		return nil, fmt.Errorf("read overlay state: %w", err)
	}
	return &form.State, nil
}

func (s *State) validate() error {
	switch {
	case !isToken(s.Stream, streamChars, 16):
		return &Fault{"stream", "is " + quote(s.Stream), "must be 1 to 16 of A-Za-z0-9_-"}
	case s.Seq < 1 || s.Seq > maxSeq:
		return &Fault{"seq", "is " + strconv.FormatInt(s.Seq, 10), "must be 1 to 2^53-1"}
	case !isTime(s.At):
		return timeFault("at", s.At)
	case s.Cards == nil:
		return &Fault{"show", "is missing", "must be a list of cards"}
	case len(s.Cards) > MaxCards:
		return &Fault{"show", fmt.Sprintf("has %d cards", len(s.Cards)), fmt.Sprintf("must have at most %d", MaxCards)}
	}
	for i := range s.Cards {
		for _, other := range s.Cards[:i] {
			if other.Slot == s.Cards[i].Slot {
				return &Fault{fmt.Sprintf("show[%d].slot", i), "is " + quote(other.Slot) + " again", "must be different for each card"}
			}
		}
		if err := s.Cards[i].validate(fmt.Sprintf("show[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Card) validate(at string) error {
	switch {
	case !isToken(c.Cue, streamChars, maxCueID):
		return &Fault{at + ".cue", "is " + quote(c.Cue), cueRule}
	case !isToken(c.Slot, slotChars, 16):
		return &Fault{at + ".slot", "is " + quote(c.Slot), slotRule}
	case !isToken(c.Style, slotChars, 16):
		return &Fault{at + ".style", "is " + quote(c.Style), slotRule}
	case c.Pos.fault() != nil:
		return c.Pos.fault()
	case !isTime(c.From):
		return timeFault(at+".from", c.From)
	case !isTime(c.Until):
		return timeFault(at+".until", c.Until)
	case c.Product == nil:
		return &Fault{at + ".product", "is missing", "must be a product"}
	}
	if err := c.Product.Validate(); err != nil {
		return fmt.Errorf("%s.product: %w", at, err)
	}
	return nil
}

// maxTime bounds media times: a session is shorter, and its ticks fit JSON's integers.
const maxTime = media.Time(100 * 24 * 3600 * 1e9)

func isTime(t media.Time) bool { return t >= -maxTime && t <= maxTime }

func timeFault(field string, t media.Time) *Fault {
	return &Fault{field, "is " + t.String(), "must be a media time within 100 days"}
}

// Characters of tokens.
const (
	slotChars   = "abcdefghijklmnopqrstuvwxyz0123456789-"
	streamChars = slotChars + "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	slotRule    = "must be 1 to 16 of a-z0-9-"
	maxCueID    = 64
	cueRule     = "must be 1 to 64 of A-Za-z0-9_-"
)

// isToken says whether s is 1 to most of chars.
func isToken(s, chars string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, chars) == ""
}
