package overlay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseProduct reads a product in its JSON form, normalizes its texts, and validates it. Members that no product has are
// faults, as are amounts that are no integers. The error is [Faults], with one for each field, or [*SizeError].
func ParseProduct(data []byte) (*Product, error) {
	if len(data) > MaxProduct {
		return nil, &SizeError{"product", len(data), MaxProduct}
	}
	r := reader{faults: map[string]*Fault{}}
	if !utf8.Valid(data) {
		return nil, Faults{{"product", "holds bytes that are no UTF-8", "must be a JSON object in UTF-8"}}
	}
	p := r.product(data)
	p.Normalize()
	if err := p.Validate(); err != nil {
		var found Faults
		if !errors.As(err, &found) {
			return nil, err
		}
		for _, f := range found {
			r.note(f)
		}
	}
	if err := r.inOrder().orNil(); err != nil {
		return nil, err
	}
	return p, nil
}

// JSON gives the product in its JSON form.
func (p *Product) JSON() []byte { return encode(p) }

// size is the length of the product's JSON form, in bytes.
func (p *Product) size() int { return len(p.JSON()) }

// encode gives the JSON form of a value of ours, which always has one, without the escapes for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("overlay: a value of ours has no JSON form: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// reader reads the members of a product one by one, so that each fault has its field.
type reader struct {
	faults map[string]*Fault // by field of the product
}

// fields are the members of a product, in the order in which faults are told.
var fields = [...]string{"", "id", "title", "variant", "price", "was", "avail", "stock", "link", "image", "gtin"}

// note keeps the first fault of a field of the product.
func (r *reader) note(f *Fault) {
	name, _, _ := strings.Cut(f.Field, "[")
	if _, known := r.faults[name]; !known {
		r.faults[name] = f
	}
}

// inOrder gives the faults in the order of the fields, those of unknown ones last.
func (r *reader) inOrder() (fs Faults) {
	if f := r.faults["product"]; f != nil { // nothing could be read
		return Faults{f}
	}
	for _, name := range fields {
		if f := r.faults[name]; f != nil {
			fs = append(fs, f)
			delete(r.faults, name)
		}
	}
	var unknown []string
	for name := range r.faults {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		fs = append(fs, r.faults[name])
	}
	return fs
}

func (r *reader) product(data []byte) *Product {
	p := &Product{}
	for name, value := range r.members("product", data) {
		switch name {
		case "id":
			p.ID = r.text(name, value)
		case "title":
			p.Title = r.texts(name, value)
		case "variant":
			p.Variant = r.texts(name, value)
		case "price":
			p.Price = r.moneys(name, value)
		case "was":
			p.Was = r.moneys(name, value)
		case "avail":
			if err := p.Avail.UnmarshalText([]byte(r.text(name, value))); err != nil {
				fault, rule, _ := strings.Cut(err.Error(), ": ")
				r.note(&Fault{name, fault, rule})
			}
		case "stock":
			stock := r.integer(name, value, stockRule)
			p.Stock = &stock
		case "link":
			p.Link = r.text(name, value)
		case "image":
			p.Image = r.text(name, value)
		case "gtin":
			p.GTIN = r.text(name, value)
		default:
			r.note(&Fault{quote(name), "is unknown", "must be one of" + strings.Join(fields[:], " ")})
		}
	}
	return p
}

// members reads an object. A member that is null counts as absent.
func (r *reader) members(field string, data []byte) map[string]json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(data))
	var got map[string]json.RawMessage
	if err := d.Decode(&got); err != nil || got == nil {
		r.note(&Fault{field, "is " + quote(string(data)), "must be a JSON object"})
		return nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		r.note(&Fault{field, "has something behind it", "must be one JSON object"})
		return nil
	}
	for name, value := range got {
		if string(value) == "null" {
			delete(got, name)
		}
	}
	return got
}

func (r *reader) text(field string, data []byte) (s string) {
	if err := json.Unmarshal(data, &s); err != nil {
		r.note(&Fault{field, "is " + quote(string(data)), "must be a text"})
	}
	return s
}

func (r *reader) integer(field string, data []byte, rule string) int64 {
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		r.note(&Fault{field, "is " + quote(string(data)), rule})
	}
	return n
}

func (r *reader) list(field string, data []byte, example string) (items []json.RawMessage) {
	if err := json.Unmarshal(data, &items); err != nil {
		r.note(&Fault{field, "is " + quote(string(data)), "must be a list such as " + example})
	}
	return items
}

func (r *reader) texts(field string, data []byte) []Text {
	var texts []Text
	for i, item := range r.list(field, data, `[{"lang":"en","text":"Red"}]`) {
		at := fmt.Sprintf("%s[%d]", field, i)
		var t Text
		for name, value := range r.members(at, item) {
			switch name {
			case "lang":
				t.Lang = r.text(at+".lang", value)
			case "text":
				t.Text = r.text(at+".text", value)
			default:
				r.note(&Fault{at + "." + name, "is unknown", "must be lang or text"})
			}
		}
		texts = append(texts, t)
	}
	return texts
}

func (r *reader) moneys(field string, data []byte) []Money {
	var moneys []Money
	for i, item := range r.list(field, data, `[{"amount":2499,"currency":"EUR"}]`) {
		at := fmt.Sprintf("%s[%d]", field, i)
		var m Money
		for name, value := range r.members(at, item) {
			switch name {
			case "amount":
				m.Amount = r.integer(at+".amount", value, amountRule)
			case "currency":
				m.Currency = r.text(at+".currency", value)
			default:
				r.note(&Fault{at + "." + name, "is unknown", "must be amount or currency"})
			}
		}
		moneys = append(moneys, m)
	}
	return moneys
}
