package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/simulcart/simulcart/overlay"
)

const jsonRule = "must be JSON: an array of products, or one product in each line"

// json reads an array of products, or one product in each line.
func (l *ledger) json(data []byte) {
	line := 1
	if at := spaces(data); data[at] == '[' {
		l.array(data[at+1:], line+bytes.Count(data[:at], []byte{'\n'}))
		return
	}
	for text := range bytes.Lines(data) {
		if text = bytes.TrimSpace(text); len(text) > 0 {
			l.productJSON(text, line)
		}
		line++
	}
}

// array reads the products of an array behind its bracket, which is in a line. Behind what is no JSON it does not go on,
// since it cannot know where the next product begins.
func (l *ledger) array(data []byte, line int) {
	skip := func(n int) {
		line += bytes.Count(data[:n], []byte{'\n'})
		data = data[n:]
	}
	for first := true; ; first = false {
		skip(spaces(data))
		switch {
		case len(data) == 0:
			l.fault(line, "", "is the end of the file", "an array must end in ]")
			return
		case data[0] == ']':
			if skip(1); len(bytes.TrimSpace(data)) > 0 {
				skip(spaces(data))
				l.fault(line, "", "has something behind the array", jsonRule)
			}
			return
		case !first && data[0] != ',':
			l.fault(line, "", "lacks a comma", "must have one between products")
			return
		case !first:
			skip(1)
			skip(spaces(data))
		}
		value, fault := element(data)
		if fault != nil {
			l.fault(line+bytes.Count(data[:fault.at], []byte{'\n'}), "", fault.fault, fault.rule)
			return
		}
		l.productJSON(value, line)
		skip(len(value))
	}
}

// elementFault says why an array cannot be read on.
type elementFault struct {
	at          int // bytes behind the start of the element
	fault, rule string
}

// element gives the JSON value with which data begins.
func element(data []byte) ([]byte, *elementFault) {
	if len(data) == 0 {
		return nil, &elementFault{0, "is the end of the file", "an array must end in ]"}
	}
	d := json.NewDecoder(bytes.NewReader(data[:min(len(data), MaxRow+1)]))
	var value json.RawMessage
	err := d.Decode(&value)
	var syntax *json.SyntaxError
	switch {
	case err == nil && len(value) <= MaxRow:
		return data[:d.InputOffset()], nil
	case len(data) > MaxRow && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)):
		return nil, &elementFault{0, "is too long", fmt.Sprintf("a product must have at most %d bytes", MaxRow)}
	case errors.As(err, &syntax):
		return nil, &elementFault{min(max(int(syntax.Offset)-1, 0), len(data)), "is no JSON", syntax.Error()}
	}
	return nil, &elementFault{len(data), "is the end of the file", "an array must end in ]"}
}

// productJSON reads one product.
func (l *ledger) productJSON(data []byte, line int) {
	if !l.begin(line) {
		return
	}
	if len(data) > MaxRow {
		l.fault(line, "", "is too long", fmt.Sprintf("a product must have at most %d bytes", MaxRow))
		return
	}
	p, err := overlay.ParseProduct(data)
	for _, f := range faultsOf(err) {
		l.fault(line, f.Field, f.Fault, f.Rule)
	}
	if p != nil && l.unique(p.ID, line, "id") {
		l.products = append(l.products, p)
	}
}

// spaces counts the bytes between values with which data begins.
func spaces(data []byte) int { return len(data) - len(bytes.TrimLeft(data, " \t\r\n")) }
