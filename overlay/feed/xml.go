package feed

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/overlay"
)

const (
	googleSpace = "http://base.google.com/ns/1.0" // the namespace that feeds call g
	maxDepth    = 16                              // of elements within each other
)

// feedReader reads the items of an RSS 2.0 feed, one token at a time.
type feedReader struct {
	ledger *ledger
	limit  *rowReader
	xml    *xml.Decoder
	path   []string        // the elements that are open, at most maxDepth
	item   row             // the item that is open
	google map[string]bool // its cells that are from Google's namespace
	text   strings.Builder // of the element that is open
	known  []string        // attributes of an item that are read
	rss    bool            // the root has been seen
}

// xml reads the Google Merchant feed as RSS 2.0. What it refuses ends the reading, since nothing behind it can be trusted.
func (l *ledger) xml(data []byte) {
	required, optional := googleColumns()
	f := &feedReader{ledger: l, limit: &rowReader{data: data, most: MaxRow}, known: slices.Concat(required, optional)}
	f.xml = xml.NewDecoder(f.limit)
	f.xml.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		return nil, &overlay.Fault{Fault: "is in " + quote(label), Rule: "must be UTF-8: export the feed as such"}
	}
	for {
		if len(f.path) < 3 {
			f.limit.begin()
		}
		token, err := f.xml.Token()
		if errors.Is(err, io.EOF) {
			if !f.rss {
				l.fault(f.line(), "", "ends", "must have a feed of RSS 2.0")
			}
			return
		}
		if err != nil {
			f.broken(err)
			return
		}
		if !f.take(token) {
			return
		}
	}
}

// line is where the decoder is.
func (f *feedReader) line() int {
	line, _ := f.xml.InputPos()
	return line
}

// broken tells why the decoder could not go on.
func (f *feedReader) broken(err error) {
	var fault *overlay.Fault
	var syntax *xml.SyntaxError
	switch {
	case f.limit.over:
		f.ledger.fault(f.line(), "", "is too long", fmt.Sprintf("an item must have at most %d bytes", MaxRow))
	case errors.As(err, &fault):
		f.ledger.fault(f.line(), "", fault.Fault, fault.Rule)
	case errors.As(err, &syntax):
		f.ledger.fault(syntax.Line, "", "is no XML", "must be well-formed: "+syntax.Msg)
	default:
		f.ledger.fault(f.line(), "", "is no XML", "must be well-formed: "+err.Error())
	}
}

// take takes one token and says whether to go on.
func (f *feedReader) take(token xml.Token) bool {
	switch t := token.(type) {
	case xml.StartElement:
		return f.open(t.Name)
	case xml.EndElement:
		f.close(t.Name)
	case xml.CharData:
		if f.inItem() && len(f.path) == 4 {
			f.text.Write(t)
		}
	case xml.Directive:
		f.ledger.fault(f.line(), "", "holds a DTD or an entity", "must be XML without <!DOCTYPE> and the like")
		return false
	}
	return true
}

// inItem says whether what is open is an item of the channel, or something in it.
func (f *feedReader) inItem() bool {
	return len(f.path) >= 3 && f.path[1] == "channel" && f.path[2] == "item"
}

// open takes the start of an element and says whether to go on.
func (f *feedReader) open(name xml.Name) bool {
	switch {
	case len(f.path) == maxDepth:
		f.ledger.fault(f.line(), "", "is nested too deep", fmt.Sprintf("must have at most %d elements within each other", maxDepth))
		return false
	case len(f.path) == 0 && (f.rss || name.Local != "rss"):
		f.ledger.fault(f.line(), "", "begins "+quote(name.Local), "must be one feed of RSS 2.0, with the element rss around all")
		return false
	case name.Space == "g":
		f.ledger.fault(f.line(), name.Local, "has a prefix that is not declared", `rss must have xmlns:g="`+googleSpace+`"`)
		return false
	}
	f.rss = true
	f.path = append(f.path, name.Local)
	if f.inItem() && len(f.path) == 3 {
		f.item, f.google = row{line: f.line(), cells: map[string]string{}}, map[string]bool{}
	}
	if len(f.path) == 4 {
		f.text.Reset()
	}
	return true
}

// close takes the end of an element.
func (f *feedReader) close(name xml.Name) {
	switch {
	case !f.inItem():
	case len(f.path) == 3:
		f.ledger.google(f.item)
	case len(f.path) == 4 && slices.Contains(f.known, name.Local):
		f.attribute(name)
	}
	f.path = f.path[:len(f.path)-1]
}

// attribute keeps what an item says of itself. RSS has a title and link of its own, which those of Google's namespace
// replace.
func (f *feedReader) attribute(name xml.Name) {
	google := name.Space == googleSpace
	ofRSS := name.Space == "" && (name.Local == "title" || name.Local == "link")
	text := strings.TrimSpace(f.text.String())
	_, again := f.item.cells[name.Local]
	switch {
	case !google && !ofRSS, again && f.google[name.Local] && !google, text == "":
	case again && f.google[name.Local] == google:
		f.ledger.fault(f.line(), name.Local, "is there twice", "must be one in each item")
	default:
		f.item.cells[name.Local], f.google[name.Local] = text, google
	}
}
