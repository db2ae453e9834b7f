package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/simulcart/simulcart/media"
)

// ErrVersion says that a message is of a version that this program does not know; a receiver ignores it.
var ErrVersion = errors.New("overlay: a message of another version than 1")

// Message is one copy of a state as the convention carries it: in one view, on the clock of one carrier.
type Message struct {
	Version int           `json:"v"`
	Stream  string        `json:"stream"`         // session id, at most 16 of A-Za-z0-9_-
	Seq     int64         `json:"seq"`            // 1 to 2^53-1
	At      int64         `json:"at"`             // media time from which the state holds, 90 kHz ticks
	Now     int64         `json:"now"`            // media time of the frame that carries this copy; above At in a repeat
	Late    bool          `json:"late,omitempty"` // the wanted media time had passed
	Show    []MessageCard `json:"show"`           // at most MaxCards; empty: nothing is visible
	Meta    string        `json:"meta,omitempty"` // a text of the sender's own, at most MaxMeta bytes
}

// MessageCard is one card of a message.
type MessageCard struct {
	Slot    string         `json:"slot"`
	Until   int64          `json:"until,omitempty"` // when it ends by itself, 90 kHz ticks; 0: not before it is changed
	Pos     Position       `json:"pos"`
	Style   string         `json:"style"`
	Product MessageProduct `json:"product"`
}

// MessageProduct is a product as one view shows it. Empty members were left out.
type MessageProduct struct {
	ID      string       `json:"id"`
	Title   string       `json:"title"`
	Variant string       `json:"variant,omitempty"`
	Price   *Money       `json:"price,omitempty"`
	Was     *Money       `json:"was,omitempty"`
	Avail   Availability `json:"avail,omitempty"`
	Stock   *int64       `json:"stock,omitempty"`
	Link    string       `json:"link"`
	Image   string       `json:"image,omitempty"`
	GTIN    string       `json:"gtin,omitempty"`
	Lang    string       `json:"lang,omitempty"`
}

// IsMessage says whether data looks like a message of the convention, of whatever version, sound or not: a JSON object with v and
// seq.
func IsMessage(data []byte) bool {
	var o struct {
		V   json.RawMessage `json:"v"`
		Seq json.RawMessage `json:"seq"`
	}
	return json.Unmarshal(data, &o) == nil && o.V != nil && o.Seq != nil
}

// ParseMessage reads a message of the convention. Members that it does not know are ignored; a message of another version is
// [ErrVersion], one above MaxWireState a [*SizeError], one that breaks a rule [Faults].
func ParseMessage(data []byte) (*Message, error) {
	if len(data) > MaxWireState {
		return nil, &SizeError{"state", len(data), MaxWireState}
	}
	var version struct {
		V *int `json:"v"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, Faults{{"message", "is no JSON object: " + err.Error(), "must be one"}}
	}
	if version.V == nil || *version.V != 1 {
		return nil, ErrVersion
	}
	m := &Message{}
	if err := json.Unmarshal(data, m); err != nil {
		var faults Faults
		if errors.As(err, &faults) {
			return nil, err
		}
		return nil, Faults{{"message", "cannot be read: " + err.Error(), "must be as the convention says"}}
	}
	if faults := m.validate(); len(faults) > 0 {
		return nil, faults
	}
	return m, nil
}

func (m *Message) validate() (fs Faults) {
	if !isToken(m.Stream, streamChars, 16) {
		fs = append(fs, &Fault{"stream", "is " + quote(m.Stream), "must be 1 to 16 of A-Z a-z 0-9 _ -"})
	}
	if m.Seq < 1 || m.Seq > maxSeq {
		fs = append(fs, &Fault{"seq", fmt.Sprintf("is %d", m.Seq), "must be 1 to 2^53-1"})
	}
	if m.Now < m.At {
		fs = append(fs, &Fault{"now", fmt.Sprintf("is %d, before at", m.Now), "must be at or later"})
	}
	if len(m.Meta) > MaxMeta {
		fs = append(fs, &Fault{"meta", fmt.Sprintf("has %d bytes", len(m.Meta)), fmt.Sprintf("must have at most %d", MaxMeta)})
	}
	if len(m.Show) > MaxCards {
		fs = append(fs, &Fault{"show", fmt.Sprintf("has %d cards", len(m.Show)), fmt.Sprintf("must have at most %d", MaxCards)})
		return fs
	}
	slots := make(map[string]bool, len(m.Show))
	for i := range m.Show {
		c := &m.Show[i]
		where := fmt.Sprintf("show[%d]", i)
		if slots[c.Slot] {
			fs = append(fs, &Fault{where + ".slot", "is " + quote(c.Slot) + " again", "must be another one for each card"})
		}
		slots[c.Slot] = true
		if err := (&Change{Action: Show, Product: c.Product.ID, Slot: c.Slot, Style: c.Style, Pos: &c.Pos}).Validate(); err != nil || c.Slot == "" {
			fs = append(fs, &Fault{where, fmt.Sprintf("cannot be shown: %v", err), "must have a product, a slot and a style"})
		}
		if f := linkFault(where+".product.link", c.Product.Link, MaxWireLink); f != nil {
			fs = append(fs, f)
		}
	}
	return fs
}

// Card gives the change that shows the card from the media time at on, with the product as the message has it; Faults where
// nothing can show it, such as a product without a price.
func (c *MessageCard) Card(at int64) (Change, error) {
	change := Change{
		Action: Show, Product: c.Product.ID, Given: c.Product.product(), Slot: c.Slot, Style: c.Style, Pos: &c.Pos,
		When: When{Clock: Media, Media: media.FromTicks(at, wireClock)},
	}
	if c.Until > 0 {
		change.TTL = max(minTTL, time.Duration(media.FromTicks(c.Until-at, wireClock)))
	}
	return change, change.Given.Validate()
}

// product gives the product as a catalog has it.
func (p *MessageProduct) product() *Product {
	lang := p.Lang
	if lang == "" {
		lang = "und"
	}
	full := &Product{ID: p.ID, Title: []Text{{lang, p.Title}}, Avail: p.Avail, Stock: p.Stock, Link: p.Link, Image: p.Image, GTIN: p.GTIN}
	if p.Variant != "" {
		full.Variant = []Text{{lang, p.Variant}}
	}
	if p.Price != nil {
		full.Price = []Money{*p.Price}
	}
	if p.Was != nil {
		full.Was = []Money{*p.Was}
	}
	full.Normalize()
	return full
}
