package overlay

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Anchor names a place on the picture. The set is closed.
type Anchor uint8

// The anchors.
const (
	LowerThird Anchor = iota
	TopLeft
	Top
	TopRight
	Left
	Center
	Right
	BottomLeft
	Bottom
	BottomRight
	anchors
)

var anchorNames = [anchors]string{
	"lower-third", "top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right",
}

// String gives the name on the wire.
func (a Anchor) String() string { return nameOf(anchorNames[:], uint8(a)) }

// Position is where a card stands: at an anchor, or in a rectangle. The zero value is the lower third.
type Position struct {
	Anchor Anchor
	Box    Box // where it has a width, in place of the anchor
}

// Box is a rectangle in thousandths of the picture, from its top left corner, within the picture.
type Box struct {
	X, Y, W, H int // 0 to 1000
}

// IsBox says whether the position is a rectangle.
func (p Position) IsBox() bool { return p.Box != Box{} }

// String gives the anchor's name, or [x,y,w,h].
func (p Position) String() string {
	if p.IsBox() {
		return string(p.append(nil))
	}
	return p.Anchor.String()
}

// MarshalJSON gives the form of the wire: a name, or [x,y,w,h].
func (p Position) MarshalJSON() ([]byte, error) { return p.append(nil), nil }

// UnmarshalJSON reads the form of the wire.
func (p *Position) UnmarshalJSON(data []byte) error {
	var name string
	var box []int
	got := Position{}
	switch {
	case json.Unmarshal(data, &name) == nil:
		if err := readName(anchorNames[:], []byte(name), (*uint8)(&got.Anchor)); err != nil {
			return fmt.Errorf("pos %w", err)
		}
	case json.Unmarshal(data, &box) == nil && len(box) == 4:
		got.Box = Box{box[0], box[1], box[2], box[3]}
		if !got.IsBox() || got.fault() != nil {
			return boxFault(string(data))
		}
	default:
		return boxFault(string(data))
	}
	*p = got
	return nil
}

func (p Position) append(dst []byte) []byte {
	if !p.IsBox() {
		return appendString(dst, p.Anchor.String())
	}
	for i, n := range [4]int{p.Box.X, p.Box.Y, p.Box.W, p.Box.H} {
		dst = append(dst, "[,,,"[i])
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return append(dst, ']')
}

func boxFault(value string) *Fault {
	return &Fault{"pos", "is " + quote(value), "must be an anchor such as lower-third, or [x,y,w,h] in thousandths of the picture and within it"}
}

// fault gives what is wrong with p; nil where nothing is.
func (p Position) fault() *Fault {
	b := p.Box
	if p.Anchor >= anchors || p.IsBox() && (b.X < 0 || b.Y < 0 || b.W < 1 || b.H < 1 || b.X > 1000 || b.Y > 1000 || b.W > 1000-b.X || b.H > 1000-b.Y) {
		return boxFault(p.String())
	}
	return nil
}
