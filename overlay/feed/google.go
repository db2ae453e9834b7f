package feed

import (
	"strings"

	"github.com/simulcart/simulcart/overlay"
)

// googleColumns are the attributes of the product data specification of Google Merchant Center that we read, under the names
// of the feed.
func googleColumns() (required, optional []string) {
	return []string{"id", "title", "link", "price"}, []string{"image_link", "sale_price", "availability", "gtin"}
}

// googleTable is the text feed. Its headers may be in capitals, have spaces for underscores, and bear the prefix of the XML
// feed. Inches and the like stand in it without quotes around.
func googleTable() dialect {
	required, optional := googleColumns()
	return dialect{comma: '\t', lazy: true, name: googleName, required: required, optional: optional}
}

func googleName(header string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(header), "g:"), " ", "_")
}

// google reads a row of the Google Merchant feed.
func (l *ledger) google(r row) {
	if !l.begin(r.line) {
		return
	}
	d := l.draft(r, map[string]string{"image": "image_link", "avail": "availability"})
	p, cells := &d.product, r.cells
	p.ID, p.Link, p.Image, p.GTIN = cells["id"], cells["link"], cells["image_link"], cells["gtin"]
	p.Title = d.texts(cells["title"], "")
	p.Avail = d.avail("availability", strings.ReplaceAll(strings.ToLower(cells["availability"]), " ", "_"))
	p.Price = d.priced("price")
	if cells["sale_price"] != "" {
		if sale := d.priced("sale_price"); sale != nil && p.Price != nil {
			p.Price, p.Was = d.reduced(p.Price, sale)
		}
	}
	d.done()
}

// priced reads an amount with its currency, such as "24.99 EUR"; nothing where it is empty or at fault.
func (d *draft) priced(column string) []overlay.Money {
	cell := d.cells[column]
	if cell == "" {
		return nil
	}
	parts := strings.Fields(cell)
	if len(parts) != 2 || !overlay.IsCurrency(parts[1]) {
		d.fault(column, said(cell), `must be an amount and a currency of ISO 4217, such as "24.99 EUR"`)
		return nil
	}
	return d.money(column, parts[0], parts[1])
}

// reduced gives the price and the former price of a product on sale.
func (d *draft) reduced(full, sale []overlay.Money) (price, was []overlay.Money) {
	const column = "sale_price"
	switch {
	case sale[0].Currency != full[0].Currency:
		d.fault(column, said(d.cells[column]), "must be in the currency of price, which is "+full[0].Currency)
		return full, nil
	case sale[0].Amount >= full[0].Amount:
		d.fault(column, said(d.cells[column]), "must be below price, which is "+full[0].String())
		return full, nil
	}
	return sale, full
}
