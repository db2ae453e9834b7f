package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// change reads the request's words.
func (b *ChangeBody) change() (overlay.Change, error) {
	c := overlay.Change{Product: b.Product, Slot: b.Slot, Style: b.Style, Strict: b.Strict}
	if err := c.Action.UnmarshalText([]byte(b.Action)); err != nil {
		return c, err
	}
	if b.Pos != nil {
		c.Pos = &b.Pos.Position
	}
	if b.TTL != "" {
		ttl, err := time.ParseDuration(b.TTL)
		if err != nil {
			return c, overlay.Faults{{Field: "ttl", Fault: fmt.Sprintf("is %.20q", b.TTL), Rule: "must be a time with its unit, such as 30s"}}
		}
		c.TTL = ttl
	}
	if b.At != nil {
		c.When = b.At.When
	}
	return c, c.Validate()
}

// Position is where a card stands: a name, or [x,y,w,h] in thousandths of the picture.
type Position struct{ overlay.Position }

// Schema describes it; huma asks.
func (Position) Schema(huma.Registry) *huma.Schema {
	names := []any{
		"top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right", "lower-third",
	}
	four := 4
	return &huma.Schema{
		Description: "where the card stands: a name, or [x,y,w,h] in thousandths of the picture; default: lower-third",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Enum: names},
			{Type: huma.TypeArray, MinItems: &four, MaxItems: &four, Items: &huma.Schema{Type: huma.TypeInteger}},
		},
	}
}

// When is the time of a change: "now", "seen", {"media": ticks} or {"wall": "…"}.
type When struct{ overlay.When }

// Schema describes it; huma asks.
func (When) Schema(huma.Registry) *huma.Schema {
	object := func(name, format, doc string, kind string) *huma.Schema {
		return &huma.Schema{
			Type: huma.TypeObject, Required: []string{name}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{name: {Type: kind, Format: format, Description: doc}},
		}
	}
	s := &huma.Schema{
		Description: "now: with the next picture (the default). seen: as of what the creator has before her, which comes later by the stream's encoder_delay_seconds. media: a media time of the session. wall: a time of day.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Enum: []any{"now", "seen"}},
			object("media", "int64", "90 kHz ticks from the session's first picture", huma.TypeInteger),
			object("wall", "date-time", "RFC 3339", huma.TypeString),
		},
	}
	for _, o := range s.OneOf {
		o.PrecomputeMessages()
	}
	return s
}

// MarshalJSON gives the form of the API.
func (w When) MarshalJSON() ([]byte, error) {
	switch w.Clock {
	case overlay.Seen:
		return []byte(`"seen"`), nil
	case overlay.Media:
		return fmt.Appendf(nil, `{"media":%d}`, w.Media.Ticks(ticks)), nil
	case overlay.Wall:
		return json.Marshal(map[string]time.Time{"wall": w.Wall})
	case overlay.Now:
	}
	return []byte(`"now"`), nil
}

// UnmarshalJSON reads the form of the API.
func (w *When) UnmarshalJSON(data []byte) error {
	fault := overlay.Faults{{Field: "at", Fault: "is something else", Rule: `must be "now", "seen", {"media": ticks} or {"wall": "2026-11-22T20:00:00Z"}`}}
	switch string(data) {
	case `"now"`, "null":
		w.When = overlay.When{}
		return nil
	case `"seen"`:
		w.When = overlay.When{Clock: overlay.Seen}
		return nil
	}
	var o struct {
		Media *int64     `json:"media"`
		Wall  *time.Time `json:"wall"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil || (o.Media == nil) == (o.Wall == nil) {
		return fault
	}
	if o.Wall != nil {
		w.When = overlay.When{Clock: overlay.Wall, Wall: *o.Wall}
		return nil
	}
	w.When = overlay.When{Clock: overlay.Media, Media: media.FromTicks(*o.Media, ticks)}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
