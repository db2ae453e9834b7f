package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// overlayCommand is simulcart overlay.
type overlayCommand struct {
	Show   showCommand   `cmd:"" help:"Show a product over the picture."`
	Update updateCommand `cmd:"" help:"Change place, style or time of what is shown."`
	Hide   hideCommand   `cmd:"" help:"Take a product, or what is in a slot, off the picture."`
	Clear  clearCommand  `cmd:"" help:"Take everything off the picture."`
	State  stateCommand  `cmd:"" help:"Print what is shown, and what waits."`
	Cancel cancelCommand `cmd:"" help:"Take back a change that waits, or hide what it shows."`
	Tail   tailCommand   `cmd:"" help:"Read a stream as a partner does, and print each overlay state with its media time and the frame that it sits on."`
}

// changeFlags are common to all changes.
type changeFlags struct {
	server

	Slot   string `help:"The slot; by default main, or by the product."`
	At     string `default:"now" help:"When: now, seen (as of what the creator has before her), +5s from the newest picture, media:TICKS (90 kHz), or a time of day as in 2026-11-22T20:00:00Z."`
	Strict bool   `help:"Rather not at all than late."`
}

// cardFlags say how a product is shown.
type cardFlags struct {
	Pos   string        `help:"Where: top-left, top, top-right, left, center, right, bottom-left, bottom, bottom-right, lower-third, or x,y,w,h in thousandths of the picture."`
	Style string        `help:"How: a word that the renderers know, by default card."`
	TTL   time.Duration `name:"ttl" help:"How long, such as 30s; by default until it is changed."`
}

// changeOf is a change as the API takes it.
type changeOf struct {
	Action  string `json:"action"`
	Product string `json:"product,omitempty"`
	Slot    string `json:"slot,omitempty"`
	Pos     any    `json:"pos,omitempty"`
	Style   string `json:"style,omitempty"`
	TTL     string `json:"ttl,omitempty"`
	At      any    `json:"at,omitempty"`
	Strict  bool   `json:"strict,omitempty"`
}

// changeAnswer is what the API says of a change.
type changeAnswer struct {
	Cue      string
	Progress string
	Seq      *int64
	At       *int64
	Wall     *time.Time
	Frame    *uint64
	Late     bool
	Outputs  []struct{ Name, Carriage, State string }
}

// send asks for a change and prints what became of it.
func (f *changeFlags) send(ctx context.Context, out io.Writer, c changeOf) (err error) {
	c.Slot, c.Strict = f.Slot, f.Strict
	if c.At, err = f.when(ctx); err != nil {
		return err
	}
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the change: %w", err)
	}
	var got changeAnswer
	printed, err := f.ask(ctx, out, http.MethodPost, "/overlays", body, &got)
	if err != nil || printed {
		return err
	}
	return got.print(out)
}

// when reads --at.
func (f *changeFlags) when(ctx context.Context) (any, error) {
	later, relative := strings.CutPrefix(f.At, "+")
	tick, exact := strings.CutPrefix(f.At, "media:")
	switch {
	case f.At == "now" || f.At == "seen":
		return f.At, nil
	case relative:
		d, err := time.ParseDuration(later)
		if err != nil {
			return nil, fmt.Errorf("--at: %q is no time such as +5s", f.At)
		}
		quiet := f.server
		quiet.JSON = false
		var got struct{ Now int64 }
		if _, err := quiet.ask(ctx, io.Discard, http.MethodGet, "/overlays", nil, &got); err != nil {
			return nil, err
		}
		return map[string]int64{"media": got.Now + media.Time(d).Ticks(90_000)}, nil
	case exact:
		n, err := strconv.ParseInt(tick, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--at: %q is no number of ticks", tick)
		}
		return map[string]int64{"media": n}, nil
	}
	wall, err := time.Parse(time.RFC3339Nano, f.At)
	if err != nil {
		return nil, fmt.Errorf("--at: %q is none of now, seen, +5s, media:TICKS, 2026-11-22T20:00:00Z", f.At)
	}
	return map[string]time.Time{"wall": wall}, nil
}

// print says what became of a change, in one line for it and one for each output.
func (a *changeAnswer) print(out io.Writer) error {
	line := fmt.Sprintf("%s\t%s", a.Cue, a.Progress)
	if a.Seq != nil && a.At != nil && a.Frame != nil {
		line += fmt.Sprintf("\tstate %d at %s (%d), frame %d", *a.Seq, media.FromTicks(*a.At, 90_000), *a.At, *a.Frame)
	}
	if a.Late {
		line += ", late"
	}
	for _, o := range a.Outputs {
		line += fmt.Sprintf("\n  %s\t%s\t%s", o.Name, o.Carriage, o.State)
	}
	_, err := fmt.Fprintln(out, line)
	return err
}

