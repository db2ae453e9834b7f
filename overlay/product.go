package overlay

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Product is a catalog entry, with its texts in all languages and its prices in all currencies. It is immutable once the
// catalog has it. The JSON form is that of the API and of the catalog's files.
type Product struct {
	ID      string       `json:"id"`                // 1 to 50 bytes, the seller's own
	Title   []Text       `json:"title"`             // one for each language; the first is for views that ask for none of them
	Variant []Text       `json:"variant,omitempty"` // such as "Red / M"
	Price   []Money      `json:"price"`             // one for each currency; the first is for views that ask for none
	Was     []Money      `json:"was,omitempty"`     // former prices, each above the price in its currency
	Avail   Availability `json:"avail,omitempty"`   // zero: not told
	Stock   *int64       `json:"stock,omitempty"`   // pieces left; nil: not told
	Link    string       `json:"link"`              // https; one above MaxWireLink bytes can be in the catalog, but not be shown
	Image   string       `json:"image,omitempty"`   // https
	GTIN    string       `json:"gtin,omitempty"`    // 8, 12, 13 or 14 digits
}

// Text is a text in one language.
type Text struct {
	Lang string `json:"lang"` // BCP 47; "und": not told
	Text string `json:"text"`
}

// Availability says whether a product can be bought. The set is closed; its names are those of schema.org's Offer and of the
// Google Merchant feed.
type Availability uint8

// The availabilities.
const (
	AvailUnknown Availability = iota // not told
	InStock
	Limited
	Preorder
	Backorder
	OutOfStock
	availabilities
)

var availNames = [availabilities]string{"", "in_stock", "limited", "preorder", "backorder", "out_of_stock"}

// String gives the name on the wire; empty for AvailUnknown.
func (a Availability) String() string { return nameOf(availNames[:], uint8(a)) }

// MarshalText gives the name on the wire.
func (a Availability) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name of the wire.
func (a *Availability) UnmarshalText(text []byte) error {
	return readName(availNames[:], text, (*uint8)(a))
}

// nameOf gives the name of a value of a closed set.
func nameOf(names []string, value uint8) string {
	if int(value) < len(names) {
		return names[value]
	}
	return "unknown"
}

