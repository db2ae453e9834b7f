package feed

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/overlay"
)

// row is one row of a table, or one item of an XML feed.
type row struct {
	line  int
	cells map[string]string // by the format's name of the column; without spaces around, absent where empty
	names map[string]string // by the same, the names as they stand in the file, for each column of a table
	other bool              // columns that the format does not know hold something
}

// draft is a product while it is read from a row.
type draft struct {
	row
	ledger  *ledger
	columns map[string]string // by field of the product, the column that it is from, where its name differs
	faulty  map[string]bool   // columns of which a fault has been told
	product overlay.Product
}

// draft begins the product of a row. The columns say where its fields come from.
func (l *ledger) draft(r row, columns map[string]string) *draft {
	return &draft{row: r, ledger: l, columns: columns, faulty: map[string]bool{}}
}

// fault tells the first thing that is wrong with a column.
func (d *draft) fault(column, fault, rule string) {
	if d.faulty[column] {
		return
	}
	d.faulty[column] = true
	d.ledger.fault(d.line, d.named(column), fault, rule)
}

// texts gives a cell as the text of a product.
func (d *draft) texts(text, lang string) []overlay.Text {
	if text == "" {
		return nil
	}
	if lang == "" {
		lang = d.ledger.options.Lang
	}
	return []overlay.Text{{Lang: lang, Text: text}}
}

// money reads the amount of a column; nothing where it is at fault.
func (d *draft) money(column, amount, currency string) []overlay.Money {
	m, err := overlay.ParseMoney(amount, currency)
	if err == nil {
		return []overlay.Money{m}
	}
	rule := fmt.Sprintf("must be digits with at most %d decimals behind a point, at most %v",
		overlay.Exponent(currency), overlay.Money{Amount: overlay.MaxAmount, Currency: currency})
	if strings.Contains(amount, ",") {
		rule = "must have a point before its decimals, and no other separator"
		if meant := strings.Replace(amount, ",", ".", 1); isMoney(meant, currency) {
			rule += ": " + meant
		}
	}
	d.fault(column, said(amount), rule)
	return nil
}

func isMoney(amount, currency string) bool {
	_, err := overlay.ParseMoney(amount, currency)
	return err == nil
}

// hasCurrency judges the currency of our own table's prices. Where it is at fault, there is no more to say of the price.
func (d *draft) hasCurrency(column, currency string) bool {
	if overlay.IsCurrency(currency) {
		return true
	}
	d.fault(column, said(currency), "must be a code of ISO 4217 in upper case")
	d.faulty["price"] = d.cells["price"] != ""
	return false
}

// stock reads the number of pieces in a column; nil where it is empty or at fault.
func (d *draft) stock(column string) *int64 {
	cell := d.cells[column]
	if cell == "" {
		return nil
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil {
		d.fault(column, said(cell), "must be an integer, 0 to 1000000000000")
		return nil
	}
	return &n
}

// avail reads an availability; unknown where it is empty or at fault.
func (d *draft) avail(column, name string) (a overlay.Availability) {
	if name == "" {
		return a
	}
	if err := a.UnmarshalText([]byte(name)); err != nil {
		d.fault(column, said(d.cells[column]), "must be one of in_stock limited preorder backorder out_of_stock")
	}
	return a
}

// done validates the product and hands it to the ledger.
func (d *draft) done() {
	d.product.Normalize()
	for _, f := range faultsOf(d.product.Validate()) {
		d.fault(d.column(f.Field), f.Fault, f.Rule)
	}
	if d.product.ID != "" && !d.ledger.unique(d.product.ID, d.line, d.named(d.column("id"))) {
		return
	}
	if len(d.faulty) == 0 {
		d.ledger.products = append(d.ledger.products, &d.product)
	}
}

// named gives a column's name as it stands in the file.
func (d *draft) named(column string) string {
	if name := d.names[column]; name != "" {
		return name
	}
	return column
}

// column gives the column of a field as Validate names it: "title[0].lang".
func (d *draft) column(field string) string {
	root, rest, _ := strings.Cut(field, "[")
	if _, own := d.cells["lang"]; own && strings.HasSuffix(rest, ".lang") {
		root = "lang"
	}
	if column := d.columns[root]; column != "" {
		return column
	}
	return root
}

// faultsOf gives what is wrong with a product, from the error of its validation.
func faultsOf(err error) overlay.Faults {
	var faults overlay.Faults
	var size *overlay.SizeError
	switch {
	case errors.As(err, &faults):
		return faults
	case errors.As(err, &size):
		return overlay.Faults{{Field: "product", Fault: fmt.Sprintf("has %d bytes as JSON", size.Size), Rule: fmt.Sprintf("must have at most %d", size.Limit)}}
	}
	return nil
}