// set puts the flags into a change.
func (c *cardFlags) set(to *changeOf) error {
	to.Style = c.Style
	if c.TTL != 0 {
		to.TTL = c.TTL.String()
	}
	if !strings.Contains(c.Pos, ",") {
		if c.Pos != "" {
			to.Pos = c.Pos
		}
		return nil
	}
	var box []int
	for part := range strings.SplitSeq(c.Pos, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("--pos: %q is no number", part)
		}
		box = append(box, n)
	}
	to.Pos = box
	return nil
}

// showCommand is simulcart overlay show.
type showCommand struct {
	changeFlags
	cardFlags

	Product string `arg:"" help:"The product's id."`
}

// Run shows the product.
func (c *showCommand) Run(ctx context.Context, out io.Writer) error {
	change := changeOf{Action: "show", Product: c.Product}
	if err := c.set(&change); err != nil {
		return err
	}
	return c.send(ctx, out, change)
}

// updateCommand is simulcart overlay update.
type updateCommand struct {
	changeFlags
	cardFlags

	Product string `arg:"" optional:"" help:"The product's id; absent where --slot says what is meant."`
}

// Run updates what is shown.
func (c *updateCommand) Run(ctx context.Context, out io.Writer) error {
	change := changeOf{Action: "update", Product: c.Product}
	if err := c.set(&change); err != nil {
		return err
	}
	return c.send(ctx, out, change)
}

// hideCommand is simulcart overlay hide.
type hideCommand struct {
	changeFlags

	Product string `arg:"" optional:"" help:"The product's id; absent: what is in the slot."`
}

// Run hides it.
func (c *hideCommand) Run(ctx context.Context, out io.Writer) error {
	return c.send(ctx, out, changeOf{Action: "hide", Product: c.Product})
}

// clearCommand is simulcart overlay clear.
type clearCommand struct{ changeFlags }

// Run hides everything.
func (c *clearCommand) Run(ctx context.Context, out io.Writer) error {
	return c.send(ctx, out, changeOf{Action: "clear"})
}

// cancelCommand is simulcart overlay cancel.
type cancelCommand struct {
	server

	Cue string `arg:"" help:"The change's id, as show printed it."`
}

// Run takes it back.
func (c *cancelCommand) Run(ctx context.Context, out io.Writer) error {
	var got changeAnswer
	printed, err := c.ask(ctx, out, http.MethodDelete, "/overlays/"+url.PathEscape(c.Cue), nil, &got)
	if err != nil || printed {
		return err
	}
	return got.print(out)
}

// stateCommand is simulcart overlay state.
type stateCommand struct{ server }

// Run prints the state.
func (c *stateCommand) Run(ctx context.Context, out io.Writer) error {
	var got struct {
		Live     bool
		Now      int64
		State    json.RawMessage
		Schedule []struct {
			changeAnswer
			Action, Product, Slot string
		}
	}
	printed, err := c.ask(ctx, out, http.MethodGet, "/overlays", nil, &got)
	if err != nil || printed {
		return err
	}
	live := "idle"
	if got.Live {
		live = "live at " + media.FromTicks(got.Now, 90_000).String()
	}
	fmt.Fprintln(out, live)
	if string(got.State) != "null" {
		m, err := overlay.ParseMessage(got.State)
		if err != nil {
			return fmt.Errorf("read the state: %w", err)
		}
		fmt.Fprintf(out, "state %d since %s: %s\n", m.Seq, media.FromTicks(m.At, 90_000), cards(m))
	}
	for _, cue := range got.Schedule {
		at := "with the next picture"
		switch {
		case cue.At != nil:
			at = "at " + media.FromTicks(*cue.At, 90_000).String()
		case cue.Wall != nil:
			at = "at " + cue.Wall.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "waits\t%s\t%s %s %s\t%s\n", cue.Cue, cue.Action, cue.Product, cue.Slot, at)
	}
	return nil
}

// cards says in short what a state shows.
func cards(m *overlay.Message) string {
	var all []string
	if m.Meta != "" {
		all = append(all, fmt.Sprintf("metadata %q", m.Meta))
	}
	if len(m.Show) == 0 {
		all = append(all, "nothing is shown")
	}
	for i := range m.Show {
		c := &m.Show[i]
		text := fmt.Sprintf("%s=%s %q", c.Slot, c.Product.ID, c.Product.Title)
		if c.Product.Price != nil {
			text += " " + c.Product.Price.String()
		}
		if c.Until != 0 {
			text += fmt.Sprintf(" until %s", media.FromTicks(c.Until, 90_000))
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
