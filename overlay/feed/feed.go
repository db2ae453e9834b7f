// Package feed reads files of products: our own JSON and CSV, the Google Merchant feed, and Shopify's product CSV.
//
// The flow of a file:
//
//  1. [Read] takes the whole file, at most [MaxFile], and refuses what is not UTF-8;
//  2. the format is found by the first bytes, the header and the name, or is told;
//  3. tables (table.go) and XML (xml.go) give rows of named cells, each with its line; JSON (json.go) gives products;
//  4. a draft (draft.go) turns each row into a product by the rules of its format (own.go, google.go, shopify.go);
//  5. the ledger (ledger.go) keeps the products, or, once one row is at fault, only what is wrong.
//
// Prices are decimal text and become integers of minor units; no step goes through a floating point number.
package feed

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/simulcart/simulcart/overlay"
)

// The limits of a file. It has at most [overlay.MaxProducts] products.
const (
	MaxFile   = 16 << 20 // bytes
	MaxRow    = 64 << 10 // bytes of one row, item or JSON product
	MaxRows   = 100_000  // of a table, those without a product of their own included
	MaxFaults = 100      // that are told one by one
)

// Options say what a file does not. The zero reads every format but [Shopify].
type Options struct {
	Format   Format // Auto: found by the file itself
	Shop     string // https address of the shop, such as "https://shop.example.com"; Shopify's files hold no links
	Currency string // ISO 4217, of the prices in Shopify's files, which do not tell
	Lang     string // BCP 47, of texts whose language the file does not tell; empty: "und"
}

// Read gives the products of a file, in its order, normalized and valid: all of them or none. The name is for the format
// and for messages; it may be empty.
//
// What is wrong with the file or the options is told by [overlay.Faults] within the error, in the order of the lines. The
// field of each is the line and the column's name as it stands in the file: "line 3: price". At most [MaxFaults] are told;
// one more then says how many are not. A file above its limit is an [*overlay.SizeError].
//
// In Google's feed sale_price becomes the price, and price the former one, whatever sale_price_effective_date says.
func Read(name string, r io.Reader, o Options) ([]*overlay.Product, error) {
	if name == "" {
		name = "products"
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("read %s: %w", name, &overlay.SizeError{What: "file", Size: len(data), Limit: MaxFile})
	}
	if o.Lang == "" {
		o.Lang = "und"
	}
	l := &ledger{options: o, lines: map[string]int{}}
	if data, ok := l.plain(data); ok {
		if o.Format == Auto {
			o.Format = detect(name, data)
		}
		if l.suits(o) {
			l.read(o.Format, data)
		}
	}
	if faults := l.told(); faults != nil {
		return nil, fmt.Errorf("read %s: %w", name, faults)
	}
	return l.products, nil
}

// read takes the products of a file whose format is known.
func (l *ledger) read(f Format, data []byte) {
	switch f {
	case JSON:
		l.json(data)
	case GoogleXML:
		l.xml(data)
	case GoogleTSV:
		for r := range l.table(data, googleTable()) {
			l.google(r)
		}
	case Shopify:
		l.shopify(data)
	default:
		for r := range l.table(data, ownTable()) {
			l.own(r)
		}
	}
}

// plain gives the text of a file: UTF-8 without a byte order mark, with lines that end in LF or CR LF.
func (l *ledger) plain(data []byte) (text []byte, ok bool) {
	const rule = "must be UTF-8: save or export it as such (in Excel: CSV UTF-8)"
	for _, start := range []struct{ bytes, fault, rule string }{
		{"\xFF\xFE", "is in UTF-16", rule},
		{"\xFE\xFF", "is in UTF-16", rule},
		{"PK\x03\x04", "is a zip archive or spreadsheet", "must be text: export the table as CSV, or unpack the archive"},
		{"\x1F\x8B", "is compressed", "must be text: unpack it"},
	} {
		if bytes.HasPrefix(data, []byte(start.bytes)) {
			l.faultAt("file", start.fault, start.rule)
			return nil, false
		}
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if bytes.IndexByte(data, '\n') < 0 { // as old programs of the Macintosh wrote
		data = bytes.ReplaceAll(data, []byte{'\r'}, []byte{'\n'})
	}
	if at := foreign(data); at >= 0 {
		l.fault(1+bytes.Count(data[:at], []byte{'\n'}), "", "holds bytes that are no UTF-8 text", rule)
		return nil, false
	}
	if len(bytes.TrimSpace(data)) == 0 {
		l.faultAt("file", "is empty", "must have products")
		return nil, false
	}
	return data, true
}

// foreign gives the place of the first byte that UTF-8 text does not have; -1 where there is none. NUL is among them: every
// other byte of UTF-16 in most scripts is one.
func foreign(data []byte) int {
	nul := bytes.IndexByte(data, 0)
	if nul >= 0 {
		data = data[:nul]
	}
	if utf8.Valid(data) {
		return nul
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}