// readName finds a value of a closed set by its name. Sets whose zero has no name do not take the empty one.
func readName(names []string, text []byte, value *uint8) error {
	for i, name := range names {
		if name != "" && name == string(text) {
			*value = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("is %s: must be one of %s", quote(string(text)), strings.TrimSpace(strings.Join(names, " ")))
}

// Bounds of the catalog (LIMITS.md).
const (
	maxID      = 50   // bytes
	maxTitle   = 256  // code points
	maxVariant = 128  // code points
	maxLink    = 2048 // bytes
	maxTexts   = 64   // languages
	maxPrices  = 64   // currencies
	maxLang    = 35   // bytes (RFC 5646 §4.4.1)
	maxStock   = int64(1e12)
)

// Normalize puts the texts into Unicode normalization form C, as Validate wants them. Importers call it before.
func (p *Product) Normalize() {
	for _, texts := range [][]Text{p.Title, p.Variant} {
		for i := range texts {
			texts[i].Text = norm.NFC.String(texts[i].Text)
		}
	}
}

// Validate gives nil, or [Faults] with all that is wrong, one for each field, or [*SizeError].
func (p *Product) Validate() error {
	var fs Faults
	add := func(f *Fault) {
		if f != nil {
			fs = append(fs, f)
		}
	}
	add(idFault(p.ID))
	add(textsFault("title", p.Title, maxTitle, true))
	add(textsFault("variant", p.Variant, maxVariant, false))
	add(pricesFault(p.Price))
	add(p.wasFault())
	if p.Avail >= availabilities {
		add(&Fault{"avail", "is unknown", "must be one of" + strings.Join(availNames[:], " ")})
	}
	if p.Stock != nil && (*p.Stock < 0 || *p.Stock > maxStock) {
		add(&Fault{"stock", "is " + strconv.FormatInt(*p.Stock, 10), stockRule})
	}
	add(linkFault("link", p.Link, maxLink))
	if p.Image != "" {
		add(linkFault("image", p.Image, maxLink))
	}
	if p.GTIN != "" {
		add(gtinFault(p.GTIN))
	}
	if len(fs) > 0 {
		return fs
	}
	if size := p.size(); size > MaxProduct {
		return &SizeError{"product", size, MaxProduct}
	}
	return nil
}

const stockRule = "must be an integer, 0 to 1000000000000"

func idFault(id string) *Fault {
	const rule = "must be 1 to 50 bytes of text without control characters"
	switch {
	case id == "":
		return &Fault{"id", "is missing", rule}
	case len(id) > maxID:
		return &Fault{"id", fmt.Sprintf("has %d bytes", len(id)), rule}
	case !isPlain(id) || strings.TrimSpace(id) != id || id == "." || id == "..":
		return &Fault{"id", "is " + quote(id), rule + " or spaces around, and not . or .."}
	}
	return nil
}

// textsFault judges the texts of one field.
func textsFault(field string, texts []Text, most int, required bool) *Fault {
	switch {
	case required && len(texts) == 0:
		return &Fault{field, "is missing", "must have a text in at least one language"}
	case len(texts) > maxTexts:
		return &Fault{field, fmt.Sprintf("has %d languages", len(texts)), fmt.Sprintf("must have at most %d", maxTexts)}
	}
	for i, t := range texts {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !isLanguage(t.Lang) {
			return &Fault{at + ".lang", "is " + quote(t.Lang), `must be a language tag of BCP 47, such as "en" or "pt-BR", or "und"`}
		}
		for _, other := range texts[:i] {
			if strings.EqualFold(other.Lang, t.Lang) {
				return &Fault{at + ".lang", "is " + quote(t.Lang) + " again", "must be different for each text"}
			}
		}
		if f := textFault(at+".text", t.Text, most); f != nil {
			return f
		}
	}
	return nil
}

func textFault(field, text string, most int) *Fault {
	rule := fmt.Sprintf("must be 1 to %d characters", most)
	switch runes := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return &Fault{field, "is empty", rule}
	case runes > most:
		return &Fault{field, fmt.Sprintf("has %d characters", runes), rule}
	case !isPlain(text):
		return &Fault{field, "is " + quote(text), "must be UTF-8 without control characters"}
	case !norm.NFC.IsNormalString(text):
		return &Fault{field, "is " + quote(text), "must be in Unicode normalization form C"}
	}
	return nil
}

// isLanguage says whether tag has the form of RFC 5646 §2.1: subtags of 1 to 8 letters and digits, the first a language.
func isLanguage(tag string) bool {
	if len(tag) > maxLang {
		return false
	}
	for i, sub := range strings.Split(tag, "-") {
		if len(sub) < 1 || len(sub) > 8 || i == 0 && len(sub) < 2 {
			return false
		}
		for _, c := range []byte(sub) {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !letter && (i == 0 || c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}

func pricesFault(prices []Money) *Fault {
	switch {
	case len(prices) == 0:
		return &Fault{"price", "is missing", "must have an amount in at least one currency"}
	case len(prices) > maxPrices:
		return &Fault{"price", fmt.Sprintf("has %d currencies", len(prices)), fmt.Sprintf("must have at most %d", maxPrices)}
	}
	return moneysFault("price", prices)
}

func moneysFault(field string, ms []Money) *Fault {
	for i, m := range ms {
		at := fmt.Sprintf("%s[%d]", field, i)
		if f := m.fault(at); f != nil {
			return f
		}
		if _, again := inCurrency(ms[:i], m.Currency); again {
			return &Fault{at + ".currency", "is " + quote(m.Currency) + " again", "must be different for each amount"}
		}
	}
	return nil
}

func (p *Product) wasFault() *Fault {
	if f := moneysFault("was", p.Was); f != nil {
		return f
	}
	for i, was := range p.Was {
		at := fmt.Sprintf("was[%d]", i)
		price, ok := inCurrency(p.Price, was.Currency)
		switch {
		case !ok:
			return &Fault{at + ".currency", "is " + quote(was.Currency), "must be a currency that price has"}
		case was.Amount <= price.Amount:
			return &Fault{at + ".amount", "is " + strconv.FormatInt(was.Amount, 10), "must be above the price in " + was.Currency}
		}
	}
	return nil
}

// inCurrency finds the amount in a currency.
func inCurrency(ms []Money, currency string) (m Money, found bool) {
	for _, m := range ms {
		if m.Currency == currency {
			return m, true
		}
	}
	return Money{}, false
}

// linkFault judges a link: https with a host, without credentials, and nothing in it that would end it in a text or a page.
func linkFault(field, link string, most int) *Fault {
	rule := fmt.Sprintf("must be an https link of at most %d bytes, percent-encoded", most)
	if link == "" {
		return &Fault{field, "is missing", rule}
	}
	if len(link) > most {
		return &Fault{field, fmt.Sprintf("has %d bytes", len(link)), rule}
	}
	for i := range len(link) {
		if c := link[i]; c <= ' ' || c > '~' || strings.IndexByte("\"<>\\`", c) >= 0 {
			return &Fault{field, "is " + quote(link), rule}
		}
	}
	u, err := url.Parse(link)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return &Fault{field, "is " + quote(link), rule}
	case u.User != nil:
		return &Fault{field, "holds credentials", rule + ", without user name"}
	}
	return nil
}

// gtinFault judges a trade item number by its length and check digit (GS1 General Specifications §7.9).
func gtinFault(gtin string) *Fault {
	fault := &Fault{"gtin", "is " + quote(gtin), "must be 8, 12, 13 or 14 digits"}
	switch len(gtin) {
	case 8, 12, 13, 14:
	default:
		return fault
	}
	if !isDigits(gtin) {
		return fault
	}
	sum, last := 0, len(gtin)-1
	for i := range last {
		weight := 1 + 2*((last-i)%2)
		sum += weight * int(gtin[i]-'0')
	}
	if check := (10 - sum%10) % 10; int(gtin[last]-'0') != check {
		fault.Rule = fmt.Sprintf("must end in its check digit, which is %d", check)
		return fault
	}
	return nil
}
